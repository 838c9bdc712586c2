"""Platforms above and what each may see: stored first, then true, then told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace

from registry.changes import Changes
from registry.events import Bus, SharingChanged, UpperChanged, UpperStateChanged
from registry.platform import Upper, UpperState, upper_row
from registry.sharing import ShareAs, ShareRule, Sharing
from registry.store.promise import Shelf, Store, Writing
from registry.upper_book import UpperBook


class Uppers:
    """Platforms above by code."""

    def __init__(self, store: Store, changes: Changes, bus: Bus, clock: Callable[[], float]) -> None:
        self._store = store
        self._changes = changes
        self._bus = bus
        self._clock = clock
        self._book = UpperBook()

    async def open(self) -> None:
        """Take in what was kept."""
        self._book.load(
            await self._store.load(Shelf.UPPERS),
            await self._store.load(Shelf.SHARE_RULES),
            await self._store.load(Shelf.SHARE_NAMES),
        )

    def all(self) -> tuple[Upper, ...]:
        return tuple(self._book.uppers.values())

    def of(self, code: str) -> Upper | None:
        return self._book.uppers.get(code)

    def state(self, code: str) -> UpperState | None:
        """None until something was noted of it."""
        return self._book.states.get(code)

    def sharing(self, code: str) -> Sharing:
        """Nothing is shared with a stranger."""
        return self._book.sharing(code)

    def note_state(self, state: UpperState) -> None:
        """In memory only. Strangers are passed over; tells `UpperStateChanged` when it is new."""
        if state.code in self._book.uppers and self._book.states.get(state.code) != state:
            self._book.states[state.code] = state
            self._bus.tell(UpperStateChanged(state.code))

    async def add(self, upper: Upper) -> Upper:
        """ValueError when its code is known already."""
        if upper.added_at is None:
            upper = replace(upper, added_at=self._clock())
        return await self._put(upper, new=True)

    async def change(self, code: str, changes: Mapping[str, object]) -> Upper:
        """LookupError for an unknown code, ValueError for a field it has not or that cannot be meant."""
        return await self._put(self._book.changed(code, changes), new=False)

    async def _put(self, upper: Upper, *, new: bool) -> Upper:
        async with self._changes.one() as (writing, _):
            before = self._book.uppers.get(upper.code)
            if new and before is not None:
                raise ValueError(f"platform {upper.code} is known already")
            if not new and before is None:
                raise LookupError(f"no platform above is {upper.code}")
            await writing.put(Shelf.UPPERS, [upper_row(upper)])
        self._book.put(upper)
        if upper != before:
            self._bus.tell(UpperChanged(upper.code))
        if before is not None and _shows(upper) != _shows(before):
            self._bus.tell(SharingChanged(upper.code))
        return upper

    async def share(self, code: str, rules: tuple[ShareRule, ...], names: tuple[ShareAs, ...]) -> Sharing:
        """In place of all rules and names before. LookupError for an unknown platform, ValueError when they
        contradict each other."""
        async with self._changes.one() as (writing, _):
            upper = self._book.uppers.get(code)
            if upper is None:
                raise LookupError(f"no platform above is {code}")
            before = self._book.sharing(code)
            after = Sharing(rules, names, share_all=upper.share_all, secrecy=upper.secrecy)
            await self._write_sharing(writing, code, after)
        self._book.put(self._book.uppers.get(code, upper), rules, names)
        if after != before:
            self._bus.tell(SharingChanged(code))
        return after

    async def strike(self, writing: Writing, code: str) -> None:
        """Remove what is stored of it; LookupError for an unknown code. To be followed by `forget`."""
        if code not in self._book.uppers:
            raise LookupError(f"no platform above is {code}")
        await self._write_sharing(writing, code, Sharing())
        await writing.forget_sent(code)
        await writing.remove(Shelf.UPPERS, [(code,)])

    def forget(self, code: str) -> None:
        """It was struck out."""
        self._book.drop(code)
        self._bus.tell(UpperChanged(code))

    async def _write_sharing(self, writing: Writing, code: str, after: Sharing) -> None:
        before = self._book.sharing(code)
        nodes = {rule.node for rule in after.rules}
        things = {(name.owner, name.code) for name in after.names}
        await writing.remove(Shelf.SHARE_RULES, [(code, rule.node) for rule in before.rules if rule.node not in nodes])
        gone = [(code, name.owner, name.code) for name in before.names if (name.owner, name.code) not in things]
        await writing.remove(Shelf.SHARE_NAMES, gone)
        await writing.put(
            Shelf.SHARE_RULES, [{"upper": code, "node": rule.node, "include": rule.include} for rule in after.rules]
        )
        await writing.put(Shelf.SHARE_NAMES, [{"upper": code, **asdict(name)} for name in after.names])


def _shows(upper: Upper) -> tuple[object, ...]:
    """The fields on which hangs what it sees."""
    return (upper.share_all, upper.secrecy, upper.arrangement, upper.our_code)
