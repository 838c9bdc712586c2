"""The alarm lines of the conformance list (signalling reference 11), each a test named by its line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gb28181.alarm_words import METHODS, TYPES
from gb28181.edition import Edition
from gb28181.manscdp.alarm import Alarm, AlarmQuery, AlarmResponse
from gb28181.manscdp.control import ControlResponse, DeviceControl
from gb28181.manscdp.device_status import DeviceStatus, DeviceStatusQuery
from simulator.alarming import AlarmingSettings, Scare
from sipserver.below.following import Subject
from tests.conformance.bare import CAMERA, bare
from tests.conformance.middle import CAMERA as LOWER_CAMERA
from tests.conformance.middle import opened
from tests.conformance.pair import Estate, Pair, house, joined, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

OLD = "34020000001320000016"
NEW = "34020000001320000022"
ON_GUARD = AlarmingSettings(armed=True)
INPUT = Scare(method=2, kind=None, priority=1)
BOTH = pytest.mark.parametrize("edition", [Edition.V2016, Edition.V2022])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def estate(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Estate]:
    folder = Path(tmp_path_factory.mktemp("alarm"))
    async with house(folder, below={"ask_patience_s": 3.0}) as estate:
        yield estate


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def old(estate: Estate) -> Pair:
    """A device of the edition 2016, on guard."""
    return await joined(estate, OLD, edition=Edition.V2016, alarming=ON_GUARD)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def new(estate: Estate) -> Pair:
    """A device of the edition 2022, on guard."""
    return await joined(estate, NEW, edition=Edition.V2022, alarming=ON_GUARD)


async def kept(pair: Pair, **wanted: object) -> list[Any]:
    """Alarms of this device as the house has them, newest first."""
    query = "&".join(f"{name}={value}" for name, value in {"channel": pair.code, **wanted}.items())
    return (await pair.estate.get(f"/api/v1/alarms?{query}"))["items"]  # type: ignore[no-any-return]


@BOTH
async def test_ALM_01_a_raised_alarm_is_a_message_with_priority_method_and_time(edition: Edition):
    async with bare(edition, alarming=ON_GUARD) as (platform, camera):
        assert await camera.raise_alarm(scare=Scare(5, 6, priority=2), at=1_714_950_489.0)
        seen = await platform.tap.see("Alarm", out=False)
        assert seen.method == "MESSAGE" and seen.xml.tag == "Notify"
        names = ("DeviceID", "AlarmPriority", "AlarmMethod", "AlarmTime", "Info/AlarmType")
        assert [seen.xml.findtext(name) for name in names] == [CAMERA, "2", "5", "2024-05-06T07:08:09", "6"]


async def test_ALM_02_an_alarm_is_answered_by_200_and_a_response_with_its_number_and_result_ok(old: Pair, new: Pair):
    for pair in (old, new):
        pair.clear()
        await pair.camera.raise_alarm(scare=Scare(5, 2))
        notified = await pair.theirs.see("Alarm", out=True)
        assert pair.theirs.answer_to(notified).status == 200
        answered = await pair.theirs.see(AlarmResponse, out=False)
        assert answered.method == "MESSAGE" and answered.xml.tag == "Response"
        assert answered.xml.findtext("SN") == notified.xml.findtext("SN")
        assert answered.xml.findtext("DeviceID") == pair.code
        assert answered.xml.findtext("Result") == "OK"


async def test_ALM_03_an_alarm_is_distributed_to_each_upper_by_message(tmp_path: Path):
    async with opened(tmp_path) as middle:
        lower = await middle.below()
        first = await middle.above(edition=Edition.V2016, push_alarms=True)
        second = await middle.above(code="34000000002000000009", edition=Edition.V2022, push_alarms=True)
        silent = await middle.above(code="34000000002000000008", push_alarms=False)
        await lower.raise_alarm(LOWER_CAMERA, priority=1, method=5)
        await until(lambda: first.alarms and second.alarms)
        for upper in (first, second):
            (alarm,) = upper.alarms
            assert (alarm.priority, alarm.method, alarm.device) == (1, 5, LOWER_CAMERA)
        assert silent.alarms == []


@BOTH
async def test_ALM_04_before_a_reset_no_second_alarm_of_a_device_is_said(edition: Edition):
    async with bare(edition, alarming=ON_GUARD) as (platform, camera):
        assert await camera.raise_alarm(scare=INPUT)
        assert not await camera.raise_alarm(scare=INPUT)
        assert await camera.raise_alarm(scare=Scare(5, 2)), "other methods know no such rule"
        first, second = await platform.hear(Alarm), await platform.hear(Alarm)
        assert (first.method, second.method) == (2, 5)
        await platform.order("<AlarmCmd>ResetAlarm</AlarmCmd><Info><AlarmMethod>2</AlarmMethod></Info>", sn=5)
        assert (await platform.hear(ControlResponse)).ok
        assert await camera.raise_alarm(scare=INPUT)
        assert (await platform.hear(Alarm)).method == 2


async def test_ALM_05_a_handled_alarm_of_a_device_is_reset_with_info_and_its_response_awaited(old: Pair, new: Pair):
    for pair in (old, new):
        pair.clear()
        assert await pair.camera.raise_alarm(scare=INPUT)
        (alarm,) = await until(lambda pair=pair: kept(pair, method=2, state="open"))
        await pair.estate.post(f"/api/v1/alarms/{alarm['id']}/close", {"verdict": "real"})
        seen = await pair.ours.see(DeviceControl, out=True)
        assert seen.method == "MESSAGE"
        assert seen.xml.findtext("AlarmCmd") == "ResetAlarm"
        assert seen.xml.findtext("Info/AlarmMethod") == "2"
        answer = await pair.ours.see(ControlResponse, out=False)
        assert answer.xml.findtext("SN") == seen.xml.findtext("SN")
        await until(lambda pair=pair: kept(pair, method=2, state="closed"))
        number = alarm["id"]

        async def is_reset(pair: Pair = pair, number: int = number) -> bool:
            return bool((await pair.estate.get(f"/api/v1/alarms/{number}"))["alarm"]["reset"] == "ok")

        await until(is_reset)
        assert await pair.camera.raise_alarm(scare=INPUT), "the device may speak again"


@BOTH
async def test_ALM_06_set_guard_is_answered_and_puts_the_device_on_duty(edition: Edition):
    async with bare(edition) as (platform, camera):
        assert not await camera.raise_alarm(), "off guard nothing is said"
        await platform.order("<GuardCmd>SetGuard</GuardCmd>", sn=31)
        answer = await platform.hear(ControlResponse)
        assert (answer.sn, answer.ok) == (31, True)
        await platform.say(DeviceStatusQuery(32, CAMERA))
        status = await platform.hear(DeviceStatus)
        assert [(duty.device, duty.duty) for duty in status.duties] == [(CAMERA, "ONDUTY")]
        assert await camera.raise_alarm()
        await platform.order("<GuardCmd>ResetGuard</GuardCmd>", sn=33)
        await platform.hear(ControlResponse)
        assert not await camera.raise_alarm()


async def test_ALM_07_a_covered_picture_is_method_5_type_13(new: Pair):
    new.clear()
    await new.camera.raise_alarm(scare=Scare(5, 13, text="镜头被遮挡"))
    seen = await new.theirs.see("Alarm", out=True)
    assert seen.xml.findtext("AlarmMethod") == "5" and seen.xml.findtext("Info/AlarmType") == "13"
    (alarm, *_) = await until(lambda: kept(new, q="镜头被遮挡"))
    assert alarm["title"] == {"zh": "图像遮挡", "en": "Picture covered"}


async def test_ALM_08_an_intrusion_may_say_whether_somebody_entered_or_left(old: Pair, new: Pair):
    for pair, event, words in ((old, 1, "进入区域"), (new, 2, "离开区域")):
        pair.clear()
        await pair.camera.raise_alarm(scare=Scare(5, 6, event))
        seen = await pair.theirs.see("Alarm", out=True)
        assert seen.xml.findtext("Info/AlarmTypeParam/EventType") == str(event)

        async def is_kept(pair: Pair = pair, event: int = event) -> Any:
            return [each for each in await kept(pair) if each["event_type"] == event]

        (alarm,) = await until(is_kept)
        assert words in alarm["title"]["zh"]


@pytest.mark.parametrize(("edition", "joined_as"), [(Edition.V2016, "12"), (Edition.V2022, "1/2")])
async def test_ALM_10_several_methods_in_a_filter_are_joined_as_the_edition_writes_them(
    estate: Estate, edition: Edition, joined_as: str, old: Pair, new: Pair
):
    pair = new if edition.is_2022 else old
    pair.clear()
    peer = estate.house.below.peer(pair.code)
    assert peer is not None
    asking = asyncio.create_task(peer.ask(AlarmQuery(0, pair.code, 1, 4, (1, 2)), timeout_s=2.0))
    seen = await pair.ours.see("Alarm", out=True)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert seen.xml.tag == "Query"
    assert seen.xml.findtext("AlarmMethod") == joined_as


async def test_every_method_and_type_comes_in_from_both_editions_and_has_a_name(old: Pair, new: Pair):
    for pair in (old, new):
        for method in METHODS:
            for kind in (None, *(kind for of, kind in TYPES if of == method)):
                # A number of its own for each, as one of them waits for a reset and would hold the others back.
                pair.camera.duties.duty.clear()
                pair.camera.duties.duty[pair.code] = "ONDUTY"
                assert await pair.camera.raise_alarm(scare=Scare(method, kind, priority=4))
        wanted = {(method, "") for method in METHODS} | {(method, str(kind)) for method, kind in TYPES}

        async def all_kept(pair: Pair = pair, wanted: set[tuple[int, str]] = wanted) -> Any:
            found = await kept(pair, limit=500)
            return found if {(each["method"], each["type"]) for each in found} == wanted else None

        found = await until(all_kept)
        assert all(each["title"]["zh"] and "类型" not in each["title"]["zh"] for each in found)


async def test_an_alarm_by_message_and_by_notify_is_one_and_is_counted_once(estate: Estate):
    code = "34020000001320000033"
    pair = await joined(estate, code, alarming=AlarmingSettings(armed=True, both_ways=True))
    estate.house.below.follow(code, Subject.ALARM)
    await until(lambda: pair.camera.followers.of("alarm"))
    await pair.camera.raise_alarm(scare=Scare(5, 5))
    ways = {seen.method for seen in pair.ours.all("Alarm", out=False)}
    assert ways == {"MESSAGE", "NOTIFY"}
    (alarm,) = await until(lambda: kept(pair))
    assert alarm["count"] == 1


async def test_a_device_that_repeats_until_it_is_answered_is_answered_and_counted_once(estate: Estate):
    code = "34020000001320000034"
    repeating = AlarmingSettings(armed=True, repeats=5, repeat_s=0.5)
    pair = await joined(estate, code, alarming=repeating)
    await pair.camera.raise_alarm(scare=Scare(5, 5))
    await until(lambda: pair.camera.alarming.answered)
    (alarm,) = await until(lambda: kept(pair))
    assert alarm["count"] == 1
    assert len(pair.ours.all("Alarm", out=False)) <= 2
