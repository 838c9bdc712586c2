"""RTP packets put back in order, within a window and a hold time (media.md 3.5)."""

from __future__ import annotations


class Reorderer:
    """Packets in as they came, out as they were sent, each with whether something is missing before it."""

    def __init__(self, window: int = 128, hold_s: float = 0.2) -> None:
        self.lost = 0
        self.reordered = 0
        self.duplicates = 0
        self.restarts = 0

    def push(self, sequence: int, packet: bytes, now: float) -> list[tuple[bytes, bool]]:
        """What may go on now, oldest first."""
        return []

    def flush(self, now: float) -> list[tuple[bytes, bool]]:
        """What has been held for too long, with the gap before it given up; call it now and then (50 ms)."""
        return []
