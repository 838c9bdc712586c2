"""REGISTER on the wire: the registrar judges, here the verdict is answered and carried out (GB/T 28181-2022 9.1)."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable

from gb28181.code import kind_of
from gb28181.dialect import dialect_for
from gb28181.edition import parse_edition
from registry.device import Device, DeviceKind
from registry.directory import Directory
from registry.presence import Reason
from registry.refusal import Refusal, RefusalSeen
from sipserver.below.attendance import Attendance
from sipserver.below.bindings import Binding, Bindings
from sipserver.below.certificates import Certificates
from sipserver.below.clock import date_header
from sipserver.below.errands import Errands
from sipserver.below.gate import whereabouts
from sipserver.below.grievances import Grievances
from sipserver.below.redirect import Redirect, Server
from sipserver.below.registrar import (
    Attempt,
    Challenged,
    Granted,
    Refused,
    Registrar,
    RegistrarStatistics,
    ToProve,
    granted_expiry_s,
)
from sipserver.below.settings import BelowSettings
from sipserver.below.twins import Twins, twins_words
from sipserver.sip.digest import Challenge
from sipserver.sip.header import cut_outside_quotes, list_items
from sipserver.sip.message import Field, Request
from sipserver.stack import Incoming, Path

log = logging.getLogger(__name__)

SHOWN_AGENT = 128
SHOWN_CONTACT = 256
SHOWN_VERSION = 16


class Reception:
    """Answers REGISTER. Every answer, good or bad, names our edition in X-GB-Ver (2022 annex I)."""

    def __init__(
        self,
        directory: Directory,
        settings: BelowSettings,
        bindings: Bindings,
        attendance: Attendance,
        grievances: Grievances,
        errands: Errands,
        twins: Twins,
        *,
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
        came_again: Callable[[str], None] = lambda code: None,
        date_clock: Callable[[], float] = time.time,
        redirect: Redirect | None = None,
        certificates: Certificates | None = None,
    ) -> None:
        self._directory = directory
        self._settings = settings
        self._bindings = bindings
        self._attendance = attendance
        self._grievances = grievances
        self._errands = errands
        self._twins = twins
        self._clock = clock
        self._wall_clock = wall_clock
        self._came_again = came_again
        self._date_clock = date_clock
        self._redirect = redirect
        self._registrar = Registrar(settings, key=os.urandom(32), noise=os.urandom, certificates=certificates)
        self._version: tuple[Field, ...] = (("X-GB-Ver", settings.edition),)
        self._admitting: set[str] = set()
        self.moved = 0
        """How often a code came from another host than before: it moved, or two devices bear one code."""

    def statistics(self) -> RegistrarStatistics:
        return self._registrar.statistics()

    def look(self) -> None:
        """Challenges that nobody answered become refusals. Call about once a second."""
        for silent in self._registrar.due(self._clock(), self._wall_clock()):
            self._grievances.note(silent)

    def take(self, incoming: Incoming, code: str) -> None:
        """One REGISTER, From `code`."""
        request, path = incoming.request, incoming.path
        try:
            attempt = attempt_of(request, path, code)
        except ValueError:
            incoming.respond(400, headers=self._version)
            return
        binding = self._bindings.of(code)
        at_home = binding is not None and binding.last_host == path.remote[0]
        device = self._directory.device(code)
        verdict = self._registrar.judge(attempt, device, self._clock(), self._wall_clock(), at_home=at_home)
        match verdict:
            case Challenged():
                if verdict.refusal is not None:
                    self._grievances.note(verdict.refusal)
                incoming.respond(401, headers=(*self._challenges(verdict), *self._version))
            case ToProve():
                incoming.respond(401, headers=(("WWW-Authenticate", verdict.challenge), *self._version))
            case Refused():
                self._grievances.note(verdict.refusal)
                wait = (("Retry-After", str(max(1, round(verdict.wait_s)))),) if verdict.wait_s > 0 else ()
                incoming.respond(403, headers=(*wait, *self._version))
            case Granted(is_new=True):
                self._admit(incoming, attempt)
            case Granted():
                self._grant(incoming, code)

    def _challenges(self, verdict: Challenged) -> list[Field]:
        challenges = []
        for algorithm in verdict.algorithms:
            qop = "auth" if self._settings.qop or algorithm != "MD5" else None
            challenge = Challenge(self._settings.domain, verdict.nonce, algorithm, qop, verdict.stale)
            challenges.append(("WWW-Authenticate", str(challenge)))
        return challenges

    def _admit(self, incoming: Incoming, attempt: Attempt) -> None:
        """Open admission: the answer waits until the device is stored, for nobody is online whom nobody knows."""
        code = attempt.code
        if code not in self._admitting and self._errands.add(
            f"admission of {code}", lambda: self._store_and_grant(incoming, code)
        ):
            self._admitting.add(code)
            return
        incoming.respond(503, headers=(("Retry-After", "5"), *self._version))
        self._grievances.note(
            RefusalSeen(
                code,
                Refusal.TABLE_FULL,
                "too many new devices at once; it may try again",
                f"{attempt.host}:{attempt.port}",
                attempt.transport,
                self._wall_clock(),
                attempt.user_agent,
            )
        )

    async def _store_and_grant(self, incoming: Incoming, code: str) -> None:
        try:
            if self._directory.device(code) is None:
                device = Device(code, kind=kind_of_device(code), added_at=self._wall_clock())
                await self._directory.add_device(device)
        except Exception:
            incoming.respond(500, headers=self._version)
            raise
        finally:
            self._admitting.discard(code)
        self._grant(incoming, code)

    def _grant(self, incoming: Incoming, code: str) -> None:
        request = incoming.request
        device = self._directory.device(code)
        if device is None:  # removed in this very moment
            incoming.respond(403, headers=self._version)
            return
        expires_s = granted_expiry_s(self._settings, request.headers.get("Expires"), contact_expiry(request))
        if expires_s and self._redirect is not None:
            server = self._redirect.server_for(code, self._clock())
            if server is not None:
                self._send_on(incoming, code, server)
                return
        incoming.respond(200, headers=self._granted_headers(request, device, expires_s))
        if expires_s == 0:
            self._bindings.loose(code)
            self._directory.note_registration(code, expires_at=self._wall_clock())
            self._attendance.gone(code, Reason.DEREGISTERED)
        else:
            self._bind(request, incoming.path, device, expires_s)

    def _send_on(self, incoming: Incoming, code: str, server: Server) -> None:
        lasts = ("Expires", str(self._settings.redirect_expires_s))
        incoming.respond(302, headers=(("Contact", f"<{server.uri}>"), lasts, *self._version))
        log.info("%s is sent on to %s", code, server.uri)
        if self._bindings.loose(code) is not None:
            self._attendance.gone(code, Reason.REDIRECTED)

    def _granted_headers(self, request: Request, device: Device, expires_s: int) -> list[Field]:
        headers: list[Field] = []
        contact = request.headers.get("Contact")
        if contact and contact != "*" and expires_s:
            headers.append(("Contact", with_expiry(contact, expires_s)))
        headers += (("Expires", str(expires_s)), *self._version)
        dialect = dialect_for(device.dialect, device.manufacturer, request.user_agent[:SHOWN_AGENT])
        if self._settings.send_date and device.send_date and not dialect.reads_date_as_utc:
            headers.append(("Date", date_header(self._date_clock())))
        return headers

    def _bind(self, request: Request, path: Path, device: Device, expires_s: int) -> None:
        code, at = device.code, self._wall_clock()
        said = (request.headers.get("X-GB-Ver") or "")[:SHOWN_VERSION]
        contact = (request.headers.get("Contact") or "")[:SHOWN_CONTACT]
        agent = request.user_agent[:SHOWN_AGENT]
        binding = Binding(
            code, path, path.remote[0], parse_edition(said or None), said, contact, agent, request.call_id
        )
        before = self._bindings.bind(binding)
        if before is not None and before.last_host != path.remote[0]:
            self._note_move(binding, before.last_host, path)
        self._directory.note_registration(
            code,
            **whereabouts(path),
            contact=contact,
            user_agent=agent,
            edition=said,
            registered_at=at,
            expires_at=at + expires_s,
        )
        self._attendance.registered(device, expires_s)
        if before is not None and before.call_id and before.call_id != request.call_id:
            # All REGISTERs of one life should bear one Call-ID (RFC 3261 10.2.4): it may have restarted.
            self._came_again(code)

    def _note_move(self, binding: Binding, before: str, path: Path) -> None:
        """It was at host `before`. That it has moved is its right; that it comes back is told to the operator."""
        code, host, now = binding.code, path.remote[0], self._clock()
        self.moved += 1
        log.info("%s registered from %s and was at %s before", code, path, before)
        if self._twins.has_left(code, host, now):
            source = f"{host}:{path.remote[1]}"
            words = twins_words(code, host, before)
            self._grievances.note(
                RefusalSeen(
                    code,
                    Refusal.DUPLICATE_CODE,
                    words,
                    source,
                    path.transport,
                    self._wall_clock(),
                    binding.user_agent,
                )
            )
        self._twins.moved(code, before, now)


def attempt_of(request: Request, path: Path, code: str) -> Attempt:
    """What admission reads of a REGISTER. Raises ValueError when To or Via cannot be read."""
    sent_by = request.hop.sent_by
    return Attempt(
        code,
        request.uri,
        path.remote[0],
        path.remote[1],
        path.transport,
        request.to.user,
        tuple(request.headers.all("Authorization")),
        request.user_agent[:SHOWN_AGENT],
        sent_by if ":" in sent_by else f"{sent_by}:5060",
    )


def with_expiry(contacts: str, expires_s: int) -> str:
    """A Contact header as it came, but where it names a time, it is the time granted: a client goes by that one
    rather than by Expires (RFC 3261 10.2.4).

    >>> with_expiry("<sip:a@10.0.0.9;expires=1>;Expires=7200;q=1", 3600)
    '<sip:a@10.0.0.9;expires=1>;expires=3600;q=1'
    """
    if "expires" not in contacts.lower():
        return contacts
    told = []
    for contact in list_items(contacts):
        address, *params = cut_outside_quotes(contact, ";")
        while params and address.count("<") > address.count(">"):
            address += f";{params.pop(0)}"  # it belongs to the address within the brackets
        told.append(
            ";".join(
                [address]
                + [
                    f"expires={expires_s}" if each.partition("=")[0].strip().lower() == "expires" else each
                    for each in params
                ]
            )
        )
    return ", ".join(told)


def contact_expiry(request: Request) -> str | None:
    """The `expires=` of the first Contact, None when it has none or cannot be read."""
    if "expires" not in (request.headers.get("Contact") or "").lower():
        return None
    try:
        contact = request.contact
    except ValueError:
        return None
    return None if contact is None else contact.param("expires")


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
