"""A large catalog from the bottom to the top over two hops: time, messages, and the memory of the tier in the middle.

County (simulated) -> city (ours, the middle) -> province (ours), and beside the province two simulated platforms that
ask the city for everything at once. City and province are server processes. Time is held against the same catalog
asked of the county directly, memory against the bytes of that catalog on the wire.

    python tests/bench/bench_cascade.py [items=20000] [udp|tcp]
"""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import sys
import tempfile
import time
import tracemalloc
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from gb28181.edition import Edition
from gb28181.manscdp.catalog import written_item
from registry.device import Device, Presence
from registry.directory import Directory
from registry.events import Bus
from simulator.holdings import Holdings, division_tree
from simulator.platform_above import Upper, UpperSettings
from simulator.platform_below import Lower, LowerSettings
from tests.journeys.cascade.tiers import CITY, PASSWORD, PROVINCE, Tier, running, speaker_of, until

COUNTY = "44010600002000000001"
JUDGES = ("44000000002000000007", "44000000002000000008")
PATIENCE_S = 900.0
PATIENT = {"part_patience_s": 30.0}
"""On a machine that is busy otherwise, a part that comes late is not one that is lost."""
BATCH = 2_000
MOST_BYTES_AN_ITEM = 500
"""What an item may cost the middle for good."""
MOST_AT_WORK_MB = 64
"""What the middle may take for itself while it works, however long the catalog is."""


class Resident(NamedTuple):
    now_mb: float
    highest_mb: float


def resident(pid: int, *, mark: bool = False) -> Resident:
    """Of a process; with `mark`, the highest is counted from now on."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    words = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith(("VmRSS", "VmHWM"))}
    if mark:
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    return Resident(int(words["VmRSS"]) / 1024, int(words["VmHWM"]) / 1024)


def county(count: int) -> Holdings:
    return division_tree(COUNTY, "县", "440106", "天河区", cameras=count)


def registry_alone(count: int) -> tuple[float, float]:
    """(standing, at its highest) bytes of Python objects, an item, of a registry that takes the catalog in."""
    return asyncio.run(_registry_alone(count))


async def _registry_alone(count: int) -> tuple[float, float]:
    items = list(county(count))
    directory = Directory(Bus())
    with tempfile.TemporaryDirectory() as folder:
        await directory.open(f"sqlite:///{folder}/library.db")
        await directory.add_device(Device(COUNTY, presence=Presence.ONLINE))
        await directory.search("warm")
        gc.collect()
        tracemalloc.start()
        for start in range(0, len(items), BATCH):
            await directory.merge(COUNTY, items[start : start + BATCH], complete=False, at=1.0, more=True)
        gc.collect()
        standing, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        await directory.close()
    return standing / count, highest / count


async def yardstick(count: int) -> float:
    """Seconds for the same items from a simulated platform to a simulated one, with nobody between."""
    async with Upper(UpperSettings(CITY[1], PASSWORD, ask_s=60.0)) as upper:
        tier = Tier(*CITY, Path("/"), sip_port=upper.port)
        lower = Lower(LowerSettings(speaker_of(tier, COUNTY), items_a_part=50), county(count))
        running_lower = asyncio.create_task(lower.run())
        await upper.registered(COUNTY)
        got = await upper.ask_catalog(COUNTY)
        running_lower.cancel()
        await asyncio.gather(running_lower, return_exceptions=True)
        await lower.close()
        assert got.is_whole
        return got.seconds


async def main(count: int, transport: str) -> None:
    wire_bytes = sum(len(written_item(item, Edition.V2022).encode("gb18030")) for item in county(count))
    wire_mb = wire_bytes / 2**20
    print(f"{count} cameras, {wire_mb:.1f} MB on the wire")
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as alone:
        standing, highest = await asyncio.get_running_loop().run_in_executor(alone, registry_alone, count)
    print(f"the registry alone: {standing:.0f} bytes an item, at most {highest:.0f} while it merges")
    direct_s = await yardstick(count)
    print(f"yardstick: simulated to simulated over TCP, {direct_s:.2f} s, {count / direct_s:.0f} items/s")
    with tempfile.TemporaryDirectory() as folder:
        province = Tier(*PROVINCE, Path(folder) / "province", more={"below": PATIENT}, begins_anew=True)
        city = Tier(
            *CITY, Path(folder) / "city", more={"above": {"page_items_tcp": 50}, "below": PATIENT}, begins_anew=True
        )
        await relay(city, province, count, transport, direct_s, wire_mb)


async def relay(city: Tier, province: Tier, count: int, transport: str, direct_s: float, wire_mb: float) -> None:
    async with running(province, city) as ground:
        await city.register_with(province, transport=transport)
        assert city.process is not None
        pid = city.process.pid
        before = resident(pid, mark=True)
        began = time.monotonic()
        ground.start(Lower(LowerSettings(speaker_of(city, COUNTY), items_a_part=50), county(count)))
        await until(lambda: has(city, count), PATIENCE_S)
        middle_s = time.monotonic() - began
        taken_in = resident(pid, mark=True)
        await until(lambda: has(province, count), PATIENCE_S)
        top_s = time.monotonic() - began
        relayed = resident(pid, mark=True)
        print(f"bottom to middle {middle_s:.1f} s, {middle_s / direct_s:.1f} of the yardstick")
        print(f"bottom to top {top_s:.1f} s, {top_s / direct_s:.1f} of the yardstick")
        print(f"memory of the middle: {before.now_mb:.0f} MB before")
        print(f"  {taken_in.now_mb:.0f} MB when it has all, at most {taken_in.highest_mb:.0f} until then")
        print(f"  {relayed.now_mb:.0f} MB when the top has all, at most {relayed.highest_mb:.0f} until then")
        asked = [await asked_at_once(city, count, judges) for judges in (JUDGES[:1], JUDGES)]
        after = resident(pid)
        print(f"messages of the middle: {counted((await city.get('/api/v1/system'))['sip_statistics'])}")
        grown_mb = after.now_mb - before.now_mb
        highest_mb = max(taken_in.highest_mb, relayed.highest_mb, *(each.highest_mb for each in asked))
        print(
            f"the middle grew by {grown_mb:.0f} MB for {count} items, {grown_mb * 2**20 / count:.0f} bytes each, "
            f"{grown_mb / wire_mb:.2f} of the catalog's bytes; at most by {highest_mb - before.now_mb:.0f} MB"
        )
        allowed_mb = MOST_AT_WORK_MB + count * MOST_BYTES_AN_ITEM / 2**20
        assert highest_mb - before.now_mb < allowed_mb, f"more than {allowed_mb:.0f} MB"


async def asked_at_once(city: Tier, count: int, judges: tuple[str, ...]) -> Resident:
    """The whole catalog asked of the city by some simulated platforms above at the same time."""
    assert city.process is not None
    uppers = [await judge(city, code) for code in judges]
    resident(city.process.pid, mark=True)
    answers = await asyncio.gather(*(upper.ask_catalog(city.code) for upper in uppers))
    seen = resident(city.process.pid)
    for got in answers:
        assert got.is_whole and len(got.items) >= count
    print(
        f"  {seen.now_mb:.0f} MB when {len(uppers)} more asked for all, at most {seen.highest_mb:.0f} until then; "
        f"{len(answers[0].items)} items in {len(answers[0].parts)} pages, {max(a.seconds for a in answers):.1f} s"
    )
    for code, upper in zip(judges, uppers, strict=True):
        await city.ask("DELETE", f"/api/v1/platforms/{code}", None)
        await upper.__aexit__()
    return seen


async def judge(city: Tier, code: str) -> Upper:
    upper = Upper(UpperSettings(code, PASSWORD, ask_s=120.0))
    await upper.__aenter__()
    await city.add_upper(code, code, upper.port)
    await upper.registered(city.code, 20)
    return upper


async def has(tier: Tier, count: int) -> bool:
    return int((await tier.get("/api/v1/system"))["channels"]["total"]) >= count


def counted(statistics: dict[str, Any]) -> str:
    """What the SIP stack counted, wherever the statistics keep it."""
    found = {name: value for name, value in statistics.items() if isinstance(value, int) and value}
    for value in statistics.values():
        if isinstance(value, dict):
            found |= {name: each for name, each in value.items() if isinstance(each, int) and each}
    return ", ".join(f"{name} {value}" for name, value in sorted(found.items()))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000, sys.argv[2] if len(sys.argv) > 2 else "tcp"))
