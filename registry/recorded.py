"""What a recorder says to have, fit for a timeline: sorted, cut to the window, each thing once (signalling.md 10.4).

Sloppy recorders list a file twice, end it before it begins, leave its end out, or answer with what nobody asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from gb28181.manscdp.record_info import RecordItem

DAY_S = 86_400
KINDS = ("time", "alarm", "manual")
JOINED_S = 1.0
"""Files that lie so close to each other are one run: a recorder changes files without losing a picture."""
OPEN_S = 1e12
"""The end of what has none of its own, beyond any window."""


@dataclass(frozen=True, slots=True, order=True)
class Piece:
    """A stretch that is recorded: UNIX seconds, and what it is. `kind` is time, alarm, manual or "" when not said."""

    start: float
    end: float
    kind: str = ""
    name: str = field(default="", compare=False)
    path: str = field(default="", compare=False)
    address: str = field(default="", compare=False)
    size: int | None = field(default=None, compare=False)
    stream: int | None = field(default=None, compare=False)
    location: str = field(default="", compare=False)
    secret: bool = field(default=False, compare=False)
    recorder: str = field(default="", compare=False)

    @property
    def seconds(self) -> float:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch without a gap, whatever files it is made of."""

    start: float
    end: float


def tidied(items: Iterable[RecordItem], start: float, end: float) -> list[Piece]:
    """The pieces that a list of a recorder really means, cut to the window, oldest first.

    Times that are told the wrong way round are turned; what has no end ends where the next of its kind begins, or the
    window does; what is empty, outside, or said twice is left out. Overlapping pieces of one kind become one.
    """
    found = sorted(piece for item in items if (piece := _piece(item)) is not None)
    last: dict[tuple[str, int | None], Piece] = {}
    kept: list[Piece] = []
    for piece in _ended(found, end):
        track = (piece.kind, piece.stream)
        since = last[track].end if track in last else start
        cut = replace(piece, start=max(piece.start, start, since), end=min(piece.end, end))
        if cut.end > cut.start:
            last[track] = cut
            kept.append(cut)
    return sorted(kept)


def _ended(found: Sequence[Piece], end: float) -> list[Piece]:
    """What has no end of its own ends where the next of its kind begins."""
    ended = []
    after: dict[tuple[str, int | None], float] = {}
    for piece in reversed(found):
        track = (piece.kind, piece.stream)
        ended.append(replace(piece, end=after.get(track, end)) if piece.end == OPEN_S else piece)
        after[track] = piece.start
    return ended[::-1]


def runs(pieces: Iterable[Piece]) -> list[Run]:
    """Where pictures are without a gap, whatever they were recorded for."""
    found: list[Run] = []
    for piece in sorted(pieces):
        if found and piece.start <= found[-1].end + JOINED_S:
            found[-1] = Run(found[-1].start, max(found[-1].end, piece.end))
        else:
            found.append(Run(piece.start, piece.end))
    return found


def gaps(pieces: Sequence[Piece], start: float, end: float) -> list[Run]:
    """What of the window nobody recorded."""
    found: list[Run] = []
    at = start
    for run in runs(pieces):
        if run.end <= start or run.start >= end:
            continue
        if run.start > at:
            found.append(Run(at, run.start))
        at = max(at, run.end)
    if at < end:
        found.append(Run(at, end))
    return found


def covered_s(pieces: Sequence[Piece], start: float, end: float) -> float:
    """Seconds of the window that were recorded."""
    return (end - start) - sum(gap.end - gap.start for gap in gaps(pieces, start, end))


def run_at(pieces: Iterable[Piece], at: float) -> Run | None:
    """The run in which a moment lies, else the next one after it."""
    return next((run for run in runs(pieces) if run.end > at), None)


def days_of(start: float, end: float, zone_s: int) -> list[tuple[float, float]]:
    """A window cut at the midnights of a zone, so that each day can be asked for, and kept, by itself."""
    found = []
    at = start
    while at < end:
        midnight = ((at + zone_s) // DAY_S + 1) * DAY_S - zone_s
        found.append((at, min(midnight, end)))
        at = midnight
    return found


def _piece(item: RecordItem) -> Piece | None:
    """One item, its times the right way round; None for what says no time or has no length."""
    start, end = item.start, item.end
    if start is None or start == end:
        return None
    end = OPEN_S if end is None else end
    start, end = min(start, end), max(start, end)
    kind = item.kind.strip().lower()
    return Piece(
        start,
        end,
        kind if kind in KINDS else "",
        item.name,
        item.file_path,
        item.address,
        item.file_size,
        item.stream_number,
        item.location,
        item.secrecy,
        item.recorder,
    )
