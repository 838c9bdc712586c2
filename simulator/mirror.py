"""What a platform above believes to stand below it: a catalog, and the news that changed it since."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from gb28181.manscdp.catalog import Item

_SWITCHES = {"ON": True, "OFF": False, "VLOST": False, "DEFECT": False}


class Mirror:
    """Items by code. What makes no sense (news of strangers) is counted in `strange`."""

    def __init__(self) -> None:
        self._items: dict[str, Item] = {}
        self.strange = 0

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items.values())

    def __contains__(self, code: str) -> bool:
        return code in self._items

    def __getitem__(self, code: str) -> Item:
        return self._items[code]

    def fill(self, items: Iterable[Item]) -> None:
        """A whole catalog takes the place of what was believed."""
        self._items = {item.code: item for item in items}

    def apply(self, news: Iterable[Item]) -> None:
        for item in news:
            event = (item.event or "UPDATE").strip().upper()
            if event in _SWITCHES:
                known = self._items.get(item.code)
                if known is None:
                    self.strange += 1
                else:
                    self._items[item.code] = replace(known, status_on=_SWITCHES[event])
            elif event == "DEL":
                self.strange += self._items.pop(item.code, None) is None
            else:
                self._items[item.code] = replace(item, event=None)

    def same_as(self, items: Iterable[Item]) -> list[str]:
        """The codes on which a fresh catalog and our belief differ."""
        fresh = {item.code: replace(item, event=None) for item in items}
        return sorted(
            code
            for code in fresh.keys() | self._items.keys()
            if code not in fresh or code not in self._items or fresh[code] != self._items[code]
        )
