"""Registers with one upper and stays registered: carries out what `registration` orders, and tells it what came back.

One task for each upper, for as long as it is enabled.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable

from gb28181.manscdp.keepalive import Keepalive
from sipserver.above.registration import Effect, Heard, Order, Place, Registration
from sipserver.above.settings import AboveSettings
from sipserver.above.way import Way
from sipserver.sip.digest import Challenge, Credentials
from sipserver.sip.message import Field, Response
from sipserver.sip.status import reason_of
from sipserver.sip.uri import NameAddr
from sipserver.stack import RequestTimedOut, TransportLost

log = logging.getLogger(__name__)

LEAVE_S = 3.0
MOST_CONTACTS = 32
FORGOTTEN = frozenset((401, 403, 404))
"""Answers to a keepalive that mean: it does not know us any more."""


class Agent:
    """`on_effect` hears when the upper took us and when it is lost, `on_change` whenever something is worth showing.

    `said_realm` is the realm of its last challenge. Neither callback may block.
    """

    def __init__(
        self,
        way: Way,
        registration: Registration,
        settings: AboveSettings,
        *,
        clock: Callable[[], float],
        on_effect: Callable[[Effect], None],
        on_change: Callable[[], None],
    ) -> None:
        self.way = way
        self.registration = registration
        self.said_realm = ""
        self.registrations = 0
        self.keepalives = 0
        self._settings = settings
        self._clock = clock
        self._on_effect = on_effect
        self._on_change = on_change
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._challenge: Response | None = None
        self._dialogue: tuple[Place, str, str] | None = None
        self._cseq = 0

    def __repr__(self) -> str:
        return f"<Agent {self.registration!r}>"

    def start(self) -> None:
        self._tell(Heard.START)
        self._task = asyncio.create_task(self._run(), name=f"agent of {self.way.upper.code}")

    async def close(self) -> None:
        """Deregister when registered, as far as the upper answers in time, and be still."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        self._tell(Heard.STOP)
        try:
            async with asyncio.timeout(LEAVE_S):
                while (order := self.registration.order(self._clock())) is not None:
                    await self._carry_out(order)
        except TimeoutError:
            self._tell(Heard.SILENT, "no answer to our goodbye")

    def look(self) -> None:
        """Its hour may have come: clocks of machines that slept jump."""
        due_at = self.registration.due_at
        if due_at is not None and self._clock() >= due_at:
            self._wake.set()

    def heard(self, what: Heard, reason: str) -> None:
        """Something another part of the room found out: GONE when a page was never taken, CUT for a connection."""
        if self.registration.is_up:
            self._tell(what, reason)
            self._wake.set()

    async def _run(self) -> None:
        while True:
            order = self.registration.order(self._clock())
            if order is None:
                await self._rest()
                continue
            try:
                await self._carry_out(order)
            except Exception as failure:
                log.exception("registering with %s failed; it is tried again later", self.way.upper.code)
                self._tell(Heard.UNHEARD if order is Order.KEEP_ALIVE else Heard.SILENT, str(failure))

    async def _rest(self) -> None:
        due_at = self.registration.due_at
        self._wake.clear()
        try:
            async with asyncio.timeout(None if due_at is None else max(0.0, due_at - self._clock())):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _carry_out(self, order: Order) -> None:
        if order is Order.KEEP_ALIVE:
            await self._keep_alive()
        elif order in (Order.LEAVE, Order.LEAVE_PROVEN):
            await self._register(0, proves=order is Order.LEAVE_PROVEN)
        else:
            await self._register(self.registration.expires_s, proves=order is Order.PROVE)

    async def _register(self, expires_s: int, *, proves: bool) -> None:
        before = self.registration.standing
        try:
            response = await self._ask(expires_s, proves=proves)
        except (RequestTimedOut, TransportLost, OSError, TimeoutError) as lost:
            self.way.forget()
            if self.registration.standing is before:
                self._tell(Heard.SILENT, _words(lost, f"no answer to REGISTER at {self.way.place}"))
            return
        if self.registration.standing is before:
            self._judge(response)

    async def _ask(self, expires_s: int, *, proves: bool) -> Response:
        way = self.way
        path = await way.find()
        headers: list[Field] = [("Expires", str(expires_s))]
        if way.upper.edition:
            headers.append(("X-GB-Ver", way.upper.edition))
        if proves and self._challenge is not None:
            credentials = answered(
                self._challenge, user=way.upper.user or way.us, password=way.upper.password, uri=way.uri
            )
            if credentials is None:
                return Response(401, "a challenge that we cannot answer")
            headers.append(("Authorization", str(credentials)))
        call_id, tag = self._identity()
        self._cseq += 1
        request = way.request(
            "REGISTER", path, to_code=way.us, headers=headers, call_id=call_id, cseq=self._cseq, from_tag=tag
        )
        return await way.stack.ask(request, path, timeout_s=self._settings.answer_s)

    def _identity(self) -> tuple[str, str]:
        """Call-ID and From tag: one pair for each registrar for as long as we live (RFC 3261 10.2)."""
        if self._dialogue is None or self._dialogue[0] != self.way.place:
            self._dialogue = (self.way.place, f"{secrets.token_hex(12)}@{self.way.us}", secrets.token_hex(6))
        return self._dialogue[1], self._dialogue[2]

    def _judge(self, response: Response) -> None:
        version = response.headers.get("X-GB-Ver")
        if version:
            self.way.said_edition = version.strip()[:16]
        status = response.status
        reason = f"{status} {response.reason or reason_of(status)}"
        if 200 <= status < 300:
            self.registrations += 1
            self._tell(Heard.GRANTED, expires_s=granted_s(response, self.way.us))
        elif status == 401:
            self._challenged(response)
        elif status in (301, 302):
            self._tell(Heard.MOVED, f"redirected: {reason}", place=place_in(response, self.way.upper.code))
        elif status == 423:
            least = (response.headers.get("Min-Expires") or "").strip()
            seconds = int(least) if least.isascii() and least.isdigit() and len(least) <= 9 else None
            self._tell(Heard.TOO_BRIEF, reason, expires_s=seconds)
        else:
            self._tell(Heard.REFUSED, reason)

    def _challenged(self, response: Response) -> None:
        challenge = usable_challenge(response)
        if challenge is None:
            self._tell(Heard.REFUSED, "401 without a challenge that we can answer")
            return
        self.said_realm = challenge.realm[:128]
        self._challenge = response
        self._tell(Heard.STALE if challenge.stale else Heard.CHALLENGED)

    async def _keep_alive(self) -> None:
        way = self.way
        body = way.written(Keepalive(way.next_sn(), way.us))
        timeout_s = min(self._settings.answer_s, way.upper.keepalive_interval_s)
        try:
            response = await way.say(body, timeout_s=timeout_s)
        except (RequestTimedOut, TimeoutError):
            self._tell(Heard.UNHEARD, f"no answer to a keepalive at {way.place}")
            return
        except (TransportLost, OSError) as lost:
            way.forget()
            self._tell(Heard.CUT if way.is_tcp else Heard.UNHEARD, _words(lost, f"{way.place} cannot be reached"))
            return
        if response.status < 300:
            self.keepalives += 1
            self._tell(Heard.KEPT)
        elif response.status in FORGOTTEN:
            self._tell(Heard.TURNED_AWAY, f"a keepalive was answered {response.status} {response.reason}")
        else:
            self._tell(Heard.UNHEARD, f"a keepalive was answered {response.status} {response.reason}")

    def _tell(
        self, what: Heard, reason: str = "", *, expires_s: float | None = None, place: Place | None = None
    ) -> None:
        registration = self.registration
        effects = registration.heard(what, self._clock(), reason=reason, expires_s=expires_s, place=place)
        self.way.move(registration.place)
        for effect in effects:
            self._on_effect(effect)
        self._on_change()


def usable_challenge(response: Response) -> Challenge | None:
    """The first Digest challenge with an algorithm that we have (RFC 8760 2.4); None when there is none."""
    for text in response.headers.all("WWW-Authenticate"):
        try:
            challenge = Challenge.parse(text)
            Credentials.answering(challenge, username="", password="", method="REGISTER", uri="", cnonce="0")
        except ValueError:
            continue
        return challenge
    return None


def answered(response: Response, *, user: str, password: str, uri: str) -> Credentials | None:
    """The credentials that answer the 401 `response`."""
    challenge = usable_challenge(response)
    if challenge is None:
        return None
    return Credentials.answering(
        challenge, username=user, password=password, method="REGISTER", uri=uri, cnonce=secrets.token_hex(8)
    )


def granted_s(response: Response, us: str) -> int | None:
    """For how long a 200 has us registered: what stands at our Contact goes before Expires (RFC 3261 10.2.4), and as
    some repeat one of them from our request, the shorter counts. None when it does not say."""
    said = [response.expires] if "Expires" in response.headers else []
    for text in response.headers.items_of("Contact")[:MOST_CONTACTS]:
        try:
            contact = NameAddr.parse(text)
        except ValueError:
            continue
        seconds = contact.param("expires") or ""
        if contact.user == us and seconds.isascii() and seconds.isdigit() and len(seconds) < 10:
            said.append(int(seconds))
    return min((seconds for seconds in said if seconds), default=response.expires)


def place_in(response: Response, code: str) -> Place | None:
    """Where a 302 sends us; None when it does not say. `code` stands in for a user part that is missing."""
    try:
        contact = response.contact
    except ValueError:
        return None
    if contact is None or not contact.uri.is_sip or not contact.uri.host:
        return None
    return Place(contact.uri.user or code, contact.uri.host, contact.uri.port or 5060)


def _words(error: BaseException, otherwise: str) -> str:
    return str(error) or otherwise
