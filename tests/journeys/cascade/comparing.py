"""Whether the top of the cascade sees what the bottom has."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from gb28181.code import is_group, is_system
from gb28181.manscdp.catalog import Item
from simulator.holdings import Holdings
from simulator.mirror import Mirror
from simulator.platform_above import Upper
from tests.journeys.cascade.tiers import CITY, COUNTY, PROVINCE

SAID = ("name", "civil_code", "business_group", "address", "status_on", "longitude", "latitude", "ptz_type")


def said(items: Iterable[Item]) -> dict[str, Item]:
    """Items by code, without what only a tier of another edition leaves out."""
    return {item.code: replace(item, event=None, owner="", stream_numbers=()) for item in items}


async def differences(judge: Upper, holdings: Holdings, *, through_2016: bool = False) -> list[str]:
    """Where the catalog that the judge is given differs from what the bottom has; [] when in nothing.

    Groups have no civil code in 2016 (GB/T 28181-2016 annex J), so one that came `through_2016` has lost it.
    """
    got = await judge.ask_catalog(PROVINCE[1])
    if not got.is_whole:
        return [f"not whole: {len(got.items)} of {got.sum_num}"]
    return compared(got.items, holdings, through_2016=through_2016)


def compared(seen_above: Iterable[Item], holdings: Holdings, *, through_2016: bool = False) -> list[str]:
    top, bottom = said(seen_above), said(holdings)
    wrong = []
    for code, item in bottom.items():
        seen = top.get(code)
        if seen is None:
            wrong.append(f"{code} {item.name} is missing")
            continue
        wrong += [
            f"{code}: {name} is {getattr(seen, name)!r}, not {getattr(item, name)!r}"
            for name in SAID
            if not is_system(code)
            and not (through_2016 and is_group(code) and name == "civil_code")
            and getattr(seen, name) != getattr(item, name)
        ]
        if code != holdings.own and seen.parent_ids != item.parent_ids:
            wrong.append(f"{code}: hangs on {seen.parent_ids}, not on {item.parent_ids}")
    known = {code for _, code in (PROVINCE, CITY, COUNTY)} | bottom.keys()
    return wrong + [f"{code} {top[code].name} is too much" for code in top if code not in known and len(code) == 20]


def mirror_equals(mirror: Mirror, holdings: Holdings) -> bool:
    """Whether what was told by news alone is what the bottom has."""
    return not compared(mirror, holdings)
