"""Those who register with us: the door where their requests come in, and where they are found as peers.

The gate says whose a request is, the reception answers REGISTER, the inbox takes the rest; attendance knows who is
there, onboarding asks newcomers what they have. Everything runs on the loop and returns at once; one tick a second
looks for silence.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from typing import Any

from gb28181.charset import charset_for
from gb28181.dialect import dialect_for
from gb28181.edition import Edition, parse_edition
from gb28181.manscdp.catalog import Catalog, CatalogQuery
from gb28181.peer import Gathered, PeerOffline
from registry.catalog import Diff
from registry.device import Device, DeviceKind, Presence
from registry.directory import Directory
from registry.events import Bus, DeviceCameOnline, DeviceChanged, DeviceRemoved, DeviceWentOffline, Event
from registry.presence import Reason
from registry.refusal import Refusal, RefusalSeen
from sipserver.addresses import resolved
from sipserver.below.attendance import Attendance
from sipserver.below.bindings import Binding, Bindings
from sipserver.below.calls import CallBook
from sipserver.below.certificates import Certificates
from sipserver.below.errands import Errands
from sipserver.below.follow import Follow
from sipserver.below.following import Followed, Subject
from sipserver.below.gate import Gate
from sipserver.below.grievances import Grievances
from sipserver.below.inbox import Inbox
from sipserver.below.ntp import NtpClock
from sipserver.below.onboarding import Onboarding
from sipserver.below.reception import Reception
from sipserver.below.redirect import Redirect, Server
from sipserver.below.returns import Returns
from sipserver.below.rings import Rings
from sipserver.below.settings import BelowSettings
from sipserver.below.twins import Twins
from sipserver.ladder import Ladder
from sipserver.link import LAST_SN, Link, LinkSettings, Manners
from sipserver.sip.message import Request, Response
from sipserver.stack import Incoming, Path, RequestTimedOut, Stack, TransportLost

log = logging.getLogger(__name__)

TICK_S = 1.0
SERVER_PATIENCE_S = 3.0
WRITE_HEARD_EVERY_S = 2.0


class Below:
    """Receives those who register with us, and finds them as peers (keeps `gb28181.peer.Neighbours`).

    Start it before the stack: then nothing comes in that it does not know. Close it before the stack, too: then
    connections that we break ourselves make nobody offline. The stack is the caller's to start and close.
    """

    def __init__(
        self,
        stack: Stack,
        directory: Directory,
        bus: Bus,
        settings: BelowSettings,
        *,
        certificates: Certificates | None = None,
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
        self._link_settings = link_settings(settings)
        self._links: dict[str, Link] = {}
        self._returns = Returns()
        self._bindings = Bindings()
        self.calls = CallBook()
        self.rings = Rings(stack)
        self._errands = Errands(limit=10_000, workers=4)
        self._replies = Errands(limit=1000, workers=16)
        self._grievances = Grievances(directory.note_refusal, size=settings.unknown_sources)
        self._onboarding = Onboarding(directory, settings, link=self.peer, clock=clock, wall_clock=wall_clock)
        self._attendance = Attendance(
            directory, settings, clock=clock, wall_clock=wall_clock, came=self._onboarding.begin, went=self._went
        )
        twins = Twins(size=settings.unknown_sources)
        self._ntp = NtpClock(settings.ntp_servers, every_s=settings.ntp_every_s, wall_clock=wall_clock)
        self.redirect = Redirect(
            [Server.parse(text) for text in settings.redirect_to], prefixes=settings.redirect_codes
        )
        self._asker: asyncio.Task[None] | None = None
        self._gate = Gate(
            directory,
            settings,
            self._bindings,
            self._attendance,
            self._grievances,
            twins,
            dialect_of=lambda code: self._manners_of(code).dialect,
            clock=clock,
            wall_clock=wall_clock,
        )
        self._reception = Reception(
            directory,
            settings,
            self._bindings,
            self._attendance,
            self._grievances,
            self._errands,
            twins,
            clock=clock,
            wall_clock=wall_clock,
            came_again=self._came_again,
            date_clock=self._ntp.now,
            redirect=self.redirect,
            certificates=certificates,
        )
        self._inbox = Inbox(
            directory,
            self._errands,
            self._replies,
            self.calls,
            link=self.peer,
            resync=self._onboarding.begin,
            is_asked=self._onboarding.is_busy_with,
            clock=clock,
            alarms_a_minute=settings.alarms_a_minute,
        )
        self._follow = Follow(
            stack,
            directory,
            settings,
            link=self.peer,
            take=self._take_notice,
            resync=self._onboarding.begin,
            is_asked=self._onboarding.is_busy_with,
            clock=clock,
            wall_clock=wall_clock,
        )
        self.ladder = Ladder(
            settings.code,
            owners_at=self._bindings.at,
            messages=settings.ladder_messages,
            most_bytes=settings.ladder_bytes,
        )
        self._ticker: asyncio.Task[None] | None = None
        self._unhear: Callable[[], None] | None = None
        stack.on_traffic = self.ladder.record
        stack.on_disbelieved = self._disbelieved
        stack.on_request = self._take
        stack.on_connection_lost = self._connection_lost
        stack.is_needed = self._is_needed

    def __repr__(self) -> str:
        return f"<Below {self._settings.code} {self._attendance!r}>"

    # Life.

    async def start(self) -> None:
        """Take up the devices known from before, then begin to watch for silence. The directory must be open."""
        for device in self._directory.all_devices():
            self._recall(device)
        self._unhear = self._bus.listen(self._hear)
        self._errands.start()
        self._replies.start()
        self._follow.start()
        self._onboarding.start()
        self._ticker = asyncio.create_task(self._tick_forever(), name="below-tick")
        self._ntp.start()
        if self.redirect.servers:
            self._asker = asyncio.create_task(self._ask_servers_forever(), name="below-servers")

    async def close(self) -> None:
        """Hear no more of the stack, and hand the last signs of life to the directory."""
        self._stack.on_connection_lost = None
        self._stack.on_request = None
        self._stack.is_needed = None
        for task in (self._ticker, self._asker):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        self._ticker = self._asker = None
        await self._ntp.close()
        if self._unhear is not None:
            self._unhear()
            self._unhear = None
        await self._follow.close()
        await self._onboarding.close()
        await self._replies.close()
        await self._errands.close()
        self._attendance.write_heard()

    # What others ask.

    def peer(self, code: str) -> Link | None:
        """The neighbour of that code, online or not; None when the directory does not know it."""
        link = self._links.get(code)
        if link is not None:
            return link
        device = self._directory.device(code)
        if device is None or device.kind is DeviceKind.OWN:
            return None
        link = self._links[code] = Link(
            code,
            self._stack,
            self._link_settings,
            self.calls,
            reach=lambda: self._path_of(code),
            manners=lambda: self._manners_of(code),
            is_online=lambda: self._attendance.presence(code) is Presence.ONLINE,
            is_expected=lambda: self._attendance.presence(code) is Presence.UNCONFIRMED,
            returned=lambda: self._returns.wait(code, self._settings.return_patience_s),
            first_sn=int.from_bytes(os.urandom(3), "big") % LAST_SN,
        )
        return link

    async def resync(self, code: str) -> None:
        """Begin to ask a device for its catalog anew; comes back at once. Raises PeerOffline."""
        if self._directory.device(code) is None or self._path_of(code) is None:
            raise PeerOffline(f"{code} is not online; its catalog cannot be asked for")
        self._onboarding.begin(code)

    async def ask_catalog(self, code: str, node: str) -> Diff:
        """Ask a neighbour for what stands under one node of its tree (a system, division, group, organisation or
        device), and take it in; nothing is removed. Raises PeerError and LookupError.
        """
        link = self.peer(code)
        if link is None:
            raise LookupError(f"no device {code} that could be asked")
        gathered = await link.ask(CatalogQuery(0, node))
        assert isinstance(gathered, Gathered)
        items = [item for part in gathered.parts if isinstance(part, Catalog) for item in part.items]
        return await self._directory.apply_notice(code, items)

    def at(self, path: Path) -> Collection[str]:
        """The codes of those who registered from where `path` leads."""
        return self._bindings.at(path)

    def follow(self, code: str, subject: Subject, *, target: str = "", interval_s: int = 0, by: str = "") -> None:
        """Subscribe to a subject of a neighbour, beside what the settings say; `by` is whoever wishes for it.

        Raises LookupError, ValueError.
        """
        self._follow.follow(code, subject, target=target, interval_s=interval_s, by=by)

    def unfollow(self, code: str, subject: Subject, *, target: str = "", by: str = "") -> None:
        """Take such a wish back; the last one ends the subscription. Harmless when there is none."""
        self._follow.unfollow(code, subject, target=target, by=by)

    def following(self, code: str) -> tuple[Followed, ...]:
        """How our subscriptions at a neighbour stand."""
        return self._follow.following(code)

    def is_onboarding(self, code: str) -> bool:
        """Whether its catalog is being asked for, or about to be."""
        return self._onboarding.is_busy_with(code)

    def statistics(self) -> Mapping[str, Any]:
        """Figures of every part, as plain values."""
        return {
            "presence": asdict(self._attendance.statistics()),
            "registrar": asdict(self._reception.statistics()),
            "refusals": self._grievances.total,
            "refused": {str(reason): count for reason, count in self._grievances.by_reason.items()},
            "turned_away": self._gate.turned_away,
            "followed": self._gate.followed,
            "moved": self._reception.moved,
            "ntp": asdict(self._ntp.statistics()),
            "sent_on": {"sent": self.redirect.sent, "kept": self.redirect.kept},
            "bindings": len(self._bindings),
            "inbox": self._inbox.statistics(),
            "onboarding": asdict(self._onboarding.statistics()),
            "following": self._follow.statistics(),
            "rings": {"up": len(self.rings), "taken": self.rings.taken, "refused": self.rings.refused},
            "calls": {"up": len(self.calls), "placed": self.calls.placed, "refused": self.calls.refused},
            "errands": {
                "waiting": len(self._errands) + len(self._replies),
                "refused": self._errands.refused + self._replies.refused,
                "failed": self._errands.failed + self._replies.failed,
            },
            "ladder": asdict(self.ladder.statistics()),
        }

    def look(self) -> None:
        """What once a second is looked for: silence, challenges without an answer, refusals held back."""
        self._attendance.look()
        self._reception.look()
        self._follow.look()
        self._grievances.flush(self._wall_clock())

    # What comes in.

    def _take(self, incoming: Incoming) -> None:
        request = incoming.request
        try:
            code = request.from_.user
        except ValueError:
            incoming.respond(400)
            return
        if request.method == "REGISTER":
            self._reception.take(incoming, code)
            return
        owner = self._gate.admit(incoming, code)
        if owner is None:
            return
        self._attendance.heard(owner)
        match request.method:
            case "MESSAGE" | "NOTIFY":
                self._inbox.take(incoming, owner, self._wall_clock())
            case "INVITE":
                self.rings.take(incoming, owner)
            case "SUBSCRIBE":
                incoming.respond(489)
            case _:
                incoming.respond(501)

    def _take_notice(self, incoming: Incoming, code: str) -> None:
        """A NOTIFY in a subscription of ours; it is believed from where the neighbour registered, like all else."""
        owner = self._gate.admit(incoming, code)
        if owner is not None:
            self._attendance.heard(owner)
            self._inbox.take(incoming, owner, self._wall_clock())

    def _disbelieved(self, message: Request | Response, path: Path, why: str) -> None:
        """A message that its Note did not prove was dropped: the operator hears of it."""
        is_request = isinstance(message, Request)
        try:
            code = (message.from_ if is_request else message.to).user
        except ValueError:
            code = ""
        what = message.method if isinstance(message, Request) else f"answer {message.status}"
        self._grievances.note(
            RefusalSeen(
                code[:64],
                Refusal.UNPROVEN,
                f"{what}: {why}",
                f"{path.remote[0]}:{path.remote[1]}",
                path.transport,
                self._wall_clock(),
                message.user_agent[:128],
            )
        )

    def _is_needed(self, path: Path) -> bool:
        """Whether somebody who is there registered by that connection: how long one may be silent, attendance knows."""
        return any(self._attendance.is_within_reach(code) for code in self._bindings.at(path))

    def _connection_lost(self, path: Path) -> None:
        for code in self._bindings.lose_path(path):
            self._attendance.gone(code, Reason.CONNECTION_LOST)

    def _hear(self, event: Event) -> None:
        """What the bus tells of devices that people edit."""
        match event:
            case DeviceCameOnline(code=code):
                self._returns.settle(code)
                self._follow.came(code)
            case DeviceWentOffline(code=code):
                self._returns.settle(code)
                self._follow.left(code)
            case DeviceChanged(code=code):
                device = self._directory.device(code)
                if device is None or self._bindings.of(code) is None:
                    return
                if device.enabled:
                    self._attendance.changed(device)
                    self._follow.changed(code)
                else:
                    self._bindings.loose(code)
                    self._attendance.gone(code, Reason.DISABLED)
            case DeviceRemoved(code=code):
                self._returns.settle(code)
                self._bindings.loose(code)
                self._attendance.gone(code, Reason.REMOVED)
                self._attendance.forget(code)
                self._follow.forget(code)
                self._links.pop(code, None)
                self._inbox.forget(code)
                self.ladder.forget_peer(code)

    def _came_again(self, code: str) -> None:
        """A neighbour that was there registered as if it were new: does it still know what we asked of it?"""
        self._follow.verify(code)
        device = self._directory.device(code)
        if device is not None and not (device.catalog_at is not None and device.catalog_complete):
            self._onboarding.begin(code)

    def _went(self, code: str, reason: str) -> None:
        """A neighbour is offline: its sessions end, and nobody waits for its answers."""
        self.calls.end_all(code, reason)
        self.rings.end_all(code, reason)
        link = self._links.get(code)
        if link is not None:
            link.lost(reason)

    # Silence.

    async def _tick_forever(self) -> None:
        wrote_at = self._clock()
        while True:
            await asyncio.sleep(TICK_S)
            try:
                self.look()
                if self._clock() - wrote_at >= WRITE_HEARD_EVERY_S:
                    wrote_at = self._clock()
                    self._attendance.write_heard()
            except Exception:
                log.exception("the look for silence failed; it is tried again in a second")

    async def _ask_servers_forever(self) -> None:
        """Whether the servers that devices are sent on to are there. Whatever answers OPTIONS at all is."""
        while True:
            await asyncio.gather(*(self._ask_server(server) for server in self.redirect.servers))
            await asyncio.sleep(self._settings.redirect_ask_s)

    async def _ask_server(self, server: Server) -> None:
        try:
            path = self._stack.udp_path((await resolved(server.host), server.port))
            uri = f"sip:{self._settings.code}@{self._settings.domain}"
            request = self._stack.new_request("OPTIONS", server.uri, from_uri=uri, to_uri=server.uri, path=path)
            await self._stack.ask(request, path, timeout_s=SERVER_PATIENCE_S)
        except (OSError, RuntimeError, RequestTimedOut, TransportLost, TimeoutError) as silent:
            if self.redirect.answers(server):
                log.warning("%s does not answer (%s); no device is sent there", server.uri, silent)
            self.redirect.heard(server, answers=False)
        else:
            self.redirect.heard(server, answers=True)

    def _recall(self, device: Device) -> None:
        """Take up one device from before our restart. By a TCP connection nobody comes back, by UDP one may."""
        if not device.enabled or device.expires_at is None or not device.remote_host:
            return
        path = None
        if device.transport == "UDP":
            remote, local = (device.remote_host, device.remote_port), (device.local_host, device.local_port)
            path = Path("UDP", remote, local)
        edition = parse_edition(device.edition or None)
        self._bindings.bind(
            Binding(device.code, path, device.remote_host, edition, device.edition, device.contact, device.user_agent)
        )
        self._attendance.recall(device, device.expires_at)

    # How to reach and to address a neighbour.

    def _path_of(self, code: str) -> Path | None:
        binding = self._bindings.of(code) if self._attendance.is_within_reach(code) else None
        return None if binding is None else binding.path

    def _manners_of(self, code: str) -> Manners:
        device, binding = self._directory.device(code), self._bindings.of(code)
        said = Edition.V2016 if binding is None else binding.edition
        edition = min(self._edition, said, key=lambda each: each.number)
        if device is None:
            return Manners(charset=charset_for(edition), edition=edition)
        agent = device.user_agent if binding is None else binding.user_agent
        dialect = dialect_for(device.dialect, device.manufacturer, agent)
        return Manners(dialect, charset_for(edition, device.charset), edition)


def link_settings(settings: BelowSettings) -> LinkSettings:
    """What links need to know of our settings."""
    return LinkSettings(
        code=settings.code,
        domain=settings.domain,
        edition=parse_edition(settings.edition),
        ask_patience_s=settings.ask_patience_s,
        catalog_patience_s=settings.catalog_patience_s,
        records_patience_s=settings.records_patience_s,
        part_patience_s=settings.part_patience_s,
        catalog_items_limit=settings.catalog_items_limit,
    )
