"""Those who register with us: the door where their requests come in, and where they are found as peers.

Everything here runs on the loop and returns at once; judging is the registrar's, remembering the presence book's,
storing the directory's. One tick a second looks for silence.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from gb28181.charset import charset_for
from gb28181.code import kind_of
from gb28181.dialect import dialect_for
from gb28181.edition import Edition, parse_edition
from gb28181.peer import PeerOffline
from registry.device import Device, DeviceKind, Presence
from registry.directory import Directory
from registry.events import Bus, DeviceChanged, DeviceRemoved, Event
from registry.presence import Change, PresenceBook, Reason, Rhythm
from registry.refusal import Refusal, RefusalSeen
from sipserver.below.bindings import Binding, Bindings
from sipserver.below.calls import CallBook
from sipserver.below.clock import date_header
from sipserver.below.errands import Errands
from sipserver.below.grievances import Grievances
from sipserver.below.inbox import Inbox
from sipserver.below.onboarding import Onboarding
from sipserver.below.registrar import (
    Attempt,
    Challenged,
    Granted,
    Refused,
    Registrar,
    granted_expiry_s,
)
from sipserver.below.settings import BelowSettings
from sipserver.ladder import Ladder
from sipserver.link import LAST_SN, Link, LinkSettings, Manners
from sipserver.sip.digest import Challenge
from sipserver.sip.message import Field, Request
from sipserver.stack import Incoming, Path, Stack

log = logging.getLogger(__name__)

TICK_S = 1.0
WRITE_HEARD_EVERY_S = 2.0
SHOWN_AGENT = 128


class Below:
    """Receives those who register with us, and finds them as peers (keeps `gb28181.peer.Neighbours`).

    Make and start it before the stack: then nothing comes in that it does not know. `start` takes up what the
    directory knows from before, `close` lets go of it. The stack is the caller's to start and close.
    """

    def __init__(
        self,
        stack: Stack,
        directory: Directory,
        bus: Bus,
        settings: BelowSettings,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._stack = stack
        self._directory = directory
        self._bus = bus
        self._settings = settings
        self._clock = clock
        self._wall_clock = wall_clock
        self._edition = parse_edition(settings.edition)
        self._link_settings = LinkSettings(
            settings.code,
            settings.domain,
            self._edition,
            settings.ask_patience_s,
            settings.catalog_patience_s,
            settings.records_patience_s,
            settings.part_patience_s,
            settings.catalog_items_limit,
        )
        self._registrar = Registrar(settings, key=os.urandom(32), noise=os.urandom)
        self._grievances = Grievances(directory.note_refusal, size=settings.unknown_sources)
        self._presence = PresenceBook(now=clock(), stall_s=settings.stall_s, restart_grace_s=settings.restart_grace_s)
        self._bindings = Bindings()
        self._links: dict[str, Link] = {}
        self._admitting: set[str] = set()
        self.calls = CallBook()
        self._errands = Errands(limit=10_000, workers=4)
        self._replies = Errands(limit=1000, workers=16)
        self._onboarding = Onboarding(directory, settings, link=self.peer, clock=clock, wall_clock=wall_clock)
        self._inbox = Inbox(
            directory,
            self._errands,
            self._replies,
            self.calls,
            link=self.peer,
            resync=self._onboarding.begin,
            clock=clock,
            alarms_a_minute=settings.alarms_a_minute,
        )
        self.ladder = Ladder(
            settings.code,
            owners_at=self._bindings.at,
            messages=settings.ladder_messages,
            most_bytes=settings.ladder_bytes,
        )
        self._ticker: asyncio.Task[None] | None = None
        self._unhear: Callable[[], None] | None = None
        self._not_admitted = 0
        self._moved = 0
        stack.on_traffic = self.ladder.record
        stack.on_request = self._take
        stack.on_connection_lost = self._connection_lost

    def __repr__(self) -> str:
        return f"<Below {self._settings.code} {self._presence!r}>"

    # Life.

    async def start(self) -> None:
        """Take up the devices known from before, then begin to watch for silence. The directory must be open."""
        now, at = self._clock(), self._wall_clock()
        for device in self._directory.all_devices():
            self._recall(device, now, at)
        self._unhear = self._bus.listen(self._hear)
        self._errands.start()
        self._replies.start()
        self._onboarding.start()
        self._ticker = asyncio.create_task(self._tick_forever(), name="below-tick")

    async def close(self) -> None:
        """Let go, and hand the last signs of life to the directory."""
        if self._ticker is not None:
            self._ticker.cancel()
            await asyncio.gather(self._ticker, return_exceptions=True)
            self._ticker = None
        if self._unhear is not None:
            self._unhear()
            self._unhear = None
        await self._onboarding.close()
        await self._replies.close()
        await self._errands.close()
        self._write_heard()

    # What others ask.

    def peer(self, code: str) -> Link | None:
        """The neighbour of that code, online or not; None when the directory does not know it."""
        link = self._links.get(code)
        if link is not None:
            return link
        if self._directory.device(code) is None:
            return None
        link = self._links[code] = Link(
            code,
            self._stack,
            self._link_settings,
            self.calls,
            reach=lambda: self._path_of(code),
            manners=lambda: self._manners_of(code),
            is_online=lambda: self._presence.presence(code) is Presence.ONLINE,
            first_sn=int.from_bytes(os.urandom(3), "big") % LAST_SN,
        )
        return link

    async def resync(self, code: str) -> None:
        """Begin to ask a device for its catalog anew; comes back at once. Raises PeerOffline."""
        if self._directory.device(code) is None or self._path_of(code) is None:
            raise PeerOffline(f"{code} is not online; its catalog cannot be asked for")
        self._onboarding.begin(code)

    def is_onboarding(self, code: str) -> bool:
        """Whether its catalog is being asked for, or about to be."""
        return self._onboarding.is_busy_with(code)

    def statistics(self) -> Mapping[str, Any]:
        """Figures of every part, as plain values."""
        return {
            "presence": asdict(self._presence.statistics()),
            "registrar": asdict(self._registrar.statistics()),
            "refusals": self._grievances.total,
            "not_admitted": self._not_admitted,
            "moved": self._moved,
            "bindings": len(self._bindings),
            "inbox": self._inbox.statistics(),
            "onboarding": asdict(self._onboarding.statistics()),
            "calls": {"up": len(self.calls), "placed": self.calls.placed, "refused": self.calls.refused},
            "errands": {
                "waiting": len(self._errands) + len(self._replies),
                "refused": self._errands.refused + self._replies.refused,
                "failed": self._errands.failed + self._replies.failed,
            },
            "ladder": asdict(self.ladder.statistics()),
        }

    # Requests.

    def _take(self, incoming: Incoming) -> None:
        request = incoming.request
        try:
            code = request.from_.user
        except ValueError:
            incoming.respond(400)
            return
        if request.method == "REGISTER":
            self._register(incoming, code)
            return
        now, at = self._clock(), self._wall_clock()
        owner = self._admit(incoming, code, now, at)
        if owner is None:
            return
        change = self._presence.heard(owner, now)
        if change is not None:
            self._note(change, at)
        match request.method:
            case "MESSAGE" | "NOTIFY":
                self._inbox.take(incoming, owner, at)
            case "INVITE":
                incoming.respond(488)
            case "SUBSCRIBE":
                incoming.respond(489)
            case _:
                incoming.respond(501)

    def _admit(self, incoming: Incoming, code: str, now: float, at: float) -> str | None:
        """Whose request it is. None when nobody may send it from there; then it has been refused, not executed."""
        path = incoming.path
        binding = self._bindings.of(code)
        if binding is None or not binding.is_from(path):
            owners = self._bindings.at(path)
            if binding is None and len(owners) == 1:
                (owner,) = owners  # some devices put a channel's code into From
                binding = self._bindings.of(owner)
            elif binding is not None and self._may_move(binding, path):
                self._bindings.move(code, path)
                self._moved += 1
                self._directory.note_registration(code, **_whereabouts(path))
                binding = self._bindings.of(code)
            else:
                binding = None
        if binding is None:
            self._turn_away(incoming, code, self._why_not(code, path), at)
            return None
        if binding.path is not path and binding.path != path:
            self._bindings.move(binding.code, path)  # the same place, reached by another address of ours
        if self._presence.is_expired(binding.code, now):
            lasting = self._settings.keepalive_extends_expiry
            if not lasting and not self._manners_of(binding.code).dialect.keepalive_is_enough:
                self._turn_away(incoming, code, "its registration is over; expected a REGISTER first", at)
                return None
            self._presence.extend(binding.code, now + self._settings.expires_default_s)
        return binding.code

    def _may_move(self, binding: Binding, path: Path) -> bool:
        """Whether a message from elsewhere in the same host is believed without a digest: only for known habits."""
        if binding.last_host != path.remote[0]:
            return False
        dialect = self._manners_of(binding.code).dialect
        return dialect.changes_address or (dialect.keepalive_is_enough and binding.path is None)

    def _why_not(self, code: str, path: Path) -> str:
        binding = self._bindings.of(code)
        if binding is None:
            return f"{code} is not registered; expected a REGISTER first"
        if binding.path is None:
            return f"the connection that {code} registered by, from {binding.last_host}, is gone; expected a REGISTER"
        bound = binding.path
        return (
            f"expected from {bound.transport} {bound.remote[0]}:{bound.remote[1]} where it registered,"
            f" got from {path.transport} {path.remote[0]}:{path.remote[1]}; expected a REGISTER first"
        )

    def _turn_away(self, incoming: Incoming, code: str, why: str, at: float) -> None:
        # 403 makes most devices register again at once (GB/T 28181 practice, signalling 9.2).
        self._not_admitted += 1
        incoming.respond(403)
        what = f"{incoming.request.method}: {why}"
        self._grievances.note(
            RefusalSeen(
                code[:64],
                Refusal.NOT_REGISTERED,
                what,
                f"{incoming.path.remote[0]}:{incoming.path.remote[1]}",
                incoming.path.transport,
                at,
                incoming.request.user_agent[:SHOWN_AGENT],
            )
        )

    # REGISTER.

    def _register(self, incoming: Incoming, code: str) -> None:
        request, path = incoming.request, incoming.path
        now, at = self._clock(), self._wall_clock()
        try:
            attempt = _attempt(request, path, code)
        except ValueError:
            incoming.respond(400, headers=self._version())
            return
        binding = self._bindings.of(code)
        at_home = binding is not None and binding.last_host == path.remote[0]
        verdict = self._registrar.judge(attempt, self._directory.device(code), now, at, at_home=at_home)
        match verdict:
            case Challenged():
                if verdict.refusal is not None:
                    self._grievances.note(verdict.refusal)
                incoming.respond(401, headers=(*self._challenges(verdict), *self._version()))
            case Refused():
                self._grievances.note(verdict.refusal)
                wait = (("Retry-After", str(int(verdict.wait_s) + 1)),) if verdict.wait_s > 0 else ()
                incoming.respond(403, headers=(*wait, *self._version()))
            case Granted(is_new=True):
                self._admit_new(incoming, code, attempt, at)
            case Granted():
                self._grant(incoming, code)

    def _challenges(self, verdict: Challenged) -> list[Field]:
        realm = self._settings.domain
        challenges = []
        for algorithm in verdict.algorithms:
            qop = "auth" if self._settings.qop or algorithm != "MD5" else None
            challenge = Challenge(realm, verdict.nonce, algorithm, qop, verdict.stale)
            challenges.append(("WWW-Authenticate", str(challenge)))
        return challenges

    def _version(self) -> tuple[Field, ...]:
        return (("X-GB-Ver", self._settings.edition),)

    def _admit_new(self, incoming: Incoming, code: str, attempt: Attempt, at: float) -> None:
        """Open admission: the answer waits until the device is stored, for nobody is online whom nobody knows."""
        room = code not in self._admitting and self._errands.add(
            f"admission of {code}", lambda: self._add_and_grant(incoming, code, at)
        )
        if room:
            self._admitting.add(code)
            return
        incoming.respond(503, headers=(("Retry-After", "5"), *self._version()))
        self._grievances.note(
            RefusalSeen(
                code,
                Refusal.TABLE_FULL,
                "too many new devices at once; it may try again",
                f"{attempt.host}:{attempt.port}",
                attempt.transport,
                at,
                attempt.user_agent,
            )
        )

    async def _add_and_grant(self, incoming: Incoming, code: str, at: float) -> None:
        try:
            if self._directory.device(code) is None:
                await self._directory.add_device(Device(code, kind=kind_of_device(code), added_at=at))
        except Exception:
            incoming.respond(500, headers=self._version())
            raise
        finally:
            self._admitting.discard(code)
        self._grant(incoming, code)

    def _grant(self, incoming: Incoming, code: str) -> None:
        request, path = incoming.request, incoming.path
        now, at = self._clock(), self._wall_clock()
        device = self._directory.device(code)
        if device is None:
            incoming.respond(403, headers=self._version())
            return
        contact = request.headers.get("Contact", "") or ""
        expires_s = granted_expiry_s(self._settings, request.headers.get("Expires"), _contact_expiry(request))
        headers: list[Field] = [("Expires", str(expires_s)), *self._version()]
        if contact and contact != "*" and expires_s:
            headers.insert(0, ("Contact", contact))
        user_agent = request.user_agent[:SHOWN_AGENT]
        dialect = dialect_for(device.dialect, device.manufacturer, user_agent)
        if self._settings.send_date and device.send_date and not dialect.reads_date_as_utc:
            headers.append(("Date", date_header(at)))
        incoming.respond(200, headers=headers)
        if expires_s == 0:
            self._deregister(code, now, at)
            return
        said = request.headers.get("X-GB-Ver") or ""
        before = self._bindings.bind(
            Binding(code, path, path.remote[0], parse_edition(said or None), said[:16], contact[:256], user_agent)
        )
        if before is not None and before.path is not None and before.last_host != path.remote[0]:
            self._moved += 1
            log.info("%s registered from %s; it was bound to %s before", code, path, before.path)
        self._directory.note_registration(
            code,
            **_whereabouts(path),
            contact=contact[:256],
            user_agent=user_agent,
            edition=said[:16],
            registered_at=at,
            expires_at=at + expires_s,
        )
        change = self._presence.registered(code, self._rhythm_of(device), now, expires_at=now + expires_s)
        if change is not None:
            self._note(change, at)

    def _deregister(self, code: str, now: float, at: float) -> None:
        self._bindings.loose(code)
        self._directory.note_registration(code, expires_at=at)
        change = self._presence.gone(code, Reason.DEREGISTERED, now)
        if change is not None:
            self._note(change, at)

    # Presence.

    def _note(self, change: Change, at: float) -> None:
        """A presence changed: store it (which tells the bus), and do what follows."""
        code = change.code
        device = self._directory.device(code)
        if device is None:
            return
        came = change.presence is Presence.ONLINE
        first = came and (
            device.catalog_at is None
            or not device.catalog_complete
            or (change.reason is Reason.REGISTERED and change.before is not Presence.UNCONFIRMED)
        )
        self._directory.note_presence(code, change.presence, change.reason.value, at, first=first)
        if first:
            self._onboarding.begin(code)
        if change.presence is Presence.OFFLINE:
            self.calls.end_all(code, change.reason.value)
            link = self._links.get(code)
            if link is not None:
                link.lost(change.reason.value)

    def _connection_lost(self, path: Path) -> None:
        now, at = self._clock(), self._wall_clock()
        for code in self._bindings.lose_path(path):
            change = self._presence.gone(code, Reason.CONNECTION_LOST, now)
            if change is not None:
                self._note(change, at)

    async def _tick_forever(self) -> None:
        wrote_at = self._clock()
        while True:
            await asyncio.sleep(TICK_S)
            try:
                self._tick()
                if self._clock() - wrote_at >= WRITE_HEARD_EVERY_S:
                    wrote_at = self._clock()
                    self._write_heard()
            except Exception:
                log.exception("the look for silence failed; it is tried again in a second")

    def _tick(self) -> None:
        now, at = self._clock(), self._wall_clock()
        for change in self._presence.due(now):
            self._note(change, at)
        for silent in self._registrar.due(now, at):
            self._grievances.note(silent)
        self._grievances.flush(at)

    def _write_heard(self) -> None:
        heard = self._presence.take_heard()
        if heard:
            offset = self._wall_clock() - self._clock()
            self._directory.note_heard_many({code: when + offset for code, when in heard.items()})

    def _recall(self, device: Device, now: float, at: float) -> None:
        """Take up one device from before our restart."""
        if not device.enabled or device.expires_at is None or not device.remote_host:
            return
        path = None
        if device.transport == "UDP":
            remote, local = (device.remote_host, device.remote_port), (device.local_host, device.local_port)
            path = Path("UDP", remote, local)
        self._bindings.bind(
            Binding(
                device.code,
                path,
                device.remote_host,
                parse_edition(device.edition or None),
                device.edition,
                device.contact,
                device.user_agent,
            )
        )
        was_there = device.presence in (Presence.ONLINE, Presence.UNCONFIRMED)
        change = self._presence.recall(
            device.code,
            self._rhythm_of(device),
            now,
            expires_at=now + (device.expires_at - at),
            was_there=was_there,
        )
        if change is not None:
            self._note(change, at)

    # What the directory tells.

    def _hear(self, event: Event) -> None:
        match event:
            case DeviceChanged(code=code):
                device = self._directory.device(code)
                if device is None or self._bindings.of(code) is None:
                    return
                if device.enabled:
                    self._presence.change_rhythm(code, self._rhythm_of(device))
                else:
                    self._dismiss(code, Reason.DISABLED)
            case DeviceRemoved(code=code):
                self._dismiss(code, Reason.REMOVED)
                self._presence.forget(code)
                self._links.pop(code, None)
                self._inbox.forget(code)
                self.ladder.forget_peer(code)

    def _dismiss(self, code: str, reason: Reason) -> None:
        self._bindings.loose(code)
        change = self._presence.gone(code, reason, self._clock())
        if change is None:
            return
        self._note(change, self._wall_clock())
        if reason is Reason.REMOVED:
            self.calls.end_all(code, reason.value)

    # Small servants.

    def _path_of(self, code: str) -> Path | None:
        """The way to a neighbour that is there, or that we have not heard since our restart but believe to be."""
        if self._presence.presence(code) not in (Presence.ONLINE, Presence.UNCONFIRMED):
            return None
        binding = self._bindings.of(code)
        return None if binding is None else binding.path

    def _manners_of(self, code: str) -> Manners:
        device = self._directory.device(code)
        binding = self._bindings.of(code)
        peer_edition = Edition.V2016 if binding is None else binding.edition
        edition = min(self._edition, peer_edition, key=lambda each: each.number)
        if device is None:
            return Manners(edition=edition, charset=charset_for(edition))
        agent = device.user_agent if binding is None else binding.user_agent
        return Manners(
            dialect_for(device.dialect, device.manufacturer, agent), charset_for(edition, device.charset), edition
        )

    def _rhythm_of(self, device: Device) -> Rhythm:
        return Rhythm(
            device.keepalive_interval_s or self._settings.keepalive_interval_s,
            device.keepalive_count or self._settings.keepalive_count,
        )


def kind_of_device(code: str) -> DeviceKind:
    """What sort of neighbour a code announces (2022 annex E)."""
    kind = kind_of(code)
    if kind is None:
        return DeviceKind.OTHER
    number = int(kind)
    if number in (131, 132):
        return DeviceKind.CAMERA
    if 111 <= number <= 130:
        return DeviceKind.RECORDER
    return DeviceKind.PLATFORM if number >= 200 else DeviceKind.OTHER


def _attempt(request: Request, path: Path, code: str) -> Attempt:
    """What admission reads of a REGISTER. Raises ValueError when To or Via cannot be read."""
    via = request.via
    return Attempt(
        code,
        request.uri,
        path.remote[0],
        path.remote[1],
        path.transport,
        request.to.user,
        tuple(request.headers.all("Authorization")),
        request.user_agent[:SHOWN_AGENT],
        f"{via.host}:{via.port or 5060}",
    )


def _contact_expiry(request: Request) -> str | None:
    try:
        contact = request.contact
    except ValueError:
        return None
    return None if contact is None else contact.param("expires")


def _whereabouts(path: Path) -> dict[str, object]:
    return {
        "transport": path.transport,
        "remote_host": path.remote[0],
        "remote_port": path.remote[1],
        "local_host": path.local[0],
        "local_port": path.local[1],
    }
