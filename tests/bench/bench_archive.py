"""A year of recordings in the book: what it costs to find an hour, a day and a year among a million files."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from registry.archive import Archive
from registry.store.promise import SegmentRow
from registry.store.sql import SqlStore

CHANNELS, FILES, SEGMENT_MS = 10, 100_000, 300_000
"""Ten channels for 347 days in files of five minutes."""
AT_MS = 1_764_000_000_000
OWNER = "34020000001180000001"


def rows(channel: int, first: int, count: int) -> list[SegmentRow]:
    code = f"3402000000132{channel:07d}"
    return [
        SegmentRow(
            f"r{channel}-{number // 288}",
            f"{AT_MS + number * SEGMENT_MS}.mp4",
            *(OWNER, code, 0, AT_MS + number * SEGMENT_MS, AT_MS + (number + 1) * SEGMENT_MS),
            *(150_000_000, 7_500, "time", False),
        )
        for number in range(first, first + count)
    ]


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = SqlStore(f"sqlite:///{Path(folder) / 'bench.db'}")
        await store.open()
        archive = Archive(store)
        began = time.process_time()
        for channel in range(CHANNELS):
            for first in range(0, FILES, 20_000):
                await archive.add(rows(channel, first, 20_000))
        print(f"{CHANNELS * FILES} files written: {time.process_time() - began:.1f} s CPU")
        code, middle = f"3402000000132{5:07d}", AT_MS + 1_000 * SEGMENT_MS
        for what, length_ms, times in (
            ("an hour", 3_600_000, 200),
            ("a day", 86_400_000, 50),
            ("the rest of a year", 1 << 42, 3),
        ):
            began = time.process_time()
            for turn in range(times):
                found = await archive.find(
                    OWNER, code, middle + turn * 7_000_000, middle + turn * 7_000_000 + length_ms
                )
            each_ms = (time.process_time() - began) / times * 1000
            print(f"{what}: {len(found)} files in {each_ms:.2f} ms CPU")
        began = time.process_time()
        await store.oldest_segments("", "", 200)
        print(f"the 200 oldest of all: {(time.process_time() - began) * 1000:.2f} ms CPU")
        began = time.process_time()
        await Archive(store).open()
        print(f"opening the book (sums of every channel): {time.process_time() - began:.2f} s CPU")
        await store.close()


if __name__ == "__main__":
    asyncio.run(main())
