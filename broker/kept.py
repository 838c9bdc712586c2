"""Our own recordings offered as streams: which files a span is made of, and how a session with one is steered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from broker.fetched import Fetching
from gb28181.mansrtsp import Control, Method, read_control
from media.plane import Clip, Source, Steering
from registry.archive import Archive, unbooked
from registry.recorded import Piece, Run, runs
from registry.store.promise import SegmentRow

OK, BAD_REQUEST, NOT_ACCEPTABLE = 200, 400, 488
FASTEST = 32.0
SLOWEST = 0.1
MOST_CLIPS = 5_000
LAST_S = 1.0
BEFORE_S = 4 * 3600.0
"""So far before a moment it is looked for the beginning of what is there without a gap."""

Kept = Callable[[str, str, int, int, int], Awaitable[Source | None]]
"""The recording of an owner's channel: its stream, and UNIX seconds from and to; None when nothing is kept of then."""


Opened = Callable[[str, str], Sequence[SegmentRow]]
"""Of an owner's channel: the files that are being written, as far as they are on disk."""


@dataclass(slots=True)
class Showing(Fetching):
    """A `Call` that shows one of our recordings; MANSRTSP steers it (2022 annex B)."""

    steer: Callable[[Steering], None] = field(default=lambda steering: None)

    async def inform(self, body: bytes, content_type: str) -> int:
        """The status of the answer: 488 for what no recording of ours does."""
        control = read_control(body)
        if control is None:
            return BAD_REQUEST
        steering = steering_of(control)
        if steering is None:
            return NOT_ACCEPTABLE
        self.steer(steering)
        return OK


def steering_of(control: Control) -> Steering | None:
    """What a control asks of a recording of ours; None when it cannot be had. Backwards it shows its key frames."""
    if control.method is Method.PAUSE:
        return Steering(is_paused=True)
    if control.method is Method.TEARDOWN:
        return Steering()
    if control.scale is not None and not SLOWEST <= abs(control.scale) <= FASTEST:
        return None
    if control.jumps and control.npt_s is None:
        return None
    return Steering(is_paused=False, scale=control.scale, at_s=control.npt_s)


class KeptShelf:
    """Keeps the promise of `Kept` from the archive."""

    def __init__(self, archive: Archive, folder: Path) -> None:
        self._archive = archive
        self._folder = folder
        self.opened: Opened = lambda owner, channel: ()
        """The files that are being written: what happened a minute ago lies there."""

    async def source(self, owner: str, channel: str, stream: int, start: int, stop: int) -> Source | None:
        """Of the stream that is meant; of whatever stream was recorded when it is another."""
        found, opened = await self._find(owner, channel, start * 1000, stop * 1000)
        rows = [row for row in found if row.stream == stream] or found
        clips = [
            Clip(f"{row.recording}/{row.name}", row.start_ms, row.end_ms, row.bytes, row.name in opened)
            for row in _chosen(rows)
        ]
        if not clips:
            return None
        return Source(
            folder=str(self._folder), clips=tuple(clips[:MOST_CLIPS]), from_ms=start * 1000, to_ms=stop * 1000
        )

    async def run(self, owner: str, channel: str, stream: int, at: float, until: float) -> Run | None:
        """What is there without a gap at a moment, or first after it; a last second of it is not worth a picture."""
        found, _ = await self._find(owner, channel, int((at - BEFORE_S) * 1000), int(until * 1000))
        rows = [row for row in found if row.stream == stream] or found
        pieces = [Piece(row.start_ms / 1000, row.end_ms / 1000) for row in rows]
        return next((run for run in runs(pieces) if run.end > at + LAST_S), None)

    async def _find(self, owner: str, channel: str, from_ms: int, to_ms: int) -> tuple[list[SegmentRow], set[str]]:
        """Files of a span, and which of them are being written."""
        found = list(await self._archive.find(owner, channel, from_ms, to_ms))
        opened = unbooked(self.opened(owner, channel), found, from_ms, to_ms)
        return [*found, *opened], {row.name for row in opened}


def _chosen(rows: Sequence[SegmentRow]) -> list[SegmentRow]:
    """Without those that show nothing that others have not shown."""
    chosen: list[SegmentRow] = []
    reached_ms = 0
    for row in sorted(rows, key=lambda each: (each.start_ms, -each.end_ms)):
        if row.end_ms > reached_ms:
            chosen.append(row)
            reached_ms = row.end_ms
    return chosen


async def nothing_is_kept(owner: str, channel: str, stream: int, start: int, stop: int) -> Source | None:
    return None
