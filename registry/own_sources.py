"""Our own sources as a neighbour of ours: a device that owns them, and the catalog by which they stand in the tree."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from gb28181.manscdp.catalog import Item
from registry.device import Device, DeviceKind, Presence
from registry.directory import Directory
from registry.source import MOST_SOURCES, SOURCE_FIELDS, OwnSource, SourceState

log = logging.getLogger(__name__)

DEVICE_TYPE = "112"
"""A video server (GB/T 28181-2022 annex E)."""
CHANNEL_TYPE = "132"
FIRST_NUMBER = 900_001
"""Numbers that people and devices give begin low; ours begin high. (Digit 14 is the network: 0.)"""
MAKER = "Lianwang"
FIXED = 3
"""A camera that nobody turns (GB/T 28181-2022 annex A, PTZType)."""


class OwnSources:
    """The sources of this house. Every change is stored, then stands in the tree, then is told by the directory.

    The device that owns them is made with the first source; it is always there, for it is us.
    """

    def __init__(
        self, directory: Directory, own_code: str, name: str = "", *, clock: Callable[[], float] = time.time
    ) -> None:
        self._directory = directory
        self._prefix = own_code[:10]
        self._name = name
        self._clock = clock
        self._states: dict[str, SourceState] = {}
        self._one_at_a_time = asyncio.Lock()

    @property
    def owner(self) -> str:
        """The device that owns them, "" while there is none."""
        return next((each.code for each in self._directory.all_devices() if each.kind is DeviceKind.OWN), "")

    def all(self) -> tuple[OwnSource, ...]:
        return self._directory.sources.all()

    def get(self, code: str) -> OwnSource | None:
        return self._directory.sources.of(code)

    def state(self, code: str) -> SourceState:
        return self._states.get(code, SourceState(code))

    async def open(self) -> None:
        """What was stored stands in the tree, whatever happened when we went down."""
        if self.all():
            await self._show()

    async def free_code(self) -> str:
        """A code for a channel that nobody here has yet."""
        for number in range(FIRST_NUMBER, 1_000_000):
            code = f"{self._prefix}{CHANNEL_TYPE}0{number:06d}"
            if self.get(code) is None and not await self._is_taken(code):
                return code
        raise ValueError("there is no free code left below our own")

    async def add(self, source: OwnSource) -> OwnSource:
        """ValueError when its code is known here already, or there are too many."""
        async with self._one_at_a_time:
            return await self._add(source)

    async def _add(self, source: OwnSource) -> OwnSource:
        if len(self.all()) >= MOST_SOURCES:
            raise ValueError(f"there are {MOST_SOURCES} sources already")
        if self.get(source.code) is not None or await self._is_taken(source.code):
            raise ValueError(f"code {source.code} is known here already")
        source = replace(source, added_at=self._clock())
        await self._directory.sources.keep(source)
        await self._show()
        return source

    async def change(self, code: str, /, **changes: Any) -> OwnSource:
        """LookupError for an unknown code, ValueError for a field that cannot be meant."""
        async with self._one_at_a_time:
            return await self._change(code, changes)

    async def _change(self, code: str, changes: Mapping[str, Any]) -> OwnSource:
        before = self.get(code)
        if before is None:
            raise LookupError(f"no source {code}")
        odd = changes.keys() - set(SOURCE_FIELDS) | changes.keys() & {"code", "added_at"}
        if odd:
            raise ValueError(f"a source has no field {', '.join(sorted(odd))} to change")
        after = replace(before, **changes)
        await self._directory.sources.keep(after)
        if (after.url, after.user, after.password, after.file) != (
            before.url,
            before.user,
            before.password,
            before.file,
        ):
            self._states.pop(code, None)
        await self._show()
        return after

    async def remove(self, code: str) -> None:
        """LookupError for an unknown code."""
        async with self._one_at_a_time:
            if self.get(code) is None:
                raise LookupError(f"no source {code}")
            await self._directory.sources.drop(code)
            self._states.pop(code, None)
            await self._show()

    async def note(self, states: Iterable[SourceState]) -> None:
        """What was found out of some of them; unknown ones are passed over."""
        flipped: dict[str, bool] = {}
        were: dict[str, SourceState] = {}
        for state in states:
            source = self.get(state.code)
            if source is not None:
                before = self.state(state.code)
                self._states[state.code] = state
                if state.online is not before.online:
                    flipped[state.code] = self._is_on(source)
                    were.setdefault(state.code, before)
        if flipped and self.owner:
            try:
                await self._directory.note_channel_status(self.owner, flipped)
            except Exception:
                # It stands in the tree as before, and must be news again when it is found out once more.
                self._states.update(were)
                raise

    # Servants.

    async def _is_taken(self, code: str) -> bool:
        return self._directory.device(code) is not None or bool(await self._directory.find_channel(code))

    async def _show(self) -> None:
        """Bring the catalog of our own device in line with what is stored."""
        owner = self.owner or await self._found()
        divisions = self._directory.divisions
        regions = dict.fromkeys(source.civil_code for source in self.all() if source.civil_code)
        items = [Item(code, divisions.name(code) or code) for code in regions]
        items += [self._item(owner, source) for source in self.all()]
        await self._directory.merge(owner, items, complete=True, at=self._clock())
        self._directory.note_presence(owner, Presence.ONLINE, "own", self._clock())

    def _item(self, owner: str, source: OwnSource) -> Item:
        return Item(
            source.code,
            source.shown_name,
            manufacturer=MAKER,
            model="RTSP" if source.url else "File",
            civil_code=source.civil_code,
            parent_ids=(owner,),
            ptz_type=FIXED,
            status_on=self._is_on(source),
        )

    def _is_on(self, source: OwnSource) -> bool:
        """What has never been asked counts as there: the first who watches will find out."""
        return source.enabled and self.state(source.code).online is not False

    async def _found(self) -> str:
        """The device that owns them. Nobody can register as it: it has no password."""
        number = FIRST_NUMBER
        while await self._is_taken(code := f"{self._prefix}{DEVICE_TYPE}0{number:06d}"):
            number += 1
        device = Device(
            code,
            self._name,
            kind=DeviceKind.OWN,
            password="",
            media_transport="pulled",
            manufacturer=MAKER,
            presence=Presence.ONLINE,
        )
        await self._directory.add_device(device)
        log.info("%s owns our own sources from now on", code)
        return code


def _whence(source: OwnSource) -> tuple[str, ...]:
    return source.url, source.user, source.password, source.way, source.file
