"""The kitchen as the server sees it: ordered from, started at the first order, ended when nobody orders any more."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from media.calls import PlaneFault, write
from media.channel import Channel, ChannelLost
from media.kitchen.promise import EVENTS, ORDERS, KitchenSettings
from media.plane import FeedFacts, FeedOver, HlsPart, KeyFrame, KitchenEvent, NoCapacity, Photograph, SessionLeft
from media.process import Process, launch, say_goodbye

log = logging.getLogger(__name__)

STILL_S = 15.0
"""How long one photograph may take, its wait for others included."""
ANSWER_S = 10.0
FEED_S = 12.0
HLS_S = 15.0
AGAIN_S = 1.0
"""A kitchen that fell over is not opened again sooner."""


@dataclass(frozen=True, slots=True)
class KitchenStatistics:
    """Counters since the server's start."""

    is_open: bool
    starts: int
    photographs: int
    refused: int
    feeds: int = 0
    sessions: int = 0


class Kitchen:
    """`media.kitchen.promise.Cooking`, made in a process of its own. `close` ends it."""

    def __init__(self, settings: KitchenSettings | None = None) -> None:
        self.settings = settings or KitchenSettings()
        self._process: Process | None = None
        self._channel: Channel | None = None
        self._opening = asyncio.Lock()
        self._fell_at = -AGAIN_S
        self._orders = 0
        self._stills = 0
        self._starts = self._photographs = self._refused = 0
        self._idle: asyncio.TimerHandle | None = None
        self._is_closed = False
        self._feeds: set[str] = set()
        self._sessions: set[str] = set()
        self._listeners: list[Callable[[KitchenEvent], None]] = []
        self._leaving: set[asyncio.Task[None]] = set()

    # --- orders ----------------------------------------------------------------------------------------------

    async def develop(self, picture: KeyFrame, width: int, quality: int) -> Photograph:
        async with self._place():
            made: Photograph = await self._order("develop", STILL_S, picture, width, quality)
        self._photographs += 1
        return made

    async def judge(self, data: bytes) -> Photograph:
        async with self._place():
            made: Photograph = await self._order("judge", STILL_S, data)
        self._photographs += 1
        return made

    async def open_feed(self, feed: str, url: str) -> FeedFacts:
        self._feeds.add(feed)
        try:
            facts: FeedFacts = await self._order("open_feed", FEED_S, feed, url, undo=("close_feed", feed))
        except BaseException:
            self._feeds.discard(feed)
            raise
        return facts

    async def cook(self, feed: str, of: str) -> FeedFacts:
        self._feeds.add(feed)
        try:
            facts: FeedFacts = await self._order("cook", FEED_S, feed, of, undo=("close_feed", feed))
        except BaseException:
            self._feeds.discard(feed)
            raise
        return facts

    async def close_feed(self, feed: str) -> None:
        if feed in self._feeds:
            await self._order_kindly("close_feed", feed)

    async def webrtc(self, session: str, feed: str, offer: str, client: str, audio: bool) -> str:
        self._sessions.add(session)
        try:
            values = session, feed, offer, client, audio
            answer: str = await self._order("webrtc", ANSWER_S, *values, undo=("leave", session))
        except BaseException:
            self._sessions.discard(session)
            raise
        return answer

    async def open_hls(self, session: str, feed: str) -> None:
        self._sessions.add(session)
        try:
            await self._order("open_hls", ANSWER_S, session, feed, undo=("leave", session))
        except BaseException:
            self._sessions.discard(session)
            raise

    async def hls(self, session: str, name: str) -> HlsPart:
        part: HlsPart = await self._order("hls", HLS_S, session, name)
        return part

    async def leave(self, session: str) -> None:
        if session in self._sessions:
            self._sessions.discard(session)
            await self._order_kindly("leave", session)

    def listen(self, listener: Callable[[KitchenEvent], None]) -> None:
        """Every event goes to every listener; listeners must not block."""
        self._listeners.append(listener)

    def statistics(self) -> KitchenStatistics:
        return KitchenStatistics(
            self._channel is not None,
            self._starts,
            self._photographs,
            self._refused,
            len(self._feeds),
            len(self._sessions),
        )

    # --- life ------------------------------------------------------------------------------------------------

    async def close(self) -> None:
        """End the process; harmless when closed."""
        self._is_closed = True
        async with self._opening:
            self._send_home()
        if self._leaving:
            await asyncio.wait(self._leaving)

    def _send_home(self) -> None:
        process, channel = self._process, self._channel
        self._process = self._channel = None
        if self._idle is not None:
            self._idle.cancel()
        if channel is not None:
            channel.tell("stop")
        if process is not None:
            task = asyncio.create_task(self._part(process, channel), name="kitchen closes")
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)

    async def _part(self, process: Process, channel: Channel | None) -> None:
        await say_goodbye(process)
        if channel is not None:
            channel.close()

    @contextlib.asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        if self._stills >= self.settings.stills:
            self._refused += 1
            raise NoCapacity(f"all {self.settings.stills} places for photographs are taken")
        self._stills += 1
        try:
            yield
        finally:
            self._stills -= 1

    async def _order(self, name: str, within_s: float, *values: Any, undo: tuple[str, str] | None = None) -> Any:
        """The answer. When it comes after whoever ordered has gone, what was made is given back by the order `undo`."""

        def too_late(body: msgspec.Raw) -> None:
            if undo is not None:
                task = asyncio.create_task(self._order_kindly(*undo), name=" ".join(undo))
                self._leaving.add(task)
                task.add_done_callback(self._leaving.discard)

        self._orders += 1
        try:
            channel = await self._open()
            body = await channel.ask(name, write(values), within_s=within_s, late=too_late)
        except ChannelLost as lost:
            raise NoCapacity(f"the kitchen failed at {name}: {lost}") from None
        except PlaneFault as fault:
            raise ValueError(f"the kitchen failed at {name}: {fault}") from None
        finally:
            self._orders -= 1
            self._rest()
        return ORDERS[name].read_answer(body)

    async def _order_kindly(self, name: str, *values: Any) -> None:
        """What is harmless when there is nothing to do it to: a kitchen that is gone is not opened for it."""
        if self._channel is not None and self._channel.is_open:
            with contextlib.suppress(NoCapacity, ValueError, KeyError):
                await self._order(name, ANSWER_S, *values)

    async def _open(self) -> Channel:
        """Raises NoCapacity when the process cannot be started."""
        async with self._opening:
            if self._channel is not None and self._channel.is_open:
                return self._channel
            loop = asyncio.get_running_loop()
            await asyncio.sleep(max(0.0, self._fell_at + AGAIN_S - loop.time()))
            if self._is_closed:
                raise NoCapacity("the server is closing")
            try:
                process = await launch("media.kitchen.start")
            except OSError as error:
                raise NoCapacity(f"the kitchen cannot be opened: {error}") from None
            self._starts += 1
            self._process = process
            self._channel = Channel(
                process.sock, answer=_answer_nothing, noted=self._noted, lost=lambda why: self._fell(process, why)
            )
            self._channel.tell("settings", write(self.settings))
            return self._channel

    def _fell(self, process: Process, why: str) -> None:
        """It died by itself; the next order opens it again."""
        if self._process is process:
            log.error("the kitchen is gone (%s); it is opened again when it is needed", why)
            self._fell_at = asyncio.get_running_loop().time()
            self._channel = None
            self._send_home()
            for session in tuple(self._sessions):
                self._happened(SessionLeft(session, "the kitchen is gone"))
            for feed in tuple(self._feeds):
                self._happened(FeedOver(feed, "the kitchen is gone"))

    def _noted(self, name: str, body: msgspec.Raw, files: deque[int]) -> None:
        kind = EVENTS.get(name)
        if kind is None:
            raise ValueError(f"the kitchen tells of {name!r}")
        self._happened(msgspec.msgpack.decode(body, type=kind))

    def _happened(self, event: KitchenEvent) -> None:
        if isinstance(event, FeedOver):
            self._feeds.discard(event.feed)
        elif isinstance(event, SessionLeft):
            self._sessions.discard(event.session)
        for listener in tuple(self._listeners):
            try:
                listener(event)
            except Exception:
                log.exception("a listener failed at %r; the others still hear it", event)

    def _rest(self) -> None:
        """Begin to count the idle seconds anew."""
        if self._idle is not None:
            self._idle.cancel()
        self._idle = asyncio.get_running_loop().call_later(self.settings.idle_s, self._close_when_idle)

    def _close_when_idle(self) -> None:
        if self._orders or self._feeds:
            self._rest()
        else:
            self._send_home()

    def __repr__(self) -> str:
        return f"<Kitchen {'open' if self._channel is not None else 'closed'} {self._orders} orders>"


async def _answer_nothing(name: str, body: msgspec.Raw) -> bytes:
    raise ValueError(f"nobody here answers {name!r}")
