"""Viewers on real sockets: one that never reads harms nobody."""

from __future__ import annotations

import asyncio
import base64
import random
import socket

from aiohttp import WSMsgType

from media.frame import Frame
from media.plane import OutletClosed, OutletKind


def swollen(frames: list[Frame], size: int) -> list[Frame]:
    """The same pictures with as many bytes of noise behind them as a real camera sends."""
    noise = bytes(random.Random(2).randrange(1, 256) for _ in range(size))
    return [Frame(f.codec, f.data + noise, f.pts_90k, f.dts_90k, f.key) for f in frames]


async def deaf(base: str, address: str) -> socket.socket:
    """A WebSocket viewer that shakes hands and then never reads."""
    opened = socket.socket()
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    opened.setblocking(False)
    loop = asyncio.get_running_loop()
    host, _, port = base.removeprefix("http://").partition(":")
    await loop.sock_connect(opened, (host, int(port)))
    key = base64.b64encode(bytes(16)).decode()
    lines = (
        f"GET {address} HTTP/1.1",
        f"Host: {host}:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {key}",
    )
    await loop.sock_sendall(opened, "\r\n".join((*lines, "", "")).encode())
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


async def test_a_viewer_who_talks_on_is_shut_out(house, camera, h264, fresh):
    home, cam = await house(), camera()
    inlet, _ = await home.flowing(cam, fresh(h264))
    _, address = await home.plane.attach(inlet.id, OutletKind.FLV_WS)
    viewer = await home.client.ws_connect(home.base + address)
    for _ in range(1001):
        await viewer.send_str("hello")
    assert (await home.until(OutletClosed)).reason == "the viewer left"
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
