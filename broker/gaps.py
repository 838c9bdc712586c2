"""Plans held against the bytes on disk: what was wanted and is not there is a gap, with its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from broker.reasons import Reason, Reasons
from registry.archive import Archive
from registry.record_plan import Gap, GapState, PlanKey, RecordPlan
from registry.spans import Span, length, minus, union, within

LEAST_MS = 2_000
"""Less is a seam between two files, or a key frame that was waited for."""
LAG_MS = 10_000
"""What was taken within these last seconds may still be on its way to the disk."""
SETTLE_MS = 15 * 60_000
"""What is older is written down for good: the longest file has been closed by then."""
LONGEST_MS = 4 * 3_600_000
"""Gaps are cut at multiples of this, so that one can be fetched in one piece."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What a comparison came to: rows to write, rows to take away, and those that began to matter just now."""

    keep: tuple[Gap, ...] = ()
    gone: tuple[Gap, ...] = ()
    news: tuple[Gap, ...] = ()


def compare(
    key: PlanKey,
    missing: Iterable[Span],
    known: Sequence[Gap],
    reason_of: Callable[[Span], Reason],
    *,
    cuts: Iterable[int] = (),
    matters_ms: int = 60_000,
) -> Findings:
    """Hold what is missing of a window against the gaps that are known in it.

    A gap that has been dealt with (filled, given up, being filled) stands; an open one grows, shrinks or goes, and
    keeps what was tried. `cuts` are moments at which reasons change for sure.
    """
    dealt_with = [gap.span for gap in known if gap.state is not GapState.OPEN]
    pieces = [piece for span in minus(missing, dealt_with) for piece in _cut(span, cuts)]
    pieces = [piece for piece in pieces if piece[1] - piece[0] >= LEAST_MS]
    opened = [gap for gap in known if gap.state is GapState.OPEN]
    keep: list[Gap] = []
    news: list[Gap] = []
    for start, end in pieces:
        kin = max(opened, key=lambda gap: _common(gap.span, (start, end)), default=None)
        if kin is None or not _common(kin.span, (start, end)):
            fresh, before_ms = Gap(*key, start, end, reason_of((start, end))), 0
        else:
            is_same = kin.span == (start, end) and kin.reason != Reason.UNKNOWN
            reason = kin.reason if is_same else reason_of((start, end))
            reason = kin.reason if reason is Reason.UNKNOWN else reason
            fresh, before_ms = replace(kin, start_ms=start, end_ms=end, reason=reason), kin.end_ms - kin.start_ms
        if fresh not in opened:
            keep.append(fresh)
        goes_on = any(gap.end_ms == start for gap in known) or any(piece[1] == start for piece in pieces)
        if end - start >= matters_ms > before_ms and not goes_on:
            news.append(fresh)
    starts = {start for start, _ in pieces}
    gone = tuple(gap for gap in opened if gap.start_ms not in starts)
    return Findings(tuple(keep), gone, tuple(news))


class Reconciler:
    """Looks at every plan once a minute. `open_span` tells what is on disk of the file that is being written."""

    def __init__(
        self,
        archive: Archive,
        reasons: Reasons,
        open_spans: Callable[[PlanKey], Sequence[Span]],
        *,
        down: Span,
        matters_ms: int,
    ) -> None:
        self._archive = archive
        self._reasons = reasons
        self._open_spans = open_spans
        self._down = down
        self._matters_ms = matters_ms

    async def settle(self, now: float) -> list[Gap]:
        """Hold every plan against the disk up to now; the gaps that began to matter come back."""
        news: list[Gap] = []
        settled: list[RecordPlan] = []
        for plan in tuple(self._archive.plans().values()):
            findings, until_ms = await self._look(plan, int(now * 1000) - LAG_MS)
            await self._archive.keep_gaps(findings.keep, findings.gone)
            news += findings.news
            if until_ms > plan.settled_at * 1000:
                settled.append(replace(plan, settled_at=until_ms / 1000))
        # Who changed or dropped a plan meanwhile is right.
        plans = self._archive.plans()
        still = [replace(plans[each.key], settled_at=each.settled_at) for each in settled if each.key in plans]
        if still:
            await self._archive.keep_plans(still)
        return news

    async def review(self, gap: Gap, *, tries: int, next_at: float, note: str, gives_up: bool) -> list[Gap]:
        """After a try to fill it: what is there now is filled, the rest is open again or given up."""
        there = within(await self._archive.written(gap.key, *gap.span), *gap.span)
        left = [piece for piece in minus([gap.span], there) if piece[1] - piece[0] >= LEAST_MS]
        state = GapState.GIVEN_UP if gives_up else GapState.OPEN
        after = [
            replace(gap, start_ms=start, end_ms=end, state=state, tries=tries, next_at=next_at, note=note)
            for start, end in left
        ]
        for start, end in minus([gap.span], left):
            after.append(replace(gap, start_ms=start, end_ms=end, state=GapState.FILLED, tries=tries, note=""))
        await self._archive.keep_gaps(after, [gap])
        return after

    async def _look(self, plan: RecordPlan, end_ms: int) -> tuple[Findings, int]:
        key = plan.key
        start_ms = int(plan.settled_at * 1000)
        if not start_ms or start_ms >= end_ms:
            return Findings(), start_ms or end_ms
        gaps = self._archive.gaps(key)
        # A gap that began before and has not ended is looked at whole.
        start_ms = min([start_ms, *(gap.start_ms for gap in gaps if gap.end_ms >= start_ms and _is_open(gap))])
        wanted = plan.wanted(start_ms, end_ms, self._archive.called(plan.owner, plan.channel))
        written = union([*await self._archive.written(key, start_ms, end_ms), *self._open_spans(key)])
        known = [gap for gap in gaps if gap.end_ms > start_ms]
        findings = compare(
            key,
            minus(wanted, written),
            known,
            lambda span: self._reason(key, span),
            cuts=self._down,
            matters_ms=self._matters_ms,
        )
        last = [gap.start_ms for gap in findings.keep if gap.end_ms >= end_ms - LEAST_MS]
        return findings, max(int(plan.settled_at * 1000), min([end_ms - SETTLE_MS, *last]))

    def _reason(self, key: PlanKey, span: Span) -> Reason:
        down = length(within([self._down], *span))
        if down * 2 > span[1] - span[0]:
            return Reason.DOWN
        reason = self._reasons.between(key.owner, key.channel, span)
        # When we are up again recordings must begin anew first.
        is_after = self._down[0] < self._down[1] == span[0]
        return Reason.DOWN if is_after and reason is Reason.UNKNOWN else reason


def _is_open(gap: Gap) -> bool:
    return gap.state is GapState.OPEN


def _common(one: Span, other: Span) -> int:
    return max(0, min(one[1], other[1]) - max(one[0], other[0]))


def _cut(span: Span, cuts: Iterable[int]) -> list[Span]:
    """A span in pieces of a size that can be fetched."""
    start, end = span
    edges = {start, end, *(cut for cut in cuts if start < cut < end)}
    edges.update(range((start // LONGEST_MS + 1) * LONGEST_MS, end, LONGEST_MS))
    marks = sorted(edges)
    return list(pairwise(marks))
