"""A platform above as tests imagine one: it keeps what it was told, and minds its manners while being told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from gb28181.manscdp.catalog import Item
from registry.exporting import Exporter
from registry.platform import Upper


class UpperModel:
    """Items by code, as the platform above would hold them."""

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}

    def apply(self, news: Iterable[Item]) -> None:
        for item in news:
            match item.event:
                case None | "ADD" | "UPDATE":
                    self.items[item.code] = replace(item, event=None)
                case "ON" | "OFF":
                    assert item.code in self.items, f"{item.event} for {item.code}, which it was never told of"
                    self.items[item.code] = replace(self.items[item.code], status_on=item.event == "ON")
                case "DEL":
                    assert item.code in self.items, f"DEL for {item.code}, which it was never told of"
                    del self.items[item.code]
                case other:
                    raise AssertionError(other)

    async def follow(self, exporter: Exporter, upper: Upper, limit: int = 10_000) -> int:
        """Ask for news and confirm it until there is none; how many items came is given back."""
        whole = 0
        for _ in range(1_000):
            news = await exporter.changes(upper, limit)
            if not news:
                return whole
            whole += len(news)
            self.apply(news)
            await exporter.mark_sent(upper, news)
        raise AssertionError("the news never ended")


async def fresh(exporter: Exporter, upper: Upper, scope: str | None = None, size: int = 3) -> list[Item]:
    pages = [page async for page in exporter.pages(upper, scope, size)]
    assert all(len(page) == size for page in pages[:-1])
    items = [item for page in pages for item in page]
    assert len({item.code for item in items}) == len(items), "a code came twice"
    assert await exporter.count(upper, scope) == len(items)
    return items


def in_order(items: Sequence[Item]) -> bool:
    """Whether no child comes before its parent, nor an organisation before its group."""
    codes = {item.code for item in items}
    told: set[str] = set()
    for item in items:
        above = {*item.parent_ids, item.business_group} & codes
        if not above <= told:
            return False
        told.add(item.code)
    return True
