"""How long recordings are kept, how much of them, and how gaps are filled."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RecordingSettings:
    """What holds for every channel whose plan says nothing else. Times are seconds, sizes bytes."""

    keep_days: int = 30
    """So long recordings by plan are kept; 0 is for ever. What people recorded by hand stays until they release it."""
    quota_bytes: int = 0
    """So much is kept of one channel; 0 is without end."""
    make_room_bytes: int = 2 * 1024 * 1024 * 1024
    """When less is free on that disk, the oldest of all goes; above recording_keep_free_bytes of [media]."""
    settle_every_s: float = 60.0
    """How often plans are held against what is on disk."""
    gap_alarm_s: float = 60.0
    """A gap that has lasted so long is an alarm."""
    fill_at_once: int = 2
    """So many gaps are fetched from devices at a time, never two from one device; 0 fills none."""
    fill_speed: int = 4
    """The speed at which devices are asked to send what is missing."""
    fill_tries: int = 5
    """After so many tries a gap is given up."""

    def __post_init__(self) -> None:
        if min(self.keep_days, self.quota_bytes, self.make_room_bytes, self.fill_at_once) < 0:
            raise ValueError("keep_days, quota_bytes, make_room_bytes and fill_at_once are not negative")
        if self.settle_every_s <= 0 or self.fill_speed < 1 or self.fill_tries < 1:
            raise ValueError("settle_every_s is above 0, fill_speed and fill_tries are at least 1")
