"""Archives: days asked for once, partial ones told as partial, and not kept for long."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from broker.archives import FRESH_S, KEPT_S, Archives, NeedsNewerEdition, Sought
from gb28181.manscdp.record_info import RecordInfo, RecordInfoQuery, RecordItem
from gb28181.peer import Gathered, PeerOffline, PeerSilent
from registry.device import Device

RECORDER = "34020000001180000001"
CHANNEL = "34020000001320000001"
MIDNIGHT = 1_699_977_600  # in Beijing
DAY_S = 86_400


@dataclass
class Peer:
    """Has an hour of each day, and a mood."""

    asked: list[RecordInfoQuery] = field(default_factory=list)
    silent_days: set[float] = field(default_factory=set)
    is_partial: bool = False
    gate: asyncio.Event | None = None

    async def ask(self, query: Any, *, timeout_s: float | None = None) -> object:
        self.asked.append(query)
        if self.gate is not None:
            await self.gate.wait()
        if query.start in self.silent_days:
            raise PeerSilent("nothing came")
        item = RecordItem(CHANNEL, start=query.start + 3600, end=query.start + 7200, kind="time")
        part = RecordInfo(1, CHANNEL, sum_num=3 if self.is_partial else 1, items=(item,))
        return Gathered((part,), part.sum_num, 1, not self.is_partial)


class Clock:
    now = float(MIDNIGHT + 40 * DAY_S)


@dataclass
class House:
    """Archives, the recorder they ask, and the clock."""

    peer: Peer
    clock: Clock
    archives: Archives


@pytest.fixture
def house() -> House:
    peer, clock = Peer(), Clock()

    class Neighbours:
        def peer(self, code: str) -> Any:
            return peer if code == RECORDER else None

    device = Device(RECORDER, edition="3.0")
    archives = Archives(Neighbours(), lambda code: device if code == RECORDER else None, lambda: clock.now)
    return House(peer, clock, archives)


async def test_each_day_is_asked_for_once_and_known_for_a_while(house: House):
    window = (MIDNIGHT + 100, MIDNIGHT + 3 * DAY_S - 100)
    found = await house.archives.search(RECORDER, CHANNEL, *window)
    assert [piece.start for piece in found.pieces] == [MIDNIGHT + 3600 + DAY_S * day for day in range(3)]
    assert [query.start for query in house.peer.asked] == [MIDNIGHT + DAY_S * day for day in range(3)]
    await house.archives.search(RECORDER, CHANNEL, *window)
    assert len(house.peer.asked) == 3
    house.clock.now += KEPT_S + 1
    await house.archives.search(RECORDER, CHANNEL, *window)
    assert len(house.peer.asked) == 6


async def test_a_day_that_is_not_over_is_asked_for_again_soon(house: House):
    house.clock.now = float(MIDNIGHT + 7200)
    await house.archives.search(RECORDER, CHANNEL, MIDNIGHT, MIDNIGHT + DAY_S)
    house.clock.now += FRESH_S + 1
    await house.archives.search(RECORDER, CHANNEL, MIDNIGHT, MIDNIGHT + DAY_S)
    assert len(house.peer.asked) == 2


async def test_what_was_not_told_whole_is_shown_and_called_partial(house: House):
    house.peer.is_partial = True
    found = await house.archives.search(RECORDER, CHANNEL, MIDNIGHT, MIDNIGHT + DAY_S)
    assert (found.got, found.expected, found.partial) == (1, 3, (MIDNIGHT,))
    assert not found.is_complete and len(found.pieces) == 1


async def test_a_day_that_could_not_be_had_does_not_hide_the_others(house: House):
    house.peer.silent_days = {float(MIDNIGHT)}
    found = await house.archives.search(RECORDER, CHANNEL, MIDNIGHT, MIDNIGHT + 2 * DAY_S)
    assert found.partial == (MIDNIGHT,) and len(found.pieces) == 1


async def test_when_nothing_could_be_had_it_says_why(house: House):
    house.peer.silent_days = {float(MIDNIGHT)}
    with pytest.raises(PeerSilent):
        await house.archives.search(RECORDER, CHANNEL, MIDNIGHT, MIDNIGHT + DAY_S)
    with pytest.raises(PeerOffline):
        await house.archives.search("34020000001180000009", CHANNEL, MIDNIGHT, MIDNIGHT + DAY_S)


async def test_two_who_ask_the_same_share_one_question_and_one_who_leaves_takes_nothing_along(house: House):
    house.peer.gate = asyncio.Event()
    window = (MIDNIGHT, MIDNIGHT + DAY_S)
    one, two = (asyncio.create_task(house.archives.search(RECORDER, CHANNEL, *window)) for _ in range(2))
    while not house.peer.asked:
        await asyncio.sleep(0)
    one.cancel()
    await asyncio.gather(one, return_exceptions=True)
    house.peer.gate.set()
    assert len((await two).pieces) == 1
    assert len(house.peer.asked) == 1


async def test_a_word_of_2022_is_not_said_to_a_neighbour_of_2016():
    def nobody(code: str) -> Any:
        raise AssertionError("it must not be asked")

    archives = Archives(type("Neighbours", (), {"peer": nobody})(), lambda code: Device(code, edition="2.0"))
    with pytest.raises(NeedsNewerEdition, match="StreamNumber or AlarmType"):
        await archives.search(RECORDER, CHANNEL, MIDNIGHT, MIDNIGHT + 10, Sought(stream=1, alarm_type="2"))
