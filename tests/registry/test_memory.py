"""What a channel costs in memory, standing and while it is merged: the rest lies in the store."""

from __future__ import annotations

import gc
import tracemalloc
from pathlib import Path

from gb28181.manscdp.catalog import Item
from registry.device import Device, Presence
from registry.directory import Directory
from registry.events import Bus

PLATFORM = "34010000002000000001"
GROUP = "34010000002150000001"
BATCH = 2_000
BATCHES = 10
STANDING_BYTES = 200
"""A channel's share of everything that stays; measured 112, nearly all of it the line by which search finds it."""
WORKING_BYTES = 8_000_000
"""What a merge may take for itself besides, however much is held already; measured 3 to 5 million."""


def organisation(number: int) -> str:
    return f"340100000021600{number:05d}"


def directories() -> list[Item]:
    return [
        Item(GROUP, name="视频专网", parent_ids=(PLATFORM,)),
        *(Item(organisation(number), name=f"辖区{number}", business_group=GROUP) for number in range(100)),
    ]


def cameras(batch: int) -> list[Item]:
    return [
        Item(
            f"340102000013{1 + number % 2}{number:07d}",
            name=f"环城路与重庆大道{number:06d}",
            manufacturer="Hikvision",
            model="DS-2CD3T",
            civil_code="340102",
            address=f"环城路{number}号",
            parent_ids=(PLATFORM, organisation(number // 250)),
            status_on=number % 20 != 0,
        )
        for number in range(batch * BATCH, (batch + 1) * BATCH)
    ]


def held_now() -> int:
    gc.collect()
    tracemalloc.reset_peak()
    return tracemalloc.get_traced_memory()[0]


async def test_a_channel_costs_a_few_hundred_bytes_and_a_merge_the_same_however_many_are_held(tmp_path: Path) -> None:
    directory = Directory(Bus())
    await directory.open(f"sqlite:///{tmp_path}/library.db")
    await directory.add_device(Device(PLATFORM, presence=Presence.ONLINE))
    await directory.merge(PLATFORM, directories(), complete=False, at=1.0)
    await directory.search("warm")
    codes = {item.code for item in directories()}
    tracemalloc.start()
    try:
        empty = before = held_now()
        for batch in range(BATCHES):
            items = cameras(batch)
            codes.update(item.code for item in items)
            before = held_now()
            await directory.merge(PLATFORM, items, complete=False, at=1.0)
            assert tracemalloc.get_traced_memory()[1] - before < WORKING_BYTES, f"in batch {batch}"
        before = held_now()
        await directory.conclude(PLATFORM, codes, {organisation(0)}, at=2.0)
        assert tracemalloc.get_traced_memory()[1] - before < WORKING_BYTES, "at the end"
        del items
        codes.clear()
        assert held_now() - empty < BATCH * BATCHES * STANDING_BYTES
        assert len(await directory.search("cqdd019999")) == 1
    finally:
        tracemalloc.stop()
        await directory.close()
