"""Places of viewers: reserved, claimed once, taken, and given up with a word to all who listen."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest

from media.fanout import Fanout, KeepLimits
from media.outlets.gallery import FAREWELLS, Gallery
from media.outlets.tide import Pace
from media.outlets.viewer import Tolerance
from media.passage import Passage
from media.plane import KeyFrameWanted, OutletClosed, OutletKind, PlaneEvent, Seating, WireForm

SEATING = Seating(WireForm.CHUNKED)


class Stage:
    """An inlet that only counts who looks."""

    def __init__(self) -> None:
        self.fanout = Fanout(KeepLimits(100, 1 << 20, 10.0, 0.0), lambda video, audio: None)
        self.passage = Passage(keep_bytes=1 << 20, keep_s=10.0)
        self.cut = self.skips = self.lookers = 0

    def look(self) -> None:
        self.lookers += 1

    def look_away(self) -> None:
        self.lookers -= 1


class Hall:
    """A gallery with one stage, a clock that is set, and a ledger."""

    def __init__(self) -> None:
        self.now = 0.0
        self.stage = Stage()
        self.stages = {"in1": self.stage}
        self.told: list[PlaneEvent] = []
        self.there: list[socket.socket] = []
        self.gallery = Gallery(
            self.stages, Tolerance(1 << 20, 2.0, 5, 30.0), Pace(), self.told.append, lambda: self.now, lambda: self.now
        )

    def sit(self, kind: OutletKind = OutletKind.FLV_HTTP) -> str:
        place = self.gallery.reserve("in1", kind, True, 60.0)
        assert self.gallery.claim("in1", place.outlet) is kind
        ours, there = socket.socketpair()
        there.setblocking(False)
        self.there.append(there)
        self.gallery.seat(place.outlet, SEATING, ours)
        return place.outlet


@pytest.fixture
async def hall() -> AsyncIterator[Hall]:
    made = Hall()
    yield made
    made.gallery.dismiss("over")
    made.gallery.stop()
    for each in made.there:
        each.close()


async def test_a_place_is_claimed_once_and_only_at_its_own_inlet(hall):
    place = hall.gallery.reserve("in1", OutletKind.FLV_WS, True, 60.0)
    assert hall.gallery.claim("in2", place.outlet) is None
    assert hall.gallery.claim("in1", place.outlet) is OutletKind.FLV_WS
    assert hall.gallery.claim("in1", place.outlet) is None
    assert hall.gallery.claim("in1", "nowhere") is None


async def test_an_address_that_nobody_comes_to_is_given_up_and_a_claimed_one_is_not(hall):
    late = hall.gallery.reserve("in1", OutletKind.FLV_HTTP, True, 60.0)
    claimed = hall.gallery.reserve("in1", OutletKind.FLV_HTTP, True, 60.0)
    hall.gallery.claim("in1", claimed.outlet)
    hall.now = 60.0
    hall.gallery.watch()
    assert hall.told == [OutletClosed("in1", late.outlet, "nobody came to the address")]
    assert hall.stage.lookers == 1 and len(hall.gallery) == 1


async def test_a_second_socket_for_a_place_is_told_goodbye(hall):
    outlet = hall.sit()
    ours, there = socket.socketpair()
    hall.there.append(there)
    hall.gallery.seat(outlet, SEATING, ours)
    assert there.recv(10) == b"0\r\n\r\n" and hall.gallery.taken == 1


async def test_who_waits_for_a_program_without_a_key_frame_has_one_asked_for(hall):
    hall.sit(OutletKind.PS_HTTP)
    assert [type(event) for event in hall.told] == [KeyFrameWanted]
    assert hall.stage.lookers == 0


async def test_a_viewer_who_leaves_is_told_once_and_looks_no_more(hall):
    outlet = hall.sit()
    hall.there[0].close()
    async with asyncio.timeout(5):
        while len(hall.gallery):
            await asyncio.sleep(0.005)
    hall.gallery.detach("in1", outlet)
    assert hall.told == [OutletClosed("in1", outlet, "the viewer left")]
    assert hall.stage.lookers == 0 and hall.stage.fanout.viewers == 0


async def test_many_viewers_are_seen_off_a_few_at_a_time(hall):
    for _ in range(2 * FAREWELLS + 10):
        hall.sit()
    seen: list[int] = []

    async def look_around() -> None:
        while len(hall.gallery):
            seen.append(len(hall.gallery))
            await asyncio.sleep(0)

    looking = asyncio.create_task(look_around())
    await asyncio.sleep(0)
    await hall.gallery.close("in1", hall.stages.pop("in1"), "the stream ended")
    await looking
    assert max(before - after for before, after in pairwise(seen)) <= FAREWELLS
    assert {event.reason for event in hall.told} == {"the stream ended"} and len(hall.told) == 2 * FAREWELLS + 10
