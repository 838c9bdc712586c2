"""Runs on their way out: cut by the kernel or by us, paced, framed, and cut off in the middle."""

from __future__ import annotations

import asyncio
import errno
import socket

import pytest

from media.outlets.road import Trying
from media.outlets.tcp_road import TcpRoad, framed
from media.outlets.udp_road import PACE_PACKETS, SEGMENTS, UDP_SEGMENT, UdpRoad

TRYING = Trying(wait_s=1.0, tries=3, pause_s=0.01, patience_s=5.0)


class Driver:
    """Hears of a road and does nothing."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def road_opened(self) -> None:
        self.heard.append("opened")

    def road_broke(self, why: str) -> None:
        self.heard.append("broke")

    def road_ended(self, why: str) -> None:
        self.heard.append("ended")


def packets(count: int, size: int = 100, tail: int = 40) -> list[bytes]:
    made = [bytes((n & 0xFF, n >> 8)) * (size // 2) for n in range(count)]
    made[-1] = made[-1][:tail]
    return made


class Datagrams:
    """A UDP socket as far as a road sees one; `refuses` is an errno the cutting of runs is answered with."""

    def __init__(self, refuses: int = 0, *, at_once: bool = False, room: int = 1 << 30) -> None:
        self.got: list[bytes] = []
        self.calls = 0
        self.room = room
        self._refuses = refuses
        self._at_once = at_once
        self._cut = 0

    def setsockopt(self, level: int, name: int, value: int) -> None:
        assert name == UDP_SEGMENT
        if self._refuses and self._at_once and value:
            raise OSError(self._refuses, "no")
        self._cut = value

    def send(self, data) -> None:
        self.calls += 1
        if self._refuses and self._cut:
            raise OSError(self._refuses, "no")
        if self.room < len(data):
            raise BlockingIOError
        size = self._cut or len(data)
        pieces = [bytes(data[at : at + size]) for at in range(0, len(data), size)]
        assert len(pieces) <= SEGMENTS and len(data) < 65_508
        self.got += pieces


async def road(datagrams) -> UdpRoad:
    one = UdpRoad(datagrams, ("127.0.0.1", 9), Driver(), asyncio.get_running_loop().time)
    one.begin()
    return one


async def gone(one: UdpRoad | TcpRoad) -> None:
    async with asyncio.timeout(10):
        while one.queued_bytes:
            await asyncio.sleep(0.005)


async def test_a_run_is_one_call():
    there = Datagrams()
    one = await road(there)
    sent = packets(20)
    one.send(b"".join(sent), 100, 1.0)
    assert there.got == sent and there.calls == 1 and one.queued_bytes == 0
    one.close()


async def test_runs_and_single_packets_of_all_lengths_arrive_as_they_were():
    there = Datagrams()
    one = await road(there)
    sent: list[bytes] = []
    for number, (count, size, tail) in enumerate(
        [(1, 100, 100), (4, 100, 40), (1, 50, 50), (1, 1400, 1400), (3, 1400, 2), (2, 50, 50), (1, 51, 51), (1, 2, 2)]
    ):
        run = packets(count, size, tail)
        one.send(b"".join(run), len(run[0]), float(number))
        sent += run
    assert there.got == sent
    one.close()


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("refusal", [errno.ENOPROTOOPT, errno.EINVAL, errno.EIO, errno.EMSGSIZE])
async def test_where_the_kernel_does_not_cut_packets_go_one_by_one_and_none_is_lost(refusal, at_once):
    there = Datagrams(refusal, at_once=at_once)
    one = await road(there)
    sent = packets(10)
    one.send(b"".join(sent), 100, 1.0)
    one.send(b"".join(sent), 100, 2.0)
    assert there.got == sent * 2
    assert there.calls == (20 if at_once else 21)  # asked once, never again
    assert not one.is_unreachable(asyncio.get_running_loop().time(), 0.0)
    one.close()


async def test_a_long_run_leaves_at_the_pace_and_in_order():
    there = Datagrams()
    one = await road(there)
    sent = packets(PACE_PACKETS * 3 + 5)
    one.send(b"".join(sent), 100, 1.0)
    assert len(there.got) == PACE_PACKETS
    after = packets(2)
    one.send(b"".join(after), 100, 1.0)
    assert len(there.got) == PACE_PACKETS and one.queued_since == 1.0
    await gone(one)
    assert there.got == sent + after
    one.close()


async def test_what_the_system_does_not_take_waits():
    there = Datagrams(room=0)
    one = await road(there)
    sent = packets(10)
    one.send(b"".join(sent), 100, 1.0)
    assert one.queued_bytes == sum(map(len, sent)) and there.got == []
    there.room = 1 << 20
    await gone(one)
    assert there.got == sent
    one.close()


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
async def test_the_kernel_cuts_runs_into_the_same_datagrams(family, host):
    with socket.socket(family, socket.SOCK_DGRAM) as coming, socket.socket(family, socket.SOCK_DGRAM) as going:
        coming.bind((host, 0))
        going.connect(coming.getsockname())
        coming.setblocking(False)
        going.setblocking(False)
        one = await road(going)
        sent: list[bytes] = []
        for number, (count, size, tail) in enumerate([(14, 1412, 700), (1, 1412, 1412), (3, 60, 2), (1, 1472, 1472)]):
            run = packets(count, size, tail)
            one.send(b"".join(run), len(run[0]), float(number))
            sent += run
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(10):
            assert [await loop.sock_recv(coming, 65_535) for _ in sent] == sent
        one.close()


def test_a_run_is_framed_as_its_packets_would_be():
    for count, tail in ((1, 100), (1, 7), (5, 100), (5, 1)):
        run = packets(count, 100, tail)
        size = len(run[0])
        assert framed(b"".join(run), size) == b"".join(len(p).to_bytes(2, "big") + p for p in run)


def unframed(stream: bytes) -> tuple[list[bytes], bytes]:
    """Whole packets, and what is left."""
    found = []
    while len(stream) >= 2 and len(stream) - 2 >= (size := int.from_bytes(stream[:2], "big")):
        found.append(stream[2 : 2 + size])
        stream = stream[2 + size :]
    return found, stream


async def test_a_connection_that_breaks_in_a_packet_goes_on_with_that_packet_whole():
    loop = asyncio.get_running_loop()
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        listening.setblocking(False)
        driver = Driver()
        one = TcpRoad(listening.getsockname(), ("127.0.0.1", 0), None, TRYING, driver, loop.time)
        one.begin()
        sent = [bytes((n & 0xFF, n >> 8)) * 500 for n in range(16_000)]
        for start in range(0, len(sent), 40):
            one.send(b"".join(sent[start : start + 40]), 1000, 0.0)
        got: list[bytes] = []
        async with asyncio.timeout(30):
            while not got or got[-1] != sent[-1]:
                coming, _ = await loop.sock_accept(listening)
                coming.setblocking(False)
                with coming:
                    is_first, stream = not got, b""
                    while data := await loop.sock_recv(coming, 65_536):
                        came, stream = unframed(stream + data)
                        got += came
                        if (is_first and len(got) > 1000) or (got and got[-1] == sent[-1]):
                            break  # the first time closed with more on its way
        # What was under way in the system's buffers is lost; all else came once, in order, and only whole.
        assert got == sorted(got, key=lambda p: p[0] | p[1] << 8) and len(set(got)) == len(got)
        assert set(got) <= set(sent) and got[0] == sent[0] and "broke" in driver.heard
        one.close()
