"""What a platform in the middle pays: handing messages on, and taking in a tree of a hundred thousand things.

Run `python -m tests.bench.bench_lower`. Handing on is measured against taking the same message apart and printing it
again. The tree is taken in as parts of a hundred items, once in batches and once held whole, each in a process of its
own; the yardstick is the memory of holding it whole.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable

from gb28181.charset import Charset
from gb28181.edition import Edition
from gb28181.manscdp.catalog import Catalog, Item
from gb28181.manscdp.message import parse, serialise
from gb28181.manscdp.relay import recode
from registry.device import Device, DeviceKind
from registry.directory import Directory
from registry.events import Bus
from sipserver.below.intake import BATCH, Intake

OWNER = "34010000002000000001"
THINGS = 100_000
PART = 100
ORGANISATIONS = 500


def thing(number: int) -> Item:
    if number < ORGANISATIONS:
        return Item(f"3401000000216{number:07d}", f"第{number}派出所", parent_ids=(OWNER,), business_group=OWNER)
    return Item(
        f"3401000000132{number:07d}",
        f"长江路{number}号东门",
        manufacturer="ACME",
        model="B2",
        owner="police",
        civil_code="340102",
        address="长江路",
        parent_ids=(OWNER, f"3401000000216{number % ORGANISATIONS:07d}"),
    )


def part(number: int) -> bytes:
    items = tuple(map(thing, range(number * PART, (number + 1) * PART)))
    return serialise(Catalog(7, OWNER, THINGS, items), Charset.GB18030, Edition.V2022)


def seconds(work: Callable[[], object], times: int = 100) -> float:
    """The quickest of many, for others use this machine, too."""
    spent: list[float] = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        spent.append(time.perf_counter() - started)
    return min(spent)


def hand_on() -> None:
    body = part(50)
    plain = seconds(lambda: serialise(parse(body), Charset.GB18030, Edition.V2022))
    carried = seconds(
        lambda: recode(body, sn=9, codes=lambda code: code, charset=Charset.GB18030, edition=Edition.V2022)
    )
    print(f"handing on {len(body)} bytes: {carried * 1e3:.2f} ms, {carried / plain:.2f} of parse and serialise")


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def take_in(batch: int, again: bool) -> tuple[float, float, float]:
    """Seconds, and megabytes at the peak beyond those before and beyond those of the library as it stands after."""
    with tempfile.TemporaryDirectory() as home:
        directory = Directory(Bus())
        await directory.open(f"sqlite:///{home}/library.db")
        await directory.add_device(Device(OWNER, kind=DeviceKind.PLATFORM))
        before = peak_mb()
        started = time.perf_counter()
        for _ in range(2 if again else 1):
            await one_catalog(directory, batch)
        spent = time.perf_counter() - started
        total = directory.device(OWNER)
        assert total is not None and total.channels_total == THINGS - ORGANISATIONS, total
        peak = peak_mb()
        await directory.close()
        return spent, peak - before, before


async def one_catalog(directory: Directory, batch: int) -> None:
    async def lay(items: dict[str, Item]) -> None:
        await directory.merge(OWNER, tuple(items.values()), complete=False, at=1.0)

    intake = Intake(lay, batch=batch)
    intake.begin()
    storing = asyncio.create_task(intake.store_meanwhile())
    for number in range(THINGS // PART):
        read = parse(part(number))
        assert isinstance(read, Catalog)
        room = intake.take(read)
        await (asyncio.sleep(0) if room is None else room.wait())
    intake.end()
    await storing
    if intake.is_laid:
        await directory.conclude(OWNER, intake.seen, intake.named, at=1.0)
    else:
        await directory.merge(OWNER, tuple(intake.items.values()), complete=True, at=1.0)


def measured(batch: int, again: bool) -> tuple[float, float, float]:
    return asyncio.run(take_in(batch, again))


def main() -> None:
    hand_on()
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        whole = pool.apply(measured, (10**9, False))
        batches = pool.apply(measured, (BATCH, False))
    for name, (spent, grown, _) in (("held whole", whole), (f"in batches of {BATCH}", batches)):
        print(f"{THINGS} things {name}: {spent:.1f} s, {grown:.0f} MB more at the peak")
    print(f"batches take {batches[0] / whole[0]:.2f} of the time and {batches[1] / whole[1]:.2f} of the memory")


if __name__ == "__main__":
    main()
