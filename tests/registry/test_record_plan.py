"""What is wanted when, and what is left of a span."""

from __future__ import annotations

import random
from datetime import datetime

import pytest

from registry.archive import Archive
from registry.record_plan import Gap, GapState, PlanKey, RecordPlan, gap_of, gap_row, plan_of, plan_row
from registry.spans import length, minus, union, within
from registry.store.memory import MemoryStore
from registry.store.promise import SegmentRow

OWNER, CHANNEL = "34020000001180000001", "34020000001320000001"
HOUR = 3_600_000


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def test_a_week_is_read_by_the_local_clock_and_days_join_at_midnight():
    week = (((0, 3600), (82_800, 86_400)), ((0, 7200),), (), (), (), (), ())
    plan = RecordPlan(OWNER, CHANNEL, week=week)
    monday, tuesday = at("2026-11-30T00:00:00"), at("2026-12-01T00:00:00")
    assert plan.wanted(monday, tuesday + 24 * HOUR) == [
        (monday, monday + HOUR),
        (tuesday - HOUR, tuesday + 2 * HOUR),
    ]
    assert plan.wanted(monday + HOUR // 2, monday + 2 * HOUR) == [(monday + HOUR // 2, monday + HOUR)]
    assert plan.next_change(monday) == monday + HOUR and plan.next_change(monday + HOUR) == tuesday - HOUR


def test_an_alarm_calls_only_for_plans_that_listen():
    called = [(1000, 5000)]
    assert RecordPlan(OWNER, CHANNEL).wanted(0, 9000, called) == []
    assert RecordPlan(OWNER, CHANNEL, on_alarm=True).wanted(2000, 9000, called) == [(2000, 5000)]
    assert RecordPlan(OWNER, CHANNEL, always=True).wanted(0, 9000, called) == [(0, 9000)]
    assert RecordPlan(OWNER, CHANNEL, always=True, enabled=False).wanted(0, 9000) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"owner": ""},
        {"stream": 10},
        {"week": ()},
        {"week": (((3600, 60),), (), (), (), (), (), ())},
        {"week": (tuple((n, n + 1) for n in range(9)), (), (), (), (), (), ())},
        {"post_s": 0},
        {"form": "avi"},
        {"keep_days": -1},
    ],
)
def test_a_plan_that_cannot_be_meant_is_refused(wrong):
    with pytest.raises(ValueError, match="recording plan"):
        RecordPlan(**({"owner": OWNER, "channel": CHANNEL} | wrong))


def test_plans_and_gaps_come_back_from_their_rows():
    plan = RecordPlan(OWNER, CHANNEL, 1, week=(((0, 60),), (), (), (), (), (), ((5, 9),)), keep_days=7)
    assert plan_of(plan_row(plan)) == plan
    gap = Gap(OWNER, CHANNEL, 1, 5, 9, "offline", GapState.GIVEN_UP, 3, 7.0, "it has nothing")
    assert gap_of(gap_row(gap)) == gap


def test_what_is_left_and_what_is_away_make_the_whole():
    dice = random.Random(5)
    for _ in range(300):
        some = [(start, start + dice.randrange(30)) for start in (dice.randrange(100) for _ in range(6))]
        away = [(start, start + dice.randrange(30)) for start in (dice.randrange(100) for _ in range(6))]
        moments = {moment for start, end in some for moment in range(start, end)}
        gone = {moment for start, end in away for moment in range(start, end)}
        assert {m for start, end in minus(some, away) for m in range(start, end)} == moments - gone
        assert length(union(some)) == len(moments)
        assert {m for a, b in within(some, 20, 60) for m in range(a, b)} == moments & set(range(20, 60))


async def test_the_archive_remembers_all_over_a_restart():
    store = MemoryStore()
    archive = Archive(store)
    await archive.open()
    plan, gap = RecordPlan(OWNER, CHANNEL, always=True), Gap(OWNER, CHANNEL, 0, 5, 9, "down")
    await archive.keep_plans([plan])
    await archive.keep_gaps([gap])
    await archive.call(OWNER, CHANNEL, 1000, 2000)
    await archive.call(OWNER, CHANNEL, 1500, 3000)
    await archive.opened({"id": "r1", "owner": OWNER})
    await archive.beat(7.5)
    files = [
        SegmentRow("r1", f"s{n}", OWNER, CHANNEL, 0, n * 1000, n * 1000 + 1000, 10, 25, "time", False) for n in range(4)
    ]
    await archive.add([*files[:2], files[3]])
    again = Archive(store)
    await again.open()
    assert (again.plans(), again.all_gaps()) == ({plan.key: plan}, [gap])
    assert again.called(OWNER, CHANNEL) == [(1000, 3000)] and again.last_beat == 7.5
    assert [row["id"] for row in again.open_recordings()] == ["r1"]
    assert again.sums() == archive.sums() and (again.files, again.bytes) == (3, 30)
    assert await again.written(plan.key, 0, 9000) == [(0, 2000), (3000, 4000)]
    assert await again.written(PlanKey(OWNER, CHANNEL, 1), 0, 9000) == []
    await again.drop([files[0]])
    assert (again.sums()[OWNER, CHANNEL].files, again.sums()[OWNER, CHANNEL].first_ms) == (2, 1000)
    await again.drop_plans([plan.key])
    await again.ended("r1")
    assert not again.plans() and not again.all_gaps() and not again.open_recordings()


async def test_files_that_follow_each_other_are_one_record():
    archive = Archive(MemoryStore())
    times = [(0, 1000), (1000, 2500), (4000, 5000), (60_000, 61_000)]
    await archive.add(
        [SegmentRow("r1", f"s{a}", OWNER, CHANNEL, 0, a, b, 10, 25, "time", False) for a, b in times]
        + [SegmentRow("r2", "x", OWNER, CHANNEL, 1, 0, 1000, 7, 25, "manual", True)]
    )
    found = await archive.records(OWNER, CHANNEL, 0, 100_000, 0)
    assert [(each.start_ms, each.end_ms, each.files, each.bytes) for each in found] == [
        (0, 5000, 3, 30),
        (60_000, 61_000, 1, 10),
    ]
    assert {each.kind for each in await archive.records(OWNER, CHANNEL, 0, 100_000)} == {"time", "manual"}
