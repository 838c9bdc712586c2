"""The kitchen's process: takes orders over its socket, and ends with it.

    python -m media.kitchen.start --socket FD

It works at a lower priority than the workers: a stream goes before a photograph.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import socket
import sys
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import msgspec

from media.calls import write
from media.channel import Channel
from media.kitchen import still
from media.kitchen.cooked import Cooked
from media.kitchen.feed import Feed, Flow
from media.kitchen.hls import Hls
from media.kitchen.promise import ORDERS, KitchenSettings
from media.kitchen.webrtc import Viewer, reason_against
from media.plane import (
    FeedFacts,
    FeedOver,
    HlsPart,
    KeyFrame,
    KeyFrameMissed,
    KitchenEvent,
    NoCapacity,
    Photograph,
    SessionLeft,
)
from media.rtc import Standing, settle
from media.worker import LOG_FORMAT, die_with_parent, name_process, run

log = logging.getLogger(__name__)

NICE = 5
STILL_THREADS = 2
FEED_S = 8.0
"""How long the first picture of a feed is waited for; the stream flows already."""


class Cook:
    """`media.kitchen.promise.Cooking`, made here. `tell` hears what happens by itself."""

    def __init__(self, settings: KitchenSettings, tell: Callable[[KitchenEvent], None]) -> None:
        self._settings = settings
        self._tell = tell
        self._stills = ThreadPoolExecutor(STILL_THREADS, "still")
        self._standing = Standing(
            settings.host, settings.webrtc_host, settings.webrtc_first_port, settings.webrtc_last_port
        )
        self._feeds: dict[str, Flow] = {}
        self._viewers: dict[str, tuple[str, Viewer]] = {}
        self._hls: dict[str, Hls] = {}
        self._hls_of: dict[str, str] = {}
        """Which feed a session takes as HLS."""
        self._leaving: set[asyncio.Task[None]] = set()
        settle(self._standing)

    async def develop(self, picture: KeyFrame, width: int, quality: int) -> Photograph:
        return await asyncio.get_running_loop().run_in_executor(self._stills, still.develop, picture, width, quality)

    async def judge(self, data: bytes) -> Photograph:
        return await asyncio.get_running_loop().run_in_executor(self._stills, still.judge, data)

    # --- feeds -----------------------------------------------------------------------------------------------

    async def open_feed(self, feed: str, url: str) -> FeedFacts:
        if feed in self._feeds:
            raise ValueError(f"there is a feed {feed}")
        return await self._first_of(Feed(feed, url))

    async def cook(self, feed: str, of: str) -> FeedFacts:
        if feed in self._feeds:
            raise ValueError(f"there is a feed {feed}")
        if sum(isinstance(each, Cooked) for each in self._feeds.values()) >= self._settings.transcodings:
            raise NoCapacity(f"all {self._settings.transcodings} places for encoding anew are taken")
        return await self._first_of(Cooked(feed, self._feeds[of]))

    async def _first_of(self, opened: Flow) -> FeedFacts:
        feed = opened.name
        self._feeds[feed] = opened
        opened.over.add_done_callback(lambda over: self._feed_over(opened, over.result()))
        try:
            async with asyncio.timeout(FEED_S):
                return await asyncio.shield(opened.ready)
        except TimeoutError:
            await self.close_feed(feed)
            raise NoCapacity(f"no picture came for the kitchen in {FEED_S:g} s") from None
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not opened.over.done() or (task is not None and task.cancelling()):
                opened.close()
                raise
            raise NoCapacity(f"the kitchen got no picture: {opened.over.result()}") from None

    async def close_feed(self, feed: str) -> None:
        found = self._feeds.get(feed)
        if found is not None:
            found.close()

    def _feed_over(self, feed: Flow, why: str) -> None:
        self._feeds.pop(feed.name, None)
        hls = self._hls.pop(feed.name, None)
        if hls is not None:
            hls.close()
        self._hls_of = {session: of for session, of in self._hls_of.items() if of != feed.name}
        for session, (of, _) in tuple(self._viewers.items()):
            if of == feed.name:
                self._see_off(session)
        self._tell(FeedOver(feed.name, why))

    # --- WebRTC ----------------------------------------------------------------------------------------------

    async def webrtc(self, session: str, feed: str, offer: str, client: str, audio: bool) -> str:
        if len(self._viewers) >= self._settings.webrtc_sessions:
            raise NoCapacity(f"all {self._settings.webrtc_sessions} places for WebRTC are taken")
        found = self._feeds[feed]
        facts = found.ready.result()
        reason = reason_against(facts)
        if reason:
            raise ValueError(reason)
        viewer = Viewer(
            found,
            facts,
            self._standing,
            with_sound=audio,
            left=lambda why: self._left(session, why),
            want_key=lambda: self._tell(KeyFrameMissed(feed)),
        )
        self._viewers[session] = (feed, viewer)
        try:
            return await viewer.answer(offer, client)
        except BaseException:
            self._see_off(session)
            raise

    # --- HLS -------------------------------------------------------------------------------------------------

    async def open_hls(self, session: str, feed: str) -> None:
        found = self._feeds[feed]
        if feed not in self._hls:
            self._hls[feed] = Hls(found)
        self._hls_of[session] = feed

    async def hls(self, session: str, name: str) -> HlsPart:
        try:
            return await self._hls[self._hls_of[session]].part(name)
        except TimeoutError:
            raise NoCapacity("no key frame came in time for a segment") from None

    async def leave(self, session: str) -> None:
        feed = self._hls_of.pop(session, None)
        if feed is not None and feed not in self._hls_of.values():
            self._hls.pop(feed).close()
        self._see_off(session)

    def _left(self, session: str, why: str) -> None:
        if self._viewers.pop(session, None) is not None:
            self._tell(SessionLeft(session, why))

    def _see_off(self, session: str) -> None:
        _, viewer = self._viewers.pop(session, ("", None))
        if viewer is not None:
            task = asyncio.create_task(viewer.close(), name=f"webrtc {session} leaves")
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)


class Hatch:
    """Where orders come in and dishes go out."""

    def __init__(self, sock: socket.socket) -> None:
        self._cook: Cook | None = None
        self._ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._channel = Channel(sock, answer=self._answer, noted=self._noted, lost=self.end)

    async def work(self) -> None:
        """Returns when the server is gone or has let us go."""
        log.info("the kitchen closes: %s", await self._ended)
        self._channel.close()

    def end(self, why: str) -> None:
        if not self._ended.done():
            self._ended.set_result(why)

    async def _answer(self, name: str, body: msgspec.Raw) -> bytes:
        if name not in ORDERS or self._cook is None:
            raise ValueError(f"nobody cooks {name!r}")
        values, named = ORDERS[name].read(body)
        return write(await getattr(self._cook, name)(*values, **named))

    def _noted(self, name: str, body: msgspec.Raw, files: deque[int]) -> None:
        if name == "stop":
            self.end("it asked us to stop")
        elif name == "settings" and self._cook is None:
            self._cook = Cook(msgspec.msgpack.decode(body, type=KitchenSettings), self._tell)
        else:
            raise ValueError(f"nobody cooks {name!r}")

    def _tell(self, event: KitchenEvent) -> None:
        self._channel.tell(type(event).__name__, write(event))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--socket", type=int, required=True, help="the number of the inherited socket")
    parser.add_argument("--parent", type=int, default=0, help="the server's process; it is gone when it is no parent")
    given = parser.parse_args()
    die_with_parent(given.parent)
    name_process("lianwang-cook")
    os.nice(NICE)
    logging.basicConfig(level=logging.WARNING, format=LOG_FORMAT, stream=sys.stderr)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    run(_work(given.socket))
    sys.stderr.flush()
    os._exit(0)


async def _work(number: int) -> None:
    hatch = Hatch(socket.socket(fileno=number))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, hatch.end, "SIGTERM")
    await hatch.work()
