"""What an inlet and whatever fetches for it promise each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from media.frame import Frame
from media.plane import Step, Verdict


@dataclass(frozen=True, slots=True)
class Ended:
    """Why a fetching came to its end; it never ends well, for a live stream has no end."""

    verdict: Verdict
    note: str
    codecs: tuple[str, ...] = ()


class Taker(Protocol):
    """The inlet. It is spoken to on the loop's thread only."""

    def came(self, packets: int, size: int, host: str, now: float) -> None:
        """So much came, of whatever kind: a sign of life."""

    def announce(self, *, has_sound: bool) -> None:
        """What will come is known."""

    def frame(self, frame: Frame, now: float) -> None: ...

    @property
    def is_congested(self) -> bool:
        """Whether whoever takes it on may lose nothing and has no room: the source should wait, where it can."""

    def lost(self, packets: int) -> None:
        """So many packets are known to be missing, in all."""


class Pull(Protocol):
    """One fetching, from its beginning to its end."""

    @property
    def steps(self) -> tuple[Step, ...]:
        """What was asked and answered until now."""

    async def run(self, taker: Taker) -> Ended:
        """Fetch until it ends. Cancelled when nobody wants it any more; all is given back then, too."""
