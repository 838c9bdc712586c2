"""Plans carried out: what shall be recorded now is, and what shall not is ended."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from broker.reasons import Reason, Reasons
from broker.recordings import Recordings, TooMany
from broker.watch import RecordingForm
from registry.archive import Archive
from registry.record_plan import PlanKey, RecordPlan

log = logging.getLogger(__name__)

AGAIN_MS = 10_000
"""A recording that could not be begun is tried again after this."""
HAND_OVER_MS = 20_000
"""At midnight the new recording has so long to flow before the old one ends."""
BY = "plan"


@dataclass(slots=True)
class _Run:
    recording: str
    until_ms: int
    """The end of its local day: each day has a folder of its own, so that none grows without end."""
    before: str = ""
    """The one it takes over from."""
    hands_over_ms: int = 0


class Schedule:
    """`turn` it once a second or so. Everything it began ends with `stop` only when a plan no longer wants it."""

    def __init__(self, archive: Archive, recordings: Recordings, reasons: Reasons, wall: Callable[[], float]) -> None:
        self._archive = archive
        self._recordings = recordings
        self._reasons = reasons
        self._wall = wall
        self._runs: dict[PlanKey, _Run] = {}
        self._due: dict[PlanKey, int] = {}

    def recording_of(self, key: PlanKey) -> str:
        """Which recording carries a plan out now, "" when none does."""
        run = self._runs.get(key)
        return run.recording if run is not None else ""

    def running(self) -> list[tuple[PlanKey, str]]:
        return [(key, run.recording) for key, run in self._runs.items()]

    def changed(self, keys: Iterable[PlanKey]) -> None:
        """These want to be looked at anew."""
        for key in keys:
            self._due.pop(key, None)

    async def turn(self) -> None:
        now_ms = int(self._wall() * 1000)
        plans = self._archive.plans()
        for key in [key for key in self._runs if key not in plans]:
            await self._end(key)
        for key in [key for key in self._due if key not in plans]:
            del self._due[key]
        for key, plan in tuple(plans.items()):
            if self._due.get(key, 0) <= now_ms:
                self._due[key] = await self._look(plan, now_ms)
        for run in tuple(self._runs.values()):
            await self._hand_over(run, now_ms)

    async def _look(self, plan: RecordPlan, now_ms: int) -> int:
        """Bring one plan to what it wants; when to look again."""
        key, called = plan.key, self._archive.called(plan.owner, plan.channel)
        run = self._runs.get(key)
        if not plan.wanted(now_ms, now_ms + 1, called):
            if run is not None:
                await self._end(key)
            return plan.next_change(now_ms, called)
        if run is None or run.until_ms <= now_ms:
            is_by_time = plan.always or bool(RecordPlan.wanted(_without_alarms(plan), now_ms, now_ms + 1))
            try:
                begun = await self._recordings.start(
                    *key,
                    by=BY,
                    form=RecordingForm(plan.form),
                    kind="time" if is_by_time else "alarm",
                    is_fresh=True,
                )
            except (TooMany, OSError) as error:
                log.warning("the plan of %s cannot be carried out now: %s", plan.channel, error)
                self._reasons.note(plan.owner, plan.channel, _why(error))
                return now_ms + AGAIN_MS
            before = run.recording if run is not None else ""
            self._runs[key] = _Run(begun.about.id, _end_of_day(now_ms), before, now_ms + HAND_OVER_MS)
        return min(plan.next_change(now_ms, called), self._runs[key].until_ms)

    async def _hand_over(self, run: _Run, now_ms: int) -> None:
        if not run.before:
            return
        view = self._recordings.view(run.recording)
        counted = self._recordings.counted(run.recording)
        flows = view is not None and view.state == "recording" and (counted is None or counted.bytes > 0)
        if flows or now_ms >= run.hands_over_ms:
            before, run.before = run.before, ""
            await self._recordings.stop(before)

    async def _end(self, key: PlanKey) -> None:
        run = self._runs.pop(key)
        for recording in (run.before, run.recording):
            if recording:
                await self._recordings.stop(recording)


def _why(error: TooMany | OSError) -> Reason:
    if isinstance(error, TooMany):
        return Reason.CAPACITY
    return Reason.DISK_FULL if error.errno in (errno.ENOSPC, errno.EDQUOT) else Reason.DISK_FAILED


def _end_of_day(now_ms: int) -> int:
    day = datetime.fromtimestamp(now_ms / 1000).replace(hour=0, minute=0, second=0, microsecond=0)
    return int((day + timedelta(days=1)).timestamp() * 1000)


def _without_alarms(plan: RecordPlan) -> RecordPlan:
    return RecordPlan(plan.owner, plan.channel, plan.stream, week=plan.week)
