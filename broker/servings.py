"""Leases that the kitchen serves: WebRTC, and whatever else is made of one feed a stream, shared by all who take it."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Protocol

from broker.watch import Lease, OutletKind, Peek, Watch
from media.plane import FeedFacts, FeedOver, HlsPart, KeyFrameMissed, KitchenEvent, NoCapacity, SessionLeft

log = logging.getLogger(__name__)

LINGER_S = 5.0
"""A feed stays so long for whoever comes next."""


Key = tuple[str, str, int, str]
"""Owner, channel, stream number, and the codec that it is encoded anew as, "" for as it is."""

H264 = "h264"


class TranscodingFull(NoCapacity):
    """So many streams are encoded anew that no further one is."""

    def __init__(self, used: int, most: int) -> None:
        super().__init__(f"all places for encoding anew on this machine are taken ({used}/{most})")
        self.used = used
        self.most = most


class Serving(Protocol):
    """The broker, as far as servings need it."""

    async def watch(self, watch: Watch) -> Lease: ...

    async def release(self, lease_id: str) -> None: ...

    def along(self, lease_id: str, farewell: Callable[[], None]) -> None: ...

    def want_key_frame(self, lease_id: str, reason: str) -> None: ...


class Kitchen(Protocol):
    """`media.kitchen`, as far as servings need it. Raises NoCapacity, ValueError, KeyError."""

    async def open_feed(self, feed: str, url: str) -> FeedFacts: ...

    async def cook(self, feed: str, of: str) -> FeedFacts: ...

    async def close_feed(self, feed: str) -> None: ...

    async def webrtc(self, session: str, feed: str, offer: str, client: str, audio: bool) -> str: ...

    async def open_hls(self, session: str, feed: str) -> None: ...

    async def hls(self, session: str, name: str) -> HlsPart: ...

    async def leave(self, session: str) -> None: ...

    def listen(self, listener: Callable[[KitchenEvent], None]) -> None: ...


@dataclass(slots=True, eq=False)
class _Feed:
    """What one stream gives to the kitchen: a lease of its own, for as long as somebody takes of it."""

    name: str
    key: Key
    opening: asyncio.Task[FeedFacts] | None = None
    lease_id: str = ""
    users: set[str] = field(default_factory=set)
    closing: asyncio.TimerHandle | None = None


@dataclass(slots=True)
class ServingTally:
    """Counted since the start."""

    webrtc: int = 0
    hls: int = 0
    transcodings: int = 0
    transcodings_refused: int = 0
    failed: int = 0


class Servings:
    """`origin` is where our own doors are found from this machine, `most` how many streams are encoded anew. Call
    `close` before the broker closes."""

    def __init__(
        self, broker: Serving, kitchen: Kitchen, origin: Callable[[], str], hls_idle_s: float = 30.0, most: int = 2
    ) -> None:
        self._most = most
        self._broker = broker
        self._kitchen = kitchen
        self._origin = origin
        self._feeds: dict[Key, _Feed] = {}
        self._sessions: dict[str, _Feed] = {}
        """By the lease that is served."""
        self._tokens: dict[str, str] = {}
        """Leases by the secret in their address."""
        self._idle: dict[str, asyncio.TimerHandle] = {}
        self._hls_idle_s = hls_idle_s
        self._browsers: set[str] = set()
        """Leases served by WebRTC."""
        self._leaving: set[asyncio.Task[None]] = set()
        self.tally = ServingTally()
        kitchen.listen(self._happened)

    async def webrtc(self, lease: Lease, offer: str, client: str, codec: str = "") -> str:
        """The answer to a browser's offer; the lease ends with the browser, and the browser with the lease.

        Raises NoCapacity, and ValueError for an offer or a stream with which nothing can be done.
        """
        if lease.id in self._sessions:
            raise ValueError("this place is taken")
        feed = await self._take(lease, codec)
        try:
            answer = await self._kitchen.webrtc(lease.id, feed.name, offer, client, lease.watch.audio)
        except BaseException as error:
            self._give_back(lease.id)
            self.tally.failed += 1
            if isinstance(error, KeyError):
                raise NoCapacity("the stream ended at this moment") from None
            raise
        self.tally.webrtc += 1
        self._browsers.add(lease.id)
        self._broker.along(lease.id, lambda: self._lease_gone(lease.id))
        return answer

    async def open_hls(self, lease: Lease, codec: str = "") -> str:
        """A token by which whoever knows it gets the parts of this lease's HLS. The lease ends when nobody asked for
        any for `hls_idle_s`. Raises NoCapacity."""
        feed = await self._take(lease, codec)
        try:
            await self._kitchen.open_hls(lease.id, feed.name)
        except BaseException as error:
            self._give_back(lease.id)
            self.tally.failed += 1
            if isinstance(error, KeyError):
                raise NoCapacity("the stream ended at this moment") from None
            raise
        token = secrets.token_urlsafe(24)
        self._tokens[token] = lease.id
        self._touch(token)
        self.tally.hls += 1

        def gone() -> None:
            self._tokens.pop(token, None)
            idle = self._idle.pop(token, None)
            if idle is not None:
                idle.cancel()
            self._lease_gone(lease.id)

        self._broker.along(lease.id, gone)
        return token

    async def hls(self, token: str, name: str) -> HlsPart:
        """A part of somebody's HLS. Raises KeyError for a token or a part that is none, NoCapacity."""
        lease_id = self._tokens[token]
        self._touch(token)
        part = await self._kitchen.hls(lease_id, name)
        if token in self._tokens:
            self._touch(token)
        return part

    def _touch(self, token: str) -> None:
        idle = self._idle.get(token)
        if idle is not None:
            idle.cancel()
        lease_id = self._tokens[token]
        self._idle[token] = asyncio.get_running_loop().call_later(
            self._hls_idle_s, lambda: self._later(self._broker.release(lease_id), f"nobody asks for {lease_id}")
        )

    async def facts(self, lease: Lease, codec: str = "") -> FeedFacts:
        """What the stream of a lease is for the kitchen, encoded anew if need be. Raises NoCapacity."""
        feed = await self._take(lease, codec)
        self._give_back(lease.id)
        assert feed.opening is not None
        return feed.opening.result()

    def feeds(self) -> int:
        return len(self._feeds)

    def statistics(self) -> dict[str, int]:
        """Counters since the start, and what there is now."""
        tally = self.tally
        return {
            "feeds": len(self._feeds),
            "transcodings": self.transcodings(),
            "webrtc": len(self._browsers),
            "hls": len(self._tokens),
            "webrtc_begun": tally.webrtc,
            "hls_begun": tally.hls,
            "transcodings_begun": tally.transcodings,
            "transcodings_refused": tally.transcodings_refused,
            "failed": tally.failed,
        }

    async def close(self) -> None:
        """Take nothing any more; harmless when closed."""
        for idle in self._idle.values():
            idle.cancel()
        for feed in tuple(self._feeds.values()):
            self._drop(feed)
        if self._leaving:
            await asyncio.wait(self._leaving)

    # --- feeds -----------------------------------------------------------------------------------------------

    async def _take(self, lease: Lease, codec: str = "") -> _Feed:
        """The stream's feed with this lease as a user of it. Raises NoCapacity, ValueError, WatchFailed."""
        watch = lease.watch
        return await self._use((watch.owner, watch.channel, watch.stream_number, codec), lease.id)

    async def _use(self, key: Key, user: str) -> _Feed:
        feed = self._feeds.get(key)
        if feed is None:
            used = self.transcodings()
            if key[3] and used >= self._most:
                self.tally.transcodings_refused += 1
                raise TranscodingFull(used, self._most)
            self.tally.transcodings += bool(key[3])
            feed = self._feeds[key] = _Feed(secrets.token_hex(6), key)
            feed.opening = asyncio.create_task(self._open(feed), name=f"feed of {key[1]}")
            feed.opening.add_done_callback(lambda done: None if done.cancelled() else done.exception())
        feed.users.add(user)
        self._sessions[user] = feed
        if feed.closing is not None:
            feed.closing.cancel()
            feed.closing = None
        assert feed.opening is not None
        try:
            await asyncio.shield(feed.opening)
        except BaseException:
            self._give_back(user)
            task = asyncio.current_task()
            if feed.opening.cancelled() and not (task is not None and task.cancelling()):
                raise NoCapacity("the stream ended at this moment") from None
            raise
        return feed

    async def _open(self, feed: _Feed) -> FeedFacts:
        owner, channel, number, codec = feed.key
        try:
            if codec:
                return await self._open_cooked(feed)
            watch = Watch(owner, channel, OutletKind.PS_HTTP, stream_number=number, viewer="kitchen")
            lease = await self._broker.watch(watch)
            feed.lease_id = lease.id
            self._broker.along(lease.id, lambda: self._drop(feed))
            address = lease.address if "://" in lease.address else self._origin() + lease.address
            return await self._kitchen.open_feed(feed.name, address)
        except BaseException:
            # Whoever waits for it hears of it, and his lease is his own.
            for lease_id in tuple(feed.users):
                self._sessions.pop(lease_id, None)
            feed.users.clear()
            self._drop(feed)
            raise

    async def _open_cooked(self, feed: _Feed) -> FeedFacts:
        """Of the stream's own feed, with a lease besides that shows in the list of streams what goes on."""
        owner, channel, number, _ = feed.key
        base = await self._use((owner, channel, number, ""), feed.name)
        lease = await self._broker.watch(
            Watch(owner, channel, Peek(), stream_number=number, audio=False, viewer="transcoding: H.264")
        )
        feed.lease_id = lease.id
        self._broker.along(lease.id, lambda: self._drop(feed))
        try:
            return await self._kitchen.cook(feed.name, base.name)
        except KeyError:
            raise NoCapacity("the stream ended at this moment") from None

    def transcodings(self) -> int:
        """Streams that are encoded anew now."""
        return sum(bool(key[3]) for key in self._feeds)

    def _give_back(self, lease_id: str) -> None:
        feed = self._sessions.pop(lease_id, None)
        if feed is None:
            return
        feed.users.discard(lease_id)
        if not feed.users and feed.closing is None and self._feeds.get(feed.key) is feed:
            feed.closing = asyncio.get_running_loop().call_later(LINGER_S, self._drop, feed)

    def _drop(self, feed: _Feed) -> None:
        """The feed is over; whoever took of it has to come again. Harmless when it was dropped."""
        if self._feeds.get(feed.key) is not feed:
            return
        del self._feeds[feed.key]
        if feed.closing is not None:
            feed.closing.cancel()
        if feed.opening is not None and not feed.opening.done() and feed.opening is not asyncio.current_task():
            feed.opening.cancel()
        cooked = {each.name: each for each in self._feeds.values()}
        for lease_id in tuple(feed.users):
            self._sessions.pop(lease_id, None)
            if lease_id in cooked:
                self._drop(cooked[lease_id])
            else:
                self._later(self._broker.release(lease_id), f"give back {lease_id}")
        self._give_back(feed.name)
        self._later(self._kitchen.close_feed(feed.name), f"close feed {feed.name}")
        if feed.lease_id:
            self._later(self._broker.release(feed.lease_id), f"give back {feed.lease_id}")

    # --- ends ------------------------------------------------------------------------------------------------

    def _lease_gone(self, lease_id: str) -> None:
        self._browsers.discard(lease_id)
        self._give_back(lease_id)
        self._later(self._kitchen.leave(lease_id), f"leave {lease_id}")

    def _happened(self, event: KitchenEvent) -> None:
        match event:
            case FeedOver(feed=name, why=why):
                feed = next((each for each in self._feeds.values() if each.name == name), None)
                if feed is not None:
                    log.info("the kitchen's feed of %s is over: %s", feed.key[1], why)
                    self._drop(feed)
            case SessionLeft(session=lease_id, why=why):
                log.info("viewer %s of the kitchen left: %s", lease_id, why)
                self._give_back(lease_id)
                self._later(self._broker.release(lease_id), f"give back {lease_id}")
            case KeyFrameMissed(feed=name):
                for feed in self._feeds.values():
                    if feed.name == name and feed.lease_id:
                        self._broker.want_key_frame(feed.lease_id, "a browser missed too much to go on")

    def _later(self, work: Coroutine[None, None, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)
