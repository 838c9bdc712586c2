"""Files of recordings in every store: found by span, counted by channel, locked and dropped."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from registry.store.memory import MemoryStore
from registry.store.promise import SegmentRow, SegmentSum, Store
from registry.store.sql import SqlStore

Urls = Callable[[], Awaitable[str]]
OWNER, CHANNEL, OTHER = "34020000001180000001", "34020000001320000001", "34020000001320000002"


def segment(number: int, *, channel: str = CHANNEL, **changes: object) -> SegmentRow:
    row = SegmentRow(
        "r1", f"s{number:04d}.mp4", OWNER, channel, 0, number * 1000, number * 1000 + 1000, 10, 25, "time", False
    )
    return row._replace(**changes)  # type: ignore[arg-type]  # the tests know the fields


@pytest.fixture
async def store(new_url: Urls) -> AsyncIterator[Store]:
    url = await new_url()
    made: Store = MemoryStore() if url == "memory:" else SqlStore(url)
    await made.open()
    async with made.writing() as writing:
        await writing.put_segments([segment(number) for number in range(10)])
        await writing.put_segments([segment(3, channel=OTHER, recording="r2")])
    yield made
    await made.close()


async def test_a_span_finds_the_files_that_overlap_it_in_order(store: Store) -> None:
    found = await store.segments(OWNER, CHANNEL, 2500, 5000, 10)
    assert [row.start_ms for row in found] == [2000, 3000, 4000]
    assert await store.segments(OWNER, CHANNEL, 2500, 5000, 2) == found[:2]
    assert await store.segments(OWNER, "nobody", 0, 10_000, 10) == []
    assert await store.segments_of("r2") == [segment(3, channel=OTHER, recording="r2")]


async def test_channels_are_counted_each_for_itself(store: Store) -> None:
    sums = sorted(await store.segment_sums())
    assert sums == [SegmentSum(OWNER, CHANNEL, 10, 100, 0, 10_000), SegmentSum(OWNER, OTHER, 1, 10, 3000, 4000)]


async def test_what_is_locked_is_not_among_the_oldest(store: Store) -> None:
    async with store.writing() as writing:
        await writing.lock_segments(OWNER, CHANNEL, 0, 2001, True)
    assert [row.start_ms for row in await store.oldest_segments(OWNER, CHANNEL, 2)] == [3000, 4000]
    assert [row.channel for row in await store.oldest_segments("", "", 2)] in ([OTHER, CHANNEL], [CHANNEL, OTHER])
    async with store.writing() as writing:
        await writing.lock_segments(OWNER, CHANNEL, 0, 10_000, False)
    assert [row.start_ms for row in await store.oldest_segments(OWNER, CHANNEL, 1)] == [0]


async def test_files_are_written_over_and_dropped_and_a_block_that_raises_has_not_happened(store: Store) -> None:
    async with store.writing() as writing:
        await writing.put_segments([segment(0, bytes=99)])
        await writing.drop_segments([("r1", "s0001.mp4"), ("r1", "never there")])
    before = await store.segments_of("r1")
    assert (before[0].bytes, len(before)) == (99, 9)
    with pytest.raises(OSError, match="no"):
        async with store.writing() as writing:
            await writing.drop_segments([("r1", "s0002.mp4")])
            await writing.lock_segments(OWNER, CHANNEL, 0, 10_000, True)
            raise OSError("no")
    assert await store.segments_of("r1") == before
