"""When sockets are read: at once, or in rounds, by the load."""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import Callable, Iterator

import pytest

from media.inlets.rounds import LOOK_S, NAPS, Rounds
from media.inlets.udp import SCOOPS, WideDoor

MUCH = NAPS[0][0]


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    receiving, sending = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    with receiving, sending:
        receiving.bind(("127.0.0.1", 0))
        receiving.setblocking(False)
        sending.connect(receiving.getsockname())
        yield receiving, sending


class Reading:
    """Reads one datagram a turn and says that it was so many bytes."""

    def __init__(self, receiving: socket.socket, said: int = 0) -> None:
        self.got: list[bytes] = []
        self.said = said
        self._receiving = receiving

    def serve(self, now: float) -> int:
        self.got.append(self._receiving.recv(2048))
        return self.said


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not is_so():
            await asyncio.sleep(0.005)


@pytest.fixture(params=[True, False], ids=["epoll", "no epoll"])
def any_system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if not request.param:
        monkeypatch.delattr(select, "epoll")


@pytest.mark.usefixtures("any_system")
async def test_what_comes_is_read_and_what_is_removed_is_left(pair):
    receiving, sending = pair
    rounds, reading = Rounds(), Reading(receiving)
    rounds.add(receiving.fileno(), reading.serve)
    sending.send(b"one")
    sending.send(b"two")
    await until(lambda: len(reading.got) == 2)
    rounds.remove(receiving.fileno())
    rounds.remove(receiving.fileno())
    sending.send(b"three")
    await asyncio.sleep(0.02)
    assert reading.got == [b"one", b"two"] and not len(rounds)
    rounds.add(receiving.fileno(), reading.serve)
    await until(lambda: len(reading.got) == 3)
    rounds.close()


async def test_naps_begin_under_load_and_end_with_it(pair):
    receiving, sending = pair
    clock = 0.0
    rounds, reading = Rounds(lambda: clock), Reading(receiving, said=int(MUCH * LOOK_S))
    rounds.add(receiving.fileno(), reading.serve)
    for number in range(1, 5):
        clock += LOOK_S
        sending.send(b"much")
        await until(lambda number=number: len(reading.got) == number)
    assert rounds.nap_s == NAPS[0][1]
    clock += LOOK_S
    await until(lambda: rounds.nap_s == 0.0)
    sending.send(b"little")
    await until(lambda: len(reading.got) == 5)
    rounds.close()


async def test_a_socket_that_fails_takes_no_other_with_it(pair, caplog):
    receiving, sending = pair
    rounds, reading = Rounds(), Reading(receiving)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as broken:
        broken.bind(("127.0.0.1", 0))

        def fail(now: float) -> int:
            broken.recv(2048)
            raise RuntimeError("of this one")

        rounds.add(broken.fileno(), fail)
        rounds.add(receiving.fileno(), reading.serve)
        sending.sendto(b"x", broken.getsockname())
        sending.send(b"one")
        await until(lambda: reading.got == [b"one"])
        await until(lambda: "of this one" in caplog.text)
        rounds.close()


async def test_a_door_that_closes_another_in_its_turn_is_harmless(pair):
    receiving, sending = pair
    rounds = Rounds()
    got: list[bytes] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        other.setblocking(False)
        doors: list[WideDoor] = []

        def taken(data: bytes, size: int, source: object, now: float) -> None:
            got.append(data)
            for door in doors:
                door.close()

        sending.sendto(b"x", other.getsockname())
        sending.send(b"x")
        doors += WideDoor(receiving, rounds, taken), WideDoor(other, rounds, taken)
        await until(lambda: bool(got))
        await asyncio.sleep(0.02)
        assert got == [b"x"] and not len(rounds)


async def test_a_door_takes_no_more_than_its_share_in_a_round(pair):
    receiving, sending = pair
    receiving.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    rounds = Rounds()
    got: list[bytes] = []
    count = 64 * SCOOPS + 40
    for _ in range(count):
        sending.send(b"x" * 20)
    door = WideDoor(receiving, rounds, lambda data, size, source, now: got.append(data))
    assert door._serve(0.0) == 20 * 64 * SCOOPS
    await until(lambda: sum(map(len, got)) == 20 * count)
    door.close()


async def test_one_that_fails_does_not_keep_others_waiting_and_is_read_again(pair, caplog):
    receiving, sending = pair
    rounds, reading = Rounds(), Reading(receiving)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        other.setblocking(False)
        broken: list[bytes] = []

        def serve(now: float) -> int:
            broken.append(other.recv(2048))
            raise ValueError("not this one")

        rounds.add(other.fileno(), serve)
        rounds.add(receiving.fileno(), reading.serve)
        for data in (b"one", b"two"):
            sending.sendto(data, other.getsockname())
            sending.send(data)
        await until(lambda: (broken, reading.got) == ([b"one", b"two"], [b"one", b"two"]))
        rounds.close()
    told = [record for record in caplog.records if "failed" in record.message]
    assert len(told) == 2 and told[0].exc_info is not None and "not this one" in str(told[0].exc_info[1])


async def test_what_was_closed_by_another_in_the_same_round_is_not_read(pair):
    receiving, sending = pair
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        other.setblocking(False)
        rounds, read = Rounds(), []

        def serve(mine: socket.socket, theirs: socket.socket) -> Callable[[float], int]:
            def it(now: float) -> int:
                read.append(mine.recv(2048))
                rounds.remove(theirs.fileno())
                return 0

            return it

        rounds.add(receiving.fileno(), serve(receiving, other))
        rounds.add(other.fileno(), serve(other, receiving))
        sending.sendto(b"to the other", other.getsockname())
        sending.send(b"to the first")
        await until(lambda: bool(read))
        await asyncio.sleep(0.02)
        assert len(read) == 1
        rounds.close()
