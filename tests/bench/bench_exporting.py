"""How quick the renderer for platforms above is at 100,000 channels: pages, whole news, one flip, 1 % changed.

    python -m tests.bench.bench_exporting [--channels N]

The yardstick is the database alone: the same rows by one SELECT, each made an item and bytes again, in the same run.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import tempfile
import time
import tracemalloc
from pathlib import Path

import msgspec
from msgspec.structs import replace

from gb28181.manscdp.catalog import Item
from registry.device import Device, DeviceKind, Presence
from registry.directory import Directory
from registry.events import Bus
from registry.exporting import Exporter, OwnSystem
from registry.platform import Upper
from tests.bench.bench_registry import PLATFORM, Stalls, catalog

PROVINCE, CITY = "00000000002000000001", "34000000002000000001"


def yardstick(path: Path) -> float:
    """Seconds for SELECT, decode and encode of every row, with nothing decided about it."""
    encode, decode = msgspec.json.Encoder().encode, msgspec.json.Decoder(Item).decode
    connection = sqlite3.connect(path)
    began = time.perf_counter()
    for (said,) in connection.execute("SELECT said FROM channels ORDER BY code, owner"):
        encode(decode(said))
    took = time.perf_counter() - began
    connection.close()
    return took


async def read_all(exporter: Exporter, upper: Upper) -> int:
    return sum([len(page) async for page in exporter.pages(upper, None, 100)])


async def tell_all(exporter: Exporter, upper: Upper) -> int:
    told = 0
    while news := await exporter.changes(upper):
        told += len(news)
        await exporter.mark_sent(upper, news)
    return told


async def bench(count: int, folder: Path) -> None:
    path = folder / "house.db"
    directory = Directory(Bus())
    await directory.open(f"sqlite:///{path}")
    await directory.add_device(Device(PLATFORM, name="city", kind=DeviceKind.PLATFORM, presence=Presence.ONLINE))
    items = catalog(count)
    await directory.merge(PLATFORM, items, complete=True, at=1.0)
    upper = await directory.add_upper(Upper(PROVINCE))
    exporter = Exporter(directory, OwnSystem(CITY, "Province"))
    stalls = Stalls()
    watching = asyncio.create_task(stalls.watch())
    raw = yardstick(path)
    print(f"{count} channels, SQLite. Yardstick (SELECT, decode, encode): {raw:.2f} s, {count / raw:,.0f} items/s")

    began = time.perf_counter()
    whole = await read_all(exporter, upper)
    took = time.perf_counter() - began
    print(f"pages:              {took:6.2f} s  {whole / took:9,.0f} items/s  {took / raw:5.1f} x the yardstick")

    tracemalloc.start()
    await read_all(exporter, upper)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(f"pages, peak memory: {peak / 1e6:6.1f} MB ({peak / whole:.0f} bytes an item)")

    began = time.perf_counter()
    told = await tell_all(exporter, upper)
    took = time.perf_counter() - began
    print(f"told from nothing:  {took:6.2f} s  {told / took:9,.0f} items/s (10,000 a time, each confirmed and kept)")

    times = []
    camera = next(item.code for item in items if item.code[10:13] == "131" and item.status_on)
    for flip in range(20):
        await directory.note_channel_status(PLATFORM, {camera: bool(flip % 2)})
        began = time.perf_counter()
        news = await exporter.changes(upper)
        times.append(time.perf_counter() - began)
        assert [item.event for item in news] == ["ON" if flip % 2 else "OFF"]
        await exporter.mark_sent(upper, news)
    print(f"news of one flip:   {sorted(times)[10] * 1e3:6.2f} ms (median of 20, worst {sorted(times)[-1] * 1e3:.0f})")

    changed = [replace(item, name=item.name + "'", event="UPDATE") for item in items[-count // 100 :]]
    await directory.apply_notice(PLATFORM, changed)
    began = time.perf_counter()
    news = await exporter.changes(upper)
    took = time.perf_counter() - began
    await exporter.mark_sent(upper, news)
    print(f"news of 1 % changed:{took * 1e3:6.0f} ms  {len(news)} items")

    await directory.apply_notice(PLATFORM, [Item("34010000002160099999", name="new", event="ADD")])
    began = time.perf_counter()
    news = await exporter.changes(upper)
    took = time.perf_counter() - began
    print(f"one new directory:  {took:6.2f} s  {took / raw:5.1f} x the yardstick, {len(news)} item")

    began = time.perf_counter()
    await exporter.diff(upper)
    took = time.perf_counter() - began
    print(f"everything compared:{took:6.2f} s  {took / raw:5.1f} x the yardstick")
    watching.cancel()
    print(f"the event loop's longest stall: {stalls.longest_s * 1e3:.0f} ms")
    await exporter.close()
    await directory.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="Bench the renderer for platforms above.")
    parser.add_argument("--channels", type=int, default=100_000)
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(bench(parser.parse_args().channels, Path(folder)))


if __name__ == "__main__":
    main()
