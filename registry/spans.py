"""Spans of time, from a millisecond up to before another, and what is left of one when others are taken away."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Span = tuple[int, int]


def union(spans: Iterable[Span], within_ms: int = 0) -> list[Span]:
    """In order, those that touch as one; `within_ms` apart counts as touching.

    >>> union([(5, 7), (0, 2), (2, 4)])
    [(0, 4), (5, 7)]
    """
    joined: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if joined and start <= joined[-1][1] + within_ms:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def minus(spans: Iterable[Span], away: Iterable[Span]) -> list[Span]:
    """What of `spans` none of `away` covers.

    >>> minus([(0, 10)], [(2, 3), (8, 20)])
    [(0, 2), (3, 8)]
    """
    left: list[Span] = []
    gone = union(away)
    for start, end in union(spans):
        for begin, stop in gone:
            if stop <= start or begin >= end:
                continue
            if begin > start:
                left.append((start, begin))
            start = max(start, stop)
        if start < end:
            left.append((start, end))
    return left


def within(spans: Iterable[Span], start: int, end: int) -> list[Span]:
    """What of `spans` lies in a window.

    >>> within([(0, 5), (7, 9)], 3, 8)
    [(3, 5), (7, 8)]
    """
    return [(max(a, start), min(b, end)) for a, b in union(spans) if a < end and b > start]


def length(spans: Sequence[Span]) -> int:
    """How long they are together, where none overlaps another."""
    return sum(end - start for start, end in spans)
