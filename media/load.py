"""How much of a core this process uses, and how much memory."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

EVERY_S = 1.0
STATM = Path("/proc/self/statm")


class Load:
    """`sample` now and then; `share` is 1.0 for one whole core, averaged so that a moment's burst does not shout."""

    def __init__(self, cpu: Callable[[], float] = time.process_time) -> None:
        self.share = 0.0
        self._cpu = cpu
        self._before: tuple[float, float] | None = None

    def sample(self, now: float) -> None:
        """At most once a second is enough; more often changes nothing."""
        if self._before is None:
            self._before = now, self._cpu()
            return
        at, spent = self._before
        if now - at < EVERY_S:
            return
        used = self._cpu()
        share = (used - spent) / (now - at)
        self.share = share if not self.share else self.share + (share - self.share) / 2
        self._before = now, used


def resident_bytes() -> int:
    """Memory of this process that is in RAM; 0 where the system does not tell."""
    try:
        return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0
