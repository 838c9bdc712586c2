"""The promises of `media/plane.py`, kept in this process on real sockets."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import socket
import subprocess
import warnings
from itertools import pairwise
from pathlib import Path

import pytest
from aiohttp import ClientSession, WSMsgType, WSServerHandshakeError, web

from media.aac import AacFormat, raw_frames
from media.frame import Codec
from media.local import LocalPlane, PlaneSettings
from media.plane import (
    Aim,
    FirstFrame,
    KeyFrameWanted,
    NoCapacity,
    OutletClosed,
    OutletKind,
    StreamFailed,
    TracksChanged,
    Transport,
    Verdict,
)
from media.ps import stream_map
from media.ps.mux import pack_header
from media.ps.pes import timestamp_bytes
from media.rtp import Packetiser
from tests.media.conftest import aac

UDP_SEGMENT = 103
QUICK = {"never_came_s": 0.2}


async def watch_fmp4(home, inlet, **more):
    _, address = await home.plane.attach(inlet.id, OutletKind.FMP4_WS, **more)
    return await home.client.ws_connect(home.base + address)


async def open_viewer(home, inlet, **more):
    """A WebSocket viewer that has read its announcement and its init segment."""
    viewer = await watch_fmp4(home, inlet, **more)
    news = json.loads(await viewer.receive_str(timeout=2))
    init = await viewer.receive_bytes(timeout=2)
    return viewer, news, init


def decode_times(fragment: bytes) -> int:
    at = fragment.index(b"tfdt")
    return int.from_bytes(fragment[at + 8 : at + 16], "big")


# ---- the way through


async def test_a_udp_stream_becomes_a_picture_for_a_websocket_viewer(house, camera, h264, fresh):
    home, cam = await house(), camera()
    inlet, first = await home.flowing(cam, fresh(h264))
    assert (first.video.codec, first.video.width, first.video.height) == (Codec.H264, 64, 48)
    assert first.video.mime.startswith("avc1.") and first.audio is None
    viewer, news, init = await open_viewer(home, inlet)
    assert news["mime"].startswith('video/mp4; codecs="avc1.') and news["video"]["width"] == 64
    assert news["audio"] is None
    assert init[4:8] == b"ftyp"
    assert (await viewer.receive_bytes(timeout=2))[4:8] == b"moof"
    await viewer.close()


@pytest.mark.parametrize("dollar", [False, True])
async def test_tcp_passive_takes_both_framings(house, camera, h264, fresh, dollar):
    home, cam = await house(), camera()
    inlet = await home.plane.open(200000001, Transport.TCP_PASSIVE)
    await home.plane.aim(inlet.id, Aim())
    await cam.connect(inlet.port)
    await cam.send_tcp(fresh(h264), dollar=dollar)
    assert (await home.until(FirstFrame)).video.width == 64


async def test_tcp_active_connects_to_the_sender_and_tries_again(house, camera, h264, fresh):
    home, cam = await house(connect_pause_s=0.05), camera()
    with socket.socket() as late:
        late.bind(("127.0.0.1", 0))
        inlet = await home.plane.open(200000001, Transport.TCP_ACTIVE)
        await home.plane.aim(inlet.id, Aim("127.0.0.1", late.getsockname()[1]))
        await asyncio.sleep(0.03)  # the first try is refused: nobody listens yet
        late.listen()
        late.setblocking(False)
        async with asyncio.timeout(3):
            cam.tcp, _ = await asyncio.get_running_loop().sock_accept(late)
        cam.tcp.setblocking(False)
        await cam.send_tcp(fresh(h264))
        assert (await home.until(FirstFrame)).video.width == 64


async def test_a_camera_that_answers_tcp_with_udp_is_seen_all_the_same(house, camera, h264, fresh):
    home, cam = await house(), camera()
    inlet = await home.plane.open(200000001, Transport.TCP_PASSIVE)
    await home.plane.aim(inlet.id, Aim())
    await cam.send(inlet.port, fresh(h264))
    assert (await home.until(FirstFrame)).video.width == 64


async def test_h265_flows_too(house, camera, h265, fresh):
    home, cam = await house(), camera(codec=Codec.H265)
    _, first = await home.flowing(cam, fresh(h265))
    assert first.video.codec is Codec.H265 and first.video.mime.startswith("hvc1.")


async def test_packets_that_came_before_the_answer_are_not_lost(house, camera, h264, fresh):
    home, cam = await house(), camera()
    inlet = await home.plane.open(200000001, Transport.UDP)
    await cam.send(inlet.port, fresh(h264))
    await asyncio.sleep(0.05)
    assert not home.told
    await home.plane.aim(inlet.id, Aim())
    assert isinstance(home.told[0], FirstFrame)


@pytest.mark.parametrize("ssrc", [0, 703001718])
async def test_any_ssrc_plays_on_a_port_of_its_own_and_is_counted(house, camera, h264, fresh, ssrc):
    home, cam = await house(), camera(ssrc)
    inlet = await home.plane.open(200000001, Transport.UDP)
    await home.plane.aim(inlet.id, Aim())
    await cam.send(inlet.port, fresh(h264))
    await home.until(FirstFrame)
    counted = home.plane.statistics(inlet.id)
    assert counted.ssrc_mismatches == counted.packets > 0


async def test_ssrc_changed_mid_stream_goes_on(house, camera, h264, fresh):
    home, cam = await house(), camera()
    inlet, _ = await home.flowing(cam, fresh(h264[:20]))
    cam.packetiser.ssrc, cam.packetiser.sequence = 42, 7
    before = home.plane.statistics(inlet.id).frames
    await cam.send(inlet.port, fresh(h264[20:]))
    await asyncio.sleep(0.3)
    assert home.plane.statistics(inlet.id).frames >= before + 19


# ---- sound


async def test_g711_becomes_aac_when_somebody_listens(house, camera, h264, fresh):
    home, cam = await house(), camera(sound=Codec.G711A)
    inlet, first = await home.flowing(cam, fresh(h264))
    assert (first.audio.codec, first.audio.playable_as) == (Codec.G711A, "mp4a.40.2")
    viewer, news, init = await open_viewer(home, inlet)
    assert news["mime"].endswith(',mp4a.40.2"') and news["audio"]["playable_as"] == "mp4a.40.2"
    assert b"mp4a" in init
    await cam.send(inlet.port, fresh(h264, 144_000))
    tracks = set()
    while len(tracks) < 2:
        fragment = await viewer.receive_bytes(timeout=2)
        at = fragment.index(b"tfhd")
        tracks.add(int.from_bytes(fragment[at + 8 : at + 12], "big"))
    assert tracks == {1, 2}
    await viewer.close()


async def test_announced_sound_is_there_from_the_first_frame_on(house, camera, h264, fresh):
    home, cam = await house(), camera(sound=Codec.G711A)
    # The stream map says that there is sound; it comes a moment after the first pictures.
    inlet = await home.plane.open(200000001, Transport.UDP)
    await home.plane.aim(inlet.id, Aim())
    silent = [packet for f in fresh(h264[:3]) for packet in cam.packetiser.packets(cam.muxer.pack(f), f.pts_90k)]
    await cam.send_packets(inlet.port, silent)
    await asyncio.sleep(0.3)
    assert not home.told
    await cam.send(inlet.port, fresh(h264[3:]))
    assert (await home.until(FirstFrame)).audio.codec is Codec.G711A
    assert not [event for event in home.told if isinstance(event, TracksChanged)]


async def test_a_viewer_who_would_wait_long_has_a_key_frame_asked_for(house, camera, h264, fresh):
    home, cam = await house(gop_frames=3), camera()
    inlet, _ = await home.flowing(cam, fresh(h264))
    viewer = await watch_fmp4(home, inlet)
    assert (await home.until(KeyFrameWanted)).inlet == inlet.id
    await viewer.close()


async def test_who_wants_no_sound_gets_none(house, camera, h264, fresh):
    home, cam = await house(), camera(sound=Codec.G711A)
    inlet, _ = await home.flowing(cam, fresh(h264))
    viewer, news, init = await open_viewer(home, inlet, audio=False)
    assert news["audio"] is None and b"mp4a" not in init
    await viewer.close()


async def test_bare_pcma_beside_a_program_stream_is_heard(house, camera, h264, fresh):
    home, cam = await house(), camera()
    inlet = await home.plane.open(200000001, Transport.UDP)
    await home.plane.aim(inlet.id, Aim(payloads={96: "PS", 8: "PCMA"}))
    for number, frame in enumerate(fresh(h264[:22])):
        await cam.send_packets(inlet.port, cam.packets([frame]))
        sound = bytes([0x80, 8]) + number.to_bytes(2, "big") + (number * 320).to_bytes(4, "big")
        await cam.send_packets(inlet.port, [sound + (200000001).to_bytes(4, "big") + b"\xd5" * 320])
    await home.until(lambda event: isinstance(event, FirstFrame | TracksChanged) and event.audio is not None)
    assert home.plane.statistics(inlet.id).audio.codec is Codec.G711A


# ---- viewers


@pytest.mark.parametrize("is_early", [False, True], ids=["after the answer", "before the answer"])
async def test_aac_in_packets_of_its_own_has_the_form_that_the_answer_tells(house, camera, h264, fresh, is_early):
    home, cam, form = await house(), camera(), AacFormat(2, 44100, 2)
    inlet = await home.plane.open(200000001, Transport.UDP)
    aim = Aim(payloads={96: "PS", 102: "MPEG4-GENERIC"}, formats={102: "streamtype=5; mode=AAC-hbr; config=1210"})
    if not is_early:
        await home.plane.aim(inlet.id, aim)
    pictures = fresh(h264)
    raws = [raw for frame in aac(form, pictures) for raw in raw_frames(frame.data)]
    for number, frame in enumerate(pictures):
        units = raws[number : number + 1]
        sound = [b"\0\x10" + (len(raw) << 3).to_bytes(2, "big") + raw for raw in units]
        packets = [
            p for each in sound for p in Packetiser(200000001, 102, sequence=number).packets(each, number * 1024)
        ]
        await cam.send_packets(inlet.port, packets + cam.packets([frame]))
        if number == 15:
            await home.plane.aim(inlet.id, aim)
    told = [event for event in home.told if isinstance(event, FirstFrame | TracksChanged)]
    assert (told[-1].audio.codec, told[-1].audio.rate_hz, told[-1].audio.channels) == (Codec.AAC, 44100, 2)


async def test_every_viewer_begins_at_the_kept_key_frame(house, camera, h264, fresh):
    home, cam = await house(), camera()
    inlet, _ = await home.flowing(cam, fresh(h264[:15]))
    await asyncio.sleep(0.3)
    times = []
    for _ in range(2):
        viewer, _, _ = await open_viewer(home, inlet)
        fragment = await viewer.receive_bytes(timeout=2)
        assert bytes.fromhex("02000000") in fragment[:104]  # a sync sample
        times.append(decode_times(fragment))
        await viewer.close()
    assert times[0] == times[1]


async def test_a_new_resolution_brings_a_new_announcement_and_init(house, camera, h264, larger, fresh):
    home, cam = await house(), camera()
    inlet, _ = await home.flowing(cam, fresh(h264))
    viewer, news, _ = await open_viewer(home, inlet)
    assert news["video"]["width"] == 64
    await cam.send(inlet.port, fresh(larger))
    async with asyncio.timeout(3):
        while (message := await viewer.receive()).type is not WSMsgType.TEXT:
            pass
    assert json.loads(message.data)["video"]["width"] == 96
    assert (await viewer.receive_bytes(timeout=2))[4:8] == b"ftyp"
    assert bytes.fromhex("02000000") in (await viewer.receive_bytes(timeout=2))[:104]
    changed = await home.until(TracksChanged)
    assert changed.video.width == 96
    await viewer.close()


async def test_an_address_opens_one_door_once(house, camera, h264, fresh):
    home, cam = await house(), camera()
    inlet, _ = await home.flowing(cam, fresh(h264))
    _, address = await home.plane.attach(inlet.id, OutletKind.FMP4_WS)
    viewer = await home.client.ws_connect(home.base + address)
    with pytest.raises(WSServerHandshakeError) as refused:
        await home.client.ws_connect(home.base + address)
    assert refused.value.status == 403
    await viewer.close()
    with pytest.raises(WSServerHandshakeError) as refused:
        await home.client.ws_connect(home.base + address)
    assert refused.value.status == 403


async def test_a_forged_address_is_refused(house, camera, h264, fresh):
    home, cam = await house(), camera()
    inlet, _ = await home.flowing(cam, fresh(h264))
    outlet, address = await home.plane.attach(inlet.id, OutletKind.FLV_HTTP)
    forged = [
        address[:-1] + ("0" if address[-1] != "0" else "1"),
        address.replace("e=", "e=9"),
        address.replace(outlet, "0" * 16),
        address.replace(inlet.id, "0" * 16),
        address.split("?")[0],
        address.split("&")[0] + "&s=é",
    ]
    for each in forged:
        async with home.client.get(home.base + each) as response:
            assert response.status == 403
            assert "Access-Control-Allow-Origin" not in response.headers
    assert home.plane.totals().refused_addresses == len(forged)
    async with home.client.get(home.base + address) as response:
        assert response.status == 200


async def test_an_address_nobody_comes_to_is_told_and_over(house, camera, h264, fresh):
    home, cam = await house(address_life_s=0.2), camera()
    inlet, _ = await home.flowing(cam, fresh(h264))
    outlet, address = await home.plane.attach(inlet.id, OutletKind.FLV_HTTP)
    closed = await home.until(OutletClosed)
    assert (closed.outlet, closed.reason) == (outlet, "nobody came to the address")
    async with home.client.get(home.base + address) as response:
        assert response.status == 403


async def test_a_viewer_who_leaves_is_told(house, camera, h264, fresh):
    home, cam = await house(), camera()
    inlet, _ = await home.flowing(cam, fresh(h264))
    viewer, _, _ = await open_viewer(home, inlet)
    assert home.plane.statistics(inlet.id).viewers == 1
    await viewer.close()
    assert (await home.until(OutletClosed)).reason == "the viewer left"
    assert home.plane.statistics(inlet.id).viewers == 0


async def test_a_detached_viewer_is_cut(house, camera, h264, fresh):
    home, cam = await house(), camera()
    inlet, _ = await home.flowing(cam, fresh(h264))
    outlet, address = await home.plane.attach(inlet.id, OutletKind.FMP4_WS)
    viewer = await home.client.ws_connect(home.base + address)
    await home.plane.detach(inlet.id, outlet)
    await home.plane.detach(inlet.id, outlet)
    async with asyncio.timeout(2):
        while (await viewer.receive()).type not in (WSMsgType.CLOSE, WSMsgType.CLOSED):
            pass


async def test_a_closing_server_does_not_wait_for_viewers(house, camera, h264, fresh):
    home, cam = await house(), camera()
    inlet, _ = await home.flowing(cam, fresh(h264))
    viewer, _, _ = await open_viewer(home, inlet)
    await home.plane.dismiss()
    async with asyncio.timeout(2):
        while (message := await viewer.receive()).type is WSMsgType.BINARY:
            pass
    assert message.type is WSMsgType.CLOSE and message.extra == "the server is closing"
    assert home.plane.totals().viewers == 0


async def test_there_is_no_place_beyond_the_last(house, camera, h264, fresh):
    home, cam = await house(viewers=1), camera()
    inlet, _ = await home.flowing(cam, fresh(h264))
    await home.plane.attach(inlet.id, OutletKind.FMP4_WS)
    with pytest.raises(NoCapacity):
        await home.plane.attach(inlet.id, OutletKind.FMP4_WS)
    with pytest.raises(KeyError):
        await home.plane.attach("nobody", OutletKind.FMP4_WS)


# ---- what is said when nothing usable comes


async def failed(home) -> StreamFailed:
    return await home.until(StreamFailed)


async def test_nothing_on_the_port_is_said(house):
    home = await house(**QUICK)
    inlet = await home.plane.open(200000001, Transport.UDP)
    await home.plane.aim(inlet.id, Aim())
    seen = (await failed(home)).seen
    assert (seen.verdict, seen.packets) == (Verdict.NOTHING, 0)


async def test_a_connection_that_says_nothing_is_said(house, camera):
    home, cam = await house(**QUICK), camera()
    inlet = await home.plane.open(200000001, Transport.TCP_PASSIVE)
    await home.plane.aim(inlet.id, Aim())
    await cam.connect(inlet.port)
    seen = (await failed(home)).seen
    assert seen.verdict is Verdict.CONNECTED_SILENT and seen.sources[0].startswith("127.0.0.1:")


async def test_a_port_that_refuses_us_is_said(house):
    home = await house(connect_tries=2, connect_pause_s=0.01)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        inlet = await home.plane.open(200000001, Transport.TCP_ACTIVE)
        await home.plane.aim(inlet.id, Aim("127.0.0.1", nobody.getsockname()[1]))
        seen = (await failed(home)).seen
    assert seen.verdict is Verdict.CANNOT_CONNECT and "refused" in seen.note


@pytest.mark.parametrize("aim", [Aim(None, 5000), Aim("camera.example", 5000), Aim("127.0.0.1", None)])
async def test_an_answer_without_an_address_is_said(house, aim):
    home = await house(**QUICK)
    inlet = await home.plane.open(200000001, Transport.TCP_ACTIVE)
    await home.plane.aim(inlet.id, aim)
    assert (await failed(home)).seen.verdict is Verdict.CANNOT_CONNECT


async def test_noise_is_said(house, camera):
    home, cam = await house(**QUICK), camera()
    inlet = await home.plane.open(200000001, Transport.UDP)
    await home.plane.aim(inlet.id, Aim())
    await cam.send_packets(inlet.port, [b"hello, world, this is no RTP"] * 3)
    seen = (await failed(home)).seen
    assert (seen.verdict, seen.packets) == (Verdict.NOT_RTP, 3)


async def test_rtp_of_something_else_is_said(house, camera):
    home, cam = await house(**QUICK), camera()
    inlet = await home.plane.open(200000001, Transport.UDP)
    await home.plane.aim(inlet.id, Aim())
    packets = [p for n in range(20) for p in cam.packetiser.packets(bytes([0xAB, n]) * 300, 3600 * n)]
    await cam.send_packets(inlet.port, packets)
    seen = (await failed(home)).seen
    assert seen.verdict is Verdict.NOT_PS
    assert (seen.ssrcs, seen.payload_types) == ((200000001,), (96,))


@pytest.mark.parametrize(
    ("kind", "picture", "named"),
    [
        (0x80, b"\0\0\0\1\x61", "SVAC"),
        (0x10, b"\0\0\1\xb0\xf5\0\0\1\xb6\x10", "MPEG-4"),
        (0x02, b"\0\0\1\xb3\0\0\1\0", "MPEG-2 video"),
    ],
)
async def test_pictures_in_a_program_stream_that_nobody_plays_are_said(house, camera, kind, picture, named):
    home, cam = await house(**QUICK), camera()
    inlet = await home.plane.open(200000001, Transport.UDP)
    await home.plane.aim(inlet.id, Aim())
    for number in range(12):
        pes = b"\x84\x80\x05" + timestamp_bytes(0x20, 900_000 + 3600 * number) + picture + b"\x55" * 200
        pack = pack_header(900_000 + 3600 * number) + stream_map.build({0xE0: kind})
        pack += b"\0\0\1\xe0" + len(pes).to_bytes(2, "big") + pes
        await cam.send_packets(inlet.port, cam.packetiser.packets(pack, 3600 * number))
    seen = (await failed(home)).seen
    assert (seen.verdict, seen.codecs) == (Verdict.UNSUPPORTED_CODEC, (named,))


async def test_a_missing_key_frame_is_asked_for_and_then_said(house, camera, h264, fresh, monkeypatch):
    monkeypatch.setattr("media.inlets.session.KEY_FRAME_PATIENCE_S", 0.2)
    home, cam = await house(never_came_s=0.5), camera()
    inlet = await home.plane.open(200000001, Transport.UDP)
    await home.plane.aim(inlet.id, Aim())
    deltas = [frame for frame in fresh(h264) if not frame.key]
    await cam.send(inlet.port, deltas)
    wanted = await home.until(KeyFrameWanted)
    assert wanted.inlet == inlet.id
    assert (await failed(home)).seen.verdict is Verdict.NO_KEY_FRAME


async def test_a_stream_that_stops_is_lost_and_may_be_revived_on_its_port(house, camera, h264, fresh):
    home, cam = await house(lost_udp_s=0.3), camera()
    inlet, _ = await home.flowing(cam, fresh(h264))
    viewer, _, _ = await open_viewer(home, inlet)
    seen = (await failed(home)).seen
    assert seen.verdict is Verdict.LOST and seen.packets > 0
    home.told.clear()
    again = camera(200000001, sequence=5000)
    await home.plane.aim(inlet.id, Aim())
    await again.send(inlet.port, fresh(h264, shift_90k=-800_000))
    await home.until(FirstFrame)
    times = []
    async with asyncio.timeout(3):
        while len(times) < 49:
            message = await viewer.receive()
            if message.type is WSMsgType.BINARY and message.data[4:8] == b"moof":
                times.append(decode_times(message.data))
    assert times == sorted(times)
    assert max(b - a for a, b in pairwise(times)) <= 9000
    await viewer.close()


async def test_a_sender_that_closes_its_connection_is_lost_sooner(house, camera, h264, fresh):
    home, cam = await house(lost_tcp_s=1.5), camera()
    await home.flowing(cam, fresh(h264), Transport.TCP_PASSIVE)
    cam.tcp.close()
    seen = (await home.until(StreamFailed, 1.4)).seen
    assert seen.verdict is Verdict.LOST and "closed the connection" in seen.note


async def test_packets_without_pictures_are_called_stuck(house, camera, h264, fresh):
    home, cam = await house(stuck_s=0.2), camera()
    inlet, _ = await home.flowing(cam, fresh(h264))

    async def babble() -> None:
        while True:
            await cam.send_packets(inlet.port, cam.packetiser.packets(b"\xab" * 500, 0))

    babbling = asyncio.create_task(babble())
    seen = (await failed(home)).seen
    babbling.cancel()
    assert "no whole frame" in seen.note


# ---- ports and life


async def test_a_port_is_open_only_while_its_inlet_is(house):
    home = await house()
    inlet = await home.plane.open(200000001, Transport.TCP_PASSIVE)
    assert inlet.port % 2 == 0
    _, writer = await asyncio.open_connection("127.0.0.1", inlet.port)
    writer.close()
    await home.plane.close(inlet.id)
    await home.plane.close(inlet.id)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", inlet.port)
    assert home.plane.statistics(inlet.id) is None
    with pytest.raises(KeyError):
        await home.plane.aim(inlet.id, Aim())


@pytest.mark.parametrize("fate", ["cancelled", "failed"])
async def test_a_port_goes_back_whatever_befell_those_who_took_of_the_stream(house, monkeypatch, fate):
    home = await house()
    inlet = await home.plane.open(7, Transport.UDP)
    assert home.plane.totals().ports_lent == 1

    async def end(inlet: str, why: str) -> None:
        if fate == "failed":
            raise RuntimeError("what nobody foresaw")
        await asyncio.Event().wait()

    with monkeypatch.context() as broken:
        broken.setattr(home.plane._recorders, "end", end)
        closing = asyncio.create_task(home.plane.close(inlet.id))
        await asyncio.sleep(0.01)
        closing.cancel()
        await asyncio.gather(closing, return_exceptions=True)
    assert (home.plane.totals().inlets, home.plane.totals().ports_lent) == (0, 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", inlet.port))  # nobody sits there any more


@pytest.mark.parametrize("answers", [False, True], ids=["another camera", "the same camera"])
async def test_who_sends_on_to_a_port_after_its_session_is_not_shown_in_the_next_one(
    house, camera, h264, fresh, answers
):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1] & ~1
    now = [1000.0]
    home = await house(lambda: now[0], first_port=port, last_port=port + 1)
    old, new = camera(1), camera(2)
    inlet, _ = await home.flowing(old, fresh(h264[:10]))
    await home.plane.close(inlet.id)
    now[0] += 60.0  # it has rested, and the old camera has not heard that it is over
    home.told.clear()
    inlet = await home.plane.open(2, Transport.UDP)
    await old.send(inlet.port, fresh(h264[10:25]))
    await home.plane.aim(inlet.id, Aim(*(old if answers else new).address, None, {96: "PS"}))
    await old.send(inlet.port, fresh(h264[25:]))
    if answers:
        await home.until(FirstFrame)
        return
    statistics = home.plane.statistics(inlet.id)
    assert statistics.packets == 0 and not any(isinstance(event, FirstFrame) for event in home.told)
    await new.send(inlet.port, fresh(h264))
    await home.until(FirstFrame)
    assert home.plane.statistics(inlet.id).ssrc_mismatches == 0


async def test_when_ports_run_out_the_asker_is_told(house):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        first = probe.getsockname()[1] & ~1
    home = await house(first_port=first, last_port=first + 1, quarantine_s=60)
    inlet = await home.plane.open(1, Transport.UDP)
    assert inlet.port == first
    with pytest.raises(NoCapacity):
        await home.plane.open(2, Transport.UDP)
    await home.plane.close(inlet.id)
    with pytest.raises(NoCapacity):  # it rests
        await home.plane.open(2, Transport.UDP)


async def test_receiver_reports_go_to_the_learnt_sender(house, camera, h264, fresh):
    home, cam = await house(), camera()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as reports:
        reports.setblocking(False)
        inlet, _ = await home.flowing(cam, fresh(h264))
        reports.bind(("127.0.0.1", 0))
        # A sender report teaches where reports go.
        report = bytes.fromhex("80c80006") + (200000001).to_bytes(4, "big") + bytes(20)
        reports.sendto(report, ("127.0.0.1", inlet.port + 1))
        await asyncio.sleep(0.05)
        home.plane._sessions[inlet.id]._report_at = float("-inf")
        async with asyncio.timeout(2):
            data = await asyncio.get_running_loop().sock_recv(reports, 1500)
    assert data[:2] == b"\x81\xc9" and data[8:12] == (200000001).to_bytes(4, "big")
    assert data[12] == 0  # nothing was lost


async def test_a_stopped_plane_leaves_no_socket_and_no_task(camera, h264, fresh):
    before = set(os.listdir("/proc/self/fd"))
    tasks = asyncio.all_tasks()
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        plane = LocalPlane(PlaneSettings(host="127.0.0.1", first_port=0))
        await plane.start()
        inlets = [await plane.open(n, kind) for n, kind in enumerate(Transport)]
        shared = await plane.open(99, Transport.UDP, single_port=True)
        cam = camera()
        await cam.connect(inlets[1].port)
        for inlet in (*inlets, shared):
            await plane.aim(inlet.id, Aim("127.0.0.1", 9))
        await cam.send_tcp(fresh(h264))
        await asyncio.sleep(0.05)
        await plane.stop()
        with pytest.raises(NoCapacity):
            await plane.open(5, Transport.UDP)
        cam.close()
        gc.collect()
    assert asyncio.all_tasks() == tasks
    assert len(set(os.listdir("/proc/self/fd")) - before) == 0


# ---- the shared port


async def test_two_streams_share_one_port_by_their_ssrc(house, camera, h264, fresh):
    home = await house()
    cams = [camera(1), camera(2)]
    inlets = [await home.plane.open(n, Transport.UDP, single_port=True) for n in (1, 2)]
    assert inlets[0].port == inlets[1].port and inlets[0].single_port
    for inlet, cam in zip(inlets, cams, strict=True):
        await home.plane.aim(inlet.id, Aim())
        await cam.send(inlet.port, fresh(h264))
    for inlet in inlets:
        await home.until(lambda event, inlet=inlet: isinstance(event, FirstFrame) and event.inlet == inlet.id)
    assert [home.plane.statistics(inlet.id).ssrc_mismatches for inlet in inlets] == [0, 0]


async def test_cameras_of_ssrc_0_are_told_apart_by_their_answers(house, camera, h264, fresh):
    home = await house()
    cams = [camera(0), camera(0)]
    inlets = [await home.plane.open(n, Transport.UDP, single_port=True) for n in (1, 2)]
    for inlet, cam in zip(inlets, cams, strict=True):
        await home.plane.aim(inlet.id, Aim(*cam.address))
    for inlet, cam in zip(inlets, cams, strict=True):
        await cam.send(inlet.port, fresh(h264))
    for inlet in inlets:
        await home.until(lambda event, inlet=inlet: isinstance(event, FirstFrame) and event.inlet == inlet.id)


async def test_a_camera_that_sends_the_ssrc_of_another_is_known_by_its_answer(house, camera, h264, fresh):
    home, cam = await house(), camera(1)
    late, here = [await home.plane.open(n, Transport.UDP, single_port=True) for n in (1, 2)]
    await home.plane.aim(late.id, Aim("192.0.2.7", 15060))
    await home.plane.aim(here.id, Aim(*cam.address))
    await cam.send(here.port, fresh(h264))
    assert (await home.until(FirstFrame)).inlet == here.id
    assert home.plane.statistics(late.id).packets == 0


@pytest.mark.parametrize("bursts", [True, False])
async def test_a_recorder_that_sends_two_channels_from_one_port_is_sorted_by_ssrc(house, camera, h264, fresh, bursts):
    home, recorder, other = await house(), camera(1), camera(2)
    inlets = [await home.plane.open(n, Transport.UDP, single_port=True) for n in (1, 2)]
    for inlet in inlets:
        await home.plane.aim(inlet.id, Aim())
    both = zip(recorder.packets(fresh(h264)), other.packets(fresh(h264)), strict=True)
    packets = [packet for pair in both for packet in pair]
    if bursts:
        # All of one size, so that the kernel takes them together, and ours apart.
        packets = [packet.ljust(1412, b"\0") for packet in packets]
        recorder.udp.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 1412)
        packets = [b"".join(packets[at : at + 40]) for at in range(0, len(packets), 40)]
    await recorder.send_packets(inlets[0].port, packets)
    for inlet in inlets:
        await home.until(lambda event, inlet=inlet: isinstance(event, FirstFrame) and event.inlet == inlet.id)
    found = [home.plane.statistics(inlet.id) for inlet in inlets]
    assert [each.ssrc_mismatches for each in found] == [0, 0]
    assert [each.packets for each in found] == [len(h264)] * 2


async def test_a_flood_by_a_stranger_takes_nothing_from_a_live_stream(house, camera, h264, fresh):
    home, cam, stranger = await house(), camera(), camera()
    inlet, _ = await home.flowing(cam, fresh(h264[:10]))
    before = home.plane.statistics(inlet.id)
    stranger.udp.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 112)
    flood = b"".join(Packetiser(200000001, payload_limit=100).packets(bytes(4000), 5))
    for frame in fresh(h264[10:]):
        for _ in range(20):
            stranger.udp.sendto(flood, ("127.0.0.1", inlet.port))
        await cam.send(inlet.port, [frame])
    after = home.plane.statistics(inlet.id)
    assert after.packets - before.packets == 30 and after.lost == 0
    assert home.plane._sessions[inlet.id].receiver.lock.source == cam.address
    assert home.plane._sessions[inlet.id].receiver.refused == 30 * 20 * 40


async def test_the_shared_port_takes_tcp_too(house, camera, h264, fresh):
    home, cam = await house(), camera(7)
    inlet = await home.plane.open(7, Transport.TCP_PASSIVE, single_port=True)
    await home.plane.aim(inlet.id, Aim())
    await cam.connect(inlet.port)
    await cam.send_tcp(fresh(h264))
    assert (await home.until(FirstFrame)).inlet == inlet.id


async def test_strangers_on_the_shared_port_are_said_to_who_waited(house, camera, h264, fresh):
    home, cam = await house(**QUICK), camera(666)
    inlet = await home.plane.open(7, Transport.UDP, single_port=True)
    await home.plane.aim(inlet.id, Aim("192.0.2.1", 5000))
    await cam.send(inlet.port, fresh(h264)[:3])
    seen = (await failed(home)).seen
    assert (seen.verdict, seen.ssrcs) == (Verdict.OTHER_SSRC, (666,))


async def test_one_ssrc_is_not_given_twice_on_the_shared_port(house):
    home = await house()
    await home.plane.open(7, Transport.UDP, single_port=True)
    with pytest.raises(NoCapacity):
        await home.plane.open(7, Transport.UDP, single_port=True)


async def test_an_answered_ssrc_replaces_the_offered_one_on_the_shared_port(house, camera, h264, fresh):
    home, cam = await house(), camera(703001718)
    inlet = await home.plane.open(200009319, Transport.UDP, single_port=True)
    await home.plane.aim(inlet.id, Aim(ssrc=703001718))
    await cam.send(inlet.port, fresh(h264))
    await home.until(FirstFrame)
    assert home.plane.statistics(inlet.id).ssrc_mismatches == 0


# ---- strangers to our code read what we send


@pytest.mark.ffmpeg
@pytest.mark.parametrize(("kind", "codec"), [(OutletKind.FLV_HTTP, Codec.H264), (OutletKind.FMP4_WS, Codec.H265)])
async def test_ffprobe_reads_what_viewers_get(house, camera, h264, h265, fresh, tmp_path: Path, kind, codec):
    home, cam = await house(), camera(codec=codec, sound=Codec.G711A)
    inlet, _ = await home.flowing(cam, fresh(h264 if codec is Codec.H264 else h265))
    path = tmp_path / "got"
    _, address = await home.plane.attach(inlet.id, kind)
    gathered = bytearray()
    if kind is OutletKind.FLV_HTTP:
        async with home.client.get(home.base + address) as response:
            assert response.headers["Content-Type"] == "video/x-flv"
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    async for piece in response.content.iter_any():
                        gathered += piece
    else:
        viewer = await home.client.ws_connect(home.base + address)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                while True:
                    message = await viewer.receive()
                    gathered += message.data if message.type is WSMsgType.BINARY else b""
        await viewer.close()
    path.write_bytes(gathered)
    probe = await asyncio.to_thread(
        subprocess.run,
        ["ffprobe", "-v", "error", "-show_streams", "-count_frames", "-of", "json", str(path)],
        capture_output=True,
        timeout=20,
        check=True,
    )
    assert probe.stderr == b""
    streams = {each["codec_type"]: each for each in json.loads(probe.stdout)["streams"]}
    assert streams["video"]["codec_name"] == ("h264" if codec is Codec.H264 else "hevc")
    assert int(streams["video"]["nb_read_frames"]) >= 9
    assert streams["audio"]["codec_name"] == "aac"


async def test_http_1_0_gets_flv_until_the_connection_closes(house, camera, h264, fresh):
    home, cam = await house(), camera()
    inlet, _ = await home.flowing(cam, fresh(h264))
    _, address = await home.plane.attach(inlet.id, OutletKind.FLV_HTTP)
    reader, writer = await asyncio.open_connection("127.0.0.1", int(home.base.rpartition(":")[2]))
    writer.write(f"GET {address} HTTP/1.0\r\n\r\n".encode())
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 2)
    assert b"chunked" not in head.lower()
    assert await asyncio.wait_for(reader.readexactly(3), 2) == b"FLV"
    await home.plane.close(inlet.id)
    await asyncio.wait_for(reader.read(), 3)
    writer.close()


async def test_a_websocket_address_wants_a_websocket(house, camera, h264, fresh):
    home, cam = await house(), camera()
    inlet, _ = await home.flowing(cam, fresh(h264))
    _, address = await home.plane.attach(inlet.id, OutletKind.FLV_WS)
    async with home.client.get(home.base + address) as response:
        assert response.status == 426


async def test_legacy_flv_is_one_word_in_the_address(house, camera, h265, fresh):
    home, cam = await house(), camera(codec=Codec.H265)
    inlet, _ = await home.flowing(cam, fresh(h265))
    got = {}
    for word in ("", "&codec=legacy"):
        _, address = await home.plane.attach(inlet.id, OutletKind.FLV_WS)
        viewer = await home.client.ws_connect(home.base + address + word)
        got[word] = await viewer.receive_bytes(timeout=2)
        await viewer.close()
    assert b"hvc1" in got[""] and b"hvc1" not in got["&codec=legacy"]


async def test_the_plane_serves_from_any_application(camera, h264, fresh):
    plane = LocalPlane(PlaneSettings(host="127.0.0.1", first_port=0, prefix="/m"))
    application = web.Application()
    application.add_routes(plane.routes())
    assert [route.resource.canonical for route in application.router.routes()] == ["/m/{inlet}/{outlet}"]
    assert isinstance(ClientSession, type)
    await plane.stop()


# ---- figures


async def test_figures_say_how_a_stream_comes_and_how_its_viewers_keep_up(house, camera, h264, fresh):
    now = [1000.0]
    home, cam = await house(clock=lambda: now[0]), camera()
    inlet, _ = await home.flowing(cam, fresh(h264))
    viewer, _, _ = await open_viewer(home, inlet)
    session = home.plane._sessions[inlet.id]
    now[0] += 6.0  # what was before is out of the mean by then
    session.measure(now[0])
    before = home.plane.statistics(inlet.id)
    await cam.send(inlet.port, fresh(h264, 144_000))
    while home.plane.statistics(inlet.id).frames < 79:
        await asyncio.sleep(0.01)
    now[0] += 1.0
    session.measure(now[0])
    said = home.plane.statistics(inlet.id)
    assert said.fps == pytest.approx((said.frames - before.frames) / 1.0, abs=1.0)
    assert said.bitrate_bps == pytest.approx(8 * (said.bytes - before.bytes), rel=0.05)
    assert (said.gop_frames, said.gop_s, said.loss) == (10, 0.4, 0.0)
    assert 0.9 <= said.key_frame_age_s <= 1.1
    (seat,) = said.seats
    assert (seat.kind, seat.skips, seat.queued_bytes) == (OutletKind.FMP4_WS, 0, 0) and seat.sent_bytes > 1000
    (worker,) = home.plane.workers()
    assert (worker.streams, worker.viewers, worker.senders) == (1, 1, 0)
    assert worker.bitrate_bps == said.bitrate_bps and worker.memory_bytes > 1_000_000
    await viewer.close()


async def test_what_a_closed_stream_counted_stays_in_the_sum(house, camera, h264, fresh):
    home, cam = await house(), camera()
    inlet, _ = await home.flowing(cam, fresh(h264))
    counted = home.plane.statistics(inlet.id).packets
    assert counted >= 40
    await home.plane.close(inlet.id)
    totals = home.plane.totals()
    assert (totals.packets, totals.all_packets, totals.inlets) == (0, counted, 0)


async def test_the_nap_of_the_rounds_is_told_with_the_worker(house):
    home = await house()
    assert home.plane.workers()[0].nap_s == 0.0
    home.plane._rounds.nap_s = 0.005
    assert home.plane.workers()[0].nap_s == 0.005
