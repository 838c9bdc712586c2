"""Those with whom we register: the door where their requests come in, and the house's side of every link upward.

For each enabled upper a liaison: an agent that registers, a desk that writes what the upper follows. Answers and calls
are shared by all. Everything that comes in is handled where it is read; what must wait becomes an errand.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from broker.levers import Levers
from broker.voice import Voices
from gb28181.code import Kind, kind_of
from gb28181.peer import Hop, PeerOffline
from registry.archive import Archive
from registry.device import DeviceKind
from registry.events import (
    AlarmRaised,
    Bus,
    Event,
    NoticeHeard,
    PositionReported,
    PtzPositionReported,
    UpperChanged,
)
from registry.platform import SIGNALLING_FIELDS, Upper, UpperState
from sipserver.above.agent import Agent
from sipserver.above.answers import Answers
from sipserver.above.calls import Calls
from sipserver.above.connect_test import ConnectReport, try_to_connect
from sipserver.above.liaison import Liaison
from sipserver.above.notices import Desk
from sipserver.above.records import CentreRecords
from sipserver.above.registration import Effect, Heard, Pace, Registration, Standing
from sipserver.above.settings import AboveSettings
from sipserver.above.stacks import Stacks
from sipserver.above.voice import Herald
from sipserver.above.way import LAST_SN, Way
from sipserver.above.wishes import Exporter, Following, Hall, NeighboursBelow, Uppers
from sipserver.below.errands import Errands
from sipserver.sip.path import Address
from sipserver.stack import Incoming, Path, Stack

log = logging.getLogger(__name__)

TICK_S = 1.0
SHOW_S = 0.2
TEST_PATIENCE_S = 40.0
MOST_MOVERS = 1000
"""A platform below and what it asks in its turn."""


class Neighbourhood(NeighboursBelow, Following, Protocol):
    """What `sipserver.below.below.Below` is to us."""


class Above:
    """Registers with every enabled upper and serves it. The stack is the caller's to start and close; start this
    after it, and close this before it."""

    def __init__(
        self,
        stack: Stack,
        uppers: Uppers,
        exporter: Exporter,
        hall: Hall,
        neighbours: Neighbourhood,
        bus: Bus,
        settings: AboveSettings | None = None,
        *,
        levers: Levers,
        voices: Voices | None = None,
        archive: Archive | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
        noise: Callable[[], float] = random.random,
    ) -> None:
        self.settings = settings or AboveSettings()
        self._uppers = uppers
        self._exporter = exporter
        self._neighbours = neighbours
        self._bus = bus
        self._clock = clock
        self._wall_clock = wall_clock
        self._noise = noise
        self._stacks = Stacks(stack, self._take_elsewhere, self.connection_lost)
        self._liaisons: dict[str, Liaison] = {}
        self._desks: dict[str, Desk] = {}
        self._hosts: dict[Address, str] = {}
        self._to_show: set[str] = set()
        self._showing: asyncio.TimerHandle | None = None
        self._changes = Errands(limit=1000, workers=1)
        records = CentreRecords(exporter, archive) if archive is not None else None
        self.answers = Answers(
            exporter,
            neighbours,
            self.settings,
            levers,
            tiers_below=self._tiers_below,
            changed=self._changed,
            sent_catalog=lambda liaison: self._dirty(liaison.upper.code),
            clock=clock,
            records=records,
        )
        if voices is not None:
            answers = self.answers
            answers.herald = Herald(exporter, voices, self.settings, say=answers.say_to, owner_of=answers.owner_of)
        self.calls = Calls(exporter, hall, self.settings, changed=self._changed, records=records)
        self._ticker: asyncio.Task[None] | None = None
        self._unhear: Callable[[], None] | None = None
        self.turned_away = 0

    def __repr__(self) -> str:
        up = sum(liaison.is_up for liaison in self._liaisons.values())
        return f"<Above {self.settings.code}, {up} of {len(self._liaisons)} uppers, {self.calls!r}>"

    # Life.

    async def start(self) -> None:
        """Begin to register. The directory must be open and the stack started."""
        self.answers.start()
        self.calls.start()
        self._changes.start()
        self._exporter.on_dirty = self._dirty
        self._unhear = self._bus.listen(self._hear)
        for upper in self._uppers.uppers():
            await self._open(upper)
        self._ticker = asyncio.create_task(self._tick_forever(), name="above-tick")

    async def close(self) -> None:
        """Hang up, say farewell, deregister; as far as the uppers answer in time."""
        if self._unhear is not None:
            self._unhear()
            self._unhear = None
        self._exporter.on_dirty = None
        if self._ticker is not None:
            self._ticker.cancel()
            await asyncio.gather(self._ticker, return_exceptions=True)
        await self._changes.close()
        await self.calls.close()
        if self.answers.herald is not None:
            await self.answers.herald.close()
        await asyncio.gather(*(self._shut(code) for code in tuple(self._liaisons)), return_exceptions=True)
        await self.answers.close()
        if self._showing is not None:
            self._showing.cancel()
        await self._stacks.close()

    async def _open(self, upper: Upper) -> None:
        if not upper.enabled:
            self._uppers.note_upper_state(disabled(upper, self._wall_clock()))
            return
        try:
            stack = await self._stacks.of(upper)
            liaison = self._liaison(upper, stack)
        except (OSError, ValueError) as wrong:
            log.error("no link to %s: %s", upper.code, wrong)
            state = replace(disabled(upper, self._wall_clock()), state="lost", reason=str(wrong))
            self._uppers.note_upper_state(state)
            return
        self._liaisons[upper.code] = liaison
        desk = Desk(
            liaison,
            self._exporter,
            self.settings,
            following=self._neighbours,
            movers=self._movers,
            changed=self._changed,
            clock=self._clock,
            wall_clock=self._wall_clock,
        )
        self._desks[upper.code] = desk
        liaison.subscriptions = desk.views
        liaison.calls = lambda: self.calls.of(upper.code)
        liaison.lookups.start()
        desk.start()
        liaison.agent.start()

    def _liaison(self, upper: Upper, stack: Stack) -> Liaison:
        way = self._way(upper, stack)
        liaison = Liaison(upper, way, wall_clock=self._wall_clock)
        registration = Registration(way.home, pace_of(upper, self.settings), self._noise)
        liaison.agent = Agent(
            way,
            registration,
            self.settings,
            clock=self._clock,
            on_effect=lambda effect: self._effect(liaison, effect),
            on_change=lambda: self._changed(liaison),
        )
        return liaison

    def _way(self, upper: Upper, stack: Stack) -> Way:
        first_sn = int.from_bytes(os.urandom(3), "big") % LAST_SN
        return Way(upper, stack, self.settings.code, first_sn=first_sn)

    async def _shut(self, code: str) -> None:
        liaison, desk = self._liaisons.get(code), self._desks.pop(code, None)
        if liaison is None:
            return
        self._hang_up_all(code)
        if desk is not None:
            await desk.close()
        await liaison.agent.close()
        await liaison.lookups.close()
        self._liaisons.pop(code, None)
        self._forget_hosts(code)

    async def _changed_upper(self, code: str) -> None:
        """An operator added, edited or removed an upper: a link is made anew only for what it is made of (pain 28)."""
        upper, liaison = self._uppers.upper(code), self._liaisons.get(code)
        if upper is None:
            await self._shut(code)
        elif liaison is None:
            await self._open(upper)
        elif any(getattr(upper, name) != getattr(liaison.upper, name) for name in SIGNALLING_FIELDS):
            await self._shut(code)
            await self._open(upper)
        else:
            liaison.upper = liaison.way.upper = upper
            self._changed(liaison)

    # What comes in.

    def claims(self, incoming: Incoming) -> bool:
        """Whether a request out of any dialog comes from an upper, to us as its lower."""
        if not self._liaisons or incoming.request.method in ("REGISTER", "NOTIFY"):
            return False
        liaison = self._whose(incoming)
        if liaison is None:
            return False
        if incoming.request.method == "MESSAGE" and self._neighbours.peer(liaison.upper.code) is not None:
            # Registered with each other: what answers us or tells us something is the lower's word (signalling 9.1).
            return asks(incoming.request.body)
        return True

    def take(self, incoming: Incoming) -> None:
        """A request that we claimed."""
        liaison = self._whose(incoming)
        if liaison is None or liaison.agent.registration.standing in (Standing.OFF, Standing.WAITING):
            self.turned_away += 1
            incoming.respond(403)
            return
        liaison.exchanged()
        match incoming.request.method:
            case "MESSAGE":
                self.answers.take(liaison, incoming)
            case "SUBSCRIBE":
                self._desks[liaison.upper.code].take(incoming)
            case "INVITE":
                self.calls.take(liaison, incoming)
            case _:
                incoming.respond(501)

    def at(self, path: Path) -> tuple[str, ...]:
        """The upper at an address, for the ladder."""
        code = self._hosts.get(path.remote)
        if code is None:
            # Before the first answer nobody has noted where it is.
            code = next((each.upper.code for each in self._liaisons.values() if each.way.path == path), None)
        return () if code is None else (code,)

    def connection_lost(self, path: Path) -> None:
        """A connection broke; when an upper was at its other end, that upper is lost."""
        if not path.connection:
            return
        for liaison in self._liaisons.values():
            known = liaison.way.path
            if known is not None and known.connection == path.connection:
                liaison.way.forget()
                liaison.agent.heard(Heard.CUT, f"the connection to {liaison.way.place} broke")

    def _take_elsewhere(self, incoming: Incoming) -> None:
        """A request that came to an address of ours that only uppers know."""
        if self.claims(incoming):
            self.take(incoming)
        else:
            incoming.respond(403)

    def _whose(self, incoming: Incoming) -> Liaison | None:
        """The upper that a request is from: by its code and its address, or by its address alone when another code
        speaks from exactly there (some forward with the code of the user who asks)."""
        try:
            code = incoming.request.from_.user
        except ValueError:
            return None
        path = incoming.path
        liaison = self._liaisons.get(code)
        if liaison is not None:
            return liaison if comes_from(liaison.way, path) else None
        owner = self._hosts.get(path.remote)
        if owner is None or self._neighbours.peer(code) is not None:
            return None
        found = self._liaisons.get(owner)
        if found is not None:
            found.heard_code(code)
        return found

    # What happens.

    def _hear(self, event: Event) -> None:
        match event:
            case UpperChanged(code=code):
                self._changes.add(f"a change of upper {code}", lambda: self._changed_upper(code))
            case AlarmRaised() | PositionReported() | PtzPositionReported():
                for code, desk in self._desks.items():
                    if self._liaisons[code].is_up:
                        desk.hear(event)
            case NoticeHeard():
                self.answers.heard_below(event, self._liaisons.get)

    def _dirty(self, code: str) -> None:
        desk = self._desks.get(code)
        if desk is not None:
            desk.dirty()

    def _effect(self, liaison: Liaison, effect: Effect) -> None:
        code = liaison.upper.code
        if effect is Effect.CAME:
            liaison.registered_at = self._wall_clock()
            log.info("registered with %s at %s", code, liaison.way.place)
        elif effect is Effect.WENT:
            if liaison.agent.registration.standing is not Standing.LEAVING:
                log.warning("%s is lost: %s", code, liaison.agent.registration.reason)
            liaison.life += 1
            self._forget_hosts(code)
            self._hang_up_all(code)
            desk = self._desks.get(code)
            if desk is not None:
                desk.lost()
        if effect is not Effect.WENT:
            liaison.exchanged()

    def _hang_up_all(self, code: str) -> None:
        self.calls.end_all(code)
        if self.answers.herald is not None:
            self.answers.herald.end_all(code)

    def _forget_hosts(self, code: str) -> None:
        """Nobody of that code is anywhere now; another upper at the same address stays known there."""
        self._hosts = {
            path.remote: owner
            for owner, liaison in self._liaisons.items()
            if owner != code and (path := liaison.way.path) is not None
        }

    def _changed(self, liaison: Liaison) -> None:
        """Something is worth showing: soon, and together with what else changes until then."""
        path = liaison.way.path
        if path is not None and (liaison.is_up or path.remote not in self._hosts):
            self._hosts[path.remote] = liaison.upper.code
        self._to_show.add(liaison.upper.code)
        if self._showing is None:
            self._showing = asyncio.get_running_loop().call_later(SHOW_S, self._show)

    def _show(self) -> None:
        self._showing = None
        codes, self._to_show = self._to_show, set()
        for code in codes:
            liaison, upper = self._liaisons.get(code), self._uppers.upper(code)
            if liaison is not None and upper is not None:
                self._uppers.note_upper_state(liaison.state(self._clock()))

    def look(self) -> None:
        """What once a second is looked for: subscriptions that nobody refreshed, agents whose hour has come."""
        for desk in self._desks.values():
            desk.look()
        for liaison in self._liaisons.values():
            liaison.agent.look()

    async def _tick_forever(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            try:
                self.look()
            except Exception:
                log.exception("the look at the uppers failed; it is tried again in a second")

    # What operators ask.

    async def test(self, upper: Upper) -> ConnectReport:
        """Try to register with an upper, known or not yet, and say what came back. Raises ValueError for ourselves."""
        liaison = self._liaisons.get(upper.code)
        stays = liaison is not None and liaison.is_up
        if upper.code in (self.settings.code, upper.our_code):
            raise ValueError(f"{upper.code} is our own code")
        try:
            way = self._way(upper, await self._stacks.of(upper))
        except (OSError, ValueError) as wrong:
            return _unbound(upper, wrong)
        report = await try_to_connect(way, answer_s=self.settings.answer_s, stays=stays, patience_s=TEST_PATIENCE_S)
        if not report.said_code and liaison is not None and liaison.said_codes:
            report = replace(report, said_code=next(reversed(liaison.said_codes)))
        return report

    def resend_catalog(self, code: str) -> None:
        """Begin to tell an upper its whole catalog anew; the way it goes shows in its state. Raises PeerOffline."""
        liaison, desk = self._liaisons.get(code), self._desks.get(code)
        if liaison is None or desk is None or not liaison.is_up:
            raise PeerOffline(f"{code} is not registered with; its catalog cannot be sent")
        desk.resend()

    def is_up(self, code: str) -> bool:
        """Whether we are registered with an upper."""
        liaison = self._liaisons.get(code)
        return liaison is not None and liaison.is_up

    def statistics(self) -> Mapping[str, Any]:
        """Figures of every part, as plain values."""
        return {
            "uppers": len(self._liaisons),
            "registered": sum(liaison.is_up for liaison in self._liaisons.values()),
            "turned_away": self.turned_away,
            "subscriptions": sum(map(len, self._desks.values())),
            "notices": sum(desk.notified for desk in self._desks.values()),
            "notices_given_up": sum(desk.given_up for desk in self._desks.values()),
            "answers": self.answers.statistics(),
            "calls": self.calls.statistics(),
        }

    def _movers(self) -> list[str]:
        """Neighbours who may have something that moves: platforms, and transmitters on vehicles."""
        return [
            device.code
            for device in self._uppers.all_devices()
            if device.enabled
            and (device.kind is DeviceKind.PLATFORM or kind_of(device.code) is Kind.MOBILE_TRANSMITTER)
        ][:MOST_MOVERS]

    async def _tiers_below(self, owner: str, code: str) -> int:
        """How many stand between us and a thing, and itself."""
        device = self._uppers.device(owner)
        if device is None or not device.is_platform:
            return 1
        channel = await self._uppers.channel(owner, code)
        return 1 + max(1, len(self._uppers.platforms_to(channel)) if channel is not None else 0)


def pace_of(upper: Upper, settings: AboveSettings) -> Pace:
    """How patiently an upper is registered with. Raises ValueError for what the standard forbids."""
    return Pace(
        expires_s=upper.expires_s,
        keepalive_interval_s=upper.keepalive_interval_s,
        keepalive_count=upper.keepalive_count,
        retry_s=settings.retry_s,
        retry_longest_s=settings.retry_longest_s,
        jitter=settings.jitter,
        reconnect_s=settings.reconnect_s,
        refresh_at=settings.refresh_at,
    )


def comes_from(way: Way, path: Path) -> bool:
    """Whether a path is the upper's: its address, whatever the port, or the very connection we speak over."""
    known = way.path
    if known is None:
        return way.host == path.remote[0]
    return known.remote[0] == path.remote[0] or bool(path.connection and known.connection == path.connection)


def asks(body: bytes) -> bool:
    """Whether a MANSCDP body asks (Query, Control, the notice of a voice) rather than answers or tells, seen without
    taking it apart."""
    head = body[:400].lower()
    return b"<query" in head or b"<control" in head or (b"<cmdtype>broadcast</cmdtype>" in head and b"<notify" in head)


def disabled(upper: Upper, at: float) -> UpperState:
    return UpperState(code=upper.code, state="disabled", since=at)


def _unbound(upper: Upper, wrong: Exception) -> ConnectReport:
    return ConnectReport((Hop(upper.code, "listen", 0, str(wrong)[:200]),), "", "", "", False)
