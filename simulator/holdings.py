"""What a simulated platform has: a whole tree, and the changes it makes to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from msgspec.structs import replace

from gb28181.code import Kind, is_division, kind_of
from gb28181.manscdp.catalog import Item

Listener = Callable[[tuple[Item, ...]], None]


class Holdings:
    """Items by code, parents before children, the platform's own first. Changes are told to `on_change` as news."""

    def __init__(self, own: str, items: Iterable[Item]) -> None:
        self.own = own
        self._items = {item.code: item for item in items}
        self.on_change: Listener | None = None

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items.values())

    def __contains__(self, code: str) -> bool:
        return code in self._items

    def __getitem__(self, code: str) -> Item:
        return self._items[code]

    @property
    def cameras(self) -> tuple[Item, ...]:
        return tuple(item for item in self if kind_of(item.code) in (Kind.CAMERA, Kind.NETWORK_CAMERA))

    def within(self, node: str) -> tuple[Item, ...]:
        """What a query on `node` is answered with (signalling 4.6.1); the whole tree for our own code."""
        if node == self.own:
            return tuple(self)
        if is_division(node):
            return tuple(
                item for item in self if (item.code if is_division(item.code) else item.civil_code).startswith(node)
            )
        inside = {node}
        found = []
        # Parents stand before children, so one pass sees every descendant.
        for item in self:
            if item.code in inside or not inside.isdisjoint((*item.parent_ids, item.business_group)):
                inside.add(item.code)
                found.append(item)
        return tuple(found)

    def rename(self, code: str, name: str) -> None:
        self._change(replace(self._items[code], name=name))

    def move(
        self, code: str, parents: tuple[str, ...], *, civil_code: str | None = None, group: str | None = None
    ) -> None:
        """Hang a thing elsewhere. KeyError for a code that is not here."""
        item = self._items[code]
        self._change(
            replace(
                item,
                parent_ids=parents,
                civil_code=item.civil_code if civil_code is None else civil_code,
                business_group=item.business_group if group is None else group,
            )
        )

    def add(self, *items: Item) -> None:
        for item in items:
            self._items[item.code] = item
        self._tell(replace(item, event="ADD") for item in items)

    def delete(self, code: str) -> None:
        """Take a thing and all below it away; children are told first. KeyError for a code that is not here."""
        self._items[code]
        gone = [item.code for item in self.within(code) if item.code == code or self._hangs_only_on(item, code)]
        for each in gone:
            del self._items[each]
        self._tell(Item(code=each, event="DEL") for each in reversed(gone))

    def flip(self, code: str, on: bool | None = None) -> None:
        """Switch a thing on or off; without `on` to what it is not."""
        item = self._items[code]
        now = not item.status_on if on is None else on
        self._items[code] = replace(item, status_on=now)
        self._tell([Item(code=code, event="ON" if now else "OFF")])

    def _hangs_only_on(self, item: Item, node: str) -> bool:
        below = {each.code for each in self.within(node)}
        hangs_on = [parent for parent in item.parent_ids if parent != self.own] or [item.business_group]
        return all(parent in below for parent in hangs_on)

    def _change(self, item: Item) -> None:
        self._items[item.code] = item
        self._tell([replace(item, event="UPDATE")])

    def _tell(self, news: Iterable[Item]) -> None:
        if self.on_change is not None:
            self.on_change(tuple(news))


def division_tree(own: str, name: str, division: str, division_name: str, *, cameras: int = 12) -> Holdings:
    """A tree with everything a catalog can have: system, divisions, a group, nested organisations, cameras in several.

    `own` is the platform's 20 digits, `division` its civil code (6 digits).
    """
    group = f"{own[:8]}002150000001"
    units = [f"{own[:8]}00216000000{number}" for number in range(1, 5)]
    items = [
        Item(code=own, name=name, manufacturer="Lianwang", model="Simulator", civil_code=division,
             address=division_name),
        Item(code=division, name=division_name),
        Item(code=f"{division}01", name=f"{division_name}一街道"),
        Item(code=f"{division}02", name=f"{division_name}二街道"),
        Item(code=group, name="治安视频", civil_code=division, parent_ids=(own,)),
        Item(code=units[0], name="城东派出所", business_group=group),
        Item(code=units[1], name="城西派出所", business_group=group),
        Item(code=units[2], name="东一警区", parent_ids=(units[0],), business_group=group),
        Item(code=units[3], name="东二警区", parent_ids=(units[0],), business_group=group),
    ]  # fmt: skip
    for number in range(1, cameras + 1):
        units_of = (units[1:][number % 3], *((units[1],) if number % 4 == 0 and number % 3 else ()))
        items.append(
            Item(
                code=f"{own[:8]}001320{number:06d}",
                name=f"{division_name}路口 {number:02d}",
                manufacturer="Lianwang",
                model="Simulator",
                civil_code=f"{division}0{1 + number % 2}",
                address=f"{division_name}路 {number} 号",
                parent_ids=(own, *dict.fromkeys(units_of)),
                longitude=113.0 + number / 1000,
                latitude=23.0 + number / 1000,
                ptz_type=1 + number % 4,
                stream_numbers=(0, 1),
            )
        )
    return Holdings(own, items)
