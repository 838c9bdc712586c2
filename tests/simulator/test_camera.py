"""A simulated camera against a platform of the test's own, on real sockets."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from gb28181 import ptz
from gb28181.manscdp.catalog import Catalog, CatalogQuery
from gb28181.manscdp.control import DeviceControl
from gb28181.manscdp.keepalive import Keepalive
from gb28181.manscdp.preset import PresetList, PresetQuery
from gb28181.sdp import live_offer, parse_answer
from media.frame import Codec, Frame
from media.framing import Framer
from media.ps.demux import Demuxer
from media.rtp import parse as parse_rtp
from simulator.camera import ChannelSettings
from simulator.speaker import SpeakerSettings
from tests.conformance.bare import CAMERA, SERVER, Platform, at_work, settings


@pytest.fixture
async def platform() -> AsyncIterator[Platform]:
    platform = Platform()
    await platform.stack.start()
    yield platform
    await platform.stack.close()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_camera_registers_with_digest_and_keeps_alive(platform: Platform, transport: str):
    made = settings(platform)
    async with at_work(platform, replace(made, speaker=replace(made.speaker, transport=transport))):
        first, second = platform.registers[:2]
        assert first.call_id == second.call_id
        assert second.cseq.number == first.cseq.number + 1
        assert first.expires == 86400
        assert first.headers.get("X-GB-Ver") == "3.0"
        assert (await platform.hear(Keepalive)).device == CAMERA
    assert platform.registers[-1].expires == 0


async def test_a_refused_keepalive_makes_it_register_anew(platform: Platform):
    async with at_work(platform, settings(platform)) as camera:
        platform.refuse_keepalives = True
        await platform.hear(Keepalive)
        platform.refuse_keepalives = False
        async with asyncio.timeout(5):
            while camera.speaker.registrations < 2:
                await asyncio.sleep(0.01)


def test_a_registration_shorter_than_the_standard_allows_is_refused():
    with pytest.raises(ValueError, match="3600"):
        SpeakerSettings(CAMERA, "x", "127.0.0.1", 5060, SERVER, expires_s=600)


async def test_a_catalog_comes_in_parts_and_a_part_can_be_lost_to_order(platform: Platform):
    channels = tuple(ChannelSettings(f"340200000013200000{number:02d}", f"门 {number}") for number in range(1, 11))
    async with at_work(platform, settings(platform, channels=channels, lose_part=2)):
        assert await platform.say(CatalogQuery(sn=7, device=CAMERA)) == 200
        parts = [await platform.hear(Catalog) for _ in range(2)]
        assert [len(part.items) for part in parts] == [4, 2]
        assert {part.sum_num for part in parts} == {10}
        assert {part.sn for part in parts} == {7}


async def test_ptz_turns_the_head_and_presets_are_kept(platform: Platform):
    async with at_work(platform, settings(platform)) as camera:
        await platform.say(DeviceControl(sn=1, device=CAMERA, ptz=ptz.encode(ptz.Move(pan=1.0))))
        await asyncio.sleep(0.1)
        await platform.say(DeviceControl(sn=2, device=CAMERA, ptz=ptz.encode(ptz.Stop())))
        turned = camera.heads[CAMERA].at(time.monotonic()).pan
        assert turned > 0.5
        preset = ptz.Preset(ptz.PresetAction.SET, 5)
        await platform.say(DeviceControl(sn=3, device=CAMERA, ptz=ptz.encode(preset)))
        await platform.say(PresetQuery(sn=4, device=CAMERA))
        listed = await platform.hear(PresetList)
        assert [each.number for each in listed.presets] == ["5"]


@pytest.mark.parametrize("transport", ["udp", "tcp-passive", "tcp-active"])
async def test_a_live_call_brings_pictures_and_sound(platform: Platform, transport: str):
    async with at_work(platform, settings(platform)) as camera:
        kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
        with socket.socket(socket.AF_INET, kind) as media:
            media.bind(("127.0.0.1", 0))
            media.setblocking(False)
            if transport == "tcp-passive":
                media.listen()
            offer = live_offer(CAMERA, "127.0.0.1", media.getsockname()[1], 200000001, transport)
            response, dialog = await platform.invite(CAMERA, offer)
            assert response.status == 200
            answer = parse_answer(response.body, offer)
            assert answer.ssrc == 200000001
            dialog.ack()
            frames = await _receive(media, transport, (answer.host, answer.port))
            assert next(frame for frame in frames if frame.codec is Codec.H264).key
            assert {frame.codec for frame in frames} == {Codec.H264, Codec.G711A}
            assert len(camera.calls) == 1
            await dialog.bye()
        async with asyncio.timeout(5):
            while camera.calls:
                await asyncio.sleep(0.01)


@pytest.mark.parametrize(("channel", "session", "status"), [("9" * 20, "Play", 404), (CAMERA, "Playback", 488)])
async def test_calls_it_cannot_take_are_refused(platform: Platform, channel: str, session: str, status: int):
    async with at_work(platform, settings(platform)):
        offer = replace(live_offer(channel, "127.0.0.1", 9, 1, "udp"), session=session)
        response, dialog = await platform.invite(channel, offer)
        assert (response.status, dialog) == (status, None)


async def _receive(media: socket.socket, transport: str, answered: tuple[str, int]) -> list[Frame]:
    """Frames of about a second of stream."""
    loop = asyncio.get_running_loop()
    demuxer, framer = Demuxer(), Framer()
    frames: list[Frame] = []
    if transport == "tcp-passive":
        stream, _ = await asyncio.wait_for(loop.sock_accept(media), 5)
    elif transport == "tcp-active":
        await asyncio.wait_for(loop.sock_connect(media, answered), 5)
        stream = media
    else:
        stream = media
    async with asyncio.timeout(10):
        while sum(frame.codec is Codec.H264 for frame in frames) < 20:
            data = await loop.sock_recv(stream, 65536)
            for packet in [data] if transport == "udp" else framer.feed(data):
                parsed = parse_rtp(packet)
                assert parsed is not None
                assert parsed.ssrc == 200000001
                payload = bytes(parsed.payload)
                frames += demuxer.feed(payload, rtp_timestamp=parsed.timestamp, marker=parsed.marker)
    if stream is not media:
        stream.close()
    return frames
