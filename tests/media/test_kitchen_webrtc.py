"""What goes to browsers by WebRTC: payloads as RFC 6184 has them, and addresses that they can reach."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from aiortc import RTCPeerConnection

from media.annexb import nal_units, parameter_sets
from media.es import H264Depacketiser
from media.frame import Codec, Frame
from media.kitchen.feed import Feed
from media.kitchen.payload import MOST, h264_payloads, sound_payloads
from media.kitchen.webrtc import reason_against
from media.plane import FeedFacts
from media.ps.mux import Muxer
from media.rtc import LONGEST_OFFER, Standing, addresses_of, make_answer, take_offer

CANDIDATE = "a=candidate:1 1 udp 2113937151 {} 53537 typ host generation 0"


def unpacked(frames):
    """What a depacketiser of our own makes of the payloads."""
    depacketiser, found = H264Depacketiser(), []
    for frame in frames:
        payloads = h264_payloads(frame.data, (), is_key=frame.key)
        for number, payload in enumerate(payloads, 1):
            found += depacketiser.feed(payload, False, frame.pts_90k, number == len(payloads))
    return found + depacketiser.flush()


def test_pictures_are_put_together_again_as_they_were(h264):
    found = unpacked(h264)
    assert [frame.key for frame in found] == [frame.key for frame in h264]
    for ours, theirs in zip(h264, found, strict=True):
        kept = [unit for unit in nal_units(ours.data) if unit[0] & 0x1F != 9]
        assert nal_units(theirs.data) == kept


def test_no_payload_is_longer_than_every_network_carries_and_pieces_are_of_one_size():
    for size in (1, MOST - 1, MOST, MOST + 1, 5 * MOST, 100_000):
        unit = b"\x65" + bytes(range(1, 256)) * (size // 255) + b"\x01" * (size % 255)
        payloads = h264_payloads(b"\0\0\0\1" + unit, (), is_key=True)
        assert max(map(len, payloads)) <= MOST
        if len(payloads) > 1:
            assert [payload[1] & 0xC0 for payload in payloads] == [0x80, *[0] * (len(payloads) - 2), 0x40]
            assert b"\x65" + b"".join(payload[2:] for payload in payloads) == unit
            assert max(map(len, payloads)) - min(map(len, payloads)) < len(payloads) + 1


def test_a_key_frame_without_its_parameter_sets_goes_with_those_that_are_known(h264):
    sets = parameter_sets(Codec.H264, h264[0].data)
    (first, *_) = h264_payloads(b"\0\0\0\1\x65\x88\x80", sets, is_key=True)
    assert first[0] & 0x1F == 24 and all(each in first for each in sets)
    assert h264_payloads(b"\0\0\0\1\x41\x88\x80", sets, is_key=False) == [b"\x41\x88\x80"]


def test_sound_goes_in_pieces_of_twenty_milliseconds():
    assert [len(piece) for piece in sound_payloads(bytes(400))] == [160, 160, 80]


def test_what_does_not_go_by_webrtc_is_told_why():
    def facts(codec, is_reordered):
        return FeedFacts(codec, 64, 48, 25.0, "", None, is_reordered)

    assert reason_against(facts(Codec.H264, False)) == ""
    assert "B frames" in reason_against(facts(Codec.H264, True))
    assert "H.265" in reason_against(facts(Codec.H265, False))


# ---- offers and answers


async def offer_of(*kinds):
    browser = RTCPeerConnection()
    for kind in kinds:
        browser.addTransceiver(kind, direction="recvonly")
    await browser.setLocalDescription(await browser.createOffer())
    offer = browser.localDescription.sdp
    await browser.close()
    return offer


async def answered(offer, standing=None, client="10.0.0.9"):
    ours = RTCPeerConnection()
    try:
        await take_offer(ours, offer, client)
        return await make_answer(ours, standing or Standing()), ours
    finally:
        await ours.close()


async def test_the_announced_address_stands_in_every_candidate():
    answer, _ = await answered(await offer_of("video"), Standing(announced="203.0.113.7"))
    assert set(addresses_of(answer)) == {"203.0.113.7"}


async def test_a_hidden_address_is_the_one_it_came_from_and_without_one_it_is_left_out():
    offer = await offer_of("video")
    bare = "\r\n".join(line for line in offer.splitlines() if "candidate" not in line)
    hidden = bare + "\r\n" + CANDIDATE.format("3802134d-585b-486c-9c4a-3c4b39252d67.local") + "\r\n"
    for client, wanted in (("10.0.0.9", ["10.0.0.9"]), ("fd00::9", ["fd00::9"]), ("unix", [])):
        ours = RTCPeerConnection()
        await take_offer(ours, hidden, client)
        assert addresses_of(ours.remoteDescription.sdp) == wanted
        await ours.close()


@pytest.mark.parametrize(
    "offer", ["", "hello", "v=0" * LONGEST_OFFER, "v=0\r\nm=video\r\n", "v=0\r\nm=video 9 X 1\r\n"]
)
async def test_what_is_no_offer_is_refused(offer):
    with pytest.raises(ValueError, match="offer"):
        await answered(offer)


# ---- the feed


async def serve(body):
    async def answer(request):
        response = web.StreamResponse()
        await response.prepare(request)
        for piece in body:
            await response.write(piece)
            await asyncio.sleep(0)
        await asyncio.sleep(30)
        return response

    runner = web.AppRunner(web.Application(), shutdown_timeout=0.1)
    runner.app.router.add_get("/ps", answer)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}/ps"


async def test_a_feed_says_what_flows_and_keeps_from_the_last_key_frame_on(h264, fresh):
    muxer, frames = Muxer(Codec.H264, Codec.G711A), fresh(h264)
    sounds = [Frame(Codec.G711A, bytes(320), frame.pts_90k, frame.dts_90k) for frame in frames]
    runner, url = await serve([muxer.pack(f, (s,)) for f, s in zip(frames, sounds, strict=True)])
    feed = Feed("f1", url)
    try:
        async with asyncio.timeout(10):
            facts = await feed.ready
            while sum(frame.codec.is_video for frame in feed.kept) < 10:
                await asyncio.sleep(0.01)
        assert (facts.video, facts.width, facts.height, facts.audio) == (Codec.H264, 64, 48, Codec.G711A)
        assert not facts.is_reordered and feed.kept[0].key
    finally:
        feed.close()
        await runner.cleanup()
    assert feed.over.result() == "closed"


async def test_a_feed_that_is_refused_is_over_and_says_so():
    runner, url = await serve([])
    feed = Feed("f1", url + "x")
    async with asyncio.timeout(10):
        assert "404" in await feed.over
    assert feed.ready.cancelled()
    await runner.cleanup()
