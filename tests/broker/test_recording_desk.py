"""Plans carried out: a day of them in a second, with everything that can go wrong; and nothing is missing unsaid."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from broker.recording_settings import RecordingSettings
from broker.sweeper import Disk
from registry.events import AlarmRaised, RecordingMissed
from registry.record_plan import GapState, PlanKey, RecordPlan
from registry.spans import length, minus
from tests.broker.recorded_world import CHANNEL, OWNER, World

KEY = PlanKey(OWNER, CHANNEL, 0)
MIDNIGHT = datetime(2026, 11, 30).timestamp()
ALWAYS = RecordPlan(OWNER, CHANNEL, always=True)
STEP_S = 10.0


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr("broker.recordings.AGAIN_S", (0.0,))
    world = World(tmp_path / "recordings", MIDNIGHT)
    await world.open()
    yield world
    await world.close()


async def passes(world: World, seconds: float) -> None:
    """What fetches files has a thread to wait for: time stands still for it."""
    for _ in range(int(seconds / STEP_S)):
        await world.step(STEP_S)
        async with asyncio.timeout(20):
            while world.desk.filler.at_work:
                await asyncio.sleep(0.005)


def gaps(world: World) -> list[tuple[float, float, str, str]]:
    """In seconds since midnight."""
    return [
        (round(gap.start_ms / 1000 - MIDNIGHT), round(gap.end_ms / 1000 - MIDNIGHT), gap.reason, str(gap.state))
        for gap in world.archive.gaps(KEY)
    ]


async def test_each_gap_has_its_reason(world: World):
    await world.desk.set_plans([ALWAYS])
    await passes(world, 3_600)
    world.lose_camera()
    await passes(world, 600)
    world.find_camera()
    await passes(world, 600)
    world.fill_disk()
    await passes(world, 600)
    world.empty_disk()
    await passes(world, 600)
    await world.kill()
    world.now += 900
    await world.open()
    await passes(world, 600)
    world.refuses = "no-capacity"
    world.kill_worker()
    await passes(world, 120)
    world.refuses = ""
    await passes(world, 1_200)
    reasons = [(reason, round((end - start) / 60)) for start, end, reason, _ in gaps(world) if end - start > 60]
    assert reasons == [("offline", 10), ("disk-full", 10), ("down", 15), ("capacity", 2)]
    told = [(event.reason, event.start) for event in world.told if isinstance(event, RecordingMissed)]
    assert [reason for reason, _ in told] == ["offline", "disk-full", "down", "capacity"], "each once"
    alarms = [event for event in world.told if isinstance(event, AlarmRaised)]
    said = [alarm.description for alarm in alarms]
    missed = ["录像缺失：设备离线", "录像缺失：磁盘已满", "录像缺失：本平台停机", "录像缺失：媒体资源不足"]
    assert said == [missed[0], "录像受阻：磁盘已满", *missed[1:]], "a disk that is full is told at once"
    assert {alarm.channel for alarm in alarms} == {CHANNEL}


async def test_a_dead_media_process_costs_no_more_than_it_took_to_begin_anew(world: World):
    await world.desk.set_plans([ALWAYS])
    await passes(world, 900)
    world.kill_worker()
    await passes(world, 900)
    assert all(end - start <= 2 * STEP_S for start, end, _, _ in gaps(world)), gaps(world)
    assert not [event for event in world.told if isinstance(event, RecordingMissed)]


async def test_a_weekly_plan_begins_and_ends_by_the_clock(world: World):
    await world.desk.set_plans([replace(ALWAYS, always=False, week=(((600, 1200), (1800, 2400)),) * 7)])
    seen = []
    for _ in range(50):
        await passes(world, 60)
        seen.append(bool(world.held))
    assert [seen[minute] for minute in (5, 12, 18, 25, 32, 39, 45)] == [False, True, True, False, True, True, False]
    assert world.desk.state_of(world.archive.plans()[KEY]).state == "off" and gaps(world) == []


async def test_an_alarm_is_recorded_for_as_long_as_was_said_and_our_own_alarms_are_not(world: World):
    await world.desk.set_plans([replace(ALWAYS, always=False, on_alarm=True, post_s=120)])
    await passes(world, 60)
    world.bus.tell(AlarmRaised(OWNER, CHANNEL, 3, 7, "", world.now, "录像缺失"))
    await passes(world, 60)
    assert not world.held
    world.bus.tell(AlarmRaised(OWNER, "34020000001340000001", 1, 5, "2", world.now, "motion"))
    await passes(world, 60)
    assert [held.to.with_kept for held in world.held.values()] == [True]
    world.bus.tell(AlarmRaised(OWNER, CHANNEL, 1, 5, "2", world.now, "motion"))
    await passes(world, 100)
    assert world.held, "the second alarm made it longer"
    await passes(world, 60)
    assert not world.held
    (record,) = await world.archive.records(OWNER, CHANNEL, 0, 1 << 60)
    assert record.kind == "alarm" and 150_000 <= record.end_ms - record.start_ms <= 190_000


async def test_at_midnight_a_new_folder_begins_without_a_gap(world: World):
    world.now = MIDNIGHT - 1800
    await world.desk.set_plans([ALWAYS])
    await passes(world, 3600)
    rows = await world.archive.find(OWNER, CHANNEL, 0, 1 << 60)
    await passes(world, 600)
    assert len({row.recording for row in rows}) >= 1 and len(world.kept.running()) == 1
    assert len({row.recording for row in await world.archive.find(OWNER, CHANNEL, 0, 1 << 60)}) == 2
    assert gaps(world) == []


async def test_what_people_began_goes_on_after_our_restart_and_what_they_ended_does_not(world: World):
    goes_on = await world.kept.start(OWNER, CHANNEL, 0, "wang")
    over = await world.kept.start(OWNER, "34020000001320000002", 0, "wang")
    await passes(world, 60)
    await world.kept.stop(over.about.id)
    await world.close()
    await world.open()
    await passes(world, 60)
    assert [view.about.id for view in world.kept.running()] == [goes_on.about.id]
    await world.kill()
    await world.open()
    await passes(world, 60)
    assert [view.about.id for view in world.kept.running()] == [goes_on.about.id]
    rows = await world.archive.files_of(goes_on.about.id)
    assert len(rows) == 2 and all(row.locked for row in rows)


async def test_what_ended_without_the_book_hearing_of_it_does_not_go_on_after_our_restart(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    over = await world.kept.start(OWNER, CHANNEL, 0, "wang")
    await passes(world, 60)

    def writing() -> Any:
        raise OSError("the database is gone")

    with monkeypatch.context() as broken:
        broken.setattr(world.store, "writing", writing)
        with pytest.raises(OSError):
            await world.kept.stop(over.about.id)
    await passes(world, 120)
    await world.close()
    await world.open()
    assert world.kept.running() == []


async def test_what_ended_a_moment_before_we_were_killed_is_in_the_book(world: World):
    other = await world.kept.start(OWNER, "34020000001320000002", 0, "wang")
    over = await world.kept.start(OWNER, CHANNEL, 0, "wang")
    await passes(world, 700)
    assert len(await world.archive.files_of(over.about.id)) == 2
    await world.kept.stop(over.about.id)
    await world.kill()
    for index in world.folder.glob("*/index.jsonl"):
        os.utime(index, (world.now, world.now))
    await world.open()
    assert len(await world.archive.files_of(over.about.id)) == 3
    assert [view.about.id for view in world.kept.running()] == [other.about.id]


async def test_a_plan_that_is_dropped_ends_its_recording(world: World):
    await world.desk.set_plans([ALWAYS])
    await passes(world, 60)
    assert world.held
    await world.desk.drop_plans([KEY])
    await passes(world, 20)
    assert not world.held and not world.kept.running() and world.archive.files == 1


# ---- filling


async def filling(world: World, **settings: int) -> None:
    await world.close()
    world.settings = RecordingSettings(make_room_bytes=0, fill_at_once=1, **settings)
    await world.open()
    await world.desk.set_plans([ALWAYS])
    await passes(world, 600)
    world.lose_camera()
    await passes(world, 600)
    world.find_camera()


async def test_a_gap_is_filled_from_what_the_device_has_recorded(world: World):
    world.on_device = [(int(MIDNIGHT * 1000), int((MIDNIGHT + 86_400) * 1000))]
    await filling(world)
    await passes(world, 900)
    assert [(reason, state) for _, _, reason, state in gaps(world)] == [("offline", "filled")]
    written = await world.archive.written(KEY, int(MIDNIGHT * 1000), int(world.now * 1000) - 60_000)
    assert length(minus([(written[0][0], written[-1][1])], written)) == 0, written
    kinds = {row.kind for row in await world.archive.find(OWNER, CHANNEL, 0, 1 << 60)}
    assert kinds == {"time", "filled"} and world.desk.filler.filled_s >= 590


async def test_what_the_device_has_only_in_part_is_filled_in_part_and_tried_again_until_given_up(world: World):
    world.on_device = [(int(MIDNIGHT * 1000), int((MIDNIGHT + 900) * 1000))]
    await filling(world, fill_tries=3)
    await passes(world, 3 * 3600)
    (filled, left) = gaps(world)
    assert filled[3] == "filled" and left[3] == "given-up"
    (gap,) = [each for each in world.archive.gaps(KEY) if each.state is GapState.GIVEN_UP]
    assert gap.tries == 3 and "no recording" in gap.note
    world.on_device.append((int(MIDNIGHT * 1000), int((MIDNIGHT + 86_400) * 1000)))
    await world.desk.filler.again(KEY, gap.start_ms)
    await passes(world, 120)
    assert {state for _, _, _, state in gaps(world)} == {"filled"}


async def test_a_device_that_is_away_costs_no_tries(world: World):
    world.on_device = [(int(MIDNIGHT * 1000), int((MIDNIGHT + 86_400) * 1000))]
    await filling(world, fill_tries=1)
    world.online = False
    await passes(world, 600)
    assert all(gap.tries == 0 and gap.state is GapState.OPEN for gap in world.archive.gaps(KEY))


async def test_a_gap_whose_end_could_not_be_written_down_is_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    world.on_device = [(int(MIDNIGHT * 1000), int((MIDNIGHT + 86_400) * 1000))]
    await filling(world)
    review, reviewed = world.desk.reconciler.review, asyncio.Event()

    async def breaks(*gap: Any, **how: Any) -> Any:
        reviewed.set()
        raise OSError("the database is gone")

    monkeypatch.setattr(world.desk.reconciler, "review", breaks)
    while not reviewed.is_set():
        await passes(world, 60)
    assert [state for _, _, _, state in gaps(world)] == ["filling"]
    monkeypatch.setattr(world.desk.reconciler, "review", review)
    await passes(world, 120)
    assert [state for _, _, _, state in gaps(world)] == ["filled"]
    assert [record.message for record in caplog.records if "could not be written down" in record.message]


@pytest.mark.parametrize("closes", [False, True])
async def test_what_ended_while_the_database_was_gone_comes_into_the_book(
    world: World, monkeypatch: pytest.MonkeyPatch, closes: bool
):
    await world.desk.set_plans([ALWAYS])
    await passes(world, 60)
    add = world.archive.add

    async def breaks(rows: Any) -> None:
        raise OSError("the database is gone")

    monkeypatch.setattr(world.archive, "add", breaks)
    await world.desk.drop_plans([KEY])
    with pytest.raises(OSError):
        await world.desk.turn()
    assert world.archive.files == 0
    monkeypatch.setattr(world.archive, "add", add)
    await (world.close() if closes else world.desk.turn())
    assert world.archive.files == 1


# ---- room


async def test_what_is_too_old_or_too_much_goes_the_oldest_first_and_what_is_locked_stays(world: World):
    await world.desk.set_plans([replace(ALWAYS, keep_days=1, quota_bytes=0)])
    await passes(world, 3720)
    rows = await world.archive.find(OWNER, CHANNEL, 0, 1 << 60)
    await world.archive.lock(OWNER, CHANNEL, rows[1].start_ms, rows[1].end_ms, True)
    world.now += 86_400 - 1_800
    await world.desk.sweeper.turn(world.now)
    left = await world.archive.find(OWNER, CHANNEL, 0, 1 << 60)
    assert rows[0] not in left and rows[1].name in {row.name for row in left} and len(left) < len(rows)
    assert {path.stem for path in world.folder.glob("*/*.mp4")} == {row.name[:-4] for row in left}
    await world.archive.keep_plans([replace(ALWAYS, quota_bytes=2 * 300_000)])
    await world.desk.sweeper.turn(world.now)
    left = await world.archive.find(OWNER, CHANNEL, 0, 1 << 60)
    assert rows[1].name in {row.name for row in left} and world.archive.bytes <= 2 * 300_000
    assert world.desk.sweeper.swept.too_old > 0 and world.desk.sweeper.swept.too_much > 0


async def test_a_crowded_disk_has_room_made_and_says_when_there_is_nothing_to_give(world: World):
    world.settings = replace(world.settings, make_room_bytes=1_000_000)
    await world.close()
    await world.open()
    await world.desk.set_plans([ALWAYS])
    await passes(world, 1800)
    world.disk = Disk(1 << 30, 500_000)
    files = world.archive.files
    await world.desk.sweeper.turn(world.now)
    assert (files - world.archive.files, world.desk.sweeper.swept.for_room) == (2, 2)
    world.disk = Disk(1 << 30, 0)
    await world.archive.lock(OWNER, CHANNEL, 0, 1 << 50, True)
    await world.desk.sweeper.turn(world.now)
    assert world.desk.sweeper.is_crowded and world.archive.files == files - 2
    room = await world.desk.room()
    assert (room.free, room.is_crowded, room.bytes_per_s > 0, room.days_left) == (0, True, True, 0.0)


async def test_the_file_that_is_being_written_is_never_swept(world: World):
    await world.desk.set_plans([replace(ALWAYS, keep_days=1)])
    await passes(world, 120)
    assert world.archive.files == 0, "it is not in the book before it is whole"
    world.now += 3 * 86_400
    await world.desk.sweeper.turn(world.now)
    assert world.held and world.desk.sweeper.swept.too_old == 0
