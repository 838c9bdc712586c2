"""Playbacks: one transport bar, several channels in step, and what becomes of those that have nothing there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio

from broker.archives import NeedsNewerEdition
from broker.playback_track import ControlRefused, Origin, Sitting, TrackState
from broker.playbacks import MOST_CHANNELS, Playback, Playbacks, TooMany
from broker.watch import InletStatistics, Lease, VideoTrack, Watch, WatchFailed
from gb28181.mansrtsp import Method, read_control
from media.frame import Codec
from registry.device import Device
from registry.recorded import Piece, Run

OLD, NEW = "34020000001180000016", "34020000001180000022"
START = 1_700_006_400.0
VIDEO = VideoTrack(Codec.H264, 1920, 1080, 25.0, "avc1.64001F")


@dataclass
class Rooms:
    """A broker, archives and a viewer's places in one; a recording advances when it is told to."""

    now: float = 100.0
    watched: list[Watch] = field(default_factory=list)
    said: list[tuple[str, bytes]] = field(default_factory=list)
    released: list[str] = field(default_factory=list)
    listeners: dict[str, Callable[[str], None]] = field(default_factory=dict)
    counted: dict[str, list[float]] = field(default_factory=dict)
    pieces: dict[str, list[Piece]] = field(default_factory=dict)
    refuses: set[str] = field(default_factory=set)
    status: int = 200
    paused: set[str] = field(default_factory=set)
    ours: dict[str, list[Run]] = field(default_factory=dict)
    searched: int = 0

    # our own recordings
    async def own(self, owner: str, channel: str, stream: int, at: float, until: float) -> Run | None:
        return next((run for run in self.ours.get(channel, []) if run.end > at + 1 and run.start < until), None)

    # the archives
    async def search(self, owner: str, channel: str, start: float, end: float, *more: Any, **named: Any) -> Any:
        self.searched += 1
        found = self.pieces.get(channel, [Piece(START, START + 3600)])
        kept = [piece for piece in found if piece.end > start]

        class Found:
            pieces = kept
            partial = ()

        return Found()

    # the viewer's places
    async def watch(self, watch: Watch) -> Lease:
        self.watched.append(watch)
        if watch.channel in self.refuses:
            raise WatchFailed("no", code="device-refused", status=404)
        name = f"lease-{len(self.watched)}"
        self.counted[name] = [0, 0.0, 0]
        return Lease(name, watch, "/media/x", f"call-{len(self.watched)}", VIDEO, None)

    async def release(self, lease_id: str) -> None:
        self.released.append(lease_id)
        self.counted.pop(lease_id, None)

    # the broker
    def on_lease_end(self, lease_id: str, listener: Callable[[str], None]) -> None:
        self.listeners[lease_id] = listener

    async def inform(self, lease_id: str, body: bytes, content_type: str) -> int:
        self.said.append((lease_id, body))
        control = read_control(body)
        self.paused.discard(lease_id)
        if control is not None and control.method is Method.PAUSE:
            self.paused.add(lease_id)
        if control is not None and self.status == 200 and (control.jumps or control.scale):
            self.counted[lease_id] = [self.counted[lease_id][0] + 1, 0.0, 0]
        return self.status

    def figures_of(self, lease_id: str) -> InletStatistics | None:
        told = self.counted.get(lease_id)
        if told is None:
            return None
        leg, leg_s, frames = told
        return InletStatistics("i", 0, 0, 0, 0, 0, 0, 0, int(frames), 0, 0, 0.0, VIDEO, None, leg=int(leg), leg_s=leg_s)

    async def pass_by(self, playback: Playback, seconds: float, **rates: float) -> None:
        """Let time pass; each call's recording runs at 1.0 or at what is named for it."""
        for _ in range(int(seconds * 2)):
            self.now += 0.5
            for name, told in self.counted.items():
                rate = 0.0 if name in self.paused else rates.get(name.replace("-", "_"), 1.0)
                told[1] += 0.5 * rate
                told[2] += 12 * rate
            await playback.look()

    def methods(self) -> list[str]:
        return [str(read_control(body).method) for _, body in self.said]  # type: ignore[union-attr]


@pytest.fixture
def rooms() -> Rooms:
    return Rooms()


@pytest_asyncio.fixture
async def playbacks(rooms: Rooms) -> AsyncIterator[Playbacks]:
    devices = {OLD: Device(OLD, edition="2.0"), NEW: Device(NEW, edition="3.0")}
    made = Playbacks(rooms, rooms, devices.get, lambda: rooms.now, lambda: START + 7200, rooms.own)  # type: ignore[arg-type]
    yield made
    await made.close()


async def started(playbacks: Playbacks, rooms: Rooms, *channels: str, at: float = START, owner: str = NEW) -> Playback:
    return await playbacks.start("wang", [Sitting(owner, each) for each in channels], rooms, at)


async def test_a_call_asks_for_the_run_in_which_the_moment_lies(playbacks: Playbacks, rooms: Rooms):
    rooms.pieces["1"] = [
        Piece(START - 100, START + 50),
        Piece(START + 50, START + 900),
        Piece(START + 2000, START + 3000),
    ]
    await started(playbacks, rooms, "1", at=START + 10)
    assert (rooms.watched[0].start, rooms.watched[0].stop) == (START + 10, START + 900)


async def test_alone_in_a_gap_it_begins_where_there_is_something(playbacks: Playbacks, rooms: Rooms):
    rooms.pieces["1"] = [Piece(START + 500, START + 900)]
    playback = await started(playbacks, rooms, "1")
    assert playback.position == START + 500


async def test_where_nothing_was_recorded_nobody_is_called(playbacks: Playbacks, rooms: Rooms):
    rooms.pieces["1"] = []
    playback = await started(playbacks, rooms, "1")
    assert playback.tracks[0].state is TrackState.GAP and not rooms.watched


async def test_one_who_has_nothing_yet_waits_for_the_others_and_begins_in_step(playbacks: Playbacks, rooms: Rooms):
    rooms.pieces["2"] = [Piece(START + 5, START + 900)]
    playback = await started(playbacks, rooms, "1", "2")
    assert [each.state for each in playback.tracks] == [TrackState.PLAYING, TrackState.GAP]
    await rooms.pass_by(playback, 4)
    assert len(rooms.watched) == 1
    await rooms.pass_by(playback, 3)
    assert playback.tracks[1].state is TrackState.PLAYING
    assert abs(rooms.watched[1].start - START - 5) <= 2


async def test_who_runs_ahead_stands_until_the_others_are_there(playbacks: Playbacks, rooms: Rooms):
    playback = await started(playbacks, rooms, "1", "2")
    await rooms.pass_by(playback, 6, lease_2=1.25)
    await rooms.pass_by(playback, 4)
    assert rooms.methods() == ["PAUSE", "PLAY"]
    assert playback.corrections == 1 and playback.drift_s < 1.0


async def test_who_lags_behind_is_moved_on(playbacks: Playbacks, rooms: Rooms):
    playback = await started(playbacks, rooms, "1", "2", "3")
    await rooms.pass_by(playback, 6, lease_3=0.5)
    seeks = [(lease, body) for lease, body in rooms.said if b"npt=" in body]
    assert [lease for lease, _ in seeks] == ["lease-3"]
    assert playback.drift_s < 2.0


async def test_a_seek_the_device_refuses_is_had_by_another_call(playbacks: Playbacks, rooms: Rooms):
    playback = await started(playbacks, rooms, "1")
    rooms.status = 405
    await playback.go_to(START + 600)
    assert [watch.start for watch in rooms.watched] == [START, START + 600]
    assert rooms.released == ["lease-1"]


async def test_the_speed_goes_along_to_another_call(playbacks: Playbacks, rooms: Rooms):
    playback = await started(playbacks, rooms, "1", at=START + 600)
    await playback.set_speed(4.0)
    await playback.go_to(START + 10)
    assert rooms.said[-1] == ("lease-2", b"PLAY RTSP/1.0\r\nCSeq: 1\r\nScale: 4.0\r\n\r\n")
    assert playback.tracks[0].speed == 4.0


async def test_a_control_that_nobody_takes_is_told_and_one_of_several_is_not(playbacks: Playbacks, rooms: Rooms):
    playback = await started(playbacks, rooms, "1")
    rooms.status = 408
    with pytest.raises(ControlRefused):
        await playback.pause()
    assert playback.tracks[0].state is TrackState.PLAYING


async def test_one_channel_that_fails_does_not_take_the_others_along(playbacks: Playbacks, rooms: Rooms):
    rooms.refuses = {"2"}
    playback = await started(playbacks, rooms, "1", "2")
    assert [each.state for each in playback.tracks] == [TrackState.PLAYING, TrackState.FAILED]
    rooms.refuses = {"3"}
    with pytest.raises(WatchFailed):
        await started(playbacks, rooms, "3")
    assert len(playbacks) == 1


async def test_backwards_is_not_asked_of_a_device_of_2016(playbacks: Playbacks, rooms: Rooms):
    playback = await started(playbacks, rooms, "1", owner=OLD)
    with pytest.raises(NeedsNewerEdition):
        await playback.set_speed(-1.0)
    assert not rooms.said


async def test_the_end_of_a_recording_is_an_end_and_a_viewer_who_left_is_none(playbacks: Playbacks, rooms: Rooms):
    playback = await started(playbacks, rooms, "1", "2")
    rooms.listeners["lease-1"]("finished")
    rooms.listeners["lease-2"]("the viewer left")
    assert [each.state for each in playback.tracks] == [TrackState.ENDED, TrackState.LEFT]
    assert playback.tracks[0].position == START + 3600
    rooms.now += 61
    assert playback.is_forgotten


async def test_a_session_is_its_holders_alone_and_has_a_bound(playbacks: Playbacks, rooms: Rooms):
    playback = await started(playbacks, rooms, "1")
    assert playbacks.of(playback.id, "wang") is playback
    assert playbacks.of(playback.id, "li") is None
    with pytest.raises(TooMany):
        await started(playbacks, rooms, *map(str, range(MOST_CHANNELS + 1)))
    await playbacks.stop(playback)
    assert playbacks.of(playback.id, "wang") is None and rooms.released == ["lease-1"]


# ---- ours


def asked(rooms: Rooms) -> list[tuple[bool, float, float]]:
    """What was called for: whether of ours, from where it begins, and until when; seconds after START."""
    return [(each.kept, (each.enter or each.start) - START, each.stop - START) for each in rooms.watched]


async def test_ours_is_played_where_there_is_one_and_the_device_is_not_even_asked(playbacks: Playbacks, rooms: Rooms):
    rooms.ours["1"] = [Run(START - 600, START + 900)]
    playback = await started(playbacks, rooms, "1", at=START + 10, owner=OLD)
    assert asked(rooms) == [(True, 10, 900)] and rooms.searched == 0
    assert rooms.watched[0].start == START - 600, "one can go back from there"
    (seen,) = playback.view().tracks
    assert seen.is_own and seen.position == START + 10
    await playback.set_speed(-1.0)  # the edition of the device is of no matter
    await playback.go_to(START - 500)
    assert len(rooms.watched) == 1 and playback.position == START - 500


async def test_before_ours_begins_the_device_is_played_and_then_ours(playbacks: Playbacks, rooms: Rooms):
    rooms.ours["1"] = [Run(START + 60, START + 120)]
    playback = await started(playbacks, rooms, "1")
    assert asked(rooms) == [(False, 0, 60)]
    rooms.listeners["lease-1"]("finished")
    await playback.look()
    assert asked(rooms)[1:] == [(True, 60, 120)] and playback.tracks[0].is_own
    rooms.listeners["lease-2"]("finished")
    rooms.now += 1
    await playback.look()
    assert asked(rooms)[2:] == [(False, 120, 3600)], "and the device again, for it has more"
    rooms.listeners["lease-3"]("finished")
    searched = rooms.searched
    await rooms.pass_by(playback, 30)
    assert (len(rooms.watched), rooms.searched) == (3, searched), "of its end a device is asked no more"


async def test_only_ours_or_only_the_devices_when_that_is_wished(playbacks: Playbacks, rooms: Rooms):
    rooms.ours["1"] = [Run(START, START + 60), Run(START + 62, START + 100), Run(START + 500, START + 900)]
    own = await playbacks.start("wang", [Sitting(NEW, "1", origin=Origin.OWN)], rooms, START + 5)
    await playbacks.start("wang", [Sitting(NEW, "1", origin=Origin.DEVICE)], rooms, START + 5)
    assert asked(rooms) == [(True, 5, 60), (False, 5, 3600)]
    rooms.listeners["lease-1"]("finished")
    await own.look()
    assert asked(rooms)[2:] == [(True, 62, 100)], "a seam is passed"
    rooms.listeners["lease-3"]("finished")
    rooms.now += 11
    await own.look()
    assert (own.tracks[0].state, own.tracks[0].next_at) == (TrackState.GAP, START + 500), "a gap is said"
    searched = rooms.searched
    nothing = await playbacks.start("wang", [Sitting(NEW, "2", origin=Origin.OWN)], rooms, START)
    assert nothing.tracks[0].state is TrackState.GAP and rooms.searched == searched


async def test_a_device_that_does_not_answer_holds_up_nobody_else(playbacks: Playbacks, rooms: Rooms, monkeypatch):
    monkeypatch.setattr("broker.playbacks.LOOK_EVERY_S", 0.005)
    rooms.pieces["1"] = [Piece(START, START + 10), Piece(START + 12, START + 900)]
    slow, quick = await started(playbacks, rooms, "1"), await started(playbacks, rooms, "2")
    await slow.go_to(START + 9)
    hangs, is_asked = asyncio.Event(), asyncio.Event()
    search = rooms.search

    async def hanging(owner: str, channel: str, *span: Any, **named: Any) -> Any:
        if channel == "1":
            is_asked.set()
            await hangs.wait()
        return await search(owner, channel, *span, **named)

    rooms.search = hanging  # type: ignore[method-assign]
    track = slow.tracks[0]
    track.is_own = True  # behind whose end the device is asked
    rooms.listeners[track.lease.id]("finished")
    rooms.counted["lease-2"][1] = 30.0
    async with asyncio.timeout(5):
        await is_asked.wait()
        looked_at = quick._alive_at
        rooms.now += 1.0
        while quick._alive_at == looked_at:
            await asyncio.sleep(0.005)
        await playbacks.stop(slow)
    assert len(playbacks) == 1


async def test_one_that_is_ended_while_it_begins_says_why_it_came_to_nothing(playbacks: Playbacks, rooms: Rooms):
    began, goes_on = asyncio.Event(), asyncio.Event()

    async def watch(watch: Watch) -> Lease:
        began.set()
        await goes_on.wait()
        raise WatchFailed("no", code="device-refused", status=404)

    rooms.watch = watch  # type: ignore[method-assign]
    starting = asyncio.create_task(started(playbacks, rooms, "1"))
    await began.wait()
    rooms.now += 100.0
    session = next(iter(playbacks._sessions.values()))
    assert not session.is_forgotten, "it waits for its device"
    closing = asyncio.create_task(playbacks.close())
    await asyncio.sleep(0)
    goes_on.set()
    with pytest.raises(WatchFailed):
        await starting
    await closing
    assert len(playbacks) == 0
