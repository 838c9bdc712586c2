"""A road of RTP to a receiver: what its driver hears of it, and how a connection is sought. No sockets here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

Packets = bytes | bytearray | memoryview
"""Back to back, lent for the call: who keeps any of them makes a copy."""


class Driver(Protocol):
    """Who sends by a road, and what it hears of it."""

    def road_opened(self) -> None: ...

    def road_broke(self, why: str) -> None:
        """It may open again."""

    def road_ended(self, why: str) -> None:
        """It will not."""


@dataclass(frozen=True, slots=True)
class Trying:
    """How a connection is sought, in seconds: one try, how many, the pause between, and how long to be waited for."""

    wait_s: float
    tries: int
    pause_s: float
    patience_s: float
