"""Gives memory back to the system after large work: the C library keeps for each thread whatever that once needed."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger(__name__)

LOOK_EVERY_S = 15.0
WORTH_BYTES = 16 << 20
"""Growth since the last time from which it is worth the few milliseconds."""


def resident_bytes() -> int:
    """Of this process. OSError where the system does not tell so."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def trim() -> None:
    """AttributeError where the C library has no such thing."""
    ctypes.CDLL(None).malloc_trim(0)


class Thrift:
    """Looks now and then, and trims when the process has grown."""

    def __init__(self, resident: Callable[[], int] = resident_bytes, trim: Callable[[], None] = trim) -> None:
        self._resident = resident
        self._trim = trim
        self._floor = resident()

    def look(self) -> bool:
        """Whether it trimmed. It blocks for as long as that takes."""
        now = self._resident()
        self._floor = min(self._floor, now)
        if now - self._floor < WORTH_BYTES:
            return False
        self._trim()
        self._floor = self._resident()
        log.debug("%d MB given back to the system", (now - self._floor) >> 20)
        return True


async def be_thrifty() -> None:
    """Look as long as we live; ends at once on a system that knows nothing of the kind."""
    try:
        thrift = Thrift()
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await asyncio.to_thread(thrift.look)
    except (OSError, AttributeError) as strange:
        log.debug("memory is given back as the system does it by itself: %s", strange)
