"""Our clock towards neighbours, held right by NTP where servers for it are named (RFC 2030, signalling 3.6.7).

Usually the operating system keeps time and nothing is set here. The correction is ours alone: the machine's clock is
left as it is, and only what we tell neighbours follows.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import ntplib

log = logging.getLogger(__name__)

PATIENCE_S = 3.0
AGAIN_S = 60.0
"""The pause after a try in which nobody answered."""


@dataclass(frozen=True, slots=True)
class NtpStatistics:
    """`offset_s` is how far the machine's clock is behind; None while nobody has answered."""

    offset_s: float | None
    asked_at: float | None
    note: str


class NtpClock:
    """`now` is UNIX time, right by the servers that answered last. `start` it, `close` it."""

    def __init__(
        self, servers: Sequence[str], *, every_s: float = 3600.0, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self._servers = tuple(servers)
        self._every_s = every_s
        self._wall_clock = wall_clock
        self._offset_s: float | None = None
        self._asked_at: float | None = None
        self._note = ""
        self._task: asyncio.Task[None] | None = None

    def now(self) -> float:
        return self._wall_clock() + (self._offset_s or 0.0)

    def statistics(self) -> NtpStatistics:
        return NtpStatistics(self._offset_s, self._asked_at, self._note)

    def start(self) -> None:
        if self._servers:
            self._task = asyncio.create_task(self._ask_for_ever(), name="ntp")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def ask(self) -> bool:
        """Ask all servers once; whether one answered. The middle of their words counts."""
        answers = await asyncio.gather(*(asyncio.to_thread(_ask, server) for server in self._servers))
        offsets = [answer for answer in answers if isinstance(answer, float)]
        self._note = "; ".join(answer for answer in answers if isinstance(answer, str))
        if not offsets:
            log.warning("no time server answers: %s", self._note)
            return False
        before, self._offset_s = self._offset_s, median(offsets)
        self._asked_at = self._wall_clock()
        if before is None or abs(before - self._offset_s) > 0.5:
            log.info("the machine's clock is %+.3f s off by the time servers", -self._offset_s)
        return True

    async def _ask_for_ever(self) -> None:
        while True:
            answered = await self.ask()
            await asyncio.sleep(self._every_s if answered else min(AGAIN_S, self._every_s))


def _ask(server: str) -> float | str:
    """How far our clock is behind a server's, in seconds, or why it did not say."""
    host, colon, port = server.rpartition(":")
    try:
        if colon and port.isdigit():
            answer = ntplib.NTPClient().request(host.strip("[]"), version=4, port=int(port), timeout=PATIENCE_S)
        else:
            answer = ntplib.NTPClient().request(server, version=4, timeout=PATIENCE_S)
    except (ntplib.NTPException, OSError) as error:
        return f"{server}: {error}"
    if answer.stratum == 0 or answer.leap == 3:
        return f"{server}: it says that its own clock is not set"
    return float(answer.offset)
