"""Peers that share no line of our code: sipp registers, ffmpeg sends, ffprobe and ffmpeg read."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from media.local import LocalPlane, PlaneSettings
from media.plane import Aim, FirstFrame, OutletKind, Transport
from tests.journeys.conftest import CAMERA, PASSWORD, SERVER, Estate

SSRC = 200_000_001


@pytest.mark.sipp
async def test_sipp_registers_with_digest_and_keeps_alive(estate: Estate, tmp_path: Path):
    scenario = tmp_path / "camera.xml"
    scenario.write_text(SIPP, encoding="utf-8")
    sipp = await asyncio.create_subprocess_exec(
        "sipp",
        *("-sf", str(scenario), "-m", "1", "-nostdin", "-trace_err", "-trace_msg"),
        *("-message_file", str(tmp_path / "messages"), "-error_file", str(tmp_path / "errors")),
        *("-i", "127.0.0.1", "-timeout", "20", "-auth_uri", f"{SERVER}@3402000000"),
        f"127.0.0.1:{estate.house.stack.port}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        cwd=tmp_path,
    )
    _, said = await asyncio.wait_for(sipp.communicate(), 30)
    assert sipp.returncode == 0, said.decode() + (tmp_path / "messages").read_text(errors="replace")[-3000:]
    device = await estate.device()
    assert device["presence"] == "online"
    ladder = await estate.get(f"/api/v1/ladders/peers/{CAMERA}")
    kept = [message for message in ladder["messages"] if "Keepalive" in message["text"]]
    assert kept


@asynccontextmanager
async def plane_at_a_port() -> AsyncIterator[tuple[LocalPlane, str]]:
    plane = LocalPlane(PlaneSettings(host="127.0.0.1", announce_host="127.0.0.1", first_port=0))
    await plane.start()
    app = web.Application()
    app.router.add_routes(plane.routes())
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield plane, f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
        await plane.stop()


@asynccontextmanager
async def ffmpeg_sending(port: int, *encoder: str) -> AsyncIterator[None]:
    """ffmpeg muxes a program stream in real time; it goes out as RTP made here from RFC 3550, not by our packetiser."""
    ffmpeg = await asyncio.create_subprocess_exec(
        *("ffmpeg", "-v", "error", "-re", "-f", "lavfi", "-i", "testsrc=size=352x288:rate=25"),
        *(*encoder, "-g", "25", "-f", "vob", "pipe:1"),
        stdout=asyncio.subprocess.PIPE,
    )

    async def pump() -> None:
        assert ffmpeg.stdout is not None
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            sequence, started = 0, asyncio.get_running_loop().time()
            while payload := await ffmpeg.stdout.read(1400):
                timestamp = int((asyncio.get_running_loop().time() - started) * 90000) & 0xFFFFFFFF
                out.sendto(
                    struct.pack(">BBHII", 0x80, 96, sequence & 0xFFFF, timestamp, SSRC) + payload, ("127.0.0.1", port)
                )
                sequence += 1

    pumping = asyncio.create_task(pump())
    try:
        yield
    finally:
        ffmpeg.kill()
        pumping.cancel()
        await asyncio.gather(pumping, ffmpeg.wait(), return_exceptions=True)


async def ffprobe(source: str) -> dict[str, Any]:
    probe = await asyncio.create_subprocess_exec(
        *("ffprobe", "-v", "error", "-analyzeduration", "2000000", "-show_streams", "-count_frames"),
        *("-read_intervals", "%+2", "-of", "json", source),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    told, said = await asyncio.wait_for(probe.communicate(), 30)
    assert probe.returncode == 0, said.decode()
    return {stream["codec_type"]: stream for stream in json.loads(told)["streams"]}


@pytest.mark.ffmpeg
@pytest.mark.parametrize(
    ("encoder", "codec"),
    [
        (("-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency"), "h264"),
        (("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:bframes=0"), "hevc"),
    ],
    ids=["h264", "h265"],
)
async def test_a_program_stream_muxed_by_ffmpeg_comes_out_as_fmp4_that_ffprobe_reads(
    encoder: tuple[str, ...], codec: str, tmp_path: Path
):
    async with plane_at_a_port() as (plane, url):
        ready = asyncio.Event()
        plane.listen(lambda event: ready.set() if isinstance(event, FirstFrame) else None)
        inlet = await plane.open(SSRC, Transport.UDP)
        await plane.aim(inlet.id, Aim(payloads={96: "PS"}))
        async with ffmpeg_sending(inlet.port, *encoder):
            await asyncio.wait_for(ready.wait(), 15)
            _, address = await plane.attach(inlet.id, OutletKind.FMP4_WS)
            file = tmp_path / "taken.mp4"
            with file.open("wb") as taken:
                async with aiohttp.ClientSession() as http, http.ws_connect(url + address) as socket_:
                    async for message in socket_:
                        if message.type is aiohttp.WSMsgType.BINARY:
                            taken.write(message.data)
                        if taken.tell() > 150_000:
                            break
        stream = (await ffprobe(str(file)))["video"]
        assert (stream["codec_name"], stream["width"], stream["height"]) == (codec, 352, 288)
        assert int(stream["nb_read_frames"]) > 10


@pytest.mark.ffmpeg
async def test_ffprobe_reads_our_http_flv_as_it_comes():
    async with plane_at_a_port() as (plane, url):
        ready = asyncio.Event()
        plane.listen(lambda event: ready.set() if isinstance(event, FirstFrame) else None)
        inlet = await plane.open(SSRC, Transport.UDP)
        await plane.aim(inlet.id, Aim(payloads={96: "PS"}))
        encoder = ("-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency")
        async with ffmpeg_sending(inlet.port, *encoder):
            await asyncio.wait_for(ready.wait(), 15)
            _, address = await plane.attach(inlet.id, OutletKind.FLV_HTTP)
            stream = (await ffprobe(url + address))["video"]
        assert (stream["codec_name"], stream["width"], stream["height"]) == ("h264", 352, 288)
        assert int(stream["nb_read_frames"]) > 10


@pytest.mark.ffmpeg
async def test_ffmpeg_hears_the_sound_of_a_camera_in_our_http_flv(estate: Estate):
    await estate.camera()
    live = await estate.live(format="http-flv")
    streams = await ffprobe(estate.house.console_url + live["url"])
    assert streams["audio"]["codec_name"] == "aac"
    assert streams["video"]["codec_name"] == "h264"


SIPP = f"""<?xml version="1.0" encoding="UTF-8"?>
<scenario name="camera">
  <send><![CDATA[
REGISTER sip:{SERVER}@3402000000 SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];rport;branch=[branch]
From: <sip:{CAMERA}@3402000000>;tag=[call_number]
To: <sip:{CAMERA}@3402000000>
Call-ID: [call_id]
CSeq: 1 REGISTER
Contact: <sip:{CAMERA}@[local_ip]:[local_port]>
Max-Forwards: 70
Expires: 3600
Content-Length: 0

  ]]></send>
  <recv response="401" auth="true"/>
  <send><![CDATA[
REGISTER sip:{SERVER}@3402000000 SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];rport;branch=[branch]
From: <sip:{CAMERA}@3402000000>;tag=[call_number]
To: <sip:{CAMERA}@3402000000>
Call-ID: [call_id]
CSeq: 2 REGISTER
Contact: <sip:{CAMERA}@[local_ip]:[local_port]>
[authentication username={CAMERA} password={PASSWORD}]
Max-Forwards: 70
Expires: 3600
Content-Length: 0

  ]]></send>
  <recv response="200"/>
  <pause milliseconds="300"/>
  <send><![CDATA[
MESSAGE sip:{SERVER}@3402000000 SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];rport;branch=[branch]
From: <sip:{CAMERA}@3402000000>;tag=[call_number]
To: <sip:{SERVER}@3402000000>
Call-ID: [call_id]
CSeq: 20 MESSAGE
Max-Forwards: 70
Content-Type: Application/MANSCDP+xml
Content-Length: [len]

<?xml version="1.0"?>
<Notify>
<CmdType>Keepalive</CmdType>
<SN>1</SN>
<DeviceID>{CAMERA}</DeviceID>
<Status>OK</Status>
</Notify>
  ]]></send>
  <recv response="200"/>
</scenario>
"""
