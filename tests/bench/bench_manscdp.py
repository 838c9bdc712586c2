"""How quickly catalog pages become values, against ElementTree on the same text as the yardstick.

Run `python -m tests.bench.bench_manscdp`. The yardstick decodes and builds the tree and reads nothing off it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from xml.etree.ElementTree import fromstring

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from gb28181.charset import Charset
from gb28181.edition import Edition
from gb28181.manscdp.catalog import Catalog, Item
from gb28181.manscdp.keepalive import Keepalive
from gb28181.manscdp.message import parse, serialise

SYSTEM = "34010200002000000001"


def items(count: int) -> tuple[Item, ...]:
    return tuple(
        Item(
            code=f"3401020000132{number:07d}",
            name=f"蜀山区望江西路{number}号东门枪机",
            manufacturer="海康威视",
            model="DS-2CD3T46",
            owner="Owner",
            civil_code="340102",
            address="望江西路与金寨路交口",
            parent_ids=(SYSTEM, "34010200002160000001"),
            longitude=117.283042 + number / 1e6,
            latitude=31.86119,
            ptz_type=3,
            stream_numbers=(0, 1),
            grassroots_code="000000",
            point_type=2,
        )
        for number in range(count)
    )


def seconds_each(work: Callable[[], object], spend_s: float = 0.25) -> float:
    """The quickest of three rounds of about `spend_s` seconds together."""
    work()
    rounds, best = 1, float("inf")
    while True:
        started = perf_counter()
        for _ in range(rounds):
            work()
        took = perf_counter() - started
        best = min(best, took / rounds)
        spend_s -= took
        if spend_s < 0:
            return best
        rounds = max(1, int(rounds * 1.5))


def main() -> None:
    print(f"{'page':34} {'bytes/item':>10} {'items/s':>10} {'us/item':>8} {'yardstick':>9} {'ratio':>6}")
    for count in (1, 4, 20, 500):
        for charset, edition in ((Charset.GB2312, Edition.V2016), (Charset.GB18030, Edition.V2022)):
            body = serialise(Catalog(1, SYSTEM, count, items(count)), charset, edition)
            show(f"catalog, {count} items, {charset}", body, count, charset)
    body = serialise(Catalog(1, SYSTEM, 20, items(20)), Charset.UTF8, Edition.V2022)
    show("catalog, 20 items, UTF-8", body, 20, Charset.UTF8)
    torn = serialise(Catalog(1, SYSTEM, 20, items(20)), Charset.GB2312, Edition.V2016)
    show("the same, one raw ampersand", torn.replace(b"<Model>", b"<Model>A&B", 1), 20, Charset.GB2312, torn)
    show("the same, cut in its last item", torn[:-80], 20, Charset.GB2312, torn)
    beat = serialise(Keepalive(1, SYSTEM), Charset.GB2312, Edition.V2016)
    show("keepalive", beat, 1, Charset.GB2312)


def show(name: str, body: bytes, count: int, charset: Charset, sound: bytes | None = None) -> None:
    codec = "utf-8" if charset is Charset.UTF8 else "gb18030"

    def yardstick() -> object:
        return fromstring((sound or body).decode(codec))

    raw, ours = seconds_each(yardstick) / count, seconds_each(lambda: parse(body)) / count
    figures = f"{len(body) // count:10} {1 / ours:10,.0f} {ours * 1e6:8.1f} {raw * 1e6:9.1f} {ours / raw:6.2f}"
    print(f"{name:34} {figures}")


if __name__ == "__main__":
    main()
