"""A viewer's own socket: taken at once, kept by reference when full, closed with a goodbye."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from media.outlets.wire import HEARTBEAT_S, Wire
from media.plane import WireForm


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """(ours, the viewer's), over TCP and small."""
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        viewer = socket.socket()
        viewer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        viewer.connect(listening.getsockname())
        ours, _ = listening.accept()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)
    viewer.setblocking(False)
    yield ours, viewer
    viewer.close()
    ours.close()


async def read(viewer: socket.socket, size: int) -> bytes:
    got = b""
    async with asyncio.timeout(5):
        while len(got) < size:
            piece = await asyncio.get_running_loop().sock_recv(viewer, size - len(got))
            if not piece:
                break
            got += piece
    return got


async def until(is_so) -> None:
    async with asyncio.timeout(5):
        while not is_so():
            await asyncio.sleep(0.005)


async def test_what_the_system_does_not_take_is_kept_and_sent_in_order(pair):
    ours, viewer = pair
    wire, rooms = Wire(ours, WireForm.PLAIN, 0.0), []
    wire.on_room = lambda: rooms.append(wire.unsent)
    pieces = [bytes([number]) * 300_000 for number in range(4)]
    for piece in pieces:
        wire.write([piece])
    assert wire.unsent > 500_000 and not rooms
    assert await read(viewer, 1_200_000) == b"".join(pieces)
    await until(lambda: rooms)
    assert rooms == [0]
    wire.abort()


async def test_a_viewer_who_goes_is_told_once(pair):
    ours, viewer = pair
    wire, told = Wire(ours, WireForm.CHUNKED, 0.0), []
    wire.on_left = told.append
    viewer.close()
    await until(lambda: told)
    wire.write([b"more"])
    wire.finish("late")
    assert told == ["the viewer left"] and wire.is_closed


@pytest.mark.parametrize(
    ("form", "ending"),
    [
        (WireForm.PLAIN, b""),
        (WireForm.CHUNKED, b"0\r\n\r\n"),
        (WireForm.WEBSOCKET, b"\x88\x0a\x03\xe9the end!"),
    ],
)
async def test_the_end_is_said_in_the_wires_own_way_behind_what_was_written(pair, form, ending):
    ours, viewer = pair
    wire = Wire(ours, form, 0.0)
    wire.write([b"x" * 100_000])
    wire.finish("the end!")
    assert await read(viewer, 200_000) == b"x" * 100_000 + ending
    assert not wire.is_closed
    viewer.close()
    await until(lambda: wire.is_closed)


async def test_who_does_not_say_goodbye_back_is_closed_all_the_same(pair, monkeypatch):
    monkeypatch.setattr("media.outlets.wire.CLOSING_S", 0.05)
    ours, _ = pair
    wire = Wire(ours, WireForm.WEBSOCKET, 0.0)
    wire.finish("the end")
    assert not wire.is_closed
    await until(lambda: wire.is_closed)


async def test_a_goodbye_is_answered_and_told(pair):
    ours, viewer = pair
    wire, told = Wire(ours, WireForm.WEBSOCKET, 0.0), []
    wire.on_left = told.append
    viewer.send(bytes.fromhex("888200000000 03e8"))
    assert await read(viewer, 100) == bytes.fromhex("8802 03e8")
    assert told == ["the viewer left"]
    viewer.close()
    await until(lambda: wire.is_closed)


async def test_a_websocket_that_answers_pings_stays_and_one_that_does_not_goes(pair):
    ours, viewer = pair
    wire, told = Wire(ours, WireForm.WEBSOCKET, 0.0), []
    wire.on_left = told.append
    wire.beat(HEARTBEAT_S - 1)
    wire.beat(HEARTBEAT_S)
    assert await read(viewer, 2) == b"\x89\x00"
    viewer.send(bytes.fromhex("8a80 00000000"))
    await until(lambda: not wire._is_asked)
    wire.beat(2 * HEARTBEAT_S)
    assert await read(viewer, 2) == b"\x89\x00"
    wire.beat(3 * HEARTBEAT_S - 1)
    assert not told
    wire.beat(3 * HEARTBEAT_S)
    assert told == ["the viewer is silent"] and wire.is_closed


async def test_what_was_said_with_the_handshake_is_heard(pair):
    ours, viewer = pair
    wire = Wire(ours, WireForm.WEBSOCKET, 0.0)
    wire.hear(bytes.fromhex("898200000000") + b"hi")
    assert await read(viewer, 4) == b"\x8a\x02hi"
    wire.abort()


async def test_a_wire_need_not_be_tcp():
    ours, viewer = socket.socketpair()
    wire = Wire(ours, WireForm.PLAIN, 0.0)
    wire.write([b"FLV"])
    viewer.setblocking(False)
    assert await read(viewer, 3) == b"FLV"
    wire.abort()
    viewer.close()
