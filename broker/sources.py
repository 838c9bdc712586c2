"""Our own sources kept an eye on: what the media plane is told of each, and which of them are there."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from broker.life import State
from broker.placement import Placement
from media.plane import NoCapacity, Probed, Source, Step, Verdict
from registry.events import Bus, Event, StreamChanged
from registry.own_sources import OwnSources
from registry.source import OwnSource, SourceState

__all__ = ["Probed", "SourceKeeper", "SourceSettings", "Step"]

log = logging.getLogger(__name__)

LOOK_S = 1.0
PLANE_S = 2.0
FLOWING = frozenset({State.LIVE, State.LINGERING})


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """Sources of our own: cameras that speak RTSP, and files. Times are seconds."""

    folder: str = ""
    """The folder whose films may be offered as channels; "" offers none."""
    ask_every_s: float = 60.0
    """How often a source that nobody watches is asked whether it is there."""
    asked_at_once: int = 8
    """So many of them at a time."""

    def __post_init__(self) -> None:
        if self.ask_every_s < 1 or self.asked_at_once < 1:
            raise ValueError("ask_every_s and asked_at_once are at least 1")


class SourceKeeper:
    """`start` it, `close` it. What flows is there; what does not is asked now and then, a few at a time."""

    def __init__(
        self,
        sources: OwnSources,
        placement: Placement,
        bus: Bus,
        settings: SourceSettings | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.sources = sources
        self.settings = settings or SourceSettings()
        self._placement = placement
        self._bus = bus
        self._clock = clock
        self._wall = wall
        self._due: dict[str, float] = {}
        self._streams: dict[str, str] = {}
        """The state of each stream of ours. Who is fetched is not asked beside it: many cameras serve few at once."""
        self._failing: set[str] = set()
        """Whose stream broke off; when it cannot be had again either, the source is gone."""
        self._told: dict[str, str | None] = {}
        """What streams said of their sources since we last looked: why it is gone, None that it is there."""
        self._room = asyncio.Semaphore(self.settings.asked_at_once)
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._looking: asyncio.Task[None] | None = None
        self._deafen: Callable[[], None] | None = None

    async def start(self) -> None:
        """The directory must be open."""
        await self.sources.open()
        self._deafen = self._bus.listen(self._heard)
        self._looking = asyncio.create_task(self._look_for_ever(), name="own sources")

    async def close(self) -> None:
        if self._deafen is not None:
            self._deafen()
        tasks = [*self._asking.values(), *([self._looking] if self._looking is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- what the broker asks --------------------------------------------------------------------------------

    def of(self, owner: str, channel: str) -> Source | None:
        """Where the channel's stream is fetched from; None when it is none of ours, or switched off."""
        source = self.sources.get(channel)
        if source is None or owner != self.sources.owner or not source.enabled:
            return None
        return self.as_asked(source)

    # --- what people ask -------------------------------------------------------------------------------------

    async def try_out(self, source: OwnSource) -> Probed:
        """What it answers now, whether or not it is kept; never raises."""
        planes = await self._placement.planes_for(None, within_s=PLANE_S, is_on_disk=bool(source.file))
        if not planes:
            return Probed(Verdict.NOTHING, "no media host is there")
        return await planes[0].probe(self.as_asked(source))

    async def ask(self, code: str) -> Probed | None:
        """Ask one of ours now, and note what it says; None for an unknown one."""
        source = self.sources.get(code)
        if source is None:
            return None
        self._due[code] = self._clock() + self.settings.ask_every_s
        probed = await self.try_out(source)
        if self.sources.get(code) == source and code not in self._streams:
            is_there = probed.failure is None
            note = "" if is_there else probed.note or str(probed.failure)
            await self.sources.note([SourceState(code, is_there, note, probed.codecs, self._wall())])
        return probed

    async def films(self) -> tuple[str, ...]:
        """What may be offered of the folder; nothing without one."""
        if not self.settings.folder:
            return ()
        planes = await self._placement.planes_for(None, within_s=PLANE_S, is_on_disk=True)
        try:
            return await planes[0].files(self.settings.folder) if planes else ()
        except NoCapacity:
            return ()

    def as_asked(self, source: OwnSource) -> Source:
        """In the media plane's words."""
        if source.file:
            return Source(folder=self.settings.folder, file=source.file)
        return Source(source.url, source.user, source.password, source.way)

    # --- eyes and ears ---------------------------------------------------------------------------------------

    def _heard(self, event: Event) -> None:
        if not isinstance(event, StreamChanged) or event.owner != self.sources.owner:
            return
        code, before = event.channel, self._streams.get(event.channel)
        self._streams[code] = event.state
        if event.state in FLOWING:
            self._failing.discard(code)
            self._told[code] = None
        elif event.state == State.RETRYING:
            if code in self._failing:
                self._told[code] = event.note
            self._failing.add(code)
        elif event.state == State.ENDED:
            del self._streams[code]
            self._failing.discard(code)
            if before not in FLOWING:
                self._due[code] = 0.0  # why, it will say itself

    async def _look_for_ever(self) -> None:
        while True:
            try:
                await self._look()
            except Exception:
                log.exception("looking after our own sources failed; tried again in %g s", LOOK_S)
            await asyncio.sleep(LOOK_S)

    async def _look(self) -> None:
        told, self._told = self._told, {}
        states = [self._state(code, why) for code, why in told.items()]
        if states:
            try:
                await self.sources.note(states)
            except Exception:
                self._told = {**told, **self._told}
                raise
        now = self._clock()
        known = {source.code: source for source in self.sources.all() if source.enabled}
        for code in self._due.keys() - known.keys():
            del self._due[code]
        for code in known:
            if code not in self._streams and code not in self._asking and self._due.get(code, 0.0) <= now:
                self._due[code] = now + self.settings.ask_every_s
                task = asyncio.create_task(self._ask_in_turn(code), name=f"ask source {code}")
                self._asking[code] = task
                task.add_done_callback(lambda _, code=code: self._asking.pop(code, None))  # type: ignore[misc]

    def _state(self, code: str, why: str | None) -> SourceState:
        return SourceState(code, why is None, why or "", self.sources.state(code).codecs, self._wall())

    async def _ask_in_turn(self, code: str) -> None:
        async with self._room:
            try:
                await self.ask(code)
            except Exception:
                log.exception("asking our source %s failed; it is asked again later", code)
