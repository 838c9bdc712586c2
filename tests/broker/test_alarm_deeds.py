"""What the house does about alarms by itself: it records for a while, shows a picture, turns a camera."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from broker.alarm_deeds import BY, AlarmDeeds
from broker.watch import WatchFailed
from gb28181 import ptz
from gb28181.manscdp.catalog import Item
from gb28181.manscdp.control import ControlResponse, DeviceControl
from gb28181.peer import PeerRefused, PeerSilent
from registry.alarm import AlarmWanted, Deed, Verdict
from registry.alarm_rule import AlarmRule
from registry.alarms import Alarms, AlarmSettings
from registry.device import Device
from registry.directory import Directory
from registry.events import AlarmChanged, AlarmRaised, Bus, Event, PictureWished

CAMERA = "34020000001320000001"
INPUT = "34020000001340000009"


@dataclass
class Recorder:
    """Records what it is told to; what ran before us is another's."""

    running: dict[str, str] = field(default_factory=dict)
    stopped: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    async def start(self, owner: str, channel: str, stream: int, by: str, *, kind: str) -> Any:
        assert kind == "alarm"
        self.asked.append(channel)
        by = self.running.setdefault(channel, by)
        return SimpleNamespace(about=SimpleNamespace(id=f"rec of {channel}", by=by))

    async def stop(self, recording: str) -> None:
        self.stopped.append(recording)


@dataclass
class Peer:
    answer: object = None
    failure: Exception | None = None
    asked: list[Any] = field(default_factory=list)
    told: list[Any] = field(default_factory=list)

    async def ask(self, query: object, *, timeout_s: float | None = None) -> object:
        self.asked.append(query)
        if self.failure is not None:
            raise self.failure
        return self.answer

    async def tell(self, notice: object) -> None:
        self.told.append(notice)


@dataclass
class Album:
    failure: Exception | None = None
    asked: list[tuple[str, str, str, str]] = field(default_factory=list)

    async def take(self, owner: str, channel: str, stream: int = 0, *, reason: str, by: str = "") -> Any:
        self.asked.append((owner, channel, reason, by))
        if self.failure is not None:
            raise self.failure
        return SimpleNamespace(id="shot-1")


class House:
    def __init__(self, directory: Directory, alarms: Alarms) -> None:
        self.directory, self.alarms = directory, alarms
        self.peer: Peer | None = Peer()
        self.recorder = Recorder()
        self.album = Album()
        at_the_gate = SimpleNamespace(peer=lambda code: self.peer if code == CAMERA else None)
        self.deeds = AlarmDeeds(alarms, directory, at_the_gate, self.recorder, self.album)
        self.told: list[Event] = []
        directory.bus.listen(self.told.append)

    async def alarm(self, **said: Any) -> int:
        fields = {"owner": CAMERA, "channel": CAMERA, "priority": 1, "method": 5, "alarm_type": "6", "at": 1e9}
        self.directory.bus.tell(AlarmRaised(**({"description": ""} | fields | said)))
        return (await self.alarms.find(AlarmWanted()))[0].id


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    directory = Directory(Bus())
    await directory.open("memory:")
    await directory.add_device(Device(CAMERA, name="北门"))
    await directory.merge(CAMERA, [Item(CAMERA, "北门"), Item(INPUT, "报警输入")], complete=True, at=1.0)
    alarms = Alarms(directory, AlarmSettings(gather_s=0.0, merge_s=0.0))
    await alarms.open()
    made = House(directory, alarms)
    await made.deeds.open()
    yield made
    await made.deeds.close()
    await alarms.close()
    await directory.close()


async def test_a_rule_records_and_ends_the_recording_when_its_time_is_over(house: House) -> None:
    await house.deeds.keep_rule(AlarmRule("", "录像", record_s=1))
    await house.alarm()
    await until(lambda: house.recorder.running)
    assert house.recorder.running == {CAMERA: BY} and house.recorder.stopped == []
    await until(lambda: house.recorder.stopped)
    assert house.recorder.stopped == [f"rec of {CAMERA}"]


async def test_what_somebody_else_records_goes_on(house: House) -> None:
    house.recorder.running[CAMERA] = "wang"
    await house.deeds.keep_rule(AlarmRule("", "录像", record_s=60))
    await house.alarm()
    await until(lambda: house.recorder.asked)
    await house.deeds.close()
    assert house.recorder.stopped == []


async def test_a_recording_that_a_storm_left_undone_is_begun_by_the_next_alarm(house: House, monkeypatch) -> None:
    await house.deeds.keep_rule(AlarmRule("", "录像", record_s=60))
    monkeypatch.setattr("broker.alarm_deeds.MOST_TASKS", 0)
    await house.alarm()
    assert (house.deeds.tally.left, house.recorder.asked) == (2, []), "its photograph and its recording"
    monkeypatch.setattr("broker.alarm_deeds.MOST_TASKS", 200)
    await house.alarm()
    await until(lambda: house.recorder.running)


async def test_a_rule_shows_the_picture_and_calls_a_preset_of_what_it_is_about(house: House) -> None:
    await house.deeds.keep_rule(AlarmRule("", "看", methods=(5,), lowest_priority=2, popup=True, preset=3))
    await house.alarm(priority=3)
    await house.alarm(method=2)
    assert house.peer is not None and not house.peer.told
    number = await house.alarm(priority=2)
    await until(lambda: house.peer and house.peer.told)
    assert [each for each in house.told if isinstance(each, PictureWished)] == [
        PictureWished(number, CAMERA, CAMERA, "北门")
    ]
    assert ptz.decode(house.peer.told[0].ptz) == ptz.Preset(ptz.PresetAction.CALL, 3)


async def test_an_alarm_input_that_any_of_two_cameras_may_see_shows_nothing(house: House) -> None:
    both = [Item(CAMERA, "北门"), Item("34020000001320000002", "南门"), Item(INPUT, "报警输入")]
    await house.directory.merge(CAMERA, both, complete=True, at=2.0)
    await house.deeds.keep_rule(AlarmRule("", "看", popup=True))
    await house.alarm(channel=INPUT, method=2, alarm_type="")
    assert house.deeds.tally.popups == 0


@pytest.mark.parametrize(
    ("failure", "answer", "word", "note"),
    [
        (None, ControlResponse(1, CAMERA), "ok", ""),
        (None, ControlResponse(1, CAMERA, ok=False, reason="busy"), "refused", "busy"),
        (PeerRefused("no", status=403, reason="Forbidden"), None, "refused", "403 Forbidden"),
        (PeerSilent("not a word in 10 s"), None, "silent", "not a word in 10 s"),
    ],
)
async def test_how_the_device_took_its_reset_is_written_down(
    house: House, failure: Exception | None, answer: object, word: str, note: str
) -> None:
    house.peer = Peer(answer, failure)
    number = await house.alarm(method=2, alarm_type="2")
    await house.alarms.do([number], Deed.CLOSE, "wang", verdict=Verdict.REAL)
    await until(lambda: house.deeds.tally.resets)
    control = house.peer.asked[0]
    assert isinstance(control, DeviceControl)
    assert (control.alarm_reset, control.alarm_method, control.alarm_type) == (True, "2", "2")
    after = await house.alarms.one(number)
    assert after is not None and (after.reset, after.reset_note) == (word, note)


async def test_a_photograph_of_the_moment_is_taken_and_kept_with_the_alarm(house: House) -> None:
    number = await house.alarm()
    await until(lambda: house.deeds.tally.snapshots)
    await until(lambda: any(isinstance(each, AlarmChanged) and each.what == "snapshot" for each in house.told))
    assert house.album.asked == [(CAMERA, CAMERA, "alarm", str(number))]
    after = await house.alarms.one(number)
    assert after is not None and after.snapshot == "shot-1" and after.steps == 0


async def test_an_alarm_without_a_picture_is_an_alarm_all_the_same(house: House) -> None:
    house.album.failure = WatchFailed("it is away", code="offline", status=480)
    number = await house.alarm()
    await until(lambda: house.album.asked)
    after = await house.alarms.one(number)
    assert after is not None and after.snapshot == "" and house.deeds.tally.failed == 0


async def test_other_alarms_than_an_alarm_devices_are_not_reset(house: House) -> None:
    number = await house.alarm(method=5)
    await house.alarms.do([number], Deed.CLOSE, "wang", verdict=Verdict.REAL)
    assert house.deeds.tally.resets == 0 and house.peer is not None and house.peer.asked == []


async def test_who_is_away_cannot_be_reset_and_that_is_told(house: House) -> None:
    house.peer = None
    number = await house.alarm(method=2, alarm_type="")
    await house.alarms.do([number], Deed.CLOSE, "wang", verdict=Verdict.REAL)
    await until(lambda: house.deeds.tally.resets)
    after = await house.alarms.one(number)
    assert after is not None and after.reset == "silent" and "not online" in after.reset_note
