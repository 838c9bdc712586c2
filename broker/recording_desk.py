"""The desk of recordings: plans are carried out, held against the disk every minute, filled up, and kept in bounds."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from broker.clerk import Clerk
from broker.disk_trouble import DiskTrouble
from broker.filler import Filler
from broker.gaps import Reconciler
from broker.reasons import CHINESE, Reason, Reasons
from broker.recording_settings import RecordingSettings
from broker.recordings import Recordings, Watching
from broker.schedule import Schedule
from broker.sweeper import Disk, Sweeper, disk_of
from gb28181.peer import Neighbours
from registry.archive import Archive
from registry.events import AlarmRaised, Bus, Event, RecordingChanged, RecordingMissed
from registry.record_plan import Gap, PlanKey, RecordPlan
from registry.spans import Span

log = logging.getLogger(__name__)

TURN_S = 1.0
SLACK_S = 120.0
"""What was written so long before our last sign of life is in the book."""
MOST_ALARMS = 1_000
"""Alarms that wait for the next turn."""
OTHER_ALARM = 7
"""GB/T 28181-2022 A.2.5 c: an alarm that is none of the named kinds. Ours are of it, and start no recording."""
GAP_PRIORITY, DISK_PRIORITY = 3, 2


@dataclass(frozen=True, slots=True)
class Room:
    """The disk of recordings. `days_left` is None while nothing is being written; `used` is what the book has."""

    total: int
    free: int
    used: int
    files: int
    bytes_per_s: float
    days_left: float | None
    is_crowded: bool


@dataclass(frozen=True, slots=True)
class PlanState:
    """How a plan stands: `state` is off (nothing is wanted now), asking, recording, troubled or waiting."""

    plan: RecordPlan
    state: str
    recording: str
    note: str
    reason: str
    """Why nothing is being written though it should; "" when it is."""
    bytes: int
    first_ms: int
    last_ms: int
    gaps: int
    """Those that are neither filled nor given up."""


class RecordingDesk:
    """`start` it when the broker is there, `close` it before. `wall` is UNIX seconds; tests set it and call `turn`."""

    def __init__(
        self,
        archive: Archive,
        recordings: Recordings,
        broker: Watching,
        neighbours: Neighbours,
        bus: Bus,
        folder: Path,
        settings: RecordingSettings | None = None,
        *,
        wall: Callable[[], float] = time.time,
        disk: Callable[[Path], Disk] = disk_of,
    ) -> None:
        self.archive = archive
        self.recordings = recordings
        self.settings = settings or RecordingSettings()
        self._bus = bus
        self._wall = wall
        self._began_ms = int(wall() * 1000)
        self._neighbours = neighbours
        self.reasons = Reasons(wall, self._is_online)
        self.clerk = Clerk(archive, folder)
        self.schedule = Schedule(archive, recordings, self.reasons, wall)
        last_ms = int(archive.last_beat * 1000) or self._began_ms
        self.reconciler = Reconciler(
            archive,
            self.reasons,
            self._open_spans,
            down=(min(last_ms, self._began_ms), self._began_ms),
            matters_ms=int(self.settings.gap_alarm_s * 1000),
        )
        self.filler = Filler(
            archive, recordings, broker, neighbours, self.reconciler, self.clerk, folder, self.settings, wall
        )
        self.sweeper = Sweeper(archive, folder, self.settings, self._is_running, disk)
        self._alarms: deque[AlarmRaised] = deque(maxlen=MOST_ALARMS)
        self._disk_trouble = DiskTrouble()
        self._ended: deque[str] = deque()
        """Recordings that have just ended: their last files are to be written down."""
        self._settle_at = 0.0
        self._turning: asyncio.Task[None] | None = None
        self._stop_hearing: Callable[[], None] | None = None
        self._writes = asyncio.Lock()

    async def start(self, mended: Sequence[str] = ()) -> None:
        """Go on where our last life ended; `mended` are recordings whose files were made whole since."""
        await self.open(mended)
        self._turning = asyncio.create_task(self._turn_for_ever(), name="recording desk")

    async def open(self, mended: Sequence[str] = ()) -> None:
        """The same without a clock of our own."""
        self._stop_hearing = self._bus.listen(self._heard)
        if not self.archive.files:
            await self.clerk.look_at_all()
        else:
            # What ended, or was fetched from a device, just before a crash is open nowhere, and has nobody to mend it.
            fresh = await self.clerk.written_since(self.archive.last_beat - SLACK_S)
            opened = [str(row["id"]) for row in self.archive.open_recordings()]
            for recording in dict.fromkeys([*mended, *opened, *fresh]):
                await self.clerk.close(recording)
        await self.filler.open()
        await self.recordings.resume()

    async def close(self) -> None:
        """Harmless when closed. What is planned goes on at the next start."""
        if self._turning is not None:
            self._turning.cancel()
            await asyncio.gather(self._turning, return_exceptions=True)
            self._turning = None
        await self.filler.close()
        if self._stop_hearing is not None:
            self._stop_hearing()
            self._stop_hearing = None
            try:
                await self._write_down_ended()
            finally:
                await self.archive.beat(self._wall())

    # --- plans -----------------------------------------------------------------------------------------------

    async def set_plans(self, plans: Sequence[RecordPlan]) -> None:
        """From now on; what was missed under the plans before is written down first."""
        async with self._writes:
            await self._settle()
            now = self._wall()
            await self.archive.keep_plans([replace(plan, settled_at=now) for plan in plans])
        self.schedule.changed(plan.key for plan in plans)

    async def drop_plans(self, keys: Sequence[PlanKey]) -> None:
        """What was recorded stays for as long as recordings are kept."""
        async with self._writes:
            await self.archive.drop_plans(keys)
        self.schedule.changed(keys)

    def state_of(self, plan: RecordPlan) -> PlanState:
        recording = self.schedule.recording_of(plan.key)
        view = self.recordings.view(recording) if recording else None
        summed = self.archive.sums().get((plan.owner, plan.channel))
        now_ms = int(self._wall() * 1000)
        is_well = view is None or view.state in ("recording", "asking")
        reason = "" if is_well else str(self.reasons.between(plan.owner, plan.channel, (now_ms - 1, now_ms)))
        return PlanState(
            plan,
            view.state if view is not None else "off",
            recording,
            view.note if view is not None else "",
            reason,
            summed.bytes if summed is not None else 0,
            summed.first_ms if summed is not None else 0,
            summed.last_ms if summed is not None else 0,
            sum(gap.state in ("open", "filling") for gap in self.archive.gaps(plan.key)),
        )

    async def room(self) -> Room:
        """How much is left. Raises OSError."""
        disk = await asyncio.to_thread(self.sweeper.disk)
        views = self.recordings.running()
        rate = sum(view.bytes / view.seconds for view in views if view.seconds > 1)
        spare = max(0, disk.free - self.settings.make_room_bytes)
        return Room(
            disk.total,
            disk.free,
            self.archive.bytes,
            self.archive.files,
            rate,
            spare / rate / 86_400 if rate > 0 else None,
            self.sweeper.is_crowded,
        )

    # --- turns -----------------------------------------------------------------------------------------------

    async def turn(self) -> None:
        """Everything that is due now."""
        async with self._writes:
            await self._answer_alarms()
            await self.schedule.turn()
            for owner, channel, reason in self._disk_trouble.news():
                self._alarm(owner, channel, DISK_PRIORITY, f"录像受阻：{CHINESE[reason]}")
            await self._write_down_ended()
            now = self._wall()
            if now >= self._settle_at:
                self._settle_at = now + self.settings.settle_every_s
                await self._settle()
                await self.sweeper.turn(now)
                await self.archive.beat(now)
                self.filler.turn()

    async def _write_down_ended(self) -> None:
        """One that cannot be written down now is tried again at the next turn: nobody else would ever look."""
        while self._ended:
            recording = self._ended.popleft()
            try:
                await self.clerk.close(recording)
            except BaseException:
                self._ended.append(recording)
                raise

    async def _settle(self) -> None:
        running = [view.about.id for view in self.recordings.running()]
        for row in self.archive.open_recordings():
            if row["id"] not in running:
                # Its end could not be written down when it came, and it would go on after our restart.
                await self.archive.ended(str(row["id"]))
        await self.clerk.look(running)
        for gap in await self.reconciler.settle(self._wall()):
            self._tell(gap)

    def _tell(self, gap: Gap) -> None:
        start, end = gap.start_ms / 1000, gap.end_ms / 1000
        self._bus.tell(RecordingMissed(gap.owner, gap.channel, gap.stream, start, end, gap.reason))
        self._alarm(gap.owner, gap.channel, GAP_PRIORITY, f"录像缺失：{CHINESE[Reason(gap.reason)]}")

    def _alarm(self, owner: str, channel: str, priority: int, said: str) -> None:
        self._bus.tell(AlarmRaised(owner, channel, priority, OTHER_ALARM, "", self._wall(), said))

    async def _turn_for_ever(self) -> None:
        while True:
            try:
                await self.turn()
            except Exception:
                log.exception("the desk of recordings failed at a turn; it turns again in %g s", TURN_S)
            await asyncio.sleep(TURN_S)

    async def _answer_alarms(self) -> None:
        """An alarm has its channel recorded; where that has no plan for it, every channel of the device that has."""
        while self._alarms:
            alarm = self._alarms.popleft()
            plans = [plan for plan in self.archive.plans().values() if plan.on_alarm and plan.owner == alarm.owner]
            of_channel = [plan for plan in plans if plan.channel == alarm.channel]
            now_ms = int(self._wall() * 1000)
            for plan in of_channel or plans:
                # By our clock: that of the device may be anywhere.
                await self.archive.call(plan.owner, plan.channel, now_ms, now_ms + plan.post_s * 1000)
                self.schedule.changed([plan.key])

    # --- ears and eyes ---------------------------------------------------------------------------------------

    def _heard(self, event: Event) -> None:
        self.reasons.heard(event)
        if isinstance(event, RecordingChanged):
            self._disk_trouble.heard(event)
        if isinstance(event, AlarmRaised) and event.method != OTHER_ALARM:
            self._alarms.append(event)
        elif isinstance(event, RecordingChanged) and event.told_by_us and event.state == "ended":
            self._ended.append(event.recording)

    def _open_spans(self, key: PlanKey) -> list[Span]:
        """What is on disk of files that are being written for a plan."""
        opened = self.recordings.open_files(key.owner, key.channel)
        return [(row.start_ms, row.end_ms) for row in opened if row.stream == key.stream]

    def _is_running(self, recording: str) -> bool:
        return self.recordings.view(recording) is not None

    def _is_online(self, owner: str) -> bool:
        peer = self._neighbours.peer(owner)
        return peer is not None and peer.is_online
