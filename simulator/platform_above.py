"""A platform with which others register: it challenges, watches, asks, follows and calls, with faults to order.

It owes nothing to the house's own side below (no directory, no broker), so it can judge our role of the lower one.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone

from gb28181.charset import Charset, charset_for
from gb28181.edition import Edition, parse_edition
from gb28181.manscdp.alarm import Alarm, AlarmQuery, AlarmResponse
from gb28181.manscdp.catalog import CatalogNotice, CatalogQuery
from gb28181.manscdp.keepalive import Keepalive
from gb28181.manscdp.message import Manscdp, expected, parse, serialise
from gb28181.manscdp.position import MobilePositionQuery, PtzPositionQuery
from gb28181.routepath import PREFERRED_PATH
from gb28181.sdp import UDP, live_offer, parse_answer
from gb28181.sdp import serialise as write_sdp
from gb28181.ssrc import ssrc_number
from gb28181.subject import Subject
from simulator.call import Call
from simulator.faults import Faults
from simulator.followed import Followed
from simulator.gathering import Gathered, Refused, Waiting
from simulator.mirror import Mirror
from simulator.receiver import Receiver
from sipserver.sip.digest import Challenge, Credentials
from sipserver.sip.message import Field, Request, Response
from sipserver.stack import Incoming, Path, RequestTimedOut, Stack, StackSettings, TransportLost

log = logging.getLogger(__name__)

MANSCDP = "Application/MANSCDP+xml"
_BEIJING = timezone(timedelta(hours=8))
_ANSWER_S = 5.0
_MOST_HEARD = 100_000


@dataclass(frozen=True, slots=True)
class UpperSettings:
    """Who it is, whom it lets in, how patient it is. Times are seconds."""

    code: str
    password: str
    host: str = "127.0.0.1"
    port: int = 0
    users: tuple[str, ...] = ()
    """Whom the digest may name; empty means anybody who knows the password."""
    edition: Edition = Edition.V2022
    expires_s: int = 86_400
    """Longer wishes are granted this."""
    keepalive_s: float = 60.0
    keepalive_count: int = 3
    ask_s: float = 10.0
    """The wait for an answer, and the longest silence between two parts of one."""
    invite_s: float = 15.0
    faults: Faults = field(default_factory=Faults)


@dataclass(slots=True)
class Registered:
    """One that registered with us. Times are of the monotonic clock."""

    code: str
    path: Path
    edition: Edition
    expires_at: float
    heard_at: float
    registrations: int = 1
    keepalives: int = 0
    call_ids: set[str] = field(default_factory=set)


class Upper:
    """A platform at work in the role of the upper one; a context manager. `heard` counts what came, by kind."""

    def __init__(self, settings: UpperSettings) -> None:
        self.settings = settings
        self.faults = settings.faults
        self.stack = Stack(StackSettings(host=settings.host, port=settings.port, user_agent="Lianwang simulator"))
        self.stack.on_request = self._take
        self.lowers: dict[str, Registered] = {}
        self.registers: list[Request] = []
        self.heard: Counter[str] = Counter()
        self.alarms: list[Alarm] = []
        self.notices: list[Manscdp] = []
        self.mirrors: dict[str, Mirror] = {}
        self.on_heard: Callable[[str, str], None] | None = None
        """(code, what): every message that comes, for who wants to print it."""
        self._sn = 0
        self._serial = 0
        self._nonces: set[str] = set()
        self._asks: dict[int, Waiting] = {}
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Upper:
        await self.stack.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stack.close()

    @property
    def port(self) -> int:
        return self.stack.port

    @property
    def domain(self) -> str:
        return self.settings.code[:10]

    async def registered(self, code: str, patience_s: float = 10.0) -> Registered:
        """Once that platform is registered. TimeoutError when it does not come."""
        async with asyncio.timeout(patience_s):
            while code not in self.lowers:
                self._changed.clear()
                await self._changed.wait()
        return self.lowers[code]

    def is_alive(self, code: str) -> bool:
        """Registered, not expired, and heard of within keepalive_s times keepalive_count."""
        lower = self.lowers.get(code)
        if lower is None:
            return False
        now = time.monotonic()
        patience_s = self.settings.keepalive_s * self.settings.keepalive_count
        return now < lower.expires_at and now - lower.heard_at <= patience_s

    def mirror(self, code: str) -> Mirror:
        """What we believe to stand below `code`."""
        return self.mirrors.setdefault(code, Mirror())

    # What we ask.

    async def ask(self, code: str, query: Manscdp, *, to: str = "") -> Gathered:
        """Ask and gather. Raises Refused for a SIP refusal and RequestTimedOut for silence; a list may be in parts.

        The query's SN is ours to choose. `to` is whom the To header names, when not the platform.
        """
        self._sn = self._sn % 999_999 + 1
        query = replace(query, sn=self._sn)
        waiting = self._asks[self._sn] = Waiting()
        began = time.monotonic()
        try:
            response = await self.tell(code, query, to=to)
            if response.status >= 300:
                raise Refused(query.cmd_type, response)
            is_whole = await waiting.gather(self.settings.ask_s)
        finally:
            del self._asks[query.sn]
        if not waiting.parts:
            raise RequestTimedOut(f"{code} said nothing to {query.cmd_type}")
        first = expected(waiting.parts[0])
        return Gathered(
            tuple(waiting.parts), first[0] if first else len(waiting.parts), is_whole, time.monotonic() - began
        )

    async def ask_catalog(self, code: str, node: str = "") -> Gathered:
        """The catalog of a node, of the whole platform without one; the whole fills our mirror."""
        got = await self.ask(code, CatalogQuery(0, node or code))
        if got.is_whole and node in ("", code):
            self.mirror(code).fill(got.items)
        return got

    async def tell(self, code: str, said: Manscdp, *, headers: Iterable[Field] = (), to: str = "") -> Response:
        """Send one message and wait for its SIP answer. RequestTimedOut, TransportLost, KeyError for a stranger."""
        path = self.lowers[code].path
        request = self.stack.new_request(
            "MESSAGE",
            f"sip:{code}@{path.remote[0]}:{path.remote[1]}",
            from_uri=f"sip:{self.settings.code}@{self.domain}",
            to_uri=f"sip:{to or code}@{self.domain}",
            path=path,
            headers=headers,
            body=self._encode(said),
            content_type=MANSCDP,
        )
        return await self.stack.ask(request, path, timeout_s=_ANSWER_S)

    async def follow(
        self, code: str, subject: str = "catalog", target: str = "", *, expires_s: int = 600, interval_s: int = 5
    ) -> Followed:
        """Subscribe to catalog, alarm, position or ptz. Raises Refused, RequestTimedOut."""
        followed = Followed(subject, target or code, self.mirror(code))
        path = self.lowers[code].path
        self._sn += 1
        request = self.stack.new_request(
            "SUBSCRIBE",
            f"sip:{code}@{path.remote[0]}:{path.remote[1]}",
            from_uri=f"sip:{self.settings.code}@{self.domain}",
            to_uri=f"sip:{code}@{self.domain}",
            path=path,
            contact_user=self.settings.code,
            headers=(
                ("Event", f"Catalog;id={self._sn}" if subject == "catalog" else "presence"),
                ("Expires", str(expires_s)),
            ),
            body=self._encode(self._wish(followed, interval_s)),
            content_type=MANSCDP,
        )
        response, dialog = await self.stack.subscribe(request, path, on_request=followed.hear, timeout_s=_ANSWER_S)
        if dialog is None:
            raise Refused("SUBSCRIBE", response)
        followed.dialog = dialog
        followed.granted_s = response.expires if response.expires is not None else expires_s
        return followed

    async def refresh(self, followed: Followed, expires_s: int = 600) -> Response:
        """Refresh a subscription in its dialog, or with 0 end it."""
        assert followed.dialog is not None
        self._sn += 1
        event = "Catalog;id=1" if followed.subject == "catalog" else "presence"
        response = await followed.dialog.request(
            "SUBSCRIBE",
            headers=(("Event", event), ("Expires", str(expires_s))),
            body=self._encode(self._wish(followed, 5)),
            content_type=MANSCDP,
            timeout_s=_ANSWER_S,
        )
        if not expires_s:
            followed.dialog.forget()
        return response

    async def invite(
        self,
        code: str,
        channel: str,
        *,
        transport: str = UDP,
        with_y: bool = True,
        session: str = "Play",
        start: int = 0,
        stop: int = 0,
        speed: int | None = None,
        via: tuple[str, ...] = (),
        headers: Iterable[Field] = (),
    ) -> Call:
        """Call a channel below `code`; live, or Playback and Download of `start` to `stop`. Raises Refused.

        `via` is the wished path (X-PreferredPath). Without `with_y`, or with that fault, the offer has no y= line.
        """
        path = self.lowers[code].path
        receiver = Receiver(transport, self.stack.local_host_for(path.remote))
        await receiver.open()
        is_live = session == "Play"
        self._serial += 1
        realm = "0000000000" if self.faults.foreign_ssrc else self.settings.code
        ssrc = ssrc_number(is_live, realm, self._serial % 10_000)
        offer = live_offer(
            self.settings.code,
            receiver.host,
            receiver.port,
            None if self.faults.no_y or not with_y else ssrc,
            transport,
            edition=self.settings.edition,
        )
        if not is_live:
            offer = replace(offer, session=session, start=start, stop=stop, uri=f"{channel}:0", downloadspeed=speed)
        serial = f"{0 if is_live else 1}{self._serial:09d}"
        request = self.stack.new_request(
            "INVITE",
            f"sip:{channel}@{path.remote[0]}:{path.remote[1]}",
            from_uri=f"sip:{self.settings.code}@{self.domain}",
            to_uri=f"sip:{channel}@{self.domain}",
            path=path,
            contact_user=self.settings.code,
            headers=(
                ("Subject", str(Subject(channel, serial, self.settings.code, str(self._serial)))),
                *([(PREFERRED_PATH, "-".join(via))] if via else []),
                *headers,
            ),
            body=write_sdp(offer),
            content_type="application/sdp",
        )
        try:
            response, dialog = await self.stack.invite(request, path, timeout_s=self.settings.invite_s)
            if dialog is None:
                raise Refused("INVITE", response)
            answer = parse_answer(response.body, offer)
            call = Call(dialog, response, answer, receiver)
            dialog.ack()
            await receiver.aim(answer.host, answer.port)
        except BaseException:
            await receiver.close()
            raise
        return call

    def _wish(self, followed: Followed, interval_s: int) -> Manscdp:
        target = followed.target
        match followed.subject:
            case "catalog":
                return CatalogQuery(self._sn, target)
            case "alarm":
                return AlarmQuery(self._sn, target)
            case "position":
                return MobilePositionQuery(self._sn, target, interval_s)
            case "ptz":
                return PtzPositionQuery(self._sn, target)
        raise ValueError(f"one follows catalog, alarm, position or ptz, not {followed.subject!r}")

    def _encode(self, said: Manscdp) -> bytes:
        edition = self.settings.edition
        if self.faults.wrong_charset:
            return serialise(said, Charset.GB2312, edition).decode("gb18030").encode()
        return serialise(said, charset_for(edition), edition)

    # What comes.

    def _take(self, incoming: Incoming) -> None:
        request = incoming.request
        method = request.method
        said: Manscdp | None = None
        kinds = [method]
        if method in ("MESSAGE", "NOTIFY"):
            try:
                said = parse(request.body)
            except ValueError:
                incoming.respond(400)
                return
            kinds.append(said.cmd_type)
        self.heard[kinds[-1]] += 1
        if self.on_heard is not None:
            self.on_heard(request.from_.uri.user or "", kinds[-1])
        if not self.faults.mute.isdisjoint(kinds):
            return
        status = next((self.faults.refuse[kind] for kind in kinds if kind in self.faults.refuse), 0)
        if status:
            incoming.respond(status, headers=self._version())
        elif method == "REGISTER":
            self._register(incoming)
        elif said is None:
            incoming.respond(405)
        else:
            self._hear(incoming, said)

    def _register(self, incoming: Incoming) -> None:
        request = incoming.request
        self.registers.append(request)
        code = request.from_.uri.user or ""
        given = request.headers.get("Authorization")
        if given is None or not self._is_right(given):
            nonce = secrets.token_hex(8)
            self._nonces.add(nonce)
            challenge = Challenge(realm=self.domain, nonce=nonce)
            incoming.respond(
                401 if given is None else 403, headers=[("WWW-Authenticate", str(challenge)), *self._version()]
            )
            return
        wanted_s = request.expires if request.expires is not None else 3_600
        if self.faults.redirect is not None:
            other, host, port = self.faults.redirect
            contact = f"<sip:{other}@{host}:{port}>"
            incoming.respond(302, headers=[("Contact", contact), ("Expires", str(wanted_s)), *self._version()])
            return
        granted_s = min(wanted_s, self.settings.expires_s)
        date = datetime.now(_BEIJING).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
        incoming.respond(200, headers=[("Expires", str(granted_s)), ("Date", date), *self._version()])
        now = time.monotonic()
        known = self.lowers.pop(code, None)
        if granted_s:
            lower = Registered(
                code, incoming.path, parse_edition(request.headers.get("X-GB-Ver")), now + granted_s, now
            )
            if known is not None:
                lower.registrations, lower.keepalives = known.registrations + 1, known.keepalives
                lower.call_ids = known.call_ids
            lower.call_ids.add(request.call_id)
            self.lowers[code] = lower
        self._changed.set()

    def _is_right(self, given: str) -> bool:
        try:
            credentials = Credentials.parse(given)
        except ValueError:
            return False
        if credentials.nonce not in self._nonces:
            return False
        self._nonces.discard(credentials.nonce)
        allowed = not self.settings.users or credentials.username in self.settings.users
        return allowed and credentials.is_right(self.settings.password, "REGISTER")

    def _version(self) -> list[Field]:
        return [("X-GB-Ver", self.settings.edition.value)] if self.settings.edition.is_2022 else []

    def _hear(self, incoming: Incoming, said: Manscdp) -> None:
        lower = self.lowers.get(incoming.request.from_.uri.user or "")
        if lower is None:
            incoming.respond(403)
            return
        incoming.respond(200)
        lower.heard_at = time.monotonic()
        # The newest way is the one by which it was heard last: addresses change behind translators.
        lower.path = incoming.path
        match said:
            case Keepalive():
                lower.keepalives += 1
            case Alarm():
                self.alarms.append(said)
                thanks = asyncio.create_task(self._thank(lower.code, said))
                self._tasks.add(thanks)
                thanks.add_done_callback(self._tasks.discard)
            case CatalogNotice():
                self.mirror(lower.code).apply(said.items)
                self._note(said)
            case _:
                waiting = self._asks.get(said.sn)
                if waiting is not None:
                    waiting.take(said)
                else:
                    self._note(said)
        self._changed.set()

    async def _thank(self, code: str, alarm: Alarm) -> None:
        # Whoever raised an alarm and left gets no thanks.
        with suppress(RequestTimedOut, TransportLost, KeyError):
            await self.tell(code, AlarmResponse(alarm.sn, alarm.device))

    def _note(self, said: Manscdp) -> None:
        if len(self.notices) < _MOST_HEARD:
            self.notices.append(said)
