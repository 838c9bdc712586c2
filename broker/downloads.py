"""Recordings of devices taken home: a queue of jobs that survive losses and restarts, and files that were measured."""

from __future__ import annotations

import asyncio
import logging
import secrets
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import msgspec

from broker.archives import Archives, NeedsNewerEdition
from broker.download_job import (
    FILES,
    Job,
    JobState,
    Leg,
    Reached,
    moment_of,
    next_leg,
    reached,
    read_job,
    stretches,
    write_job,
)
from broker.watch import InletStatistics, Lease, TakeHome, Watch, WatchFailed, WatchKind
from gb28181.peer import PeerError
from media.plane import TakingEnded, Trouble
from registry.events import Bus, DownloadChanged

log = logging.getLogger(__name__)

PREFIX = "download-"
LOOK_EVERY_S = 1.0
WRITTEN_WITHIN_S = 20.0
AGAIN_S = (1.0, 3.0, 10.0, 30.0, 60.0)
"""The pauses before a download that was lost is gone on with; after as many losses without news it fails."""
ONWARD_S = 1.0
"""A call that brought less than this brought nothing."""
DAY_S = 86_400
SWEEP_S = 3600.0
FINISHED = "finished"
LATEST_S = 5.0
"""What has just been recorded is not yet in a file everywhere: a span ends so long ago, at the latest."""


@dataclass(frozen=True, slots=True)
class DownloadSettings:
    """Recordings of devices that are taken home."""

    at_once: int = 4
    """Downloads that run at a time; the others wait."""
    at_once_of_device: int = 1
    """And of one device: recorders have little to spare."""
    most: int = 500
    """Downloads that are kept, those that wait included."""
    days: int = 7
    """So long files are kept; 0 keeps them until somebody deletes them."""
    longest_hours: int = 48
    """No download spans more."""


class Downloading(Protocol):
    """`broker.broker.Broker`, as far as downloads need it."""

    async def watch(self, watch: Watch) -> Lease: ...

    async def release(self, lease_id: str) -> None: ...

    def on_lease_end(self, lease_id: str, listener: Callable[[str], None]) -> None: ...

    def on_taken(self, name: str, listener: Callable[[TakingEnded], None] | None) -> None: ...

    def figures_of(self, lease_id: str) -> InletStatistics | None: ...


class TooMany(Exception):
    """No further download is taken on; the message says why."""


class Downloads:
    """`folder` is that of recordings, in which each job has one of its own. Call `close` before the broker closes."""

    def __init__(
        self,
        broker: Downloading,
        archives: Archives,
        bus: Bus,
        folder: Path,
        settings: DownloadSettings | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings or DownloadSettings()
        self._broker = broker
        self._archives = archives
        self._bus = bus
        self._folder = folder
        self._wall = wall
        self._jobs: dict[str, Job] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._places = asyncio.Semaphore(self.settings.at_once)
        self._places_of: dict[str, asyncio.Semaphore] = {}
        self._sweeping: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Find what is on disk; what ran when we ended is interrupted, and can be gone on with."""
        for job in await asyncio.to_thread(self._found):
            if not job.state.is_over:
                job = _with(job, state=JobState.INTERRUPTED, note="restart")
            self._jobs[job.id] = job
        self._sweeping = asyncio.create_task(self._sweep_for_ever(), name="downloads sweeper")

    async def close(self) -> None:
        """Interrupt what runs; harmless when closed."""
        tasks = [*self._tasks.values(), *([self._sweeping] if self._sweeping else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._sweeping = None

    # --- wishes ----------------------------------------------------------------------------------------------

    async def start(self, owner: str, channel: str, stream: int, start: float, end: float, speed: int, by: str) -> Job:
        """Take a span on. Raises TooMany, OSError."""
        if len(self._jobs) >= self.settings.most:
            raise TooMany(f"{self.settings.most} downloads are kept already; delete some")
        now = self._wall()
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now))
        name = f"{PREFIX}{stamp}-{secrets.token_hex(4)}"
        job = Job(name, owner, channel, stream, start, min(end, now - LATEST_S), speed, by, now)
        try:
            await self._set(job)
        except BaseException:
            del self._jobs[name]
            raise
        self._run(job)
        return job

    def jobs(self) -> list[Job]:
        """Newest first."""
        return sorted(self._jobs.values(), key=lambda job: (job.created_at, job.id), reverse=True)

    def job(self, name: str) -> Job | None:
        return self._jobs.get(name)

    async def interrupt(self, name: str) -> Job | None:
        """Stop for now; what came stays, and can be gone on from."""
        job = self._jobs.get(name)
        if job is None or job.state.is_over:
            return job
        await self._end_task(name)
        return await self._set(_with(self._jobs[name], state=JobState.INTERRUPTED, note="operator"))

    async def resume(self, name: str) -> Job | None:
        """Go on with one that was interrupted, failed, or came short. Raises OSError."""
        job = self._jobs.get(name)
        if job is None or not job.state.is_over or job.state is JobState.DONE:
            return job
        before = job
        try:
            job = await self._set(_with(job, state=JobState.QUEUED, note="", gaps=(), ended_at=None))
        except BaseException:
            self._jobs[name] = before
            raise
        self._run(job)
        return job

    async def remove(self, name: str) -> bool:
        """Delete one with its files, whatever it does; false when there is none."""
        if name not in self._jobs:
            return False
        await self._end_task(name)
        if self._jobs.pop(name, None) is None:
            return False
        await asyncio.to_thread(shutil.rmtree, self._folder / name, True)
        self._bus.tell(DownloadChanged(name, "removed"))
        return True

    async def file(self, name: str, form: str) -> Path | None:
        """Where a file of one that is over lies; `form` is mp4 or ps."""
        job = self._jobs.get(name)
        if job is None or not job.state.has_files or form not in FILES:
            return None
        path = self._folder / job.id / FILES[form]
        return path if await asyncio.to_thread(_is_plain, path) else None

    # --- one job ---------------------------------------------------------------------------------------------

    def _run(self, job: Job) -> None:
        task = asyncio.create_task(self._carry_out(job.id, job.owner), name=job.id)
        self._tasks[job.id] = task
        task.add_done_callback(lambda done: self._tasks.pop(job.id) if self._tasks.get(job.id) is done else None)

    async def _carry_out(self, name: str, owner: str) -> None:
        places = self._places_of.setdefault(owner, asyncio.Semaphore(self.settings.at_once_of_device))
        async with places, self._places:
            try:
                await self._take_all(name)
            except OSError as error:
                await self._over(name, JobState.FAILED, error.strerror or str(error))
            except Exception:
                log.exception("download %s failed in a way nobody foresaw; it can be gone on with", name)
                await self._over(name, JobState.FAILED, "internal")

    async def _take_all(self, name: str) -> None:
        await self._set(_with(self._jobs[name], state=JobState.RUNNING))
        await self._ask_what_there_is(name)
        if not self._jobs[name].runs:
            await self._over(name, JobState.FAILED, "nothing-recorded")
            return
        at = await self._reached(name)
        failures = 0
        while (leg := next_leg(self._jobs[name], at)) is not None:
            before_s = at.end_s
            why, trouble = await self._take(name, leg)
            at = await self._reached(name)
            if trouble is not None:
                await self._over(name, JobState.FAILED, str(trouble))
                return
            came_on = at.end_s - before_s >= ONWARD_S
            failures = 0 if came_on else failures + 1
            if why == FINISHED and not came_on:
                # It says that this is all there is of this run: what is missing is written down, and the next begun.
                at = await self._give_up_rest(name, at, leg)
                failures = 0
                continue
            if why != FINISHED:
                job = self._jobs[name]
                await self._set(_with(job, losses=job.losses + 1, note=why))
            if failures > len(AGAIN_S):
                await self._over(name, JobState.FAILED, why)
                return
            if why != FINISHED:
                await self._set(_with(self._jobs[name], state=JobState.WAITING))
                await asyncio.sleep(AGAIN_S[min(failures, len(AGAIN_S)) - 1] if failures else AGAIN_S[0])
                await self._set(_with(self._jobs[name], state=JobState.RUNNING))
        job = self._jobs[name]
        await self._over(name, JobState.DONE if job.is_whole else JobState.SHORT, "")

    async def _ask_what_there_is(self, name: str) -> None:
        job = self._jobs[name]
        if job.runs:
            return
        whole = ((float(int(job.start)), float(int(job.end))),)
        try:
            found = await self._archives.search(job.owner, job.channel, job.start, job.end)
        except (PeerError, NeedsNewerEdition) as error:
            log.info("%s does not list what it has (%s); all of the span is asked for", job.channel, error)
            await self._set(_with(job, runs=whole))
            return
        listed = stretches(found.pieces, job.start, job.end)
        # Of what was not told whole, all of the span may be there.
        await self._set(_with(job, runs=listed if found.is_complete else whole, is_listed=found.is_complete))

    async def _take(self, name: str, leg: Leg) -> tuple[str, Trouble | None]:
        """One call; why it ended, and what was wrong with our disk."""
        job = self._jobs[name]
        loop = asyncio.get_running_loop()
        taken: asyncio.Future[TakingEnded] = loop.create_future()
        ended: asyncio.Future[str] = loop.create_future()
        self._broker.on_taken(name, lambda told: None if taken.done() else taken.set_result(told))
        watch = Watch(
            owner=job.owner,
            channel=job.channel,
            outlet=TakeHome(name, leg.begins_s, leg.keeps_s),
            kind=WatchKind.DOWNLOAD,
            stream_number=job.stream,
            start=leg.start,
            stop=leg.stop,
            download_speed=job.speed,
            viewer=f"download:{job.by}",
        )
        lease: Lease | None = None
        try:
            lease = await self._broker.watch(watch)
            await self._set(_with(job, filesize=lease.filesize))
            self._broker.on_lease_end(lease.id, lambda why: None if ended.done() else ended.set_result(why))
            while not ended.done():
                await asyncio.wait((ended, taken), timeout=LOOK_EVERY_S, return_when=asyncio.FIRST_COMPLETED)
                self._look(name, lease, leg)
                if taken.done() and taken.result().trouble is not None:
                    break
            why = ended.result() if ended.done() else "disk"
        except WatchFailed as failed:
            why = str(failed)
        finally:
            try:
                if lease is not None:
                    await self._broker.release(lease.id)
                    await asyncio.wait((taken,), timeout=WRITTEN_WITHIN_S)
            finally:
                self._broker.on_taken(name, None)
        return why, taken.result().trouble if taken.done() else None

    def _look(self, name: str, lease: Lease, leg: Leg) -> None:
        """How far it has come, by what the device says of its length, or by the time of its pictures."""
        job = self._jobs[name]
        counted = self._broker.figures_of(lease.id)
        if counted is None or not counted.recorders:
            return
        taker = counted.recorders[0]
        seconds = max(job.seconds, taker.seconds)
        expected_s = job.expected_s
        progress = seconds / expected_s if expected_s else 0.0
        if job.filesize and expected_s:
            of_leg = min(1.0, counted.bytes / job.filesize)
            progress = (leg.begins_s + of_leg * (leg.ends_s - leg.begins_s)) / expected_s
        # It is whole when it was measured, not before.
        progress = min(max(progress, job.progress), 0.99)
        self._jobs[name] = told = _with(job, seconds=seconds, frames=taker.frames, progress=progress)
        self._tell(told)

    async def _reached(self, name: str) -> Reached:
        """Up to where the files are whole."""
        at = await asyncio.to_thread(reached, self._folder / name)
        self._jobs[name] = _with(self._jobs[name], seconds=at.end_s)
        return at

    async def _give_up_rest(self, name: str, at: Reached, leg: Leg) -> Reached:
        """The device gives no more of this run."""
        job = self._jobs[name]
        gap = (moment_of(job, at.end_s), float(leg.stop))
        if gap[1] - gap[0] > 0.5:
            job = _with(job, gaps=(*job.gaps, gap))
        await self._set(_with(job, seconds=leg.ends_s))
        return Reached(leg.ends_s, leg.ends_s)

    async def _over(self, name: str, state: JobState, note: str) -> None:
        sizes = await asyncio.to_thread(_sizes, self._folder / name)
        job = self._jobs[name]
        progress = 1.0 if state is JobState.DONE else job.progress
        job = _with(
            job,
            state=state,
            note=note,
            mp4_bytes=sizes[0],
            ps_bytes=sizes[1],
            progress=progress,
            ended_at=self._wall(),
        )
        try:
            await self._set(job)
        except OSError as error:
            # The disk may be why it is over. It is known here until our restart, which finds it interrupted.
            log.warning("how download %s ended could not be written down: %s", name, error)
            self._tell(job)

    # --- keeping ---------------------------------------------------------------------------------------------

    async def _set(self, job: Job) -> Job:
        """Remember, write down, tell."""
        self._jobs[job.id] = job
        await asyncio.to_thread(write_job, self._folder / job.id, job)
        self._tell(job)
        return job

    def _tell(self, job: Job) -> None:
        self._bus.tell(DownloadChanged(job.id, str(job.state)))

    async def _end_task(self, name: str) -> None:
        task = self._tasks.get(name)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _found(self) -> list[Job]:
        try:
            folders = [each for each in self._folder.iterdir() if each.name.startswith(PREFIX)]
        except OSError:
            return []
        return [job for folder in sorted(folders) if (job := read_job(folder)) is not None]

    async def _sweep_for_ever(self) -> None:
        while True:
            try:
                await self.sweep()
            except OSError as error:
                log.warning("old downloads could not be deleted: %s; tried again in an hour", error)
            await asyncio.sleep(SWEEP_S)

    async def sweep(self) -> None:
        """Delete what has been kept long enough."""
        if self.settings.days:
            oldest = self._wall() - self.settings.days * DAY_S
            for job in [each for each in self._jobs.values() if each.state.is_over]:
                if (job.ended_at or job.created_at) < oldest:
                    await self.remove(job.id)


def _with(job: Job, **changes: Any) -> Job:  # Any: each field's own type
    return msgspec.structs.replace(job, **changes)


def _sizes(folder: Path) -> tuple[int, int]:
    found = []
    for name in FILES.values():
        try:
            found.append((folder / name).stat().st_size)
        except OSError:
            found.append(0)
    return found[0], found[1]


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()
