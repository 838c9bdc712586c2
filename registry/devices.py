"""Devices, changed and noted: what signalling notes of them is true at once and written in batches."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

import msgspec

from registry.branch import device_id
from registry.catalog import LONGEST_CODE
from registry.changes import Changes
from registry.device import Device, Presence
from registry.device_book import DeviceBook, Unwritten, refusal_row, row_of
from registry.events import Bus, DeviceCameOnline, DeviceChanged, DeviceWentOffline, RegistrationRefused
from registry.forest import Draft, Forest
from registry.merging import aside
from registry.refusal import RefusalSeen
from registry.store.promise import Shelf, Store, Writing

log = logging.getLogger(__name__)

FLUSH_S = 0.25
"""How often presence is written and counted."""
HEARD_FLUSH_S = 1.0
"""How often the times of last heartbeats are written."""


class Devices:
    """The hand that changes the book of devices by what operators and signalling say, and writes it."""

    def __init__(
        self,
        book: DeviceBook,
        store: Store,
        changes: Changes,
        forest: Forest,
        bus: Bus,
        clock: Callable[[], float],
    ) -> None:
        self._book = book
        self._store = store
        self._changes = changes
        self._forest = forest
        self._bus = bus
        self._clock = clock

    async def open(self) -> None:
        """Take in what was kept."""
        self._book.load(await self._store.load(Shelf.DEVICES), await self._store.load(Shelf.REFUSALS))

    # What operators say: stored before it is true.

    async def add(self, device: Device) -> Device:
        """ValueError when the code is known or cannot be one."""
        _check_code(device.code)
        self._check_new(device.code)
        if device.added_at is None:
            device = msgspec.structs.replace(device, added_at=self._clock())
        async with self._changes.one() as (writing, draft):
            self._check_new(device.code)
            draft.plant(device.code, device.shown_name, lit=device.is_lit)
            await writing.put(Shelf.DEVICES, [row_of(device)])
        self._book.devices[device.code] = device
        self._bus.tell(DeviceChanged(device.code))
        return device

    async def change(self, code: str, changes: Mapping[str, object]) -> Device:
        """LookupError for an unknown code, ValueError for an unknown field."""
        device = self._book.change(code, changes)
        async with self._changes.one() as (writing, draft):
            device = self._book.devices.get(code, device)
            if code in self._book.devices:
                _draw(draft, device)
                await writing.put(Shelf.DEVICES, [row_of(device)])
        self._book.count(code, self._forest.held_by(code))
        self._bus.tell(DeviceChanged(code))
        return self._book.devices.get(code, device)

    async def strike(self, writing: Writing, code: str) -> None:
        """Remove what is stored of it; LookupError for an unknown code. To be followed by `forget`."""
        if code not in self._book.devices:
            raise LookupError(f"no device {code}")
        await writing.drop_owner(code)
        await writing.remove(Shelf.DEVICES, [(code,)])

    def forget(self, code: str) -> None:
        """It was struck out."""
        self._book.forget(code)

    def _check_new(self, code: str) -> None:
        if code in self._book.devices:
            raise ValueError(f"device {code} is known already")

    # What signalling notes: at once in memory, later on disk.

    def note_presence(self, code: str, presence: Presence, reason: str, at: float, *, first: bool) -> None:
        """Tells `DeviceCameOnline` or `DeviceWentOffline` when that is new, or when it is `first`. Unknown codes are
        passed over."""
        before = self._book.devices.get(code)
        if before is None:
            return
        changes: dict[str, object] = {"presence": presence, "presence_reason": reason}
        if presence is not before.presence:
            changes["presence_since"] = at
        device = self._book.change(code, changes)
        self._book.redraw(code)
        self._book.count(code, self._forest.held_by(code))
        came = presence is Presence.ONLINE and (first or not before.is_online)
        left = presence is Presence.OFFLINE and before.presence is not Presence.OFFLINE
        if came:
            self._bus.tell(DeviceCameOnline(code, reason, at, first or device.catalog_at is None))
        elif left:
            self._bus.tell(DeviceWentOffline(code, reason, at))
        elif device != before:
            self._bus.tell(DeviceChanged(code))

    def note_registration(self, code: str, changes: Mapping[str, object]) -> None:
        """Fields of `Device` that a registration taught us; unknown codes are passed over."""
        before = self._book.devices.get(code)
        if before is not None and self._book.change(code, changes) != before:
            self._book.redraw(code)
            self._bus.tell(DeviceChanged(code))

    def note_refusal(self, refusal: RefusalSeen) -> None:
        """Of a known device or of a stranger; strangers are bounded in number."""
        self._bus.tell(RegistrationRefused(self._book.note_refusal(refusal)))

    # Writing it.

    async def flush_now_and_then(self, closing: asyncio.Event) -> None:
        """Until the house is closing; what waits then is left to a last `flush`."""
        heard_at = 0.0
        loop = asyncio.get_running_loop()
        while not closing.is_set():
            try:
                async with asyncio.timeout(FLUSH_S):
                    await closing.wait()
            except TimeoutError:
                heard = loop.time() - heard_at >= HEARD_FLUSH_S
                if heard:
                    heard_at = loop.time()
                try:
                    await self.flush(heard=heard)
                except Exception:
                    log.exception("what was noted of devices could not be written; it is kept and tried again")

    async def flush(self, *, heard: bool) -> None:
        """Write what waits, without the times of last heartbeats unless `heard`, and count cameras anew where a
        neighbour came or went. When it fails all of it waits on."""
        waiting = self._book.take(heard=heard)
        if waiting is None:
            return
        try:
            async with self._changes.one() as (writing, draft):
                await self._write(waiting, writing, draft)
        except BaseException:
            self._book.put_back(waiting)
            raise

    async def _write(self, waiting: Unwritten, writing: Writing, draft: Draft) -> None:
        book = self._book
        undrawn = [book.devices[code] for code in waiting.undrawn if code in book.devices]

        def draw() -> None:
            for device in undrawn:
                _draw(draft, device)

        await aside(sum(len(self._forest.holdings.get(code, ())) for code in waiting.undrawn), draw)
        dirty = [row_of(book.devices[code]) for code in waiting.dirty if code in book.devices]
        await writing.put(Shelf.DEVICES, dirty)
        await writing.heard({code: at for code, at in waiting.heard.items() if code not in waiting.dirty})
        kept = [refusal_row(book.refusals[code]) for code in waiting.refusals if code in book.refusals]
        await writing.put(Shelf.REFUSALS, kept)
        await writing.remove(Shelf.REFUSALS, [(code,) for code in waiting.refusals if code not in book.refusals])


def _draw(draft: Draft, device: Device) -> None:
    """Its node, as it is called and lit now."""
    draft.rename(device_id(device.code), device.shown_name)
    draft.light(device.code, device.is_lit)


def _check_code(code: str) -> None:
    if not 0 < len(code) <= LONGEST_CODE or not code.isprintable() or any(c in "/ :" for c in code):
        raise ValueError(
            f"a device's code is 20 digits, or up to {LONGEST_CODE} other signs without blanks, not {code!r}"
        )
