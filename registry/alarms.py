"""The book of alarms: hears them, counts what goes on as one, keeps them, and writes down what people do about them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from registry.alarm import AlarmState, AlarmStep, AlarmWanted, Deed, KeptAlarm, Verdict, next_state
from registry.alarm_links import AlarmLinks
from registry.alarm_merging import Merging, Sort, thing_of
from registry.channel import Channel
from registry.directory import Directory
from registry.events import AlarmChanged, AlarmCountsChanged, AlarmRaised, Event
from registry.store.alarm_promise import AlarmShelf

log = logging.getLogger(__name__)

MOST_WAITING = 10_000
"""Alarms that may wait to be written; in a storm beyond that new ones are counted and not kept."""
MOST_AT_ONCE = 500
"""Alarms that one deed may touch."""
AGAIN_S = 2.0
"""The pause before what could not be written is tried again."""
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class AlarmSettings:
    """How alarms are kept. Times are seconds. ValueError names the field that cannot be."""

    merge_s: float = 60.0
    """Alarms of one kind of one channel that follow each other within this time are one that goes on."""
    keep_days: float = 90.0
    """Alarms are forgotten after so many days."""
    most: int = 200_000
    """And the oldest when there are more."""
    gather_s: float = 0.1
    """Alarms are gathered for so long before they are written and shown together."""
    sweep_s: float = 600.0
    """How often it is looked for what is to be forgotten."""
    reset: str = "close"
    """When ResetAlarm goes to an alarm device (method 2), which stays silent until then: close, acknowledge, hand."""
    reset_patience_s: float = 10.0
    """How long its answer is waited for."""
    snapshot: bool = True
    """Whether a photograph is taken when an alarm is raised, by a short call where no picture runs."""
    video_before_s: float = 10.0
    """How far before an alarm its pictures begin."""

    def __post_init__(self) -> None:
        if self.merge_s < 0 or self.keep_days <= 0 or self.most < 1:
            raise ValueError("merge_s must not be below 0, keep_days above 0, most at least 1")
        if self.gather_s < 0 or self.sweep_s <= 0 or self.reset_patience_s <= 0 or self.video_before_s < 0:
            raise ValueError("gather_s and video_before_s must not be below 0, sweep_s and reset_patience_s above 0")
        if self.reset not in ("close", "acknowledge", "hand"):
            raise ValueError(f"reset is close, acknowledge or hand, not {self.reset!r}")


LOOK_PAGE, MOST_LOOKED_AT = 50, 500
"""Channels of an owner that are looked at for the only camera among them."""


@dataclass(slots=True)
class AlarmTally:
    """Counted since the start."""

    raised: int = 0
    repeated: int = 0
    twins: int = 0
    history: int = 0
    dropped: int = 0
    pruned: int = 0


class Alarms:
    """`open` it once the directory is, `close` it before. What is heard is true at once and written a moment later;
    what people do is written before the call returns."""

    def __init__(
        self, directory: Directory, settings: AlarmSettings | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        self.settings = settings or AlarmSettings()
        self._directory = directory
        self._clock = clock
        self._merging = Merging(self.settings.merge_s)
        self._waiting: dict[int, KeptAlarm] = {}
        self._fresh: set[int] = set()
        self._current: dict[int, KeptAlarm] = {}
        self._standing: Counter[tuple[str, int]] = Counter()
        self._last_id = 0
        self._wake = asyncio.Event()
        self._closing = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []
        self._deafen: Callable[[], None] | None = None
        self.tally = AlarmTally()
        self.links = AlarmLinks(directory.alarms)

    def __repr__(self) -> str:
        return f"Alarms({self.unclosed} not closed, {len(self._waiting)} to write)"

    async def open(self) -> None:
        self._last_id = await self._shelf.last_id()
        await self.links.open()
        await self._count()
        now = self._clock()
        lasting = AlarmWanted(states=_UNCLOSED, since=now - self.settings.merge_s)
        for alarm in reversed(await self._shelf.find(lasting, None, 1000)):
            self._current[alarm.id] = alarm
            self._merging.recall(thing_of(alarm), alarm.id, alarm.heard_at, alarm.last_at)
        self._deafen = self._directory.bus.listen(self.hear)
        self._tasks = [
            asyncio.create_task(self._write_now_and_then(), name="alarms to write"),
            asyncio.create_task(self._sweep_now_and_then(), name="alarms to forget"),
        ]

    async def close(self) -> None:
        """Hear no more, and write what waits."""
        if self._deafen is not None:
            self._deafen()
            self._deafen = None
        # Nobody is torn away from a transaction: what is under way ends by itself.
        self._closing.set()
        self._wake.set()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        await self.flush()

    # What is asked.

    @property
    def open_by_priority(self) -> dict[int, int]:
        """Open alarms that nobody has acknowledged, by priority (0: not said)."""
        return {
            priority: count
            for (state, priority), count in sorted(self._standing.items())
            if state == AlarmState.OPEN and count
        }

    @property
    def unclosed(self) -> int:
        return sum(count for (state, _), count in self._standing.items() if state != AlarmState.CLOSED)

    def statistics(self) -> Mapping[str, int]:
        tally = self.tally
        return {
            "open": sum(self.open_by_priority.values()),
            "unclosed": self.unclosed,
            "raised": tally.raised,
            "repeated": tally.repeated,
            "twins": tally.twins,
            "dropped": tally.dropped,
            "waiting": len(self._waiting),
        }

    async def find(self, wanted: AlarmWanted, before: int | None = None, limit: int = 100) -> list[KeptAlarm]:
        """Newest first, those with an id below `before`."""
        await self.flush()
        return await self._shelf.find(wanted, before, min(max(limit, 1), 1000))

    async def count(self, wanted: AlarmWanted) -> int:
        await self.flush()
        return await self._shelf.count(wanted)

    async def one(self, number: int) -> KeptAlarm | None:
        await self.flush()
        found = await self._shelf.these([number])
        return found[0] if found else None

    async def steps(self, number: int) -> list[AlarmStep]:
        return await self._shelf.steps(number)

    # What people do.

    async def do(
        self, ids: Sequence[int], deed: Deed, who: str, *, note: str = "", to: str = "", verdict: Verdict | None = None
    ) -> list[KeptAlarm]:
        """One deed on some alarms; those that changed come back.

        Of several, those on which it may not be done are passed over; of a single one it raises ValueError, and
        LookupError when it is not there.
        """
        await self.flush()
        async with self._one_at_a_time:
            found = await self._shelf.these(tuple(dict.fromkeys(ids))[:MOST_AT_ONCE])
            if len(ids) == 1 and not found:
                raise LookupError(f"there is no alarm {ids[0]}")
            changed: list[tuple[KeptAlarm, dict[str, Any], AlarmStep | None]] = []
            now = self._clock()
            for alarm in found:
                try:
                    changes = self._changes(alarm, deed, who, now, to, verdict)
                except ValueError:
                    if len(ids) == 1:
                        raise
                    continue
                said = to if deed is Deed.ASSIGN and not note else note
                if verdict is not None:
                    said = f"{verdict} {note}".rstrip()
                changed.append((alarm, changes, AlarmStep(alarm.id, alarm.steps + 1, now, who, deed, said)))
            return await self._carry_out(changed, deed)

    async def note_reset(self, number: int, word: str, note: str, who: str) -> KeptAlarm | None:
        """How ResetAlarm went: asked, ok, refused or silent. None when the alarm is gone."""
        await self.flush()
        async with self._one_at_a_time:
            found = await self._shelf.these([number])
            if not found:
                return None
            alarm = found[0]
            changes = {"reset": word, "reset_note": note[:256], "steps": alarm.steps + 1}
            step = AlarmStep(alarm.id, alarm.steps + 1, self._clock(), who, Deed.RESET, f"{word} {note}".strip()[:512])
            return (await self._carry_out([(alarm, changes, step)], Deed.RESET))[0]

    async def note_snapshot(self, number: int, snapshot: str) -> None:
        """A photograph of the moment was taken; harmless when the alarm is gone."""
        await self.flush()
        async with self._one_at_a_time:
            found = await self._shelf.these([number])
            if found:
                await self._carry_out([(found[0], {"snapshot": snapshot}, None)], "snapshot")

    def _changes(
        self, alarm: KeptAlarm, deed: Deed, who: str, now: float, to: str, verdict: Verdict | None
    ) -> dict[str, Any]:
        state = next_state(alarm, deed)
        changes: dict[str, Any] = {"state": state, "steps": alarm.steps + 1}
        acknowledges = deed is Deed.ACKNOWLEDGE or (
            alarm.state is AlarmState.OPEN and deed in (Deed.ASSIGN, Deed.CLOSE)
        )
        if acknowledges:
            changes |= {"acknowledged_by": who, "acknowledged_at": now}
        if deed is Deed.ASSIGN:
            changes |= {"assigned_to": to}
        elif deed is Deed.CLOSE:
            changes |= {"closed_by": who, "closed_at": now, "verdict": str(verdict or Verdict.OTHER)}
        elif deed is Deed.REOPEN:
            changes |= {"closed_by": "", "closed_at": None, "verdict": ""}
        return changes

    async def _carry_out(
        self, changed: Iterable[tuple[KeptAlarm, dict[str, Any], AlarmStep | None]], what: str
    ) -> list[KeptAlarm]:
        """Write, then say so; what was heard of an alarm meanwhile stays true."""
        changed = list(changed)
        await self._shelf.keep(
            [replace(alarm, **changes) for alarm, changes, _ in changed], [step for _, _, step in changed if step]
        )
        after = []
        for alarm, changes, _ in changed:
            known = replace(self._current.get(alarm.id, alarm), **changes)
            if alarm.id in self._current:
                self._current[alarm.id] = known
            if alarm.id in self._waiting:
                self._waiting[alarm.id] = known
            self._standing[alarm.state, alarm.priority] -= 1
            self._standing[known.state, known.priority] += 1
            if known.state is AlarmState.CLOSED:
                self._merging.end(thing_of(known), known.id)
                self._current.pop(known.id, None)
            after.append(known)
        for known in after:
            self._directory.bus.tell(AlarmChanged(known, str(what)))
        if after:
            self._tell_counts()
        return after

    # What comes in.

    def hear(self, event: Event) -> None:
        """The bus's listener."""
        if not isinstance(event, AlarmRaised):
            return
        now = self._clock()
        sort, number = self._merging.sort(event, now)
        if sort is Sort.TWIN:
            self.tally.twins += 1
        elif sort is Sort.HISTORY:
            self.tally.history += 1
        elif sort is Sort.AGAIN and number in self._current:
            self.tally.repeated += 1
            before = self._current[number]
            self._put(
                replace(
                    before,
                    count=before.count + 1,
                    last_at=max(before.last_at, event.at),
                    first_at=min(before.first_at, event.at),
                )
            )
        elif len(self._waiting) >= MOST_WAITING:
            self.tally.dropped += 1
        else:
            self._raise(event, now)

    def _raise(self, event: AlarmRaised, now: float) -> None:
        self._last_id += 1
        self.tally.raised += 1
        self._merging.begin(event, self._last_id, now)
        self._fresh.add(self._last_id)
        self._standing[AlarmState.OPEN, event.priority] += 1
        self._put(
            KeptAlarm(
                self._last_id,
                event.owner,
                event.channel,
                event.priority,
                event.method,
                event.alarm_type[:10],
                event.event_type,
                event.at,
                event.at,
                now,
                description=event.description,
                longitude=event.longitude,
                latitude=event.latitude,
            )
        )

    def _put(self, alarm: KeptAlarm) -> None:
        self._current[alarm.id] = self._waiting[alarm.id] = alarm
        self._wake.set()

    # The writing.

    async def flush(self) -> None:
        """Write what waits, then tell it."""
        if not self._waiting:
            return
        async with self._one_at_a_time:
            taken, fresh = dict(self._waiting), set(self._fresh)
            if not taken:
                return  # somebody else wrote it meanwhile
            named = {number: await self._named(alarm) if number in fresh else alarm for number, alarm in taken.items()}
            await self._shelf.keep(list(named.values()))
            self._fresh -= fresh
            for number, alarm in named.items():
                current = self._current.get(number)
                if current is None or current is taken[number]:
                    del self._waiting[number]
                    if current is not None:
                        self._current[number] = alarm
                else:
                    # It went on while we wrote: its names are known now, the rest is written next time.
                    self._current[number] = self._waiting[number] = _with_names(current, alarm)
        self._forget_old()
        for number, alarm in named.items():
            self._directory.bus.tell(AlarmChanged(alarm, "raised" if number in fresh else "repeated"))
        if fresh:
            self._tell_counts()

    async def _write_now_and_then(self) -> None:
        while not self._closing.is_set():
            await self._wake.wait()
            await self._rest(self.settings.gather_s)
            self._wake.clear()
            try:
                await self.flush()
            except Exception:
                log.exception("%d alarms could not be written; tried again in %g s", len(self._waiting), AGAIN_S)
                await self._rest(AGAIN_S)
                self._wake.set()

    async def _sweep_now_and_then(self) -> None:
        while not self._closing.is_set():
            try:
                await self.sweep()
            except Exception:
                log.exception("old alarms could not be forgotten; tried again in %g s", self.settings.sweep_s)
            await self._rest(self.settings.sweep_s)

    async def _rest(self, seconds: float) -> None:
        """A pause that our end cuts short."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()

    async def sweep(self) -> int:
        """Forget what is older, or more, than the settings say; how many that was."""
        gone = await self._shelf.prune(self._clock() - self.settings.keep_days * DAY_S, self.settings.most)
        if gone:
            self.tally.pruned += gone
            log.info("%d old alarms were forgotten", gone)
            async with self._one_at_a_time:
                await self._count()
            self._tell_counts()
        return gone

    def _forget_old(self) -> None:
        """Alarms that have long ended need no place in memory."""
        if len(self._current) > MOST_AT_ONCE:
            old = self._clock() - self.settings.merge_s
            for number, alarm in tuple(self._current.items()):
                if number not in self._waiting and max(alarm.heard_at, alarm.last_at) < old:
                    del self._current[number]

    async def _count(self) -> None:
        standing = {(state, priority): count for state, priority, count in await self._shelf.standing()}
        self._standing = Counter(standing)
        for number in self._fresh:
            alarm = self._waiting[number]
            self._standing[alarm.state, alarm.priority] += 1

    def _tell_counts(self) -> None:
        self._directory.bus.tell(AlarmCountsChanged(tuple(self.open_by_priority.items()), self.unclosed))

    async def _named(self, alarm: KeptAlarm) -> KeptAlarm:
        """With the names of now, and the channel whose picture shows it."""
        device = self._directory.device(alarm.owner)
        owner_name = device.shown_name if device is not None else alarm.owner
        channel = await self._directory.channel(alarm.owner, alarm.channel)
        video = await self._video(alarm, channel)
        name = channel.name if channel is not None else owner_name if alarm.channel == alarm.owner else alarm.channel
        civil = (channel.said.civil_code if channel is not None else "") or alarm.channel[:6]
        region = " ".join(name for _, name in self._directory.divisions.path(civil)) if civil.isdigit() else ""
        said = (name, owner_name, region, alarm.owner, alarm.channel, alarm.description)
        words = "\n".join((*said, channel.keys if channel is not None else "")).casefold()
        return replace(alarm, name=name, owner_name=owner_name, region=region, words=words, video=video)

    async def _video(self, alarm: KeptAlarm, channel: Channel | None) -> str:
        """The camera that an operator linked to it, itself where it is one, else the only one that its owner has."""
        linked = self.links.camera_of(alarm.owner, alarm.channel)
        if linked:
            camera = await self._directory.channel(alarm.owner, linked)
            if camera is not None and camera.playable:
                return linked
        if channel is not None and channel.playable:
            return alarm.channel
        # Alarm inputs show nothing, and recorders name themselves instead of the channel (signalling 10.6): with one
        # picture it can be no other, and of several a wrong one is worse than none.
        found: list[str] = []
        after: str | None = None
        for _ in range(MOST_LOOKED_AT // LOOK_PAGE):
            page = await self._directory.channels_of(alarm.owner, after, LOOK_PAGE)
            found += [each.code for each in page.items if each.playable]
            after = page.next
            if len(found) > 1 or after is None:
                break
        return found[0] if len(found) == 1 and after is None else ""

    @property
    def _shelf(self) -> AlarmShelf:
        return self._directory.alarms


_UNCLOSED = tuple(str(state) for state in AlarmState if state is not AlarmState.CLOSED)


def _with_names(alarm: KeptAlarm, named: KeptAlarm) -> KeptAlarm:
    return replace(
        alarm,
        name=named.name,
        owner_name=named.owner_name,
        region=named.region,
        words=named.words,
        video=named.video,
    )
