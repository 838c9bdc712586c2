"""Connections on real sockets: cut, kept, bounded, closed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from sipserver.sip.limits import Limits
from sipserver.sip.message import Request, Response
from sipserver.sip.parser import BadMessage
from sipserver.sip.path import Path
from sipserver.transport.tcp import TcpTransport

REQUEST = (
    b"MESSAGE sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP 10.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n"
    b"To: <sip:a@b>\r\nCall-ID: c\r\nCSeq: 1 MESSAGE\r\nContent-Length: 3\r\n\r\nabc"
)


class Heard:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.messages: list[tuple[Request | Response, bytes, Path]] = []
        self.refused: list[BadMessage] = []
        self.lost: list[Path] = []

    def stream_message(self, message: Request | Response, raw: bytes, path: Path) -> None:
        self.messages.append((message, raw, path))

    def stream_refused(self, bad: BadMessage, path: Path) -> None:
        self.refused.append(bad)

    def stream_lost(self, path: Path) -> None:
        self.lost.append(path)

    def holds(self, path: Path) -> bool:
        return False


@asynccontextmanager
async def listening(limits: Limits | None = None) -> AsyncIterator[tuple[TcpTransport, Heard, tuple[str, int]]]:
    heard = Heard()
    transport = TcpTransport(limits or Limits(), heard, time.monotonic)
    address = await transport.listen("127.0.0.1", 0)
    try:
        yield transport, heard, address
    finally:
        await transport.close()


async def until(true: Callable[[], object], within_s: float = 3.0) -> None:
    async with asyncio.timeout(within_s):
        while not true():
            await asyncio.sleep(0.005)


async def closed(reader: asyncio.StreamReader) -> bool:
    """Whether the other side closes within three seconds."""
    async with asyncio.timeout(3):
        try:
            return await reader.read(100) == b""
        except ConnectionResetError:
            return True


async def test_two_messages_in_one_segment_and_one_in_many_are_all_heard() -> None:
    async with listening() as (_, heard, address):
        _, writer = await asyncio.open_connection(*address)
        writer.write(REQUEST + REQUEST)
        await until(lambda: len(heard.messages) == 2)
        for at in range(0, len(REQUEST), 50):
            writer.write(REQUEST[at : at + 50])
            await writer.drain()
            await asyncio.sleep(0.001)
        await until(lambda: len(heard.messages) == 3)
        assert [raw for _, raw, _ in heard.messages] == [REQUEST] * 3
        assert len({path for _, _, path in heard.messages}) == 1
        writer.close()
        await until(lambda: heard.lost)
        assert heard.lost == [heard.messages[0][2]]


async def test_a_ping_of_two_blank_lines_is_answered_with_one() -> None:
    async with listening() as (transport, _, address):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"\r\n\r\n")
        async with asyncio.timeout(2):
            assert await reader.readexactly(2) == b"\r\n"
        assert transport.tally.pings == 1
        writer.close()


async def test_noise_closes_the_connection() -> None:
    async with listening() as (transport, heard, address):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await closed(reader)
        assert len(heard.refused) == 1
        assert transport.tally.closed_broken == 1
        writer.close()


async def test_who_says_nothing_or_stops_in_the_middle_is_closed() -> None:
    limits = Limits(first_message_s=0.1, half_message_s=0.1, idle_s=60)
    async with listening(limits) as (transport, _, address):
        silent, silent_writer = await asyncio.open_connection(*address)
        half, half_writer = await asyncio.open_connection(*address)
        half_writer.write(REQUEST + REQUEST[:100])
        assert await closed(silent)
        assert await closed(half)
        assert transport.tally.closed_idle == 2
        silent_writer.close()
        half_writer.close()


async def test_who_spoke_may_be_quiet_until_the_idle_bound() -> None:
    async with listening(Limits(first_message_s=0.05, half_message_s=0.05, idle_s=0.4)) as (transport, heard, address):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(REQUEST)
        await until(lambda: heard.messages)
        await asyncio.sleep(0.2)
        assert len(transport) == 1
        assert await closed(reader)
        writer.close()


async def test_a_half_message_that_trickles_does_not_live_for_ever() -> None:
    async with listening(Limits(half_message_s=0.15, idle_s=60)) as (transport, _, address):
        _, writer = await asyncio.open_connection(*address)
        writer.write(REQUEST)
        began = time.monotonic()
        while transport.tally.closed_idle == 0 and time.monotonic() - began < 3:
            writer.write(b"X")
            await asyncio.sleep(0.02)
        assert transport.tally.closed_idle == 1
        writer.close()


async def test_a_busy_stream_whose_segments_never_end_with_a_message_lives_on() -> None:
    async with listening(Limits(half_message_s=0.8, idle_s=60)) as (transport, heard, address):
        _, writer = await asyncio.open_connection(*address)
        writer.write(REQUEST[:40])
        for _ in range(25):
            writer.write(REQUEST[40:] + REQUEST[:40])
            await asyncio.sleep(0.04)
        await until(lambda: len(heard.messages) == 25)
        assert transport.tally.closed_idle == 0
        writer.close()


async def test_connections_are_bounded_in_all_and_for_each_host() -> None:
    for limits in (Limits(connections=3), Limits(connections_a_host=3)):
        async with listening(limits) as (transport, _, address):
            pairs = [await asyncio.open_connection(*address) for _ in range(5)]
            await until(lambda transport=transport: transport.tally.refused_full == 2)
            assert len(transport) == 3
            for _, writer in pairs:
                writer.close()
            await until(lambda transport=transport: len(transport) == 0)


async def test_a_reader_that_does_not_read_is_given_up() -> None:
    async with listening(Limits(unsent_bytes=100_000)) as (transport, heard, address):
        _, writer = await asyncio.open_connection(*address)
        writer.write(REQUEST)
        await until(lambda: heard.messages)
        number = heard.messages[0][2].connection
        sent = 0
        while transport.send(b"x" * 50_000, number):
            sent += 1
            assert sent < 2000
        await until(lambda: heard.lost)
        assert transport.tally.closed_slow == 1
        assert not transport.send(b"x", number)
        writer.close()


async def test_a_connection_that_is_made_is_found_again_until_it_is_lost() -> None:
    async with listening() as (_, heard, address), listening() as (ours, _, _):
        path = await ours.connect(address)
        assert ours.open_to(address) == path
        assert await ours.connect(address) == path
        ours.send(REQUEST, path.connection)
        await until(lambda: heard.messages)
        other = heard.messages[0][2]
        assert other.remote == path.local
        await ours.close()
        assert ours.open_to(address) is None
        await until(lambda: heard.lost)


async def test_nobody_listening_is_an_error() -> None:
    async with listening() as (ours, _, address):
        await ours.close()
        with pytest.raises(OSError):
            await ours.connect(address)
