"""The datagram transport on real sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import pytest

from sipserver.transport.udp import DATAGRAMS_A_WAKE, LONGEST_QUEUE, UdpTransport, open_socket


async def until(true: Callable[[], object], within_s: float = 3.0) -> None:
    async with asyncio.timeout(within_s):
        while not true():
            await asyncio.sleep(0.002)


async def test_more_datagrams_than_one_wake_reads_all_arrive_in_order() -> None:
    got: list[bytes] = []
    transport = UdpTransport(open_socket("127.0.0.1", 0), lambda data, remote: got.append(data))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for number in range(DATAGRAMS_A_WAKE * 3 + 5):
            sender.sendto(str(number).encode(), transport.address)
        await until(lambda: len(got) == DATAGRAMS_A_WAKE * 3 + 5)
    assert got == [str(number).encode() for number in range(DATAGRAMS_A_WAKE * 3 + 5)]
    assert transport.tally.received == len(got)
    transport.close()


async def test_a_datagram_of_60_kilobytes_arrives_whole_and_names_its_source() -> None:
    got: list[tuple[bytes, tuple[str, int]]] = []
    transport = UdpTransport(open_socket("127.0.0.1", 0), lambda data, remote: got.append((data, remote)))
    other = UdpTransport(open_socket("127.0.0.1", 0), lambda data, remote: None)
    assert other.send(b"x" * 60_000, transport.address)
    await until(lambda: got)
    assert got == [(b"x" * 60_000, other.address)]
    transport.close()
    other.close()


async def test_what_fits_in_no_datagram_is_refused() -> None:
    transport = UdpTransport(open_socket("127.0.0.1", 0), lambda data, remote: None)
    assert not transport.send(b"x" * 66_000, ("127.0.0.1", 9))
    assert transport.tally.failed == 1
    transport.close()


class Choked:
    """A socket whose send buffer is full until it is told otherwise."""

    def __init__(self, real: socket.socket) -> None:
        self.real = real
        self.full = True

    def sendto(self, data: bytes, remote: tuple[str, int]) -> int:
        if self.full:
            raise BlockingIOError
        return self.real.sendto(data, remote)

    def __getattr__(self, name: str) -> object:
        return getattr(self.real, name)


async def test_a_full_send_buffer_queues_a_bounded_number_and_sends_them_in_order_later() -> None:
    got: list[bytes] = []
    receiver = UdpTransport(open_socket("127.0.0.1", 0), lambda data, remote: got.append(data))
    choked = Choked(open_socket("127.0.0.1", 0))
    sender = UdpTransport(choked, lambda data, remote: None)  # type: ignore[arg-type]  # a stand-in with one fault
    for number in range(LONGEST_QUEUE + 10):
        assert sender.send(str(number).encode(), receiver.address)
    assert sender.tally.dropped_unsent == 10
    choked.full = False
    await until(lambda: len(got) == LONGEST_QUEUE)
    assert got == [str(number).encode() for number in range(LONGEST_QUEUE)]
    assert sender.send(b"after", receiver.address)
    await until(lambda: got[-1] == b"after")
    receiver.close()
    sender.close()


async def test_a_taken_port_is_an_error_and_leaves_no_socket_open() -> None:
    first = open_socket("127.0.0.1", 0)
    with pytest.raises(OSError):
        open_socket("127.0.0.1", first.getsockname()[1])
    first.close()


async def test_the_receive_buffer_is_large_and_closing_twice_is_harmless() -> None:
    transport = UdpTransport(open_socket("127.0.0.1", 0), lambda data, remote: None)
    assert transport.receive_buffer_bytes >= 200_000
    transport.close()
    transport.close()
