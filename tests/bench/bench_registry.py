"""How quick the registry is at 100,000 channels: merge, unchanged re-sync, 1 % changed, news, tree page, search.

    python -m tests.bench.bench_registry [--channels N] [--postgres URL] [--no-sqlite]

The yardstick is the driver alone: the same rows by one executemany in one transaction, measured in the same run.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import msgspec

from gb28181.manscdp.catalog import Item
from registry.device import Device, Presence
from registry.directory import Directory
from registry.events import Bus
from registry.store.promise import ChannelRow
from registry.tree import NodeKind

PLATFORM = "34010000002000000001"
GROUP = "34010000002150000001"
ROADS = ("环城路", "重庆大道", "人民银行", "火车站", "长江西路", "绿地广场", "体育馆", "科技园区")
SIDES = ("东", "南", "西", "北")
PER_ORGANISATION = 250
COLUMNS = ChannelRow._fields


def organisation(number: int) -> str:
    return f"340100000021600{number:05d}"


def catalog(count: int) -> list[Item]:
    """A city's catalog: one group, an organisation for every 250 cameras, every tenth camera in two of them."""
    organisations = count // PER_ORGANISATION + 1
    items = [Item(GROUP, name="视频专网", parent_ids=(PLATFORM,))]
    for number in range(organisations):
        above = (organisation(number // 10),) if number >= 10 else ()
        items.append(Item(organisation(number), name=f"辖区{number}", parent_ids=above, business_group=GROUP))
    for number in range(count):
        parents = (PLATFORM, organisation(number // PER_ORGANISATION))
        if number % 10 == 0:
            parents += (organisation((number * 7 + 1) % organisations),)
        name = f"{ROADS[number % 8]}与{ROADS[number // 8 % 8]}{SIDES[number % 4]}{number:06d}"
        items.append(
            Item(
                f"340102000013{2 if number % 2 else 1}{number:07d}",
                name=name,
                manufacturer="Hikvision",
                model="DS-2CD3T",
                owner="Owner",
                civil_code="340102",
                address=f"{ROADS[number % 8]}{number}号",
                parent_ids=parents,
                status_on=number % 20 != 0,
                longitude=117.0 + number * 1e-6,
                latitude=31.8,
                ptz_type=1 + number % 4,
            )
        )
    return items


def rows_of(items: list[Item]) -> list[tuple[object, ...]]:
    place = f"organisation:{PLATFORM}/{organisation(0)}"
    return [
        (PLATFORM, item.code, item.name, None, "k" * 40, True, True, place, "", msgspec.json.encode(item).decode())
        for item in items
    ]


SCHEMA = """CREATE TABLE channels (owner TEXT NOT NULL, code TEXT NOT NULL, name TEXT, name_here TEXT, keys TEXT,
    playable BOOLEAN, online BOOLEAN, place TEXT, also TEXT, said TEXT, PRIMARY KEY (owner, code));
    CREATE INDEX by_place ON channels (place, code, owner); CREATE INDEX by_code ON channels (code)"""


def sqlite_yardstick(folder: Path, items: list[Item]) -> float:
    """Seconds for the driver alone."""
    rows = rows_of(items)
    connection = sqlite3.connect(folder / "yardstick.db")
    connection.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; {SCHEMA}")
    began = time.perf_counter()
    with connection:
        connection.executemany("INSERT INTO channels VALUES (?,?,?,?,?,?,?,?,?,?)", rows)
    took = time.perf_counter() - began
    connection.close()
    return took


async def postgres_yardstick(url: str, items: list[Item]) -> float:
    rows = rows_of(items)
    connection = await asyncpg.connect(url)
    await connection.execute("DROP SCHEMA IF EXISTS yardstick CASCADE; CREATE SCHEMA yardstick")
    await connection.execute(f"SET search_path TO yardstick; {SCHEMA}")
    began = time.perf_counter()
    async with connection.transaction():
        await connection.executemany("INSERT INTO channels VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10)", rows)
    took = time.perf_counter() - began
    await connection.execute("DROP SCHEMA yardstick CASCADE")
    await connection.close()
    return took


class Stalls:
    """The longest time that the event loop gave nobody else a turn."""

    def __init__(self) -> None:
        self.longest_s = 0.0

    async def watch(self) -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            self.longest_s = max(self.longest_s, time.perf_counter() - before - 0.001)


async def clocked(what: str, count: int, yardstick_s: float, work: Callable[[], Awaitable[object]]) -> None:
    stalls = Stalls()
    watching = asyncio.create_task(stalls.watch())
    await asyncio.sleep(0.01)
    began = time.perf_counter()
    await work()
    took = time.perf_counter() - began
    watching.cancel()
    print(
        f"  {what:<28}{took:8.2f} s {count / took:12,.0f} rows/s   {yardstick_s / took:6.2f} x the driver alone"
        f"   longest stall of the loop {stalls.longest_s * 1e3:5.0f} ms"
    )


async def page_times(directory: Directory, texts: tuple[str, ...]) -> None:
    times: list[float] = []
    nodes: list[str] = []
    waiting = [node.id for node in (await directory.children(None, None, 100)).items]
    while waiting and len(nodes) < 200:
        nodes.append(waiting.pop())
        began = time.perf_counter()
        page = await directory.children(nodes[-1], None, 100)
        times.append(time.perf_counter() - began)
        waiting += [node.id for node in page.items if node.kind is not NodeKind.CHANNEL]
    times.sort()
    print(
        f"  tree page of 100, {len(nodes)} nodes  median {statistics.median(times) * 1e3:.2f} ms,"
        f" worst {times[-1] * 1e3:.2f} ms"
    )
    for text in texts:
        times = []
        for _ in range(5):
            began = time.perf_counter()
            hits = await directory.search(text, 20)
            times.append(time.perf_counter() - began)
        print(f"  search {text!r:<22} {len(hits):3d} hits  median {statistics.median(times) * 1e3:7.2f} ms")


async def bench(url: str, items: list[Item], yardstick_s: float) -> None:
    count = len(items)
    print(f"  {'driver alone, executemany':<28}{yardstick_s:8.2f} s {count / yardstick_s:12,.0f} rows/s")
    directory = Directory(Bus())
    await directory.open(url)
    await directory.add_device(Device(PLATFORM, name="市平台", presence=Presence.ONLINE))

    async def merge(some: list[Item], *, complete: bool = True) -> None:
        await directory.merge(PLATFORM, some, complete=complete, at=time.time())

    def changed(item: Item) -> Item:
        return msgspec.structs.replace(item, name=item.name + "新")

    await clocked("first merge", count, yardstick_s, lambda: merge(items))
    await clocked("unchanged re-sync", count, yardstick_s, lambda: merge(items))
    some = [changed(item) if at % 100 == 99 else item for at, item in enumerate(items)]
    await clocked("1 % changed", count, yardstick_s, lambda: merge(some))
    news = [msgspec.structs.replace(item, event="OFF") for item in items[-100:]]
    await clocked(
        "100 states of one notice", 100, yardstick_s * 100 / count, lambda: directory.apply_notice(PLATFORM, news)
    )

    async def leave() -> None:
        directory.note_presence(PLATFORM, Presence.OFFLINE, "bench", time.time())
        await directory.flush()

    await clocked("the platform goes offline", count, yardstick_s, leave)
    await page_times(directory, ("环城路与", f"{count - 7:06d}", "cqddy", "huochezhan", "3401020000131", "没有这个"))
    print(f"  search index {directory.statistics()['index_bytes'] / 1e6:.1f} MB")
    await directory.close()
    await open_again(url)


async def open_again(url: str) -> None:
    began = time.perf_counter()
    directory = Directory(Bus())
    await directory.open(url)
    opened_s = time.perf_counter() - began
    await directory.search("重庆")
    print(f"  opening it again {opened_s:.2f} s, searching after {time.perf_counter() - began:.2f} s")
    await directory.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--channels", type=int, default=100_000)
    parser.add_argument("--postgres", metavar="URL", help="an empty database, postgresql://...")
    parser.add_argument("--no-sqlite", action="store_true")
    chosen = parser.parse_args()
    items = catalog(chosen.channels)
    if not chosen.no_sqlite:
        with tempfile.TemporaryDirectory() as folder:
            print(f"SQLite, {chosen.channels:,} channels")
            yardstick_s = sqlite_yardstick(Path(folder), items)
            asyncio.run(bench(f"sqlite:///{folder}/bench.db", items, yardstick_s))
            size = (Path(folder) / "bench.db").stat().st_size
            print(f"  file {size / 1e6:.0f} MB")
    if chosen.postgres:
        print(f"PostgreSQL, {chosen.channels:,} channels")
        yardstick_s = asyncio.run(postgres_yardstick(chosen.postgres, items))
        asyncio.run(bench(chosen.postgres, items, yardstick_s))


if __name__ == "__main__":
    main()
