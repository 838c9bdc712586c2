"""When sockets are read: at once while little comes, in rounds with short naps between them while much does."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import select
import time
from collections.abc import Callable

from media.inlets.express import Express, Stream, lanes
from media.inlets.scoop import Room, best_scoop

log = logging.getLogger(__name__)

DUE_S = 0.006
"""After so long what waits in the lanes' room may go on by any clock: a slot of the pace, and a tick of the loop."""
LOOK_S = 0.25
"""How often the load is looked at."""
NAPS = ((40_000_000, 0.010), (10_000_000, 0.005), (2_500_000, 0.003))
"""From so many bytes a second on, a nap of so many seconds between two rounds. A picture is then one wake instead of
one for each of its packets, and a round finds several; a packet waits half a nap more in the mean."""
CALM = 0.7
"""Below this part of the load that began it a nap ends."""


class Rounds:
    """Sockets of one loop that bring media. `serve(now)` reads one that is ready and says how many bytes came.

    All of them hang on one epoll, itself watched by the loop: a wake finds every socket that is ready. Where the
    system has none, the loop watches each socket.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.nap_s = 0.0
        """Between two rounds now; 0 when every arrival wakes us."""
        self.rounds = 0
        self.room = Room()
        self.scoop = best_scoop(self.room)
        self._lanes = lanes()
        self._lane_room = self._lanes.Room() if self._lanes is not None else None
        self._clock = clock
        self._served: dict[int, Callable[[float], int]] = {}
        self._poll: select.epoll | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._alarm = -1
        self._due: asyncio.TimerHandle | None = None
        self._bytes = 0
        self._looked_at = 0.0

    def __len__(self) -> int:
        return len(self._served)

    def add(self, number: int, serve: Callable[[float], int]) -> None:
        """Watch the socket with this descriptor; it must be removed before it is closed."""
        loop = self._begin()
        self._served[number] = serve
        if self._poll is None:
            loop.add_reader(number, self._serve_one, number)
        else:
            self._poll.register(number, select.EPOLLIN)

    def lane(
        self, express: Express, number: int, fallback: Callable[[float], int], stream: Stream | None = None
    ) -> Callable[[float], int]:
        """How the socket is read: by a lane while there is one that is ahead."""
        if self._lanes is None:
            return fallback
        serve: Callable[[float], int] = express.lane(self._lanes, self._lane_room, number, fallback, stream).serve
        return serve

    def remove(self, number: int) -> None:
        """Harmless for one that is not watched."""
        if self._served.pop(number, None) is None or self._loop is None:
            return
        if self._poll is None:
            self._loop.remove_reader(number)
        else:
            self._poll.unregister(number)
            if not self._served:
                self.close()

    def close(self) -> None:
        """Watch nothing more; may be added to again."""
        for number in tuple(self._served) if self._poll is None else ():
            self.remove(number)
        self._served.clear()
        if self._poll is not None and self._loop is not None:
            self._nap(0.0)
        if self._due is not None:
            self._due.cancel()
            self._due = None
        if self._poll is not None and self._loop is not None:
            self._loop.remove_reader(self._poll.fileno())
            self._poll.close()
            self._poll = None
        self._loop = None

    def _begin(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._looked_at = self._clock()
            self._bytes = 0
            if hasattr(select, "epoll"):
                self._poll = select.epoll()
                self._loop.add_reader(self._poll.fileno(), self._round)
        return self._loop

    def _serve_one(self, number: int) -> None:
        serve = self._served.get(number)
        if serve is not None:
            serve(self._clock())

    def _round(self) -> None:
        if self._poll is None:
            return
        now = self._clock()
        if self._lane_room is not None:
            taken = self._lane_room.round(self._poll.fileno(), self._served, now, _failed)
            if self._lane_room.waits and self._due is None and not self.nap_s and self._loop is not None:
                self._due = self._loop.call_later(DUE_S, self._go_on)
        else:
            taken = self._serve_ready(self._poll, now)
        self.rounds += 1
        self._bytes += taken
        if now - self._looked_at >= LOOK_S:
            self._look(now)

    def _serve_ready(self, poll: select.epoll, now: float) -> int:
        """What the room of the lanes does where there are such."""
        taken = 0
        for number, _ in poll.poll(0, len(self._served) or 1):
            serve = self._served.get(number)
            if serve is None:
                continue  # closed by one that was served before it
            try:
                taken += serve(now)
            except Exception as error:
                _failed(number, error)
        return taken

    def _go_on(self) -> None:
        self._due = None
        self._round()

    def _nap_over(self) -> None:
        self._round()
        if self._loop is not None and self.nap_s:
            self._timer = self._loop.call_later(self.nap_s, self._nap_over)

    def _look(self, now: float) -> None:
        load = self._bytes / (now - self._looked_at)
        self._bytes, self._looked_at = 0, now
        nap_s = next((nap for least, nap in NAPS if load >= (least * CALM if nap <= self.nap_s else least)), 0.0)
        if nap_s != self.nap_s:
            self._nap(nap_s)

    def _nap(self, nap_s: float) -> None:
        """From now on so long between two rounds, 0 for one at every arrival. A lane's room has an alarm for it, which
        costs half of what a timer of the loop does."""
        was, self.nap_s = self.nap_s, nap_s
        if self._loop is None or self._poll is None:
            return
        if self._lane_room is not None and (nap_s or self._alarm >= 0):
            with contextlib.suppress(OSError):  # no descriptor is left: a timer of the loop does as well
                self._alarm = self._lane_room.nap(nap_s)
        if bool(was) == bool(nap_s):
            return
        watched = self._poll.fileno()
        if nap_s:
            self._loop.remove_reader(watched)
            if self._alarm >= 0:
                self._loop.add_reader(self._alarm, self._round)
            else:
                self._timer = self._loop.call_later(nap_s, self._nap_over)
            return
        if self._alarm >= 0:
            self._loop.remove_reader(self._alarm)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._loop.add_reader(watched, self._round)


def _failed(number: int, error: Exception) -> None:
    log.error("reading socket %d failed; it is read again in the next round", number, exc_info=error)
