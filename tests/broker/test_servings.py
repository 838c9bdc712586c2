"""Leases that the kitchen serves: one feed a stream, and whoever goes takes his part along."""

from __future__ import annotations

import asyncio

import pytest

from broker import servings as module
from broker.servings import H264, Servings, TranscodingFull
from broker.watch import Lease, OutletKind, Watch
from media.frame import Codec
from media.plane import FeedFacts, FeedOver, KeyFrameMissed, NoCapacity, SessionLeft

from .conftest import CHANNEL, OWNER, PICTURE, SOUND

FACTS = FeedFacts(Codec.H264, 1920, 1080, 25.0, "avc1.640028", Codec.G711A, False)


class FakeBroker:
    def __init__(self):
        self.out, self.farewells, self.wanted, self.made = {}, {}, [], 0

    async def watch(self, watch):
        await asyncio.sleep(0)
        self.made += 1
        lease = Lease(f"l{self.made}", watch, "/media/i/o.ps?e=1&s=2", "call", PICTURE, SOUND)
        self.out[lease.id] = watch
        return lease

    async def release(self, lease_id):
        self.gone(lease_id)

    def gone(self, lease_id):
        if self.out.pop(lease_id, None) is not None:
            for farewell in self.farewells.pop(lease_id, []):
                farewell()

    def along(self, lease_id, farewell):
        if lease_id in self.out:
            self.farewells.setdefault(lease_id, []).append(farewell)
        else:
            farewell()

    def want_key_frame(self, lease_id, reason):
        self.wanted.append(lease_id)


class FakeKitchen:
    def __init__(self):
        self.feeds, self.sessions, self.failure = {}, {}, None
        self.listener = None
        self.opened = 0

    def listen(self, listener):
        self.listener = listener

    async def open_feed(self, feed, url):
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        self.opened += 1
        self.feeds[feed] = url
        return FACTS

    async def cook(self, feed, of):
        await asyncio.sleep(0)
        if of not in self.feeds:
            raise KeyError(of)
        self.feeds[feed] = f"cooked of {of}"
        return FACTS

    async def close_feed(self, feed):
        self.feeds.pop(feed, None)

    async def webrtc(self, session, feed, offer, client, audio):
        await asyncio.sleep(0)
        if offer == "bad":
            raise ValueError("no offer")
        if feed not in self.feeds:
            raise KeyError(feed)
        self.sessions[session] = (feed, audio)
        return f"answer to {offer}"

    async def leave(self, session):
        self.sessions.pop(session, None)


@pytest.fixture
async def hall(monkeypatch):
    monkeypatch.setattr(module, "LINGER_S", 0.01)
    broker, kitchen = FakeBroker(), FakeKitchen()
    servings = Servings(broker, kitchen, lambda: "http://127.0.0.1:1")
    yield servings, broker, kitchen
    await servings.close()


async def viewer(broker, **more):
    return await broker.watch(Watch(OWNER, CHANNEL, OutletKind.WEBRTC, viewer="wang", **more))


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.002)


async def test_two_browsers_share_a_feed_and_the_last_one_takes_it_along(hall):
    servings, broker, kitchen = hall
    one, two = await viewer(broker), await viewer(broker)
    answers = await asyncio.gather(*(servings.webrtc(each, "offer", "10.0.0.9") for each in (one, two)))
    assert answers == ["answer to offer"] * 2 and kitchen.opened == 1 and len(kitchen.sessions) == 2
    assert list(kitchen.feeds.values()) == ["http://127.0.0.1:1/media/i/o.ps?e=1&s=2"]
    await broker.release(one.id)
    await until(lambda: len(kitchen.sessions) == 1)
    assert kitchen.feeds
    await broker.release(two.id)
    await until(lambda: not kitchen.feeds and not broker.out)
    assert servings.feeds() == 0


async def test_a_browser_that_left_by_itself_gives_its_lease_back(hall):
    servings, broker, kitchen = hall
    lease = await viewer(broker)
    await servings.webrtc(lease, "offer", "10.0.0.9")
    kitchen.listener(SessionLeft(lease.id, "the browser's connection failed"))
    await until(lambda: not broker.out)


async def test_a_feed_that_is_over_sends_its_viewers_home_and_the_next_one_opens_another(hall):
    servings, broker, kitchen = hall
    lease = await viewer(broker)
    await servings.webrtc(lease, "offer", "10.0.0.9")
    kitchen.listener(FeedOver(next(iter(kitchen.feeds)), "the stream ended"))
    await until(lambda: not broker.out)
    await servings.webrtc(await viewer(broker), "offer", "10.0.0.9")
    assert kitchen.opened == 2


async def test_a_feed_whose_lease_ends_is_over_too(hall):
    servings, broker, kitchen = hall
    lease = await viewer(broker)
    await servings.webrtc(lease, "offer", "10.0.0.9")
    broker.gone("l2")
    await until(lambda: not broker.out and not kitchen.feeds)


async def test_an_offer_that_is_refused_leaves_nothing_behind(hall):
    servings, broker, kitchen = hall
    lease = await viewer(broker)
    with pytest.raises(ValueError, match="no offer"):
        await servings.webrtc(lease, "bad", "10.0.0.9")
    await until(lambda: not kitchen.feeds and list(broker.out) == [lease.id])
    kitchen.failure = NoCapacity("no picture came for the kitchen")
    with pytest.raises(NoCapacity):
        await servings.webrtc(lease, "offer", "10.0.0.9")
    await until(lambda: list(broker.out) == [lease.id])
    kitchen.failure = None
    assert await servings.webrtc(lease, "offer", "10.0.0.9")
    with pytest.raises(ValueError, match="taken"):
        await servings.webrtc(lease, "offer", "10.0.0.9")


async def test_who_misses_too_much_has_the_camera_asked_for_a_key_frame(hall):
    servings, broker, kitchen = hall
    await servings.webrtc(await viewer(broker), "offer", "10.0.0.9")
    kitchen.listener(KeyFrameMissed(next(iter(kitchen.feeds))))
    assert broker.wanted == ["l2"]
    kitchen.listener(KeyFrameMissed("no such feed"))
    assert broker.wanted == ["l2"]


async def test_who_loses_patience_while_a_feed_opens_does_not_close_it_for_the_other(hall):
    servings, broker, kitchen = hall
    one, two = await viewer(broker), await viewer(broker)
    first = asyncio.create_task(servings.webrtc(one, "offer", "10.0.0.9"))
    second = asyncio.create_task(servings.webrtc(two, "offer", "10.0.0.9"))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == "answer to offer"
    assert kitchen.opened == 1 and list(kitchen.sessions) == [two.id]


async def test_all_viewers_of_a_stream_that_is_encoded_anew_share_it_and_the_last_takes_all_along(hall):
    servings, broker, kitchen = hall
    one, two = await viewer(broker), await viewer(broker)
    await asyncio.gather(*(servings.webrtc(each, "offer", "10.0.0.9", H264) for each in (one, two)))
    assert kitchen.opened == 1 and servings.transcodings() == 1 and len(kitchen.feeds) == 2
    assert "transcoding: H.264" in {watch.viewer for watch in broker.out.values()}
    # Who takes it as it is shares the stream's own feed.
    three = await viewer(broker)
    await servings.webrtc(three, "offer", "10.0.0.9")
    assert kitchen.opened == 1
    now = {"feeds": 2, "transcodings": 1, "webrtc": 3, "hls": 0}
    since = {"webrtc_begun": 3, "hls_begun": 0, "transcodings_begun": 1, "transcodings_refused": 0, "failed": 0}
    assert servings.statistics() == now | since
    for lease in (one, two, three):
        await broker.release(lease.id)
    await until(lambda: not kitchen.feeds and not broker.out)
    assert servings.transcodings() == 0
    assert servings.statistics() == dict.fromkeys(now, 0) | since


async def test_more_streams_than_there_are_places_are_refused_with_the_count(hall):
    servings, broker, _ = hall
    await servings.webrtc(await viewer(broker), "offer", "10.0.0.9", H264)
    await servings.webrtc(await viewer(broker, stream_number=1), "offer", "10.0.0.9", H264)
    other = await viewer(broker, stream_number=2)
    with pytest.raises(TranscodingFull, match="2/2"):
        await servings.webrtc(other, "offer", "10.0.0.9", H264)
    counted = servings.statistics()
    assert (counted["transcodings_begun"], counted["transcodings_refused"]) == (2, 1)
    assert await servings.webrtc(other, "offer", "10.0.0.9")


async def test_a_stream_that_ends_ends_what_is_made_of_it(hall):
    servings, broker, kitchen = hall
    lease = await viewer(broker)
    await servings.webrtc(lease, "offer", "10.0.0.9", H264)
    base = next(name for name, url in kitchen.feeds.items() if url.startswith("http"))
    kitchen.listener(FeedOver(base, "the stream ended"))
    await until(lambda: not broker.out and not kitchen.feeds)
    assert servings.transcodings() == 0


async def test_who_is_cancelled_at_the_moment_the_stream_ends_is_told_so(hall, monkeypatch):
    servings, broker, kitchen = hall
    hangs = asyncio.Event()

    async def open_feed(feed, url):
        await hangs.wait()

    monkeypatch.setattr(kitchen, "open_feed", open_feed)
    asking = asyncio.create_task(servings.facts(await viewer(broker)))
    await until(lambda: len(broker.out) == 2)
    broker.gone(next(lease for lease, watch in broker.out.items() if watch.viewer == "kitchen"))
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert servings.feeds() == 0
