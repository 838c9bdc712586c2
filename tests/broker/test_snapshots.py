"""Photographs: shared while fresh, kept in a bounded album, and taken by the clock."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from broker.album import Album, AlbumLimits, Shot
from broker.snapshot_plans import Plan, SnapshotPlans
from broker.snapshots import Snapshots, SnapshotSettings
from broker.watch import Lease, Peek, WatchFailed
from media.frame import Codec
from media.plane import KeyFrame, NoCapacity, Photograph

from .conftest import CHANNEL, OWNER, PICTURE

SETTINGS = SnapshotSettings(keep_free_bytes=0)
PHOTOGRAPH = Photograph(b"\xff\xd8 large", b"\xff\xd8 small", 1920, 1080)
SHOT = Shot("", OWNER, CHANNEL, 0, 1_795_945_700.25, "manual", "wang", 1920, 1080, 0)


class FakeBroker:
    def __init__(self):
        self.watched, self.out = [], 0
        self.failure = None
        self.picture_at = 1000.0
        self.no_picture = None

    async def watch(self, watch):
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        self.watched.append(watch)
        self.out += 1
        return Lease(f"l{len(self.watched)}", replace(watch, owner=OWNER), "", "call", PICTURE, None)

    async def release(self, lease_id):
        self.out -= 1

    async def key_frame(self, lease_id, within_s):
        if self.no_picture is not None:
            raise self.no_picture
        return KeyFrame(Codec.H264, b"picture", self.picture_at)


class FakeDarkroom:
    def __init__(self):
        self.developed = 0
        self.failure = None

    async def develop(self, picture, width, quality):
        self.developed += 1
        if self.failure is not None:
            raise self.failure
        return PHOTOGRAPH

    async def judge(self, data):
        return PHOTOGRAPH


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
async def room(tmp_path):
    broker, darkroom, clock = FakeBroker(), FakeDarkroom(), Clock()
    snapshots = Snapshots(broker, darkroom, tmp_path / "album", SETTINGS, clock)
    yield snapshots, broker, darkroom, clock
    await snapshots.close()


async def look(snapshots, **more):
    return await snapshots.look(OWNER, CHANNEL, 0, **{"width": 0, "quality": 85, "by": "wang", **more})


async def test_a_photograph_watches_without_an_outlet_and_gives_the_stream_back(room):
    snapshots, broker, _, _ = room
    seen = await look(snapshots)
    assert (seen.photograph, seen.at, seen.owner) == (PHOTOGRAPH, 1000.0, OWNER)
    (watch,) = broker.watched
    assert watch.outlet == Peek() and watch.viewer == "snapshot:wang" and broker.out == 0


async def test_ten_who_ask_at_once_share_one_and_a_fresh_one_is_given_again(room):
    snapshots, broker, darkroom, _ = room
    await asyncio.gather(*(look(snapshots) for _ in range(10)))
    await look(snapshots)
    assert len(broker.watched) == darkroom.developed == 1
    await look(snapshots, width=320)
    assert darkroom.developed == 2


async def test_a_key_frame_is_developed_once_however_often_it_is_asked_for(room):
    snapshots, broker, darkroom, clock = room
    await look(snapshots)
    clock.now += 2
    await look(snapshots)
    assert len(broker.watched) == 2 and darkroom.developed == 1
    clock.now += 2
    broker.picture_at += 4
    assert (await look(snapshots)).at == 1004.0 and darkroom.developed == 2


@pytest.mark.parametrize(
    ("error", "code"), [(NoCapacity("none came"), "no-key-frame"), (KeyError("in1"), "ended")], ids=["late", "gone"]
)
async def test_a_stream_without_a_picture_says_so_and_is_given_back(room, error, code):
    snapshots, broker, _, _ = room
    broker.no_picture = error
    with pytest.raises(WatchFailed) as failed:
        await look(snapshots)
    assert failed.value.code == code and broker.out == 0
    broker.no_picture = None
    assert (await look(snapshots)).photograph == PHOTOGRAPH


@pytest.mark.parametrize(("error", "code"), [(NoCapacity("full"), "no-capacity"), (ValueError("bad"), "undecodable")])
async def test_what_the_darkroom_cannot_do_is_told(room, error, code):
    snapshots, _, darkroom, _ = room
    darkroom.failure = error
    with pytest.raises(WatchFailed) as failed:
        await look(snapshots)
    assert failed.value.code == code


async def test_whoever_loses_patience_does_not_take_it_from_the_others(room):
    snapshots, broker, _, _ = room
    one, two = asyncio.create_task(look(snapshots)), asyncio.create_task(look(snapshots))
    await asyncio.sleep(0)
    one.cancel()
    assert (await two).photograph == PHOTOGRAPH
    assert len(broker.watched) == 1


async def test_what_is_kept_is_found_newest_first_and_thrown_away_by_its_id(room):
    snapshots, broker, _, clock = room
    first = await snapshots.take(OWNER, CHANNEL, reason="alarm")
    clock.now = broker.picture_at = 2000.0
    second = await snapshots.take(OWNER, CHANNEL, by="wang")
    assert [shot.id for shot in await snapshots.shots(CHANNEL)] == [second.id, first.id]
    assert [shot.id for shot in await snapshots.shots(before=second.id)] == [first.id]
    assert (first.reason, second.by, first.owner) == ("alarm", "wang", OWNER)
    assert (await snapshots.file(first.id)).read_bytes() == PHOTOGRAPH.jpeg
    assert (await snapshots.file(first.id, small=True)).read_bytes() == PHOTOGRAPH.thumb
    assert await snapshots.remove(first.id) and not await snapshots.remove(first.id)
    assert await snapshots.file(first.id) is None and await snapshots.shot(first.id) is None
    assert await snapshots.shot(second.id) == second


# ---- the album


def test_no_id_leads_out_of_the_album(tmp_path):
    album = Album(tmp_path / "album", AlbumLimits(keep_free_bytes=0))
    album.keep(PHOTOGRAPH, SHOT)
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    for id in ("", "..-20261129-x", "../secret", "a/../../secret", "secret", f"{CHANNEL}-..", f"{CHANNEL}-index.jsonl"):
        assert album.file(id) is None and album.shot(id) is None and not album.remove(id)


def test_a_channel_with_any_code_has_a_folder_of_its_own(tmp_path):
    album = Album(tmp_path, AlbumLimits(keep_free_bytes=0))
    kept = [album.keep(PHOTOGRAPH, replace_channel(name)) for name in ("../../etc", "a-b", "摄像机", "a" * 64)]
    assert len({shot.id.partition("-")[0] for shot in kept}) == 4
    for shot in kept:
        assert album.file(shot.id).is_file() and album.shots(shot.channel) == [shot]
        assert album.file(shot.id).resolve().is_relative_to(tmp_path.resolve())


def replace_channel(channel):
    return Shot("", OWNER, channel, 0, 1000.0, "manual", "wang", 64, 48, 0)


def test_no_more_of_a_channel_are_kept_than_shall_be_and_the_newest_stay(tmp_path):
    album = Album(tmp_path, AlbumLimits(per_channel=10, keep_free_bytes=0))
    kept = [album.keep(PHOTOGRAPH, Shot("", OWNER, CHANNEL, 0, 1000.0 + n, "plan", "", 1, 1, 0)) for n in range(40)]
    left = album.shots(CHANNEL)
    assert 10 <= len(left) <= 11 and left[0].id == kept[-1].id
    assert len(list((tmp_path / CHANNEL).glob("*.jpg"))) == 2 * len(left)
    # One that comes later counts what is there.
    again = Album(tmp_path, AlbumLimits(per_channel=10, keep_free_bytes=0))
    for n in range(3):
        again.keep(PHOTOGRAPH, Shot("", OWNER, CHANNEL, 0, 2000.0 + n, "plan", "", 1, 1, 0))
    assert 10 <= len(again.shots(CHANNEL)) <= 11


def test_what_is_older_than_shall_be_kept_goes(tmp_path):
    album = Album(tmp_path, AlbumLimits(days=2, keep_free_bytes=0))
    old, new = (album.keep(PHOTOGRAPH, Shot("", OWNER, CHANNEL, 0, at, "plan", "", 1, 1, 0)) for at in (0.0, 86_400.0))
    assert album.forget_old(2.5 * 86_400.0) == 1
    assert album.file(old.id) is None and album.shots(CHANNEL) == [new]


def test_a_torn_line_of_a_crash_is_passed_over(tmp_path):
    album = Album(tmp_path, AlbumLimits(keep_free_bytes=0))
    one = album.keep(PHOTOGRAPH, SHOT)
    with (tmp_path / CHANNEL / "index.jsonl").open("ab") as index:
        index.write(b'{"id": "torn')
    assert album.shots(CHANNEL) == [one]


def test_a_full_disk_is_told_and_leaves_nothing_behind(tmp_path):
    album = Album(tmp_path, AlbumLimits(keep_free_bytes=1 << 60))
    with pytest.raises(OSError, match="space"):
        album.keep(PHOTOGRAPH, SHOT)
    assert not list(tmp_path.rglob("*.jpg"))


# ---- plans


class Taker:
    def __init__(self):
        self.taken, self.failure = [], None
        self.gate = asyncio.Event()
        self.gate.set()

    async def take(self, owner, channel, stream=0, *, reason="manual", by=""):
        self.taken.append((owner, channel, stream, reason))
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return SHOT


@pytest.fixture
async def plans(tmp_path):
    taker, clock = Taker(), Clock()
    made = SnapshotPlans(taker, tmp_path / "album" / "plans.json", clock)
    await made.start()
    yield made, taker, clock
    await made.close()


async def settled():
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_plan_takes_a_photograph_each_time_its_minutes_are_over(plans):
    made, taker, clock = plans
    view = await made.put(Plan(OWNER, CHANNEL, 10, 1))
    assert clock.now < view.next_at <= clock.now + 600
    for _ in range(3):
        clock.now = made.views()[0].next_at
        made.tick()
        made.tick()
        await settled()
    assert taker.taken == [(OWNER, CHANNEL, 1, "plan")] * 3 and made.views()[0].last_at == clock.now


async def test_a_camera_that_answers_slowly_is_not_asked_twice_and_a_failure_is_told(plans):
    made, taker, clock = plans
    await made.put(Plan(OWNER, CHANNEL, 1))
    taker.gate.clear()
    taker.failure = WatchFailed("it is off", code="device-offline", status=480)
    for _ in range(3):
        clock.now += 60
        made.tick()
        await settled()
    assert len(taker.taken) == 1
    taker.gate.set()
    await settled()
    assert made.views()[0].failure == "it is off"


async def test_plans_outlive_the_server_and_can_be_taken_back(plans, tmp_path):
    made, taker, clock = plans
    await made.put(Plan(OWNER, CHANNEL, 10))
    await made.put(Plan(OWNER, CHANNEL, 20))
    again = SnapshotPlans(taker, tmp_path / "album" / "plans.json", clock)
    await again.start()
    assert [view.plan for view in again.views()] == [Plan(OWNER, CHANNEL, 20)]
    assert await again.remove(OWNER, CHANNEL) and not await again.remove(OWNER, CHANNEL)
    await again.close()
    (tmp_path / "album" / "plans.json").write_text("no plans")
    fresh = SnapshotPlans(taker, tmp_path / "album" / "plans.json", clock)
    await fresh.start()
    assert fresh.views() == []
    await fresh.close()
