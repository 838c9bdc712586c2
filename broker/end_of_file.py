"""Whether a recording that ended was sent to its end, or broke off."""

from __future__ import annotations

from dataclasses import dataclass

from broker.errand import Errand

ENDS_OF_FILE = frozenset({"file-sent", "hung-up"})
"""Reasons of a call's end that end a recording well: MediaStatus 121, and the BYE of a sender that tells no 121."""


@dataclass(slots=True)
class EndOfFile:
    """What of one session says how it ends. Times are monotonic seconds."""

    errand: Errand
    flows_since: float = 0.0
    fell_silent: bool = False
    is_controlled: bool = False
    """Somebody paused it or jumped: it has a clock of its own then, of which we know nothing."""

    def flow_began(self, now: float) -> None:
        self.flows_since = now
        self.fell_silent = False

    def is_reached(self, why: str, now: float) -> bool:
        """Whether the end that came for this reason is a good one."""
        return why in ENDS_OF_FILE or self._has_run_its_time(now)

    def _has_run_its_time(self, now: float) -> bool:
        """Whether silence came when it was due to end: some devices tell no 121 (media.md 6.5)."""
        errand = self.errand
        played_s = (now - self.flows_since) * (errand.download_speed or 1)
        return self.fell_silent and not self.is_controlled and 0 < errand.stop - errand.start <= played_s
