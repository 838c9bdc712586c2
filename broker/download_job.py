"""A recording of a device that is taken home: what is wished, how far it has come, and what of it is missing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import msgspec

from registry.recorded import Piece, Run, runs

JOB, MARKS = "job.json", "marks.jsonl"
FILES = {"mp4": "whole-mp4", "ps": "whole-ps"}
FREE_OF_TOLERANCE_S = 2.0
TOLERANCE = 0.01


class JobState(StrEnum):
    """Where a download stands; consoles print the value."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"  # it was lost, and is tried again in a moment
    INTERRUPTED = "interrupted"  # by somebody, or by our own restart; it can be gone on with
    DONE = "done"
    SHORT = "short"  # all that the device gave, and less than it lists
    FAILED = "failed"

    @property
    def is_over(self) -> bool:
        return self in (JobState.INTERRUPTED, JobState.DONE, JobState.SHORT, JobState.FAILED)

    @property
    def has_files(self) -> bool:
        """Whether the files are closed and may be given out."""
        return self in (JobState.DONE, JobState.SHORT)


class Job(msgspec.Struct, frozen=True):
    """One download. Times are UNIX seconds; `runs` are the stretches that are recorded, as the device lists them, and
    `gaps` those of them that it did not give. `seconds` is how much of the runs has come."""

    id: str
    owner: str
    channel: str
    stream: int
    start: float
    end: float
    speed: int
    by: str
    created_at: float
    state: JobState = JobState.QUEUED
    note: str = ""
    runs: tuple[tuple[float, float], ...] = ()
    is_listed: bool = False
    """Whether the device said what it has; else all of the span is expected."""
    gaps: tuple[tuple[float, float], ...] = ()
    seconds: float = 0.0
    progress: float = 0.0
    frames: int = 0
    filesize: int | None = None
    """What the device said of the length of what flows now, in bytes."""
    mp4_bytes: int = 0
    ps_bytes: int = 0
    losses: int = 0
    ended_at: float | None = None

    @property
    def expected_s(self) -> float:
        return sum(end - start for start, end in self.runs)

    @property
    def missing_s(self) -> float:
        return sum(end - start for start, end in self.gaps)

    @property
    def covered_s(self) -> float:
        """How much is in the files."""
        return max(0.0, self.seconds - self.missing_s)

    @property
    def is_whole(self) -> bool:
        return self.expected_s - self.covered_s <= max(FREE_OF_TOLERANCE_S, self.expected_s * TOLERANCE)


@dataclass(frozen=True, slots=True)
class Reached:
    """How far files are whole: to `end_s`, and to `group_s`, where a key frame stood and a call can go on."""

    end_s: float = 0.0
    group_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Leg:
    """One call's worth: from `start` to `stop` of the device's time, the first picture of which stands at `begins_s` of
    the files'; what they have behind `keeps_s` comes anew; `ends_s` is where they are when its run is over."""

    start: int
    stop: int
    begins_s: float
    keeps_s: float
    ends_s: float


def stretches(pieces: Sequence[Piece], start: float, end: float) -> tuple[tuple[float, float], ...]:
    """The runs of what is listed, in the whole seconds in which calls are made."""
    listed = [run for run in runs(pieces) if run.end > start and run.start < end]
    found = [Run(max(run.start, start), min(run.end, end)) for run in listed]
    return tuple((float(math.floor(run.start)), float(math.ceil(run.end))) for run in found)


def next_leg(job: Job, reached: Reached) -> Leg | None:
    """What to call for when the files have come so far; None when there is no more. The files know no gaps: what lies
    behind one follows at once."""
    before_s = 0.0
    for start, end in job.runs:
        length_s = end - start
        if reached.end_s - before_s < length_s - 0.5:
            # Whole seconds, and from a key frame's own picture on: what comes twice is passed over.
            done_s = math.floor(max(0.0, reached.group_s - before_s))
            keeps_s = reached.group_s if reached.group_s > before_s else reached.end_s
            return Leg(int(start) + done_s, int(end), before_s + done_s, keeps_s, before_s + length_s)
        before_s += length_s
    return None


def moment_of(job: Job, reached_s: float) -> float:
    """Which of the device's time stands at a place of the files."""
    before_s = 0.0
    for start, end in job.runs:
        if reached_s <= before_s + (end - start):
            return start + max(0.0, reached_s - before_s)
        before_s += end - start
    return job.end


def reached(folder: Path) -> Reached:
    """Up to where both files are whole, as the media plane marked it."""
    end_s: float | None = None
    with suppress(OSError):
        sizes = [(folder / name).stat().st_size for name in FILES.values()]
        for line in reversed((folder / MARKS).read_bytes().split(b"\n")):
            with suppress(msgspec.MsgspecError):
                mark = msgspec.json.decode(line, type=_Mark)
                if mark.mp4 <= sizes[0] and mark.ps <= sizes[1]:
                    at_s = mark.at_90k / 90_000
                    end_s = at_s if end_s is None else end_s
                    if not mark.is_end:
                        return Reached(end_s, min(at_s, end_s))
    return Reached(end_s or 0.0, 0.0)


class _Mark(msgspec.Struct, frozen=True):
    at_90k: int
    mp4: int
    ps: int
    is_end: bool = False


def read_job(folder: Path) -> Job | None:
    """A job as it was written down; None for a folder that is none of ours."""
    with suppress(OSError, msgspec.MsgspecError):
        job = msgspec.json.decode((folder / JOB).read_bytes(), type=Job)
        return job if job.id == folder.name else None
    return None


def write_job(folder: Path, job: Job) -> None:
    """Whole or not at all. Raises OSError."""
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    fresh = folder / f"{JOB}.new"
    fresh.write_bytes(msgspec.json.encode(job))
    fresh.replace(folder / JOB)
