"""Viewers on real sockets: let in by aiohttp, written to by us; one that never reads harms nobody."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import random
import socket
import ssl
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import WSMsgType, WSServerHandshakeError, web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from media.frame import Codec, Frame
from media.plane import OutletClosed, OutletKind, Seating, WireForm


def swollen(frames: list[Frame], size: int) -> list[Frame]:
    """The same pictures with as many bytes of noise behind them as a real camera sends."""
    noise = bytes(random.Random(2).randrange(1, 256) for _ in range(size))
    return [Frame(f.codec, f.data + noise, f.pts_90k, f.dts_90k, f.key) for f in frames]


@pytest.fixture(scope="module")
def secure(tmp_path_factory) -> ssl.SSLContext:
    """TLS with a certificate of our own making."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    certificate = builder.not_valid_before(now).not_valid_after(now + timedelta(days=1)).sign(key, hashes.SHA256())
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    form = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    pem = serialization.Encoding.PEM
    path.write_bytes(key.private_bytes(pem, *form) + certificate.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def handshake(base: str, address: str, *more: str) -> bytes:
    lines = (
        f"GET {address} HTTP/1.1",
        f"Host: {base.partition('://')[2]}",
        "Upgrade: websocket",
        "Connection: keep-alive, Upgrade",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {base64.b64encode(bytes(16)).decode()}",
        *more,
    )
    return "\r\n".join((*lines, "", "")).encode()


async def deaf(base: str, address: str) -> socket.socket:
    """A WebSocket viewer that shakes hands and then never reads."""
    opened = socket.socket()
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    opened.setblocking(False)
    loop = asyncio.get_running_loop()
    host, _, port = base.removeprefix("http://").partition(":")
    await loop.sock_connect(opened, (host, int(port)))
    await loop.sock_sendall(opened, handshake(base, address))
    assert (await loop.sock_recv(opened, 12)).endswith(b"101")
    return opened


async def test_a_viewer_who_never_reads_is_skipped_cut_and_delays_nobody(house, camera, h264, fresh):
    home, cam = await house(viewer_bytes=200_000, viewer_age_s=0.1, viewer_skips=2), camera()
    inlet, _ = await home.flowing(cam, fresh(h264[:5]))
    outlet, address = await home.plane.attach(inlet.id, OutletKind.FMP4_WS)
    slow = await deaf(home.base, address)
    _, address = await home.plane.attach(inlet.id, OutletKind.FMP4_WS)
    quick = await home.client.ws_connect(home.base + address, max_msg_size=0)
    got = 0

    async def read() -> None:
        nonlocal got
        async for message in quick:
            got += message.type is WSMsgType.BINARY and message.data[4:8] == b"moof"

    reading = asyncio.create_task(read())
    fanout = home.plane._sessions[inlet.id].fanout
    loop = asyncio.get_running_loop()
    frames = 0
    longest = 0.0
    while not [event for event in home.told if isinstance(event, OutletClosed)]:
        for frame in swollen(fresh(h264, 144_000 * (1 + frames // 40)), 30_000):
            before = loop.time()
            fanout.put(frame, before)
            longest = max(longest, loop.time() - before)
            frames += 1
            await asyncio.sleep(0.005)
        assert frames < 2000
    [closed] = [event for event in home.told if isinstance(event, OutletClosed)]
    assert closed.outlet == outlet and closed.reason.startswith("too slow")
    assert home.plane.totals().viewers_cut == 1 and home.plane.totals().viewers == 1
    assert longest < 0.1
    await asyncio.sleep(0.1)
    assert got == 5 + frames
    reading.cancel()
    await quick.close()
    slow.close()


async def test_two_hundred_who_stop_reading_cost_next_to_no_memory_and_are_cut_while_another_sees_all(
    house, camera, h264, fresh
):
    home, cam = await house(viewer_bytes=400_000, viewer_age_s=60.0, viewer_skips=2), camera()
    inlet, _ = await home.flowing(cam, fresh(h264[:5]))
    addresses = [(await home.plane.attach(inlet.id, OutletKind.FMP4_WS))[1] for _ in range(201)]
    quick = await home.client.ws_connect(home.base + addresses.pop(), max_msg_size=0)
    slow = [await deaf(home.base, address) for address in addresses]
    fanout = home.plane._sessions[inlet.id].fanout
    frames = got = 0

    async def see(upto: int) -> None:
        nonlocal got
        async with asyncio.timeout(20):
            while got < upto:
                message = await quick.receive()
                assert message.type in (WSMsgType.BINARY, WSMsgType.TEXT)
                got += message.type is WSMsgType.BINARY and message.data[4:8] == b"moof"

    await see(5)
    tracemalloc.start()
    try:
        while home.plane.totals().viewers > 1:
            for frame in swollen(fresh(h264, 144_000 * (1 + frames // 40)), 30_000):
                fanout.put(frame, asyncio.get_running_loop().time())
                frames += 1
                await see(frames + 2)  # a few behind: what gathers is not there yet
            assert frames < 2000
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Two hundred queues of 400 kB each would be 80 MB, if they were not the same bytes.
    assert most < 20_000_000
    assert home.plane.totals().viewers_cut == 200 and home.plane.totals().viewer_skips >= 400
    reasons = {event.reason.partition(":")[0] for event in home.told if isinstance(event, OutletClosed)}
    assert reasons == {"too slow"}
    await quick.close()
    for each in slow:
        each.close()


@pytest.mark.ffmpeg
@pytest.mark.parametrize(
    ("kind", "form", "codec"),
    [
        (OutletKind.FLV_HTTP, "flv", Codec.H264),
        (OutletKind.PS_HTTP, "mpeg", Codec.H264),
        (OutletKind.PS_HTTP, "mpeg", Codec.H265),
    ],
)
async def test_ffmpeg_decodes_without_an_error_what_viewers_get_by_http(
    house, camera, h264, h265, fresh, tmp_path: Path, kind, form, codec
):
    home, cam = await house(), camera(codec=codec, sound=Codec.G711A)
    film = h264 if codec is Codec.H264 else h265
    inlet, _ = await home.flowing(cam, fresh(film))
    _, address = await home.plane.attach(inlet.id, kind)
    taken = tmp_path / "taken"
    ffmpeg = await asyncio.create_subprocess_exec(
        *("ffmpeg", "-v", "error", "-xerror", "-f", form, "-i", home.base + address, "-map", "0:v"),
        *("-f", "framemd5", "-y", str(taken)),
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(20):
            while not home.plane.totals().viewers:
                await asyncio.sleep(0.01)
        for turn in range(1, 6):
            for frame in fresh(film, 144_000 * turn):
                await cam.send(inlet.port, [frame])
        await asyncio.sleep(0.2)
        await home.plane.close(inlet.id)
        _, said = await asyncio.wait_for(ffmpeg.communicate(), 30)
    finally:
        with contextlib.suppress(ProcessLookupError):
            ffmpeg.kill()
    assert said.decode() == ""
    assert len([line for line in taken.read_text().splitlines() if not line.startswith("#")]) >= 200


async def test_a_viewer_who_talks_on_is_shut_out(house, camera, h264, fresh):
    home, cam = await house(), camera()
    inlet, _ = await home.flowing(cam, fresh(h264))
    _, address = await home.plane.attach(inlet.id, OutletKind.FLV_WS)
    viewer = await home.client.ws_connect(home.base + address)
    for _ in range(1001):
        await viewer.send_str("hello")
    assert (await home.until(OutletClosed)).reason == "the viewer talks"
    await viewer.close()


async def test_a_message_too_long_shuts_the_viewer_out(house, camera, h264, fresh):
    home, cam = await house(), camera()
    inlet, _ = await home.flowing(cam, fresh(h264))
    _, address = await home.plane.attach(inlet.id, OutletKind.FLV_WS)
    viewer = await home.client.ws_connect(home.base + address)
    await viewer.send_bytes(b"x" * 10_000)
    await home.until(OutletClosed)
    await viewer.close()


async def test_pings_are_answered_between_the_pictures(house, camera, h264, fresh):
    home, cam = await house(), camera()
    inlet, _ = await home.flowing(cam, fresh(h264))
    _, address = await home.plane.attach(inlet.id, OutletKind.FLV_WS)
    async with home.client.ws_connect(home.base + address, autoping=False) as viewer:
        await viewer.ping(b"there?")
        async with asyncio.timeout(2):
            while (message := await viewer.receive()).type is not WSMsgType.PONG:
                pass
        assert message.data == b"there?"


async def test_the_connection_of_a_seated_viewer_is_no_business_of_the_web_server_any_more(house, camera, h264, fresh):
    home, cam = await house(), camera()
    inlet, _ = await home.flowing(cam, fresh(h264))
    _, address = await home.plane.attach(inlet.id, OutletKind.FLV_HTTP)
    async with home.client.get(home.base + address) as response:
        assert await response.content.readexactly(3) == b"FLV"
        assert response.headers["Content-Type"] == "video/x-flv"
        async with asyncio.timeout(2):
            while home.server.connections:
                await asyncio.sleep(0.01)
        await cam.send(inlet.port, fresh(h264, 144_000))
        await home.plane.close(inlet.id)
        # The body ends as it should, not by a connection torn away.
        assert len(await asyncio.wait_for(response.read(), 2)) > 3000


async def test_what_a_viewer_says_together_with_its_handshake_is_heard(house, camera, h264, fresh):
    home, cam = await house(), camera()
    inlet, _ = await home.flowing(cam, fresh(h264))
    _, address = await home.plane.attach(inlet.id, OutletKind.FLV_WS)
    reader, writer = await asyncio.open_connection("127.0.0.1", int(home.base.rpartition(":")[2]))
    writer.write(handshake(home.base, address) + bytes.fromhex("898200000000") + b"hi")
    async with asyncio.timeout(2):
        head = await reader.readuntil(b"\r\n\r\n")
        assert await reader.readuntil(b"\x8a\x02hi")
    assert head.startswith(b"HTTP/1.1 101") and b"Sec-WebSocket-Accept: ICX+Yqv66kxgM0FcWaLWlFLwTAI=" in head
    assert b"Transfer-Encoding" not in head and b"Content-Length" not in head
    writer.close()


@pytest.mark.parametrize("kind", [kind for kind in OutletKind if not kind.is_made])
async def test_behind_tls_the_same_formats_are_served(house, camera, h264, fresh, secure, kind):
    home, cam = await house(secure=secure), camera()
    inlet, _ = await home.flowing(cam, fresh(h264))
    _, address = await home.plane.attach(inlet.id, kind)
    if kind in (OutletKind.FLV_HTTP, OutletKind.PS_HTTP):
        async with home.client.get(home.base + address) as response:
            assert await response.content.readexactly(3) == (b"FLV" if kind is OutletKind.FLV_HTTP else b"\0\0\1")
            await home.plane.close(inlet.id)
            assert len(await asyncio.wait_for(response.read(), 2)) > 500
        return
    viewer = await home.client.ws_connect(home.base + address, autoping=False)
    await viewer.ping(b"there?")
    seen = []
    async with asyncio.timeout(2):
        while WSMsgType.PONG not in seen or WSMsgType.BINARY not in seen:
            seen.append((await viewer.receive()).type)
    await home.plane.close(inlet.id)
    async with asyncio.timeout(2):
        while (message := await viewer.receive()).type is WSMsgType.BINARY:
            pass
    assert message.type is WSMsgType.CLOSE and message.extra == "the stream ended"
    await viewer.close()


async def test_behind_tls_a_viewer_who_leaves_or_talks_on_is_noticed(house, camera, h264, fresh, secure):
    home, cam = await house(secure=secure), camera()
    inlet, _ = await home.flowing(cam, fresh(h264))
    _, address = await home.plane.attach(inlet.id, OutletKind.FLV_WS)
    viewer = await home.client.ws_connect(home.base + address)
    await viewer.send_bytes(b"x" * 10_000)
    assert (await home.until(OutletClosed)).reason == "the viewer talks"
    await viewer.close()
    home.told.clear()
    _, address = await home.plane.attach(inlet.id, OutletKind.FLV_HTTP)
    async with home.client.get(home.base + address) as response:
        await response.content.readexactly(3)
    assert (await home.until(OutletClosed)).reason == "the viewer left"


@pytest.mark.parametrize(
    "changes",
    [{"Sec-WebSocket-Version": "8"}, {"Sec-WebSocket-Key": "short"}, {"Sec-WebSocket-Key": "no base64 at all!!!!!"}],
)
async def test_a_handshake_that_is_none_is_refused_and_its_place_is_free(house, camera, h264, fresh, changes):
    home, cam = await house(), camera()
    inlet, _ = await home.flowing(cam, fresh(h264))
    _, address = await home.plane.attach(inlet.id, OutletKind.FLV_WS)
    good = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(),
    }
    async with home.client.get(home.base + address, headers={**good, **changes}) as response:
        assert response.status == 400 and response.headers["Sec-WebSocket-Version"] == "13"
    assert (await home.until(OutletClosed)).inlet == inlet.id
    with pytest.raises(WSServerHandshakeError):
        await home.client.ws_connect(home.base + address)
    assert home.plane.totals().reserved == 0


async def test_a_viewer_for_a_place_that_is_gone_is_told_goodbye(house):
    home = await house()
    ours, viewer = socket.socketpair()
    home.plane.seat("nowhere", Seating(WireForm.CHUNKED), ours)
    viewer.setblocking(False)
    assert await asyncio.wait_for(asyncio.get_running_loop().sock_recv(viewer, 100), 2) == b"0\r\n\r\n"
    viewer.close()


async def test_a_request_with_a_body_is_refused(house, camera, h264, fresh):
    home, cam = await house(), camera()
    inlet, _ = await home.flowing(cam, fresh(h264))
    _, address = await home.plane.attach(inlet.id, OutletKind.FLV_HTTP)
    async with home.client.get(home.base + address, data=b"x" * 100) as response:
        assert response.status == 400


async def test_a_websocket_is_asked_whether_it_lives_and_left_when_it_does_not_say(
    house, camera, h264, fresh, monkeypatch
):
    monkeypatch.setattr("media.outlets.wire.HEARTBEAT_S", 0.1)
    home, cam = await house(), camera()
    inlet, _ = await home.flowing(cam, fresh(h264))
    _, address = await home.plane.attach(inlet.id, OutletKind.FLV_WS)
    async with home.client.ws_connect(home.base + address, autoping=False) as viewer:
        async with asyncio.timeout(5):
            while (message := await viewer.receive()).type is not WSMsgType.PING:
                assert message.type is WSMsgType.BINARY
            assert (await home.until(OutletClosed)).reason == "the viewer is silent"


async def test_behind_a_proxy_on_a_unix_socket_viewers_are_seated_too(house, camera, h264, fresh, tmp_path: Path):
    home, cam = await house(), camera()
    inlet, _ = await home.flowing(cam, fresh(h264))
    application = web.Application()
    application.add_routes(home.plane.routes())
    runner = web.AppRunner(application, shutdown_timeout=0.2)
    await runner.setup()
    await web.UnixSite(runner, str(tmp_path / "door")).start()
    _, address = await home.plane.attach(inlet.id, OutletKind.FLV_HTTP)
    reader, writer = await asyncio.open_unix_connection(str(tmp_path / "door"))
    writer.write(f"GET {address} HTTP/1.1\r\nHost: here\r\n\r\n".encode())
    async with asyncio.timeout(5):
        await reader.readuntil(b"FLV")
        while runner.server.connections:
            await asyncio.sleep(0.01)
    await home.plane.close(inlet.id)
    assert (await asyncio.wait_for(reader.read(), 5)).endswith(b"0\r\n\r\n")
    writer.close()
    await runner.cleanup()


async def test_viewers_who_came_and_went_leave_no_descriptor(house, camera, h264, fresh):
    home, cam = await house(), camera()
    inlet, _ = await home.flowing(cam, fresh(h264))
    before = len(os.listdir("/proc/self/fd"))
    port = int(home.base.rpartition(":")[2])
    for number in range(60):
        kind = list(OutletKind)[number % 4]
        _, address = await home.plane.attach(inlet.id, kind)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(handshake(home.base, address))
        await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        writer.close()
    await home.until(lambda event: len([each for each in home.told if isinstance(each, OutletClosed)]) == 60)
    writers = []
    for _ in range(60):
        _, address = await home.plane.attach(inlet.id, OutletKind.FLV_HTTP)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writers.append(writer)
        writer.write(f"GET {address} HTTP/1.1\r\nHost: here\r\n\r\n".encode())
        await asyncio.wait_for(reader.readuntil(b"FLV"), 5)
    assert home.plane.totals().viewers == 60
    await home.plane.close(inlet.id)
    assert home.plane.totals().viewers == home.plane.totals().reserved == 0
    await home.plane.stop()
    for writer in writers:
        writer.close()
        await writer.wait_closed()
    assert len(os.listdir("/proc/self/fd")) <= before
