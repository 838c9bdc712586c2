"""What is done about alarms beyond this house: the device is told to reset, and rules record, show and turn."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any, Protocol

from broker.watch import WatchFailed
from gb28181 import ptz
from gb28181.manscdp.alarm import AlarmMethod
from gb28181.manscdp.control import ControlResponse, DeviceControl
from gb28181.peer import Neighbours, PeerError, PeerRefused, PeerSilent
from registry.alarm import Deed, KeptAlarm
from registry.alarm_rule import MOST_RULES, AlarmRule
from registry.alarms import Alarms
from registry.directory import Directory
from registry.events import AlarmChanged, Event, PictureWished

log = logging.getLogger(__name__)

MOST_TASKS = 200
"""Deeds under way at once; in a storm further ones are counted and left."""
MOST_RECORDING = 50
BY = "alarm"
"""Who records, as the shelf of recordings has it."""
KIND = "alarm"
"""Not by hand: what is begun by hand goes on after our restart."""


class RecordingOf(Protocol):
    """Who began a recording, and its name."""

    @property
    def id(self) -> str: ...
    @property
    def by(self) -> str: ...


class Recorded(Protocol):
    @property
    def about(self) -> RecordingOf: ...


class Recorders(Protocol):
    """`broker.recordings.Recordings`, as far as rules need it."""

    async def start(self, owner: str, channel: str, stream: int, by: str, *, kind: str) -> Recorded:
        """Record a channel; one of this kind that runs already comes back instead."""

    async def stop(self, recording: str) -> object: ...


class Taken(Protocol):
    @property
    def id(self) -> str: ...


class Photographers(Protocol):
    """`broker.snapshots.Snapshots`, as far as alarms need it."""

    async def take(self, owner: str, channel: str, stream: int = 0, *, reason: str, by: str = "") -> Taken:
        """A photograph for the album. Raises WatchFailed when there is no picture, OSError when it cannot be kept."""


@dataclass(slots=True)
class DeedsTally:
    """Counted since the start."""

    resets: int = 0
    resets_failed: int = 0
    recordings: int = 0
    popups: int = 0
    presets: int = 0
    snapshots: int = 0
    failed: int = 0
    left: int = 0
    """Not done, because too much was under way."""


class _Recording:
    """One that a rule began, and when it is over: later, when another alarm comes meanwhile."""

    def __init__(self, until: float) -> None:
        self._loop = asyncio.get_running_loop()
        self.over: asyncio.Future[None] = self._loop.create_future()
        self._until = until
        self._timer = self._loop.call_at(until, self._end)

    def go_on(self, until: float) -> None:
        if until > self._until:
            self._timer.cancel()
            self._until = until
            self._timer = self._loop.call_at(until, self._end)

    def _end(self) -> None:
        if not self.over.done():
            self.over.set_result(None)


class AlarmDeeds:
    """Hears of alarms and acts. `open` it once the alarms are, `close` it before."""

    def __init__(
        self,
        alarms: Alarms,
        directory: Directory,
        neighbours: Neighbours,
        recorders: Recorders | None = None,
        photographers: Photographers | None = None,
    ) -> None:
        self._alarms = alarms
        self._directory = directory
        self._neighbours = neighbours
        self._recorders = recorders
        self._photographers = photographers
        self._rules: dict[str, AlarmRule] = {}
        self._recording: dict[tuple[str, str], _Recording] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._deafen: Callable[[], None] | None = None
        self.tally = DeedsTally()

    async def open(self) -> None:
        self._rules = {rule.id: rule for rule in await self._directory.alarms.rules()}
        self._deafen = self._directory.bus.listen(self._hear)

    async def close(self) -> None:
        """Begin nothing more; recordings of ours end."""
        if self._deafen is not None:
            self._deafen()
            self._deafen = None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # Rules.

    def rules(self) -> tuple[AlarmRule, ...]:
        return tuple(self._rules.values())

    async def keep_rule(self, rule: AlarmRule) -> AlarmRule:
        """A new one (without an id it gets one), or in place of the one with its id. ValueError when there are too
        many, LookupError for an id that nobody gave."""
        if not rule.id:
            if len(self._rules) >= MOST_RULES:
                raise ValueError(f"there are {MOST_RULES} rules already")
            rule = replace(rule, id=secrets.token_hex(6))
        elif rule.id not in self._rules:
            raise LookupError(f"there is no rule {rule.id}")
        await self._directory.alarms.keep_rule(rule)
        self._rules[rule.id] = rule
        return rule

    async def drop_rule(self, rule: str) -> None:
        """LookupError when there is none."""
        if rule not in self._rules:
            raise LookupError(f"there is no rule {rule}")
        await self._directory.alarms.drop_rule(rule)
        self._rules.pop(rule, None)

    # What is heard.

    def _hear(self, event: Event) -> None:
        if not isinstance(event, AlarmChanged):
            return
        alarm = event.alarm
        if event.what == "raised":
            if alarm.video and self._photographers is not None and self._alarms.settings.snapshot:
                self._begin(self._photograph(self._photographers, alarm), f"photograph of {alarm.video}")
            for rule in self._rules.values():
                if rule.applies_to(alarm):
                    self._apply(rule, alarm)
        elif self._is_reset_by(event.what) and alarm.method == AlarmMethod.DEVICE and alarm.reset != "ok":
            who = alarm.closed_by or alarm.acknowledged_by
            self._begin(self.reset_alarm(alarm, who), f"reset of alarm {alarm.id}")

    def _is_reset_by(self, what: str) -> bool:
        wanted = self._alarms.settings.reset
        return (wanted == "acknowledge" and what in (Deed.ACKNOWLEDGE, Deed.ASSIGN, Deed.CLOSE)) or (
            wanted == "close" and what == Deed.CLOSE
        )

    def _begin(self, work: Coroutine[Any, Any, None], name: str) -> bool:
        """False when too much is under way."""
        if len(self._tasks) >= MOST_TASKS:
            work.close()
            self.tally.left += 1
            return False
        task = asyncio.create_task(self._carefully(work, name), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def _carefully(self, work: Coroutine[Any, Any, None], name: str) -> None:
        try:
            await work
        except Exception:
            self.tally.failed += 1
            log.exception("the %s failed; it is not tried again", name)

    # ResetAlarm.

    async def reset_alarm(self, alarm: KeptAlarm, who: str) -> None:
        """Tell the device that its alarm is dealt with, and write down what it answers (2022 9.4, A.2.3.1.6)."""
        await self._alarms.note_reset(alarm.id, "asked", "", who)
        word, note = "ok", ""
        try:
            peer = self._neighbours.peer(alarm.owner)
            if peer is None:
                raise PeerSilent(f"{alarm.owner} is not online")
            control = DeviceControl(
                sn=0,
                device=alarm.channel,
                alarm_reset=True,
                alarm_method=str(alarm.method),
                alarm_type=alarm.alarm_type,
            )
            answer = await peer.ask(control, timeout_s=self._alarms.settings.reset_patience_s)
            if isinstance(answer, ControlResponse) and not answer.ok:
                word, note = "refused", answer.reason
        except PeerRefused as refused:
            word, note = "refused", refused.reason if refused.status == 200 else f"{refused.status} {refused.reason}"
        except PeerError as silent:
            word, note = "silent", str(silent)
        self.tally.resets += 1
        self.tally.resets_failed += word != "ok"
        await self._alarms.note_reset(alarm.id, word, note, "")

    # Rules at work.

    def _apply(self, rule: AlarmRule, alarm: KeptAlarm) -> None:
        if not alarm.video:
            return  # nobody can say which camera sees it
        if rule.popup:
            self.tally.popups += 1
            self._directory.bus.tell(PictureWished(alarm.id, alarm.owner, alarm.video, alarm.name))
        if rule.preset:
            self._begin(self._call_preset(alarm, rule.preset), f"preset {rule.preset} of {alarm.video}")
        if rule.record_s and self._recorders is not None:
            self._record(alarm, rule.record_s)

    async def _photograph(self, photographers: Photographers, alarm: KeptAlarm) -> None:
        try:
            taken = await photographers.take(alarm.owner, alarm.video, reason="alarm", by=str(alarm.id))
        except (WatchFailed, OSError) as failed:
            log.info("no photograph of %s for alarm %d: %s", alarm.video, alarm.id, failed)
            return
        self.tally.snapshots += 1
        await self._alarms.note_snapshot(alarm.id, taken.id)

    async def _call_preset(self, alarm: KeptAlarm, number: int) -> None:
        peer = self._neighbours.peer(alarm.owner)
        if peer is None:
            return
        command = ptz.encode(ptz.Preset(ptz.PresetAction.CALL, number))
        try:
            await peer.tell(DeviceControl(sn=0, device=alarm.video, ptz=command))
            self.tally.presets += 1
        except PeerError as silent:
            self.tally.failed += 1
            log.warning("preset %d of %s was not called for alarm %d: %s", number, alarm.video, alarm.id, silent)

    def _record(self, alarm: KeptAlarm, seconds: int) -> None:
        until = asyncio.get_running_loop().time() + seconds
        key = alarm.owner, alarm.video
        running = self._recording.get(key)
        if running is not None:
            running.go_on(until)
        elif len(self._recording) >= MOST_RECORDING:
            self.tally.left += 1
        else:
            running = _Recording(until)
            if self._begin(self._record_until(key, running), f"recording of {alarm.video} for alarm {alarm.id}"):
                self._recording[key] = running

    async def _record_until(self, key: tuple[str, str], running: _Recording) -> None:
        """Record until the time is over; another alarm meanwhile makes it longer. What others record goes on."""
        assert self._recorders is not None
        begun = None
        try:
            begun = await self._recorders.start(*key, 0, BY, kind=KIND)
            self.tally.recordings += begun.about.by == BY
            await running.over
        finally:
            self._recording.pop(key, None)
            if begun is not None and begun.about.by == BY:
                await self._recorders.stop(begun.about.id)
