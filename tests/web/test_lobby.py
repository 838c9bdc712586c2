"""Who only holds connections open is shown out; who asks is not."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from web.desk import DESK
from web.lobby import Lobby


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "])
async def test_a_connection_without_a_whole_head_is_closed_after_a_while(house, said):
    lobby: Lobby = house.app[DESK].lobby
    lobby.connections = lambda: house.server.connections
    asker = await house.person("viewer")
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    writer.write(said)
    await writer.drain()
    async with asyncio.timeout(5.0):
        while len(house.server.connections) < 2:
            await asyncio.sleep(0.01)
    lobby.sweep(now=100.0)
    lobby.sweep(now=114.9)
    assert lobby.shown_out == 0
    lobby.sweep(now=115.0)
    assert lobby.shown_out == 1
    async with asyncio.timeout(5.0):
        # What we sent was never read, so the end may come as a reset.
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
    await asker.get("/session")
    assert lobby.shown_out == 1
    writer.close()
