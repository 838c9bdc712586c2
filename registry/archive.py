"""The book of recordings: what is planned, what is being recorded, every file that was written, and every gap."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from registry.record_plan import Gap, PlanKey, RecordPlan, gap_of, gap_row, plan_of, plan_row
from registry.spans import Span, length, union, within
from registry.store.promise import Row, SegmentRow, SegmentSum, Shelf, Store

MOST_FOUND = 200_000
"""Files that one search looks at: two streams of a channel for most of a year."""
SEAM_MS = 2_000
"""Files so close to each other are one recording to whoever looks."""
BEAT = "recordings.beat"
CALLS_KEPT_MS = 3 * 86_400_000


@dataclass(frozen=True, slots=True)
class Record:
    """Files of one kind and stream that follow each other without a gap, as one. Times are UNIX milliseconds."""

    owner: str
    channel: str
    stream: int
    kind: str
    recording: str
    start_ms: int
    end_ms: int
    bytes: int
    files: int
    locked: bool


class Archive:
    """`open` it after the store. What is small is held in memory; files are asked for by channel and span."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._plans: dict[PlanKey, RecordPlan] = {}
        self._gaps: dict[PlanKey, dict[int, Gap]] = {}
        self._calls: dict[tuple[str, str], list[Span]] = {}
        self._open: dict[str, Row] = {}
        self._sums: dict[tuple[str, str], SegmentSum] = {}
        self._last_beat = 0.0
        self._one_at_a_time = asyncio.Lock()

    def __repr__(self) -> str:
        return f"Archive({len(self._plans)} plans, {self.files} files)"

    async def open(self) -> None:
        load = self._store.load
        self._plans = {plan.key: plan for plan in map(plan_of, await load(Shelf.RECORD_PLANS))}
        for gap in map(gap_of, await load(Shelf.RECORD_GAPS)):
            self._gaps.setdefault(gap.key, {})[gap.start_ms] = gap
        for row in await load(Shelf.RECORD_CALLS):
            where = str(row["owner"]), str(row["channel"])
            self._calls.setdefault(where, []).append((int(str(row["start_ms"])), int(str(row["end_ms"]))))
        self._open = {str(row["id"]): row for row in await load(Shelf.RECORDINGS_OPEN)}
        self._sums = {(each.owner, each.channel): each for each in await self._store.segment_sums()}
        beats = [row for row in await load(Shelf.SETTINGS) if row["name"] == BEAT]
        self._last_beat = float(str(beats[0]["value"])) if beats else 0.0

    # Plans.

    def plans(self) -> Mapping[PlanKey, RecordPlan]:
        return self._plans

    async def keep_plans(self, plans: Sequence[RecordPlan]) -> None:
        """New ones, or in place of those with their keys."""
        await self._put(Shelf.RECORD_PLANS, [plan_row(plan) for plan in plans])
        self._plans.update({plan.key: plan for plan in plans})

    async def drop_plans(self, keys: Sequence[PlanKey]) -> None:
        """With the gaps of each; what was recorded stays."""
        gaps = [gap for key in keys for gap in self._gaps.get(key, {}).values()]
        async with self._store.writing() as writing:
            await writing.remove(Shelf.RECORD_PLANS, list(keys))
            await writing.remove(Shelf.RECORD_GAPS, [(*gap.key, gap.start_ms) for gap in gaps])
        for key in keys:
            self._plans.pop(key, None)
            self._gaps.pop(key, None)

    # Gaps.

    def gaps(self, key: PlanKey) -> list[Gap]:
        """Of one plan, the oldest first."""
        return [gap for _, gap in sorted(self._gaps.get(key, {}).items())]

    def all_gaps(self) -> list[Gap]:
        """Of every plan, the newest first."""
        found = [gap for mine in self._gaps.values() for gap in mine.values()]
        return sorted(found, key=lambda gap: (-gap.start_ms, gap.key))

    async def keep_gaps(self, gaps: Sequence[Gap], gone: Sequence[Gap] = ()) -> None:
        """Write some and take others away."""
        if not gaps and not gone:
            return
        async with self._store.writing() as writing:
            await writing.remove(Shelf.RECORD_GAPS, [(*gap.key, gap.start_ms) for gap in gone])
            await writing.put(Shelf.RECORD_GAPS, [gap_row(gap) for gap in gaps])
        for gap in gone:
            self._gaps.get(gap.key, {}).pop(gap.start_ms, None)
        for gap in gaps:
            self._gaps.setdefault(gap.key, {})[gap.start_ms] = gap

    # Spans that alarms called for.

    def called(self, owner: str, channel: str) -> list[Span]:
        return self._calls.get((owner, channel), [])

    async def call(self, owner: str, channel: str, start_ms: int, end_ms: int) -> None:
        """An alarm asks for a span; it grows together with those it touches, and old ones are forgotten."""
        before = self._calls.get((owner, channel), [])
        after = union([*before, (start_ms, end_ms)])
        after = [span for span in after if span[1] > start_ms - CALLS_KEPT_MS]
        async with self._store.writing() as writing:
            await writing.remove(Shelf.RECORD_CALLS, [(owner, channel, span[0]) for span in before])
            rows: list[Row] = [
                {"owner": owner, "channel": channel, "start_ms": start, "end_ms": end} for start, end in after
            ]
            await writing.put(Shelf.RECORD_CALLS, rows)
        self._calls[owner, channel] = after

    # What is being recorded.

    def open_recordings(self) -> list[Row]:
        """Those that nobody has ended, the oldest first."""
        return [self._open[name] for name in sorted(self._open)]

    async def opened(self, row: Row) -> None:
        await self._put(Shelf.RECORDINGS_OPEN, [row])
        self._open[str(row["id"])] = row

    async def ended(self, recording: str) -> None:
        """Harmless when it has ended."""
        if recording in self._open:
            async with self._store.writing() as writing:
                await writing.remove(Shelf.RECORDINGS_OPEN, [(recording,)])
            self._open.pop(recording, None)

    # Files.

    @property
    def files(self) -> int:
        return sum(each.files for each in self._sums.values())

    @property
    def bytes(self) -> int:
        return sum(each.bytes for each in self._sums.values())

    def sums(self) -> Mapping[tuple[str, str], SegmentSum]:
        """What is kept of each channel."""
        return self._sums

    async def add(self, rows: Sequence[SegmentRow]) -> None:
        """Files that were not known before."""
        async with self._one_at_a_time:
            async with self._store.writing() as writing:
                await writing.put_segments(rows)
            for row in rows:
                where = row.owner, row.channel
                before = self._sums.get(where, SegmentSum(*where, 0, 0, row.start_ms, row.end_ms))
                self._sums[where] = before._replace(
                    files=before.files + 1,
                    bytes=before.bytes + row.bytes,
                    first_ms=min(before.first_ms, row.start_ms),
                    last_ms=max(before.last_ms, row.end_ms),
                )

    async def drop(self, rows: Sequence[SegmentRow]) -> None:
        """Files that were deleted, the oldest of their channel."""
        async with self._one_at_a_time:
            async with self._store.writing() as writing:
                await writing.drop_segments([(row.recording, row.name) for row in rows])
            for row in rows:
                where = row.owner, row.channel
                before = self._sums.get(where)
                if before is None or before.files <= 1:
                    self._sums.pop(where, None)
                else:
                    self._sums[where] = before._replace(
                        files=before.files - 1,
                        bytes=before.bytes - row.bytes,
                        first_ms=max(before.first_ms, row.end_ms),
                    )

    async def lock(self, owner: str, channel: str, start_ms: int, end_ms: int, locked: bool) -> None:
        """Files that overlap the span are kept whatever happens, or no longer."""
        async with self._store.writing() as writing:
            await writing.lock_segments(owner, channel, start_ms, end_ms, locked)

    async def oldest(self, owner: str, channel: str, limit: int) -> list[SegmentRow]:
        """Not locked; of one channel, or with "" and "" of all."""
        return await self._store.oldest_segments(owner, channel, limit)

    async def files_of(self, recording: str) -> list[SegmentRow]:
        return await self._store.segments_of(recording)

    async def find(
        self, owner: str, channel: str, start_ms: int, end_ms: int, stream: int | None = None
    ) -> list[SegmentRow]:
        """Files that overlap a span, in order; the first `MOST_FOUND`."""
        found = await self._store.segments(owner, channel, start_ms, end_ms, MOST_FOUND)
        return [row for row in found if stream is None or row.stream == stream]

    async def written(self, key: PlanKey, start_ms: int, end_ms: int) -> list[Span]:
        """What of a span is on disk."""
        found = await self.find(key.owner, key.channel, start_ms, end_ms, key.stream)
        return union((row.start_ms, row.end_ms) for row in found)

    async def coverage(self, owner: str, channel: str, start_ms: int, end_ms: int) -> float:
        """The part of a span of which some stream is on disk, 0 to 1."""
        found = await self.find(owner, channel, start_ms, end_ms)
        there = within(((row.start_ms, row.end_ms) for row in found), start_ms, end_ms)
        return length(there) / (end_ms - start_ms) if start_ms < end_ms else 0.0

    async def records(
        self,
        owner: str,
        channel: str,
        start_ms: int,
        end_ms: int,
        stream: int | None = None,
        opened: Sequence[SegmentRow] = (),
    ) -> list[Record]:
        """The same, those that follow each other as one; with files that are being written, of which no book knows."""
        joined: list[Record] = []
        last: dict[tuple[int, str, bool], int] = {}
        found = await self.find(owner, channel, start_ms, end_ms, stream)
        new = [row for row in unbooked(opened, found, start_ms, end_ms) if stream in (None, row.stream)]
        for row in (*found, *new):
            kin = row.stream, row.kind, row.locked
            at = last.get(kin)
            if at is not None and row.start_ms - joined[at].end_ms <= SEAM_MS:
                before = joined[at]
                joined[at] = replace(
                    before,
                    end_ms=max(before.end_ms, row.end_ms),
                    bytes=before.bytes + row.bytes,
                    files=before.files + 1,
                )
                continue
            last[kin] = len(joined)
            joined.append(
                Record(
                    owner,
                    channel,
                    row.stream,
                    row.kind,
                    row.recording,
                    row.start_ms,
                    row.end_ms,
                    row.bytes,
                    1,
                    row.locked,
                )
            )
        return joined

    # That we live.

    @property
    def last_beat(self) -> float:
        """When we were last seen to live, UNIX seconds; 0 when never."""
        return self._last_beat

    async def beat(self, now: float) -> None:
        await self._put(Shelf.SETTINGS, [{"name": BEAT, "value": repr(now)}])
        self._last_beat = now

    async def _put(self, shelf: Shelf, rows: Iterable[Row]) -> None:
        async with self._store.writing() as writing:
            await writing.put(shelf, list(rows))


def unbooked(opened: Iterable[SegmentRow], found: Iterable[SegmentRow], start_ms: int, end_ms: int) -> list[SegmentRow]:
    """Of files that are being written those that overlap a span and are not among what the book has of it."""
    known = {row.name for row in found}
    return [row for row in opened if row.name not in known and row.start_ms < end_ms and row.end_ms > start_ms]
