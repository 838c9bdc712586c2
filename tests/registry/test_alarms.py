"""Alarms: what is one and what is two, how long they are kept, and what people may do with them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest

from gb28181.manscdp.catalog import Item
from registry.alarm import LIFE, AlarmState, AlarmWanted, Deed, KeptAlarm, Verdict, next_state
from registry.alarm_links import AlarmLink
from registry.alarm_rule import AlarmRule
from registry.alarms import Alarms, AlarmSettings
from registry.device import Device
from registry.directory import Directory
from registry.events import AlarmChanged, AlarmCountsChanged, AlarmRaised, Bus, Event

RECORDER = "34020000001180000001"
GATE, YARD = "34020000001320000011", "34020000001320000012"
INPUT = "34020000001340000001"
NOON = 1_795_000_000.0

Urls = Callable[[], Awaitable[str]]


class Shelf:
    """A directory with a recorder of two cameras, and its book of alarms with a clock that we set."""

    def __init__(self, directory: Directory, settings: AlarmSettings) -> None:
        self.directory = directory
        self.now = NOON
        self.alarms = Alarms(directory, settings, clock=lambda: self.now)
        self.told: list[Event] = []
        directory.bus.listen(self.told.append)

    def hear(self, **said: object) -> None:
        fields = {"owner": RECORDER, "channel": GATE, "priority": 1, "method": 5, "alarm_type": "6", "at": self.now}
        self.directory.bus.tell(AlarmRaised(**({"description": ""} | fields | said)))  # type: ignore[arg-type]

    async def all(self, **wanted: object) -> list[KeptAlarm]:
        return await self.alarms.find(AlarmWanted(**wanted))  # type: ignore[arg-type]  # the tests know the fields


@pytest.fixture
async def shelf(new_url: Urls) -> AsyncIterator[Shelf]:
    directory = Directory(Bus())
    await directory.open(await new_url())
    await directory.add_device(Device(RECORDER, name="派出所录像机"))
    items = [Item(GATE, "东门", civil_code="440106"), Item(YARD, "操场", civil_code="440305")]
    await directory.merge(RECORDER, items, complete=True, at=NOON)
    made = Shelf(directory, AlarmSettings(gather_s=0.0))
    await made.alarms.open()
    yield made
    await made.alarms.close()
    await directory.close()


async def test_an_alarm_is_kept_with_the_names_of_its_channel_and_its_region_and_told(shelf: Shelf) -> None:
    shelf.hear(description="翻越围栏", event_type=1)
    (alarm,) = await shelf.all()
    assert (alarm.name, alarm.owner_name, alarm.video) == ("东门", "派出所录像机", GATE)
    assert alarm.region == "广东省 广州市 天河区"
    assert (alarm.state, alarm.count, alarm.event_type, alarm.heard_at) == (AlarmState.OPEN, 1, 1, NOON)
    raised = [event for event in shelf.told if isinstance(event, AlarmChanged)]
    assert [(event.what, event.alarm) for event in raised] == [("raised", alarm)]
    assert shelf.told[-1] == AlarmCountsChanged(((1, 1),), 1)


async def test_an_alarm_that_goes_on_is_one_with_a_count_and_a_first_and_last_time(shelf: Shelf) -> None:
    for _ in range(4):
        shelf.hear()
        shelf.now += 30
    shelf.hear(method=2, alarm_type="")
    shelf.hear(channel=YARD)
    kept = await shelf.all()
    assert [(each.channel, each.method, each.count) for each in kept] == [(YARD, 5, 1), (GATE, 2, 1), (GATE, 5, 4)]
    assert (kept[2].first_at, kept[2].last_at) == (NOON, NOON + 90)
    shelf.now += 61
    shelf.hear()
    assert len(await shelf.all()) == 4


async def test_of_alarms_of_no_named_kind_only_those_with_the_same_words_are_one(shelf: Shelf) -> None:
    """A disk that is full is not hidden by a camera that was away a minute before."""
    for words in ("录像缺失：设备离线", "录像受阻：磁盘已满", "录像缺失：设备离线"):
        shelf.hear(method=7, alarm_type="", description=words)
        shelf.now += 1
    assert {(alarm.description, alarm.count) for alarm in await shelf.all()} == {
        ("录像缺失：设备离线", 2),
        ("录像受阻：磁盘已满", 1),
    }


async def test_the_same_message_over_two_paths_counts_once(shelf: Shelf) -> None:
    shelf.hear(sn=7)
    shelf.hear(sn=7)
    shelf.hear(sn=91, owner="44010000002000000001")
    shelf.hear(sn=8, at=NOON + 1)
    assert [each.count for each in await shelf.all()] == [2]
    assert shelf.alarms.tally.twins == 2


async def test_a_message_without_a_time_is_known_again_by_its_number(shelf: Shelf) -> None:
    for sn, at in ((3, NOON), (3, NOON + 1), (4, NOON + 2)):
        shelf.hear(sn=sn, at=at, time_said=False)
    assert [each.count for each in await shelf.all()] == [2]


async def test_history_that_answers_a_question_is_no_alarm_of_now(shelf: Shelf) -> None:
    shelf.hear(at=NOON - 86_400, answered=True)
    shelf.hear(at=NOON - 10, answered=True)
    assert [each.first_at for each in await shelf.all()] == [NOON - 10]


async def test_what_goes_on_after_it_was_closed_is_a_new_alarm(shelf: Shelf) -> None:
    shelf.hear()
    (alarm,) = await shelf.all()
    await shelf.alarms.do([alarm.id], Deed.CLOSE, "wang", verdict=Verdict.FALSE)
    shelf.now += 5
    shelf.hear()
    assert [each.state for each in await shelf.all()] == [AlarmState.OPEN, AlarmState.CLOSED]


async def test_every_step_of_an_alarms_life_is_written_down(shelf: Shelf) -> None:
    shelf.hear()
    (alarm,) = await shelf.all()
    await shelf.alarms.do([alarm.id], Deed.ACKNOWLEDGE, "wang")
    shelf.now += 10
    shelf.hear()  # it goes on while people deal with it
    await shelf.alarms.do([alarm.id], Deed.ASSIGN, "wang", to="li")
    await shelf.alarms.do([alarm.id], Deed.COMMENT, "li", note="已派人")
    (closed,) = await shelf.alarms.do([alarm.id], Deed.CLOSE, "li", verdict=Verdict.DRILL, note="演练")
    assert (closed.state, closed.verdict, closed.assigned_to, closed.count) == (AlarmState.CLOSED, "drill", "li", 2)
    assert (closed.acknowledged_by, closed.acknowledged_at, closed.closed_by) == ("wang", NOON, "li")
    assert [(step.who, step.deed, step.note) for step in await shelf.alarms.steps(alarm.id)] == [
        ("wang", "acknowledge", ""),
        ("wang", "assign", "li"),
        ("li", "comment", "已派人"),
        ("li", "close", "drill 演练"),
    ]
    (reopened,) = await shelf.alarms.do([alarm.id], Deed.REOPEN, "wang")
    assert (reopened.state, reopened.verdict) == (AlarmState.ACKNOWLEDGED, "")


async def test_nobody_acknowledges_twice_but_of_many_the_rest_is_done(shelf: Shelf) -> None:
    shelf.hear()
    shelf.hear(channel=YARD)
    ids = [alarm.id for alarm in await shelf.all()]
    await shelf.alarms.do(ids[:1], Deed.ACKNOWLEDGE, "wang")
    with pytest.raises(ValueError, match="nobody can acknowledge"):
        await shelf.alarms.do(ids[:1], Deed.ACKNOWLEDGE, "li")
    assert [alarm.id for alarm in await shelf.alarms.do(ids, Deed.ACKNOWLEDGE, "li")] == ids[1:]
    with pytest.raises(LookupError):
        await shelf.alarms.do([4711], Deed.ACKNOWLEDGE, "li")
    assert shelf.alarms.open_by_priority == {}
    assert shelf.alarms.unclosed == 2


async def test_alarms_are_found_by_state_priority_method_time_and_words(shelf: Shelf) -> None:
    shelf.hear()
    shelf.now += 100
    shelf.hear(channel=YARD, priority=4, method=2, alarm_type="2")
    yard, gate = await shelf.all()
    for wanted, found in (
        ({"states": ("open",)}, [yard, gate]),
        ({"states": ("closed",)}, []),
        ({"priorities": (1, 2)}, [gate]),
        ({"methods": (2,)}, [yard]),
        ({"channel": YARD}, [yard]),
        ({"text": "天河"}, [gate]),
        ({"text": "深圳 操场"}, [yard]),
        ({"text": "dongmen"}, [gate]),
        ({"text": "录像机"}, [yard, gate]),
        ({"text": "100%_"}, []),
        ({"since": NOON + 50}, [yard]),
        ({"until": NOON + 50}, [gate]),
    ):
        assert await shelf.all(**wanted) == found, wanted
        assert await shelf.alarms.count(AlarmWanted(**wanted)) == len(found)  # type: ignore[arg-type]
    assert await shelf.alarms.find(AlarmWanted(), yard.id, 1) == [gate]


async def test_a_recorder_that_names_itself_shows_its_picture_only_when_it_has_one(shelf: Shelf) -> None:
    shelf.hear(channel=RECORDER)
    (alarm,) = await shelf.all()
    assert (alarm.name, alarm.video) == ("派出所录像机", "")
    await shelf.directory.merge(RECORDER, [Item(GATE, "东门")], complete=True, at=NOON)
    shelf.hear(channel=RECORDER, method=6)
    assert (await shelf.all())[0].video == GATE


async def test_old_alarms_and_the_oldest_of_too_many_are_forgotten_with_their_steps(shelf: Shelf) -> None:
    shelf.alarms.settings = replace(shelf.alarms.settings, keep_days=1.0, most=3)
    for kind in range(6):
        shelf.hear(alarm_type=str(kind))
    oldest = (await shelf.all())[-1]
    await shelf.alarms.do([oldest.id], Deed.COMMENT, "wang", note="x")
    await shelf.alarms.sweep()
    assert [alarm.alarm_type for alarm in await shelf.all()] == ["5", "4", "3"]
    assert await shelf.alarms.steps(oldest.id) == []
    shelf.now += 86_401
    await shelf.alarms.sweep()
    assert await shelf.all() == []
    assert shelf.alarms.unclosed == 0


async def test_after_a_restart_alarms_are_counted_and_go_on(shelf: Shelf) -> None:
    shelf.hear()
    await shelf.alarms.close()
    again = Alarms(shelf.directory, shelf.alarms.settings, clock=lambda: shelf.now)
    await again.open()
    shelf.now += 20
    shelf.hear()
    (alarm,) = await again.find(AlarmWanted())
    assert (alarm.count, again.open_by_priority) == (2, {1: 1})
    await again.close()


async def test_in_a_storm_new_alarms_are_counted_but_not_kept_without_end(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.alarms.MOST_WAITING", 3)
    for number in range(10):
        shelf.hear(alarm_type=str(number))
    assert len(await shelf.all()) == 3
    assert shelf.alarms.tally.dropped == 7


async def test_how_a_reset_went_is_a_step_of_its_life(shelf: Shelf) -> None:
    shelf.hear(method=2, alarm_type="")
    (alarm,) = await shelf.all()
    await shelf.alarms.note_reset(alarm.id, "asked", "", "wang")
    after = await shelf.alarms.note_reset(alarm.id, "refused", "busy", "")
    assert after is not None
    assert (after.reset, after.reset_note, after.state) == ("refused", "busy", AlarmState.OPEN)
    assert [step.note for step in await shelf.alarms.steps(alarm.id)] == ["asked", "refused busy"]
    assert await shelf.alarms.note_reset(4711, "ok", "", "") is None


async def test_rules_are_kept(shelf: Shelf) -> None:
    rule = AlarmRule("r1", "入侵录像", methods=(2, 5), record_s=30)
    await shelf.directory.alarms.keep_rule(rule)
    await shelf.directory.alarms.keep_rule(replace(rule, id="r2", methods=()))
    await shelf.directory.alarms.keep_rule(replace(rule, popup=True))
    assert await shelf.directory.alarms.rules() == [replace(rule, popup=True), replace(rule, id="r2", methods=())]
    await shelf.directory.alarms.drop_rule("r2")
    assert len(await shelf.directory.alarms.rules()) == 1


def test_every_cell_of_the_life_leads_somewhere_and_closed_is_left_only_by_reopening() -> None:
    alarm = KeptAlarm(1, RECORDER, GATE, 1, 5, "6", None, NOON, NOON, NOON)
    for state, row in LIFE.items():
        for deed in Deed:
            if deed in row:
                assert next_state(replace(alarm, state=state), deed) is row[deed]
            else:
                with pytest.raises(ValueError):
                    next_state(replace(alarm, state=state), deed)
    assert [deed for deed, to in LIFE[AlarmState.CLOSED].items() if to is not AlarmState.CLOSED] == [Deed.REOPEN]


async def test_an_alarm_of_an_input_shows_the_camera_that_an_operator_linked_to_it(shelf: Shelf) -> None:
    items = [Item(GATE, "东门"), Item(YARD, "操场"), Item(INPUT, "报警输入 1")]
    await shelf.directory.merge(RECORDER, items, complete=True, at=NOON)
    links = shelf.alarms.links

    async def shown(at: float) -> str:
        shelf.now = at
        shelf.hear(channel=INPUT, method=2, alarm_type="", at=at)
        return (await shelf.all())[0].video

    assert await shown(NOON) == "", "of two cameras a wrong one is worse than none"
    await links.keep(AlarmLink(RECORDER, INPUT, GATE))
    await links.keep(AlarmLink(RECORDER, INPUT, YARD))
    assert links.of(RECORDER) == (AlarmLink(RECORDER, INPUT, YARD),) and links.of(GATE) == ()
    assert await shown(NOON + 1000) == YARD
    # As another run of the house reads it, and a camera that is gone is not shown.
    await links.open()
    assert links.camera_of(RECORDER, INPUT) == YARD
    await shelf.directory.merge(RECORDER, [Item(GATE, "东门"), Item(INPUT, "报警输入 1")], complete=True, at=NOON)
    assert await shown(NOON + 2000) == GATE, "the only camera that is left"
    assert await links.drop(RECORDER, INPUT) and not await links.drop(RECORDER, INPUT)
    assert await shelf.directory.alarms.links() == []


@pytest.mark.parametrize(
    "fields", [{"record_s": 0}, {"lowest_priority": 5}, {"methods": (9,)}, {"preset": 256}, {"record_s": 9999}]
)
def test_a_rule_that_cannot_be_meant_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        AlarmRule(**{"id": "r", "name": "x", "record_s": 10} | fields)  # type: ignore[arg-type]
