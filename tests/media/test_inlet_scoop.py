"""Datagrams taken many at a time, by one call and by many: the same comes out."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterator

import pytest

from media.inlets import scoop as scoops
from media.inlets.scoop import SLOTS, Fit, ManyScoop, Piece, PlainScoop, Room, Scoop, best_scoop
from media.ports import bind_udp

UDP_SEGMENT = 103


@pytest.fixture(params=[ManyScoop, PlainScoop])
def scoop(request: pytest.FixtureRequest) -> Scoop:
    return request.param(Room())


@pytest.fixture(params=["127.0.0.1", "::1"])
def opened(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    with bind_udp(request.param, 0, 1 << 20) as made:
        yield made


@pytest.fixture
def sender(opened: socket.socket) -> Iterator[Callable[[], socket.socket]]:
    made: list[socket.socket] = []

    def make() -> socket.socket:
        made.append(socket.socket(opened.family, socket.SOCK_DGRAM))
        made[-1].connect(opened.getsockname())
        return made[-1]

    yield make
    for each in made:
        each.close()


def taken(scoop: Scoop, fit: Fit) -> list[Piece]:
    pieces, _ = scoop.take(fit)
    return pieces


def test_a_picture_comes_as_one_piece(scoop, opened, sender):
    fit, one = Fit(opened), sender()
    source = one.getsockname()[:2]
    packets = [bytes([n]) * 1412 for n in range(9)] + [b"end" * 100]
    for _ in range(3):  # into whole slots, then into those made to measure
        for packet in packets:
            one.send(packet)
        assert taken(scoop, fit) == [(b"".join(packets), 1412, source)]
    assert taken(scoop, fit) == []


def test_two_pictures_and_two_senders_are_told_apart(scoop, opened, sender):
    fit, one, two = Fit(opened), sender(), sender()
    for _ in range(2):
        for packet, way in ((b"a" * 90, one), (b"b" * 90, one), (b"c" * 9, one), (b"d" * 90, one), (b"e" * 90, two)):
            way.send(packet)
        pieces = taken(scoop, fit)
        assert [(data, size) for data, size, _ in pieces] == [
            (b"a" * 90 + b"b" * 90 + b"c" * 9, 90),
            (b"d" * 90, 90),
            (b"e" * 90, 90),
        ]
        assert [source for *_, source in pieces] == [one.getsockname()[:2]] * 2 + [two.getsockname()[:2]]


def test_a_datagram_longer_than_its_slot_is_not_cut(scoop, opened, sender):
    fit, one = Fit(opened), sender()
    for sizes in ((100, 100), (100, 1400, 100), (100, 9000, 65000), (100, 0, 100), (3,)):
        packets = [bytes([number + 1]) * size for number, size in enumerate(sizes)]
        for packet in packets:
            one.send(packet)
        assert b"".join(data for data, *_ in taken(scoop, fit)) == b"".join(packets)


def test_no_more_than_its_slots_are_taken_at_once(scoop, opened, sender):
    fit, one = Fit(opened), sender()
    for number in range(SLOTS + 5):
        one.send(struct.pack("!I", number) * 10)
    pieces, has_more = scoop.take(fit)
    assert has_more and len(pieces[0][0]) == SLOTS * 40
    pieces, has_more = scoop.take(fit)
    assert not has_more and pieces[0][0][:4] == struct.pack("!I", SLOTS)


def test_an_empty_datagram_is_not_lost_among_others(scoop, opened, sender):
    fit, one = Fit(opened), sender()
    for _ in range(3):
        for packet in (b"a" * 90, b"a" * 90, b""):
            one.send(packet)
        assert [data for data, *_ in taken(scoop, fit)] == [b"a" * 180, b""]


def test_what_the_kernel_put_together_comes_with_the_size_of_its_packets(scoop, opened, sender):
    fit, one = Fit(opened), sender()
    packets = [bytes([n]) * 1200 for n in range(20)] + [b"end"]
    one.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 1200)
    for _ in range(3):
        one.send(b"".join(packets))
        one.send(b"alone")
        pieces = taken(scoop, fit)
        assert [(data, size) for data, size, _ in pieces] == [(b"".join(packets), 1200), (b"alone", 5)]


def test_a_size_that_grows_is_learnt_and_many_sizes_are_bounded(opened, sender):
    one, fit = sender(), Fit(opened)
    many = ManyScoop(Room())
    for size in range(70, 70 + 2 * scoops.SIZES):
        one.send(bytes(size))
        one.send(bytes(size))
        assert taken(many, fit) == [(bytes(2 * size), size, one.getsockname()[:2])]
    assert len(many._calls) <= scoops.SIZES + 1


def test_a_refused_report_is_passed_over(scoop, opened, sender):
    fit, one = Fit(opened), sender()
    with bind_udp(opened.getsockname()[0], 0, 0) as gone:
        address = gone.getsockname()
    opened.sendto(b"report", address)
    one.send(b"packet")
    pieces = taken(scoop, fit) or taken(scoop, fit)
    assert [data for data, *_ in pieces] == [b"packet"]


def test_without_recvmmsg_the_standard_library_does_it(monkeypatch):
    assert isinstance(best_scoop(Room()), ManyScoop)
    monkeypatch.setattr(scoops.sys, "platform", "other")
    assert isinstance(best_scoop(Room()), PlainScoop)


def test_an_address_of_one_link_keeps_its_link():
    name = struct.pack("=H", socket.AF_INET6) + struct.pack("!HI", 5060, 0)
    name += socket.inet_pton(socket.AF_INET6, "fe80::7") + struct.pack("=I", 1)
    host, port = scoops.source_of(name)
    assert (host, port) == (f"fe80::7%{socket.if_indextoname(1)}", 5060)
