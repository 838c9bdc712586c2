"""The viewers' places of a plane: reserved for an address, claimed at a door, taken by a socket, left with a reason."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from media.fanout import Fanout
from media.outlets.program import Program
from media.outlets.rendition import RenditionKey
from media.outlets.tide import Pace
from media.outlets.viewer import Tolerance, Viewer
from media.outlets.wire import Wire
from media.passage import Passage
from media.plane import KeyFrameWanted, OutletClosed, OutletKind, PlaneEvent, Seating, ViewerStatistics

FAREWELLS = 50
"""So many viewers are seen off before others have their turn."""


class Stage(Protocol):
    """What is looked at: an inlet, as far as viewers know one."""

    fanout: Fanout
    passage: Passage
    cut: int
    skips: int

    def look(self) -> None: ...

    def look_away(self) -> None: ...


def _stay(viewer: Viewer) -> None:
    """Of a place where nobody sits."""


@dataclass(slots=True, eq=False)
class Place:
    """Reserved until its address is used, then taken."""

    outlet: str
    inlet: str
    kind: OutletKind
    audio: bool
    expires_at: float
    is_claimed: bool = False
    viewer: Viewer | None = None
    leave: Callable[[Viewer], None] = _stay

    @property
    def needs_frames(self) -> bool:
        return self.kind is not OutletKind.PS_HTTP


class Gallery:
    """Tells `OutletClosed` of every place that is given up, once. `wall` is UNIX seconds."""

    def __init__(
        self,
        stages: Mapping[str, Stage],
        tolerance: Tolerance,
        pace: Pace,
        tell: Callable[[PlaneEvent], None],
        clock: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self.cut = 0
        self._stages = stages
        self._tolerance = tolerance
        self._pace = pace
        self._tell = tell
        self._clock = clock
        self._wall = wall
        self._skips = 0
        self._places: dict[str, Place] = {}
        self._of: dict[str, dict[str, Place]] = {}
        self._programs: dict[str, Program] = {}
        self._leaving: set[Wire] = set()

    def __len__(self) -> int:
        """Places, taken and reserved."""
        return len(self._places)

    @property
    def taken(self) -> int:
        return sum(place.viewer is not None for place in self._places.values())

    @property
    def skips(self) -> int:
        """How often viewers were moved on, those who left included."""
        return self._skips + sum(place.viewer.skips for place in self._places.values() if place.viewer is not None)

    # --- coming ----------------------------------------------------------------------------------------------

    def reserve(self, inlet: str, kind: OutletKind, audio: bool, life_s: float) -> Place:
        """A place for one viewer, for so long. Raises KeyError for an inlet that is gone."""
        stage = self._stages[inlet]
        place = Place(secrets.token_hex(8), inlet, kind, audio, self._wall() + life_s)
        self._places[place.outlet] = place
        self._of.setdefault(inlet, {})[place.outlet] = place
        if place.needs_frames:
            stage.look()
        return place

    def claim(self, inlet: str, outlet: str) -> OutletKind | None:
        """What the viewer waits for who stands at this address; None when nobody is waited for."""
        place = self._places.get(outlet)
        if place is None or place.inlet != inlet or place.is_claimed or inlet not in self._stages:
            return None
        place.is_claimed = True
        return place.kind

    def seat(self, outlet: str, seating: Seating, opened: socket.socket) -> None:
        """The socket is ours from now on. A viewer whose place is gone is told goodbye."""
        now = self._clock()
        wire = Wire(opened, seating.form, now)
        place = self._places.get(outlet)
        stage = self._stages.get(place.inlet) if place is not None else None
        if place is None or stage is None or place.viewer is not None:
            self._see_off(wire, "the stream ended")
            return
        place.is_claimed = True
        viewer = place.viewer = Viewer(wire, self._tolerance)
        viewer.ended.add_done_callback(lambda ended: self._vacate(place, ended.result()))
        wire.hear(seating.said)
        if place.needs_frames:
            is_waiting = self._show_pictures(stage.fanout, place, viewer, seating.is_legacy, now)
        else:
            is_waiting = self._show_program(stage.passage, place, viewer, now)
        if is_waiting:
            self._tell(KeyFrameWanted(place.inlet, "a viewer waits and no picture is kept"))

    def _show_pictures(self, fanout: Fanout, place: Place, viewer: Viewer, is_legacy: bool, now: float) -> bool:
        """Whether the viewer has to wait for a key frame."""
        container = "fmp4" if place.kind is OutletKind.FMP4_WS else "flv"
        key = RenditionKey(container, place.audio, is_legacy and container == "flv")
        fanout.join(key, viewer, now)
        place.leave = lambda viewer: fanout.leave(key, viewer)
        return fanout.is_ready and not fanout.has_kept

    def _show_program(self, passage: Passage, place: Place, viewer: Viewer, now: float) -> bool:
        """Whether the viewer has to wait for a key frame."""
        program = self._programs.get(place.inlet)
        if program is None:
            program = self._programs[place.inlet] = Program(passage, self._pace)
        program.join(viewer, now)
        place.leave = program.leave
        return not program.has_kept

    # --- leaving ---------------------------------------------------------------------------------------------

    def detach(self, inlet: str, outlet: str) -> None:
        """Harmless when it has left."""
        place = self._places.get(outlet)
        if place is not None and place.inlet == inlet:
            self._vacate(place, "detached")

    async def close(self, inlet: str, stage: Stage, why: str) -> None:
        """The stage is no longer among the stages; its viewers get what has gathered for them, and go."""
        stage.fanout.flush()
        program = self._programs.pop(inlet, None)
        if program is not None:
            program.flush()
        for number, place in enumerate(tuple(self._of.pop(inlet, {}).values()), 1):
            self._vacate(place, why)
            if number % FAREWELLS == 0:
                await asyncio.sleep(0)

    def dismiss(self, why: str) -> None:
        """All go, now."""
        for place in tuple(self._places.values()):
            self._vacate(place, why)

    def stop(self) -> None:
        """Nobody's goodbye is waited for any more."""
        for wire in tuple(self._leaving):
            wire.abort()
        self._leaving.clear()

    def _vacate(self, place: Place, why: str) -> None:
        if self._places.pop(place.outlet, None) is None:
            return
        self._of.get(place.inlet, {}).pop(place.outlet, None)
        stage = self._stages.get(place.inlet)
        if stage is not None and place.needs_frames:
            stage.look_away()
        viewer = place.viewer
        if viewer is not None:
            self.cut += viewer.is_cut
            self._skips += viewer.skips
            if stage is not None:
                stage.cut += viewer.is_cut
                stage.skips += viewer.skips
            viewer.end(why)
            self._see_off(viewer.wire, why)
            place.leave(viewer)
        self._tell(OutletClosed(place.inlet, place.outlet, why))

    def _see_off(self, wire: Wire, why: str) -> None:
        """Goodbyes take a moment; a plane that stops need not wait for them."""
        wire.finish(why)
        if not wire.is_closed:
            self._leaving.add(wire)

    # --- meanwhile -------------------------------------------------------------------------------------------

    def watch(self) -> None:
        """Now and then: addresses that nobody came to, wires that are to be asked whether they live."""
        now, wall = self._clock(), self._wall()
        self._leaving = {wire for wire in self._leaving if not wire.is_closed}
        for place in tuple(self._places.values()):
            if place.viewer is not None:
                place.viewer.wire.beat(now)
            elif not place.is_claimed and wall >= place.expires_at:
                self._vacate(place, "nobody came to the address")

    def statistics(self, inlet: str) -> list[ViewerStatistics]:
        """The viewers of an inlet, the slowest first."""
        now = self._clock()
        seats = [
            ViewerStatistics(
                place.outlet,
                place.kind,
                viewer.sent_bytes,
                viewer.queued_bytes,
                viewer.queued_s(now),
                viewer.skips,
                viewer.dropped,
            )
            for place in self._of.get(inlet, {}).values()
            if (viewer := place.viewer) is not None
        ]
        seats.sort(key=lambda seat: (-seat.queued_s, -seat.skips))
        return seats
