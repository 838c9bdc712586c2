"""Ports lent in pairs and left to rest."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.plane import NoCapacity
from media.ports import PortBook, Ports


def test_pairs_begin_at_even_ports():
    book = PortBook(30001, 30007, 5.0)
    assert [book.take(0.0) for _ in range(4)] == [30002, 30004, 30006, None]


def test_a_port_given_back_rests():
    book = PortBook(30000, 30001, 5.0)
    port = book.take(0.0)
    book.give_back(port, 10.0)
    assert book.take(14.9) is None
    assert book.take(15.0) == port


def test_the_port_that_rested_longest_is_lent_first():
    book = PortBook(30000, 30005, 5.0)
    one, two, _ = (book.take(0.0) for _ in range(3))
    book.give_back(two, 1.0)
    book.give_back(one, 2.0)
    assert (book.take(100.0), book.take(100.0)) == (two, one)


@pytest.mark.parametrize(("first", "last"), [(0, 10), (30000, 30000), (30001, 30002), (65000, 65536), (5, 1)])
def test_a_range_without_a_pair_is_refused(first, last):
    with pytest.raises(ValueError):
        PortBook(first, last, 5.0)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), max_size=60))
def test_no_port_is_lent_twice_and_none_is_lost(steps):
    book = PortBook(30000, 30009, 2.0)
    held: list[int] = []
    for now, (takes, index) in enumerate(steps):
        if takes:
            port = book.take(float(now))
            assert port not in held
            if port is not None:
                held.append(port)
        elif held:
            book.give_back(held.pop(index % len(held)), float(now))
        assert book.lent == len(held) and book.free + book.lent == 5


def test_a_port_given_back_twice_is_one_port():
    book = PortBook(30000, 30001, 0.0)
    port = book.take(0.0)
    book.give_back(port, 1.0)
    book.give_back(port, 1.0)
    assert book.free == 1


@pytest.fixture
def base() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return min(probe.getsockname()[1] & ~1, 65000)


def test_a_pair_held_by_others_is_passed_over(base):
    ports = Ports("127.0.0.1", base, base + 3, quarantine_s=5.0, receive_buffer=0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", base + 1))  # the RTCP half of the first pair
        pair = ports.lend(0.0, listen=False)
        assert pair.port == base + 2
        with pytest.raises(NoCapacity):
            ports.lend(0.0, listen=False)
    ports.give_back(pair, 0.0)
    assert ports.lent == 0


def test_the_receive_buffer_is_asked_for(base):
    ports = Ports("127.0.0.1", 0, 0, quarantine_s=5.0, receive_buffer=1 << 20)
    pair = ports.lend(0.0, listen=True)
    assert pair.rtp.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) >= 1 << 20
    assert pair.rtp.getsockname()[1] == pair.port == pair.listener.getsockname()[1]
    assert pair.port % 2 == 0 and pair.rtcp.getsockname()[1] == pair.port + 1
    ports.give_back(pair, 0.0)
    assert pair.rtp.fileno() == pair.rtcp.fileno() == pair.listener.fileno() == -1
