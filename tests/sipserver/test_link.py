"""A peer over the wire: what is sent, what is waited for, and how many-part answers are put together."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gb28181.manscdp.catalog import Catalog, CatalogQuery, Item
from gb28181.manscdp.control import ControlResponse, DeviceControl
from gb28181.manscdp.device_info import DeviceInfo, DeviceInfoQuery
from gb28181.manscdp.device_status import DeviceStatus, DeviceStatusQuery
from gb28181.manscdp.preset import Preset, PresetList, PresetQuery
from gb28181.manscdp.record_info import RecordInfo, RecordInfoQuery, RecordItem
from gb28181.peer import Gathered, PeerOffline, PeerRefused, PeerSilent
from sipserver.gathering import Gathering, Patience, Progress

CODE = "34020000001320000001"
CHANNEL = "34020000001310000001"


def items(*numbers: int) -> tuple[Item, ...]:
    return tuple(Item(f"3402000000131000{number:04d}") for number in numbers)


def part(sum_num: int, *numbers: int) -> Catalog:
    return Catalog(1, CODE, sum_num, items(*numbers))


class Basket:
    """A gathering of catalog parts whose clock the test moves."""

    def __init__(self, limit: int = 1000) -> None:
        self.gathering = Gathering(lambda item: item.code, Patience(120, 10), 0.0, limit=limit)

    def add(self, part: Catalog, now: float = 1.0) -> Progress:
        return self.gathering.add(part, part.sum_num, part.items, part.damaged, now)


# --- gathering, with time as a number


def test_parts_in_any_order_and_twice_make_one_whole():
    basket = Basket()
    assert basket.add(part(5, 4, 5)) is Progress.WAITING
    assert basket.add(part(5, 1, 2)) is Progress.WAITING
    assert basket.add(part(5, 1, 2)) is Progress.WAITING
    assert basket.add(part(5, 3)) is Progress.COMPLETE
    result = basket.gathering.result()
    assert (result.expected, result.got, result.complete, len(result.parts)) == (5, 5, True, 3)


def test_silence_ends_the_wait_and_nothing_is_complete():
    basket = Basket()
    assert not basket.gathering.give_up(119.0)
    basket.add(part(5, 1, 2), now=119.0)
    assert not basket.gathering.give_up(128.0)
    assert basket.gathering.give_up(129.0)
    assert basket.gathering.result() == Gathered((part(5, 1, 2),), 5, 2, False)
    assert basket.add(part(5, 3, 4, 5)) is Progress.STOPPED, "what comes later is news, not this answer"


def test_an_empty_answer_is_complete_at_once():
    assert Basket().add(part(0)) is Progress.COMPLETE


def test_a_sum_of_nothing_with_items_waits_for_silence():
    basket = Basket()
    assert basket.add(part(0, 1, 2)) is Progress.WAITING
    assert basket.gathering.give_up(11.0)
    assert not basket.gathering.result().complete


def test_a_sum_that_changes_is_taken_at_its_highest():
    basket = Basket()
    basket.add(part(2, 1))
    assert basket.add(part(3, 2)) is Progress.WAITING
    assert basket.add(part(2, 3)) is Progress.COMPLETE


def test_who_sends_damaged_items_for_ever_is_not_waited_for():
    basket = Basket()
    damaged = Catalog(1, CODE, 1_000_000, items(1), damaged=1)
    now = 0.0
    while not basket.gathering.give_up(now) and now < 10_000:
        now += 9.0
        assert basket.add(damaged, now) is not Progress.COMPLETE
    assert now < 1000 + 20, "a hundred times a part in time, and then silence"
    assert len(basket.gathering.result().parts) <= 102


def test_damaged_items_are_not_waited_for_but_are_told():
    basket = Basket()
    assert basket.add(Catalog(1, CODE, 3, items(1, 2), damaged=1)) is Progress.COMPLETE
    assert basket.gathering.result().damaged == 1


def test_more_than_we_keep_is_stopped():
    assert Basket(limit=3).add(part(1_000_000, 1, 2, 3, 4)) is Progress.STOPPED


@given(st.lists(st.lists(st.integers(0, 30), max_size=6), max_size=20), st.integers(0, 30))
def test_what_is_called_complete_has_as_many_items_as_was_said(parts: list[list[int]], sum_num: int):
    basket = Basket()
    for numbers in parts:
        basket.add(part(sum_num, *numbers))
    result = basket.gathering.result()
    held = {item.code for each in result.parts for item in each.items}
    assert len(held) == result.got
    if result.complete:
        assert result.got >= sum_num


# --- on the wire


@pytest.fixture
async def pair(make_house, make_camera, until_true):
    """A registered camera that answers only as the test says, and the link to it."""
    house = await make_house(catalog_tries=1)
    camera = await make_camera(house, version="3.0")
    await camera.register()
    await until_true(lambda: house.below.statistics()["onboarding"]["finished"] == 1)
    camera.asked.clear()
    return house, camera, house.below.peer(CODE)


async def test_a_question_comes_back_typed(pair):
    _, camera, link = pair
    answer = await link.ask(DeviceInfoQuery(0, CODE))
    assert isinstance(answer, DeviceInfo)
    assert (answer.manufacturer, answer.model) == ("ACME", "B2")
    assert answer.sn == camera.asked[0].sn != 0


async def test_every_question_has_a_number_of_its_own(pair):
    _, camera, link = pair
    await asyncio.gather(*(link.ask(DeviceInfoQuery(7, CODE)) for _ in range(20)))
    numbers = [query.sn for query in camera.asked]
    assert len(set(numbers)) == 20
    assert all(0 < number <= 999_999 for number in numbers)


async def test_a_catalog_of_200_in_parts_comes_back_whole_with_progress(pair, make_camera):
    _, camera, link = pair
    camera.items = items(*range(200))
    camera.per_part = 7
    told: list[tuple[int, int]] = []
    gathered = await link.ask_and_follow(CatalogQuery(0, CODE), progress=lambda got, of: told.append((got, of)))
    assert isinstance(gathered, Gathered)
    assert (gathered.got, gathered.expected, gathered.complete) == (200, 200, True)
    assert told[0] == (7, 200) and told[-1] == (200, 200)


async def test_a_lost_part_ends_in_an_incomplete_answer(pair):
    _, camera, link = pair
    camera.items = items(*range(20))
    camera.per_part = 5
    camera.lose_parts = {2}
    async with asyncio.timeout(1.5):  # the silence between parts is 0.4 s here, the patience for the first part 2 s
        gathered = await link.ask(CatalogQuery(0, CODE))
    assert isinstance(gathered, Gathered)
    assert (gathered.got, gathered.expected, gathered.complete) == (15, 20, False)


async def test_records_are_told_apart_by_channel_and_time(pair):
    _, camera, link = pair
    files = tuple(RecordItem(CHANNEL, "x", start=float(hour), end=float(hour + 1)) for hour in range(0, 36_000, 3600))

    async def answer(value):
        await camera.say(RecordInfo(value.sn, value.device, "x", 10, files[:6]))
        await camera.say(RecordInfo(value.sn, value.device, "x", 10, files[4:]))

    camera.answer = answer
    gathered = await link.ask(RecordInfoQuery(0, CHANNEL, 0.0, 36_000.0))
    assert isinstance(gathered, Gathered)
    assert (gathered.got, gathered.complete) == (10, True)


async def test_two_catalogs_at_once_take_turns(pair):
    _, camera, link = pair
    camera.items = items(1, 2, 3)
    one, two = await asyncio.gather(link.ask(CatalogQuery(0, CODE)), link.ask(CatalogQuery(0, CODE)))
    assert one.complete and two.complete
    first, second = (query.sn for query in camera.asked)
    assert first != second


async def test_silence_after_the_200_is_said_as_such(pair):
    _, camera, link = pair

    async def nothing(value):
        return None

    camera.answer = nothing
    with pytest.raises(PeerSilent, match=r"took DeviceInfo \(SN \d+\) and did not answer in 0.2 s"):
        await link.ask(DeviceInfoQuery(0, CODE), timeout_s=0.2)
    with pytest.raises(PeerSilent, match="sent no part of an answer"):
        await link.ask(CatalogQuery(0, CODE), timeout_s=0.2)
    assert "0 questions open" in repr(link)


async def test_a_camera_that_answers_nothing_at_all_is_silent_too(pair):
    _, camera, link = pair
    await camera.stack.close()
    with pytest.raises(PeerSilent, match="did not answer MESSAGE DeviceControl") as failure:
        link._settings = dataclasses.replace(link._settings, ask_patience_s=0.3)
        await link.tell(DeviceControl(0, CHANNEL, ptz="A50F0000000000B4"))
    (hop,) = failure.value.hops
    assert (hop.who, hop.what, hop.status) == (CODE, "MESSAGE DeviceControl", 0)


async def test_a_refused_message_keeps_the_neighbours_own_words(pair):
    _, camera, link = pair
    camera.status_for_messages = 488
    with pytest.raises(PeerRefused) as failure:
        await link.ask(DeviceStatusQuery(0, CODE))
    assert (failure.value.status, failure.value.hops[0].status) == (488, 488)


async def test_result_error_is_a_refusal_and_no_silence(pair):
    _, camera, link = pair

    async def answer(value):
        await camera.say(ControlResponse(value.sn, value.device, False, "armed already", "DeviceControl"))

    camera.answer = answer
    answer_value = await link.ask(DeviceControl(0, CHANNEL, guard=True))
    assert isinstance(answer_value, ControlResponse) and not answer_value.ok


async def test_an_answer_under_a_foreign_number_is_taken_when_only_one_such_is_awaited(pair):
    _, camera, link = pair

    async def answer(value):
        await camera.say(DeviceStatus(999_998, value.device, True))

    camera.answer = answer
    assert isinstance(await link.ask(DeviceStatusQuery(0, CODE)), DeviceStatus)


async def test_what_has_no_answer_cannot_be_asked(pair):
    _, _, link = pair
    with pytest.raises(TypeError, match="tell it"):
        await link.ask(DeviceControl(0, CHANNEL, ptz="A50F0000000000B4"))
    with pytest.raises(TypeError, match="no MANSCDP message"):
        await link.tell("stop")


async def test_words_are_written_as_the_edition_of_the_peer_wants(pair, make_house, make_camera):
    house, camera, link = pair
    assert link.manners.charset.value == "GB18030"
    await link.tell(DeviceControl(0, CHANNEL, i_frame=True))
    bodies = [rung.text for rung in house.below.ladder.of_peer(CODE) if "DeviceControl" in rung.text]
    assert 'encoding="GB18030"' in bodies[-1] and "<IFrameCmd>" in bodies[-1]
    camera.version = "2.0"
    await camera.register()
    assert link.manners.charset.value == "GB2312"
    await link.tell(DeviceControl(0, CHANNEL, i_frame=True))
    bodies = [rung.text for rung in house.below.ladder.of_peer(CODE) if "DeviceControl" in rung.text]
    assert 'encoding="GB2312"' in bodies[-1] and "<IFameCmd>" in bodies[-1]


async def test_who_waits_for_a_neighbour_that_leaves_is_told_at_once(pair):
    _, camera, link = pair

    async def leave(value):
        await camera.register(expires=0)

    camera.answer = leave
    async with asyncio.timeout(1.5):
        with pytest.raises(PeerOffline, match="went away before it answered: deregistered"):
            await link.ask(CatalogQuery(0, CODE))
    with pytest.raises(PeerOffline, match="nothing was sent"):
        await link.ask(CatalogQuery(0, CODE))


async def test_presets_told_in_several_messages_are_gathered(make_house, make_camera):
    house = await make_house()
    camera = await make_camera(house)
    await camera.register()

    async def answer(asked):
        if isinstance(asked, PresetQuery):
            for number in ("1", "2", "2", "3"):
                await camera.say(PresetList(asked.sn, asked.device, (Preset(number, "gate"),), sum_num=3))
        else:
            await camera.answer_as_the_book_says(asked)

    camera.answer = answer
    gathered = await house.below.peer(CODE).ask(PresetQuery(0, CODE))
    assert isinstance(gathered, Gathered) and gathered.complete
    assert {preset.number for part in gathered.parts for preset in part.presets} == {"1", "2", "3"}


async def test_presets_without_a_sum_are_all_in_one_message(make_house, make_camera):
    house = await make_house()
    camera = await make_camera(house)
    await camera.register()

    async def answer(asked):
        if isinstance(asked, PresetQuery):
            await camera.say(PresetList(asked.sn, asked.device, (Preset("1", "gate"), Preset("2", "yard"))))
        else:
            await camera.answer_as_the_book_says(asked)

    camera.answer = answer
    gathered = await house.below.peer(CODE).ask(PresetQuery(0, CODE))
    assert isinstance(gathered, Gathered) and gathered.complete and len(gathered.parts) == 1
