"""Recordings that people or plans begin and end: each a lease that is taken anew whenever it ends by itself, and a
shelf of what is on disk. Those that nobody ended go on after our restart.

A recording is a folder under its id: `about.json` says what it is of, the media plane writes segments and their index.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import msgspec

from broker.watch import Lease, RecordTo, Watch, WatchFailed
from media.plane import RecorderStatistics, RecordingForm, Segment
from registry.events import Bus, Event, RecordingChanged
from registry.store.promise import SegmentRow

log = logging.getLogger(__name__)

ABOUT, INDEX = "about.json", "index.jsonl"
MOST_RUNNING = 2_000
MOST_LISTED = 200
AGAIN_S = (1.0, 2.0, 5.0, 10.0, 30.0)
"""The pauses before a recording that cannot be had is asked for again."""
MANUAL = "manual"
STEADY_S = 60.0
"""A recording that went on for so long begins with the first pause again."""


class About(msgspec.Struct, frozen=True):
    """What a recording is of. Times are UNIX seconds; `ended_at` is None while it runs, and after a crash.

    `kind` says who wanted it: manual, time or alarm; filled is what was fetched from a device later.
    """

    id: str
    owner: str
    channel: str
    stream: int
    form: str
    by: str
    started_at: float
    ended_at: float | None = None
    kind: str = MANUAL


def row_of(about: About, segment: Segment) -> SegmentRow:
    """A file as the book has it. What people recorded by hand is theirs to delete."""
    return SegmentRow(
        about.id,
        segment.name,
        about.owner,
        about.channel,
        about.stream,
        segment.start_ms,
        segment.end_ms,
        segment.bytes,
        segment.frames,
        about.kind,
        about.kind == MANUAL,
    )


@dataclass(frozen=True, slots=True)
class RecordingView:
    """A recording as people see it. `state` is asking, recording, troubled, waiting or ended; `note` says why."""

    about: About
    state: str
    note: str = ""
    segments: int = 0
    bytes: int = 0
    seconds: float = 0.0


class OpenBook(Protocol):
    """Where it is written what is being recorded; `registry.archive.Archive` keeps this."""

    def open_recordings(self) -> Sequence[Mapping[str, object]]: ...

    async def opened(self, row: dict[str, object]) -> None: ...

    async def ended(self, recording: str) -> None: ...


class TooMany(Exception):
    """No further recording is begun; the message says why."""


class Watching(Protocol):
    """The broker, as far as recordings need it."""

    async def watch(self, watch: Watch) -> Lease: ...

    async def release(self, lease_id: str) -> None: ...

    def on_lease_end(self, lease_id: str, listener: Callable[[str], None]) -> None: ...


@dataclass(slots=True)
class _Running:
    about: About
    state: str = "asking"
    note: str = ""
    task: asyncio.Task[None] | None = None
    written: list[Segment] = field(default_factory=list)


class Recordings:
    """`folder` holds them all; ids come from here and lead nowhere else. Call `close` before the broker closes."""

    def __init__(
        self,
        broker: Watching,
        bus: Bus,
        folder: Path,
        statistics: Callable[[str], RecorderStatistics | None] = lambda recording: None,
        wall: Callable[[], float] = time.time,
        book: OpenBook | None = None,
    ) -> None:
        self._book = book
        self._broker = broker
        self._bus = bus
        self._folder = folder
        self._statistics = statistics
        self._wall = wall
        self._running: dict[str, _Running] = {}
        self._deafen = bus.listen(self._heard)

    # --- beginning and ending --------------------------------------------------------------------------------

    async def resume(self) -> None:
        """After a restart: what people began goes on in its folder; what plans began ends, they will begin anew."""
        if self._book is None:
            return
        for row in self._book.open_recordings():
            about = msgspec.convert(dict(row), About)
            if about.kind == MANUAL and len(self._running) < MOST_RUNNING:
                running = self._running[about.id] = _Running(about)
                running.task = asyncio.create_task(self._keep(running), name=f"recording {about.id}")
                self._tell(running, "asking")
            else:
                await self._close_book(about)

    async def start(
        self,
        owner: str,
        channel: str,
        stream: int,
        by: str,
        form: RecordingForm = RecordingForm.MP4,
        *,
        kind: str = MANUAL,
        is_fresh: bool = False,
    ) -> RecordingView:
        """Record a channel from now on; the one of this kind that runs already when there is one, unless a fresh one
        is wanted. Raises TooMany, OSError."""
        for running in self._running.values():
            about = running.about
            if (about.owner, about.channel, about.stream, about.kind) == (
                owner,
                channel,
                stream,
                kind,
            ) and not is_fresh:
                return self._view(running)
        if len(self._running) >= MOST_RUNNING:
            raise TooMany(f"all {MOST_RUNNING} recordings are running")
        now = self._wall()
        about = About(new_id(now), owner, channel, stream, str(form), by, now, kind=kind)
        # Before the first wait: two who begin at once begin one.
        running = self._running[about.id] = _Running(about)
        try:
            await asyncio.to_thread(self.write_about, about)
            await self._open_book(about)
        except BaseException:
            self._running.pop(about.id, None)
            # On the shelf it would be one that has ended, of which nothing was recorded.
            await asyncio.to_thread(shutil.rmtree, self._folder / about.id, True)
            raise
        if self._running.get(about.id) is not running:
            # Whoever had it from us as one that runs has ended it before the book knew of it.
            await self._close_book(about)
            return replace(self._view(running), state="ended")
        running.task = asyncio.create_task(self._keep(running), name=f"recording {about.id}")
        self._tell(running, "asking")
        return self._view(running)

    async def stop(self, recording: str) -> RecordingView | None:
        """End one; what was recorded stays. None when none of this id runs."""
        running = self._running.get(recording)
        if running is None:
            return None
        await self._end(running)
        ended = replace(self._view(running), state="ended", note="")
        self._tell(running, "ended")
        return ended

    async def close(self) -> None:
        """Let all go, without an end: `resume` goes on with them. Harmless when closed."""
        self._deafen()
        await asyncio.gather(*(self._let_go(running) for running in tuple(self._running.values())))

    async def _let_go(self, running: _Running) -> bool:
        try:
            if running.task is not None:
                running.task.cancel()
                await asyncio.gather(running.task, return_exceptions=True)
        finally:
            was_running = self._running.pop(running.about.id, None) is not None
        return was_running

    async def _end(self, running: _Running) -> None:
        if await self._let_go(running):
            await self._close_book(running.about)

    async def _open_book(self, about: About) -> None:
        if self._book is not None:
            row = msgspec.structs.asdict(about)
            del row["ended_at"]
            await self._book.opened(row)

    async def _close_book(self, about: About) -> None:
        about = msgspec.structs.replace(about, ended_at=self._wall())
        try:
            await asyncio.to_thread(self.write_about, about)
        except OSError as error:
            log.warning("the end of recording %s could not be written down: %s", about.id, error)
        if self._book is not None:
            await self._book.ended(about.id)

    async def remove(self, recording: str) -> bool:
        """Delete one that has ended; false when there is none. Raises ValueError when it runs."""
        if recording in self._running:
            raise ValueError(f"{recording} is being recorded; end it first")
        folder = self._folder_of(recording)
        if folder is None or not await asyncio.to_thread(folder.is_dir):
            return False
        await asyncio.to_thread(shutil.rmtree, folder)
        return True

    # --- keeping one up --------------------------------------------------------------------------------------

    async def _keep(self, running: _Running) -> None:
        """Have a lease until cancelled; one that ends is taken anew, after growing pauses."""
        failures = 0
        while True:
            began = asyncio.get_running_loop().time()
            code = ""
            try:
                note = await self._record_once(running)
            except WatchFailed as failed:
                note, code = str(failed), failed.code
            except Exception:
                log.exception("recording %s failed in a way nobody foresaw; it is tried again", running.about.id)
                note = "internal"
            failures = 0 if asyncio.get_running_loop().time() - began > STEADY_S else failures + 1
            self._tell(running, "waiting", note, code)
            await asyncio.sleep(AGAIN_S[min(max(failures - 1, 0), len(AGAIN_S) - 1)])

    async def _record_once(self, running: _Running) -> str:
        """Until the lease ends by itself; why comes back. Raises WatchFailed."""
        about = running.about
        self._tell(running, "asking")
        to = RecordTo(about.id, RecordingForm(about.form), with_kept=about.kind != MANUAL)
        watch = Watch(about.owner, about.channel, to, stream_number=about.stream, viewer=f"recording:{about.by}")
        lease = await self._broker.watch(watch)
        try:
            ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
            self._broker.on_lease_end(lease.id, lambda why: None if ended.done() else ended.set_result(why))
            if not ended.done():
                self._tell(running, "recording")
            return await ended
        finally:
            await self._broker.release(lease.id)

    def _heard(self, event: Event) -> None:
        if not isinstance(event, RecordingChanged) or event.told_by_us:
            return
        running = self._running.get(event.recording)
        if running is None:
            return
        if isinstance(event.segment, Segment):
            running.written.append(event.segment)
        elif event.state in ("recording", "troubled"):
            running.state, running.note = event.state, event.note

    def _tell(self, running: _Running, state: str, note: str = "", code: str = "") -> None:
        running.state, running.note = state, note
        about = running.about
        self._bus.tell(RecordingChanged(about.id, about.owner, about.channel, state, note, told_by_us=True, code=code))

    # --- the shelf -------------------------------------------------------------------------------------------

    def running(self) -> list[RecordingView]:
        """Those that run, oldest first."""
        return [self._view(running) for running in self._running.values()]

    def view(self, recording: str) -> RecordingView | None:
        """One that runs."""
        running = self._running.get(recording)
        return self._view(running) if running is not None else None

    def open_files(self, owner: str, channel: str) -> list[SegmentRow]:
        """The files of a channel that are being written, as far as they are on disk."""
        rows = []
        for running in self._running.values():
            about = running.about
            counted = self._statistics(about.id)
            if (about.owner, about.channel) != (owner, channel) or counted is None or not counted.open_file:
                continue
            segment = Segment(counted.open_file, counted.open_from_ms, counted.open_to_ms, 0, 0)
            rows.append(row_of(about, segment))
        return rows

    def counted(self, recording: str) -> RecorderStatistics | None:
        """What the media plane counts on one that runs."""
        return self._statistics(recording)

    async def shelf(self, channel: str = "", limit: int = 100) -> list[RecordingView]:
        """Newest first, running ones included; of one channel or of all."""
        ended = await asyncio.to_thread(self._ended, channel, min(limit, MOST_LISTED), frozenset(self._running))
        running = [view for view in self.running() if channel in ("", view.about.channel)]
        return sorted((*running, *ended), key=lambda view: view.about.id, reverse=True)[:limit]

    async def segments(self, recording: str) -> list[Segment] | None:
        """The whole files of one, oldest first; None when there is no such recording."""
        folder = self._folder_of(recording)
        if folder is None or not await asyncio.to_thread(folder.is_dir):
            return None
        return await asyncio.to_thread(_there, folder)

    async def file(self, recording: str, name: str) -> Path | None:
        """Where a whole segment lies; None unless its name stands in the index."""
        folder = self._folder_of(recording)
        known = await self.segments(recording)
        if folder is None or known is None or name not in {segment.name for segment in known}:
            return None
        path = folder / name
        return path if await asyncio.to_thread(_is_plain, path) else None

    def _view(self, running: _Running) -> RecordingView:
        counted = self._statistics(running.about.id)
        seconds = self._wall() - running.about.started_at
        written = sum(segment.bytes for segment in running.written)
        size = max(written, counted.bytes if counted is not None else 0)
        return RecordingView(running.about, running.state, running.note, len(running.written), size, seconds)

    def _ended(self, channel: str, limit: int, running: frozenset[str]) -> list[RecordingView]:
        views = []
        for about in self._abouts():
            if about.id not in running and channel in ("", about.channel):
                segments = _there(self._folder / about.id)
                views.append(
                    RecordingView(
                        about,
                        "ended",
                        "",
                        len(segments),
                        sum(segment.bytes for segment in segments),
                        sum(segment.end_ms - segment.start_ms for segment in segments) / 1000,
                    )
                )
                if len(views) == limit:
                    break
        return views

    def _abouts(self) -> Iterator[About]:
        """What is on the shelf, newest first; a folder that is not ours is passed over."""
        try:
            names = sorted((each.name for each in self._folder.iterdir()), reverse=True)
        except OSError:
            return
        for name in names:
            with suppress(OSError, ValueError, msgspec.MsgspecError):
                about = read_about(self._folder / name)
                if about.id == name:
                    yield about

    def _folder_of(self, recording: str) -> Path | None:
        """The folder of an id; None for what cannot be one of ours, so that nothing leads out of the shelf."""
        stamp, dash, token = recording.partition("-")
        is_ours = dash and stamp.replace("T", "", 1).isdigit() and token.isalnum() and recording.isascii()
        return self._folder / recording if is_ours and len(recording) <= 40 else None

    def write_about(self, about: About) -> None:
        """Blocks. Raises OSError."""
        folder = self._folder / about.id
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        fresh = folder / f"{ABOUT}.new"
        fresh.write_bytes(msgspec.json.encode(about))
        fresh.replace(folder / ABOUT)


def new_id(now: float) -> str:
    """A name for a recording that begins now; names sort as their beginnings do."""
    return f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime(now))}-{secrets.token_hex(4)}"


def read_about(folder: Path) -> About:
    """What a folder says of itself. Raises OSError, ValueError."""
    return msgspec.json.decode((folder / ABOUT).read_bytes(), type=About)


def read_segments(folder: Path) -> list[Segment]:
    """The index of a recording as the media plane writes it, a JSON line a segment; a torn line is passed over."""
    found: dict[str, Segment] = {}
    with suppress(OSError):
        for line in (folder / INDEX).read_bytes().split(b"\n"):
            with suppress(msgspec.MsgspecError):
                segment = msgspec.json.decode(line, type=Segment)
                found[segment.name] = segment
    return [found[name] for name in sorted(found)]


def _there(folder: Path) -> list[Segment]:
    """Those of the index that have not been deleted since."""
    names = {each.name for each in os.scandir(folder)}
    return [segment for segment in read_segments(folder) if segment.name in names]


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()
