"""A plane that keeps its promises over a channel: it answers calls, tells its events, and says how busy it is."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import msgspec

from media.calls import ASKED, CALLS, TOLD, write
from media.channel import NOTHING, Channel
from media.local import LocalPlane
from media.plane import InletStatistics, OutletClosed, PlaneEvent, Seating, SenderStatistics, WorkerStatistics

log = logging.getLogger(__name__)

BEAT_S = 0.3
"""How often each side says that it lives."""
NEWS_BEATS = 3
"""Every so many beats go with what was counted."""


@dataclass(frozen=True, slots=True)
class News:
    """What a plane counted: of all its streams when `is_whole`, else of the ones that are named."""

    is_whole: bool
    inlets: tuple[InletStatistics, ...]
    senders: tuple[SenderStatistics, ...]
    workers: tuple[WorkerStatistics, ...] = ()
    totals: dict[str, Any] | None = None


class Served:
    """Give its `answer` and `noted` to a channel, then `start` it there. `gone(why)` hears that we are not needed."""

    def __init__(self, plane: LocalPlane, gone: Callable[[str], None]) -> None:
        self._plane = plane
        self._gone = gone
        self._inlets: set[str] = set()
        self._senders: set[str] = set()
        self._channel: Channel | None = None
        self._beating: asyncio.Task[None] | None = None
        self._dismissing: asyncio.Task[None] | None = None

    async def start(self, channel: Channel) -> None:
        """Begin to work and to tell."""
        self._channel = channel
        await self._plane.start()
        self._plane.listen(self._happened)
        self._beating = asyncio.create_task(self._beat_for_ever(), name="media beat")

    async def stop(self) -> None:
        """End every viewer and every stream."""
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.wait((self._beating,))  # which lets through a cancellation of our own
        await self._plane.dismiss()
        await self._plane.stop()

    # --- what is asked ---------------------------------------------------------------------------------------

    async def answer(self, name: str, body: msgspec.Raw) -> bytes:
        if name not in ASKED:
            raise ValueError(f"no plane is asked to {name!r}")
        values, named = CALLS[name].read(body)
        answer = await getattr(self._plane, name)(*values, **named)
        # The counts go ahead of the answer: whoever has a stream can ask at once what was counted on it.
        if name in ("open", "pull"):
            self._inlets.add(answer.id)
            self._tell_news((answer.id,), ())
        elif name == "attach_sender":
            self._senders.add(answer.outlet)
            self._tell_news((), (answer.outlet,))
        elif name == "close":
            self._inlets.discard(values[0])
        return write(answer)

    def noted(self, name: str, body: msgspec.Raw, files: deque[int]) -> None:
        if name in TOLD:
            values, named = CALLS[name].read(body)
            getattr(self._plane, name)(*values, **named)
        elif name == "seat":
            outlet, seating = msgspec.msgpack.decode(body, type=tuple[str, Seating])
            if not files:
                raise ValueError("a viewer without a socket")
            self._plane.seat(outlet, seating, socket.socket(fileno=files.popleft()))
        elif name == "dismiss":
            self._dismissing = asyncio.create_task(self._plane.dismiss())
        elif name == "stop":
            self._gone("it asked us to stop")
        elif name != "beat":
            raise ValueError(f"no plane is told to {name!r}")

    # --- what is told ----------------------------------------------------------------------------------------

    def _happened(self, event: PlaneEvent) -> None:
        self._tell_news((event.inlet,) if event.inlet in self._inlets else (), ())
        self._tell(type(event).__name__, write(event))
        if isinstance(event, OutletClosed):
            self._senders.discard(event.outlet)

    def _tell_news(self, inlets: tuple[str, ...], senders: tuple[str, ...], *, is_whole: bool = False) -> None:
        plane = self._plane
        news = News(
            is_whole,
            tuple(each for each in map(plane.statistics, inlets) if each is not None),
            tuple(each for each in map(plane.sender_statistics, senders) if each is not None),
            plane.workers() if is_whole else (),
            asdict(plane.totals()) if is_whole else None,
        )
        self._tell("news", write(news))

    def _tell(self, name: str, body: bytes = NOTHING) -> None:
        if self._channel is not None:
            self._channel.tell(name, body)

    async def _beat_for_ever(self) -> None:
        beats = 0
        while True:
            try:
                if beats % NEWS_BEATS == 0:
                    self._tell_news(tuple(self._inlets), tuple(self._senders), is_whole=True)
                else:
                    self._tell("beat")
            except Exception:
                log.exception("what was counted cannot be told; it is tried again")
            beats += 1
            await asyncio.sleep(BEAT_S)
