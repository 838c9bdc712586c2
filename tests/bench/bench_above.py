"""A whole catalog upward, page by page: what rendering to the wire and pacing cost beside the bare exchange.

The yardstick is the same number of MESSAGEs of the same bodies, made before, each after the answer to the last.
Run with `python -m tests.bench.bench_above [items]`.
"""

from __future__ import annotations

import asyncio
import sys
import time
import tracemalloc
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from broker.levers import Levers
from gb28181.charset import Charset
from gb28181.edition import Edition
from gb28181.manscdp.catalog import Catalog, CatalogQuery, Item
from gb28181.manscdp.message import serialise
from registry.events import Bus
from registry.platform import Upper, UpperState
from sipserver.above.above import Above
from sipserver.above.settings import AboveSettings
from sipserver.stack import Incoming, Stack, StackSettings

US, UPPER = "34010200002000000001", "34010000002000000001"


def item(number: int) -> Item:
    return Item(
        f"3401020000132{number:07d}",
        name=f"路口{number}",
        manufacturer="ACME",
        model="B2",
        civil_code="340102",
        address="北门",
        parent_ids=(US,),
    )


class Rendering:
    def __init__(self, total: int) -> None:
        self.total = total

    async def pages(self, size: int) -> AsyncIterator[tuple[Item, ...]]:
        for start in range(0, self.total, size):
            yield tuple(item(number) for number in range(start, min(start + size, self.total)))


class Shop:
    """Exporter, directory, hall and neighbourhood in one: only the catalog is asked for."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.on_dirty = None
        self.upper_value: Upper | None = None

    @asynccontextmanager
    async def rendering(self, upper: Upper, scope: str | None = None) -> AsyncIterator[Rendering]:
        yield Rendering(self.total)

    async def forget_sent(self, upper: Upper) -> None: ...

    async def mark_sent(self, upper: Upper, items: Sequence[Item]) -> None: ...

    def uppers(self) -> tuple[Upper, ...]:
        return (self.upper_value,) if self.upper_value is not None else ()

    def upper(self, code: str) -> Upper | None:
        return self.upper_value

    def note_upper_state(self, state: UpperState) -> None: ...

    def peer(self, code: str) -> None:
        return None


async def exchange(transport: str, total: int) -> None:
    shop = Shop(total)
    lower, upper = (Stack(StackSettings(host="127.0.0.1", port=0)) for _ in range(2))
    taken = 0
    done = asyncio.Event()
    pages = 0

    def take(incoming: Incoming) -> None:
        nonlocal taken, pages
        incoming.respond(200)
        if incoming.request.method == "MESSAGE":
            pages += 1
            taken += incoming.request.body.count(b"<Item>")
            if taken >= total:
                done.set()

    upper.on_request = take
    await upper.start()
    await lower.start()
    shop.upper_value = Upper(UPPER, host="127.0.0.1", port=upper.port, transport=transport)
    above = Above(lower, shop, shop, shop, shop, Bus(), AboveSettings(code=US), levers=Levers(shop))  # type: ignore[arg-type]
    lower.on_request = lambda incoming: above.take(incoming) if above.claims(incoming) else incoming.respond(403)
    await above.start()
    while not above.is_up(UPPER):
        await asyncio.sleep(0.01)
    liaison = above._liaisons[UPPER]
    way = liaison.way
    path = await way.find()
    back = await upper.connect(path.local) if transport == "tcp" else upper.udp_path(("127.0.0.1", lower.port))
    tracemalloc.start()
    began = time.perf_counter()
    query = upper.new_request(
        "MESSAGE",
        f"sip:{US}@127.0.0.1:{lower.port}",
        from_uri=f"sip:{UPPER}@3401000000",
        to_uri=f"sip:{US}@3401000000",
        path=back,
        body=serialise(CatalogQuery(1, US), Charset.GB18030, Edition.V2022),
        content_type="Application/MANSCDP+xml",
    )
    await upper.ask(query, back)
    await done.wait()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    traced = time.perf_counter() - began
    sent = pages
    # Once more without the tracing of memory, for the time.
    taken, pages = 0, 0
    done.clear()
    began = time.perf_counter()
    again = upper.new_request(
        "MESSAGE",
        f"sip:{US}@127.0.0.1:{lower.port}",
        from_uri=f"sip:{UPPER}@3401000000",
        to_uri=f"sip:{US}@3401000000",
        path=back,
        body=serialise(CatalogQuery(2, US), Charset.GB18030, Edition.V2022),
        content_type="Application/MANSCDP+xml",
    )
    await upper.ask(again, back)
    await done.wait()
    whole = time.perf_counter() - began
    size = -(-total // sent)
    body = way.written(Catalog(1, US, total, tuple(item(number) for number in range(size))))
    began = time.perf_counter()
    for _ in range(sent):
        await way.say(body, timeout_s=5.0)
    bare = time.perf_counter() - began
    print(
        f"{transport}: {total} items in {sent} messages of {size}: {whole:.2f} s, {total / whole:,.0f} items/s; "
        f"bare exchange {bare:.2f} s, ratio {whole / bare:.2f}; peak {peak / 1e6:.1f} MB (traced run {traced:.1f} s)"
    )
    await above.close()
    await lower.close()
    await upper.close()


async def main(total: int) -> None:
    await exchange("tcp", total)
    await exchange("udp", max(1, total // 5))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000))
