"""A large catalog from the bottom to the top over two hops: time, messages, and the memory of the tier in the middle.

County (simulated) -> city (ours, the middle) -> province (ours) -> judge (simulated). City and province are server
processes; the yardstick is the same catalog asked of the county directly by the judge's own code.

    python tests/bench/bench_cascade.py [items=20000] [udp|tcp]
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from simulator.holdings import division_tree
from simulator.platform_above import Upper, UpperSettings
from simulator.platform_below import Lower, LowerSettings
from tests.journeys.cascade.tiers import CITY, JUDGE, PASSWORD, PROVINCE, Ground, Tier, running, speaker_of, until

COUNTY = "44010600002000000001"
PATIENCE_S = 900.0
RELAY_BYTES_AN_ITEM = 1_500
FIXED_MB = 80.0
"""What standing in the middle may cost beyond knowing the items, which the top does too: codes and digests of what was
told, never the catalog itself."""


def resident_mb(pid: int) -> tuple[float, float]:
    """(now, at its highest) of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    words = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith(("VmRSS", "VmHWM"))}
    return int(words["VmRSS"]) / 1024, int(words["VmHWM"]) / 1024


async def yardstick(count: int) -> float:
    """Seconds for the same items from a simulated platform to a simulated one, with nobody between."""
    async with Upper(UpperSettings(CITY[1], PASSWORD, ask_s=60.0)) as upper:
        tier = Tier(*CITY, Path("/"), sip_port=upper.port)
        lower = Lower(
            LowerSettings(speaker_of(tier, COUNTY), items_a_part=50),
            division_tree(COUNTY, "县", "440106", "天河区", cameras=count),
        )
        running_lower = asyncio.create_task(lower.run())
        await upper.registered(COUNTY)
        got = await upper.ask_catalog(COUNTY)
        running_lower.cancel()
        await asyncio.gather(running_lower, return_exceptions=True)
        await lower.close()
        assert got.is_whole
        return got.seconds


async def main(count: int, transport: str) -> None:
    folder = Path(tempfile.mkdtemp())
    direct_s = await yardstick(count)
    print(
        f"yardstick: {count} cameras, simulated to simulated over TCP, {direct_s:.2f} s, {count / direct_s:.0f} items/s"
    )
    province = Tier(*PROVINCE, folder / "province")
    city = Tier(*CITY, folder / "city", more={"above": {"page_items_tcp": 50}})
    async with running(province, city) as ground:
        await city.register_with(province, transport=transport)
        judge = await judge_of(ground, province)
        assert city.process is not None and province.process is not None
        before, _ = resident_mb(city.process.pid)
        holdings = division_tree(COUNTY, "县", "440106", "天河区", cameras=count)
        began = time.monotonic()
        ground._run(Lower(LowerSettings(speaker_of(city, COUNTY), items_a_part=50), holdings))
        await until(lambda: has(city, count), PATIENCE_S)
        in_middle_s = time.monotonic() - began
        await until(lambda: has(province, count), PATIENCE_S)
        at_top_s = time.monotonic() - began
        asked = time.monotonic()
        got = await judge.ask_catalog(province.code)
        judged_s = time.monotonic() - asked
        now, highest = resident_mb(city.process.pid)
        top_now, top_highest = resident_mb(province.process.pid)
        statistics = (await city.get("/api/v1/system"))["sip_statistics"]
        print(f"in the middle after {in_middle_s:.1f} s, {in_middle_s / direct_s:.1f} of the yardstick")
        print(f"at the top after {at_top_s:.1f} s, {at_top_s / direct_s:.1f} of the yardstick")
        print(f"asked from above: {len(got.items)} items in {len(got.parts)} pages, {judged_s:.1f} s")
        print(f"memory of the middle: {before:.0f} MB before, at most {highest:.0f}, {now:.0f} after")
        print(f"memory of the top: at most {top_highest:.0f} MB, {top_now:.0f} after")
        print(f"messages of the middle: {counted(statistics)}")
        assert got.is_whole and len(got.items) >= count
        relaying_mb = now - top_now
        print(f"standing in the middle costs {relaying_mb:.0f} MB more than knowing the items")
        assert relaying_mb < FIXED_MB + count * RELAY_BYTES_AN_ITEM / 2**20, f"{relaying_mb:.0f} MB for {count} items"


async def judge_of(ground: Ground, province: Tier) -> Upper:
    upper = Upper(UpperSettings(JUDGE, PASSWORD, ask_s=60.0))
    await upper.__aenter__()
    ground._uppers.append(upper)
    await province.add_upper("judge", JUDGE, upper.port)
    await upper.registered(province.code, 20)
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
