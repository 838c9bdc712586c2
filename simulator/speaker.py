"""A user agent: it registers, refreshes, keeps alive, starts over when the platform is lost, and answers.

What it is asked about is somebody else's: see `Equipment`.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Protocol

from gb28181.charset import charset_for
from gb28181.edition import Edition
from gb28181.manscdp.keepalive import Keepalive
from gb28181.manscdp.message import Manscdp, parse, serialise
from sipserver.sip.digest import Challenge, Credentials
from sipserver.sip.message import Request, Response
from sipserver.sip.note import Seal
from sipserver.sip.uri import NameAddr
from sipserver.stack import Incoming, Path, RequestTimedOut, Stack, StackSettings, TransportLost

log = logging.getLogger(__name__)

MANSCDP = "Application/MANSCDP+xml"
_BEIJING = timezone(timedelta(hours=8))
_GOODBYE_S = 2.0
_BACK_S = 0.5
_REBOOT = "told to start over"
_REBOOT_S = 2.0
_BACK_AGAIN_S = 300.0
_MOST_UNSAID = 2000


@dataclass(frozen=True, slots=True)
class SpeakerSettings:
    """Who speaks, to whom, and how patiently. Times are seconds; ValueError for what the standard forbids."""

    code: str
    password: str
    server_host: str
    server_port: int
    server_code: str
    transport: str = "udp"
    local_host: str = ""
    """"" is the address by which the server is reached."""
    username: str = ""
    """"" is the code, as the standard says."""
    edition: Edition = Edition.V2022
    expires_s: int = 86400
    drifts_1s_in_s: float | None = None
    """After so long its clock is a second off; it asks to register anew before (2022 9.10), but never in an hour."""
    keepalive_s: float = 60.0
    keepalive_count: int = 3
    retry_s: float = 60.0
    answer_s: float = 5.0
    """How long an answer by SIP is waited for."""
    user_agent: str = "Lianwang simulator"
    seal: Seal | None = None
    """With which every message is signed (signalling 3.9)."""

    def __post_init__(self) -> None:
        if self.expires_s < 3600:
            raise ValueError(f"a registration lasts at least 3600 s (GB/T 28181-2022 9.1.1), not {self.expires_s}")
        if self.transport not in ("udp", "tcp"):
            raise ValueError(f"SIP goes over udp or tcp, not {self.transport!r}")
        if self.keepalive_s <= 0 or self.keepalive_count < 1 or self.retry_s < 0:
            raise ValueError("keepalive_s must be above 0, keepalive_count at least 1, retry_s not below 0")

    @property
    def wanted_expires_s(self) -> int:
        """What it asks for."""
        if self.drifts_1s_in_s is None:
            return self.expires_s
        return max(3600, min(self.expires_s, int(self.drifts_1s_in_s)))

    @property
    def server_domain(self) -> str:
        return self.server_code[:10]


class Equipment(Protocol):
    """What stands behind a speaker."""

    def answer(self, asked: Manscdp) -> Sequence[Manscdp]:
        """The MANSCDP answers to a query or control, in the order they go out."""

    def invite(self, incoming: Incoming) -> None:
        """Take or refuse a call."""


class Refused(Exception):
    """The platform did not want us."""


class Signer:
    """Signs with one seal whatever goes out, and believes nothing unsigned (`sipserver.sip.endpoint.Notary`)."""

    def __init__(self, seal: Seal) -> None:
        self._seal = seal

    def stamp(self, message: Request | Response, path: Path) -> None:
        if "REGISTER" not in (message.headers.get("CSeq") or ""):
            self._seal.stamp(message, time.time())

    def why_not(self, message: Request | Response, path: Path) -> str:
        is_register = "REGISTER" in (message.headers.get("CSeq") or "")
        return "" if is_register else self._seal.why_not(message, time.time())


class Speaker:
    """One registered identity on a transport of its own. `run` until cancelled, then `close`."""

    def __init__(self, settings: SpeakerSettings, equipment: Equipment) -> None:
        self.settings = settings
        self._equipment = equipment
        host = settings.local_host or ("::" if ":" in settings.server_host else "0.0.0.0")
        is_tcp = settings.transport == "tcp"
        self.stack = Stack(StackSettings(host=host, port=0, udp=not is_tcp, tcp=is_tcp, user_agent=settings.user_agent))
        if settings.seal is not None:
            self.stack.notary = Signer(settings.seal)
        self.stack.on_request = self._take
        self.stack.on_connection_lost = self._lost
        self.is_registered = False
        self.registrations = 0
        self.keepalives_answered = 0
        self.clock_offset_s: float | None = None
        """How far the platform's clock is ahead of ours, by the Date of its 200."""
        self.on_change: Callable[[bool], None] | None = None
        self.on_request: Callable[[Incoming], bool] | None = None
        """Sees every request first; true when it has dealt with it."""
        self.encode: Callable[[Manscdp], bytes] = self._encode
        self._call_id = self._new_call_id()
        self._cseq = 0
        self._sn = random.randint(1, 1000)
        self._path: Path | None = None
        self._sent_on: tuple[str, str, int] | None = None
        self._came_back = asyncio.Event()
        self._wake = asyncio.Event()
        self._over = False
        self._unsaid: asyncio.Queue[Manscdp] = asyncio.Queue(_MOST_UNSAID)
        self._speaking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Open the transport. OSError when it cannot be bound."""
        await self.stack.start()
        self._speaking = asyncio.create_task(self._say_what_is_due(), name=f"speaker {self.settings.code}")

    async def run(self) -> None:
        """Register and stay registered, whatever happens, until cancelled."""
        while True:
            settings = self.settings
            try:
                granted_s = await self._register(settings.wanted_expires_s)
                reason = await self._stay(granted_s)
            except (RequestTimedOut, TransportLost, Refused, OSError) as error:
                reason = str(error) or type(error).__name__
            self._set_registered(False)
            longest_s = _REBOOT_S if reason == _REBOOT else settings.retry_s
            if self._sent_on is not None:
                # The server we were sent to is lost or does not want us: back to who sent us (2022 9.1.2.3).
                log.info("%s goes back to %s", settings.code, settings.server_code)
                self._sent_on, self._path, longest_s = None, None, _BACK_S
            pause_s = min(settings.retry_s, longest_s) * random.uniform(1.0, 1.2)
            log.info("%s is not registered: %s; next try in %.0f s", settings.code, reason, pause_s)
            await asyncio.sleep(pause_s)

    async def close(self, *, deregister: bool = True) -> None:
        """Say goodbye when registered and give the transport back."""
        if deregister and self.is_registered:
            try:
                async with asyncio.timeout(_GOODBYE_S):
                    await self._register(0)
            except (RequestTimedOut, TransportLost, Refused, OSError, TimeoutError) as error:
                log.info("%s left without a goodbye: %s", self.settings.code, error)
        if self._speaking is not None:
            self._speaking.cancel()
            await asyncio.gather(self._speaking, return_exceptions=True)
        await self.stack.close()

    def start_over(self) -> None:
        """Register anew soon, as after a reboot: under a Call-ID that nobody has seen."""
        self._call_id, self._cseq = self._new_call_id(), 0
        self._over = True
        self._wake.set()

    def change(self, expires_s: int, keepalive_s: float, keepalive_count: int) -> None:
        """Keep alive so from now on, and ask for so long at the next refresh. ValueError as for its settings."""
        self.settings = replace(
            self.settings, expires_s=expires_s, keepalive_s=keepalive_s, keepalive_count=keepalive_count
        )
        self._wake.set()

    def _new_call_id(self) -> str:
        return f"{secrets.token_hex(8)}@{self.settings.code}"

    async def reboot(self) -> None:
        """Go away and come back registered; TimeoutError when nobody takes us back in time."""
        self._came_back.clear()
        self.start_over()
        async with asyncio.timeout(_BACK_AGAIN_S):
            await self._came_back.wait()

    async def tell(self, value: Manscdp) -> Response:
        """Send one MANSCDP value and wait for the SIP answer. RequestTimedOut, TransportLost, OSError."""
        settings = self.settings
        path = await self._way()
        server = self.server[0]
        request = self.stack.new_request(
            "MESSAGE",
            f"sip:{server}@{settings.server_domain}",
            from_uri=f"sip:{settings.code}@{settings.server_domain}",
            to_uri=f"sip:{server}@{settings.server_domain}",
            path=path,
            contact_user=settings.code,
            body=self.encode(value),
            content_type=MANSCDP,
        )
        return await self.stack.ask(request, path, timeout_s=settings.answer_s)

    def _encode(self, value: Manscdp) -> bytes:
        return serialise(value, charset_for(self.settings.edition), self.settings.edition)

    def next_sn(self) -> int:
        self._sn = self._sn % 999_999 + 1
        return self._sn

    async def _register(self, expires_s: int) -> int:
        """REGISTER with its challenge; the granted expiry in seconds comes back. Raises Refused."""
        response = await self._ask_to_register(expires_s, None)
        if response.status == 401:
            response = await self._ask_to_register(expires_s, response)
        if response.status == 302 and self._sent_on is None:
            self._send_on(response)
            return await self._register(expires_s)
        if response.status != 200:
            raise Refused(f"REGISTER answered {response.status} {response.reason}")
        self._read_clock(response.headers.get("Date"))
        self._set_registered(expires_s > 0)
        if expires_s:
            self.registrations += 1
            self._came_back.set()
        granted_s = response.expires
        return granted_s if granted_s is not None else expires_s

    @property
    def server(self) -> tuple[str, str, int]:
        """Code, host and port of the platform that we speak to now; a 302 may have sent us there."""
        settings = self.settings
        return self._sent_on or (settings.server_code, settings.server_host, settings.server_port)

    def _send_on(self, response: Response) -> None:
        try:
            uri = NameAddr.parse(response.headers.get("Contact") or "").uri
        except ValueError as wrong:
            raise Refused(f"302 without a Contact that can be read: {wrong}") from None
        self._sent_on, self._path = (uri.user, uri.host, uri.port or 5060), None

    async def _ask_to_register(self, expires_s: int, challenged: Response | None) -> Response:
        settings = self.settings
        server, host, port = self.server
        uri = f"sip:{server}@{settings.server_domain}" if self._sent_on is None else f"sip:{server}@{host}:{port}"
        headers = [("Expires", str(expires_s))]
        if settings.edition.is_2022:
            headers.append(("X-GB-Ver", settings.edition.value))
        if challenged is not None:
            headers.append(("Authorization", str(self._credentials(challenged, uri))))
        path = await self._way()
        self._cseq += 1
        request = self.stack.new_request(
            "REGISTER",
            uri,
            from_uri=f"sip:{settings.code}@{settings.server_domain}",
            to_uri=f"sip:{settings.code}@{settings.server_domain}",
            path=path,
            contact_user=settings.code,
            headers=headers,
            call_id=self._call_id,
            cseq=self._cseq,
        )
        return await self.stack.ask(request, path, timeout_s=settings.answer_s)

    def _credentials(self, challenged: Response, uri: str) -> Credentials:
        settings = self.settings
        for text in challenged.headers.all("WWW-Authenticate"):
            try:
                return Credentials.answering(
                    Challenge.parse(text),
                    username=settings.username or settings.code,
                    password=settings.password,
                    method="REGISTER",
                    uri=uri,
                    cnonce=secrets.token_hex(8),
                )
            except ValueError as error:
                log.info("%s passes over a challenge: %s", settings.code, error)
        raise Refused("401 without a challenge we can answer")

    async def _stay(self, granted_s: int) -> str:
        """Keep alive and refresh; comes back with the reason when we are registered no more."""
        refresh_at = time.monotonic() + granted_s * random.uniform(0.5, 0.8)
        missed = 0
        self._over = False
        while True:
            if self._over:
                return _REBOOT
            settings = self.settings
            self._wake.clear()
            try:
                async with asyncio.timeout(min(settings.keepalive_s, max(0.1, refresh_at - time.monotonic()))):
                    await self._wake.wait()
                continue
            except TimeoutError:
                pass
            if time.monotonic() >= refresh_at:
                granted_s = await self._register(settings.wanted_expires_s)
                refresh_at = time.monotonic() + granted_s * random.uniform(0.5, 0.8)
                continue
            try:
                response = await self.tell(Keepalive(sn=self.next_sn(), device=settings.code))
            except RequestTimedOut:
                missed += 1
                if missed >= settings.keepalive_count:
                    return f"{missed} keepalives in a row without an answer"
                continue
            if response.status in (401, 403, 404):
                return f"keepalive answered {response.status} {response.reason}"
            missed = 0
            self.keepalives_answered += 1

    async def way(self) -> Path:
        """The path to the platform. OSError when there is none."""
        return await self._way()

    async def _way(self) -> Path:
        """The path to the platform; over TCP one connection for everything, kept open (2022 clause 6.2)."""
        settings = self.settings
        remote = self.server[1:]
        if settings.transport == "tcp":
            self._path = await self.stack.connect(remote)
        elif self._path is None:
            self._path = self.stack.udp_path(remote)
        return self._path

    def _take(self, incoming: Incoming) -> None:
        if self.on_request is not None and self.on_request(incoming):
            return
        if incoming.request.method == "INVITE":
            self._equipment.invite(incoming)
            return
        if incoming.request.method != "MESSAGE":
            incoming.respond(405)
            return
        try:
            asked = parse(incoming.request.body)
        except ValueError as error:
            log.info("%s does not understand a message: %s", self.settings.code, error)
            incoming.respond(400)
            return
        incoming.respond(200)
        for answer in self._equipment.answer(asked):
            if self._unsaid.full():
                log.warning("%s has more than %d answers to give and drops one", self.settings.code, _MOST_UNSAID)
                return
            self._unsaid.put_nowait(answer)

    async def _say_what_is_due(self) -> None:
        # One at a time, the next after the answer to the last (2022 9.3.4).
        while True:
            answer = await self._unsaid.get()
            try:
                await self.tell(answer)
            except (RequestTimedOut, TransportLost, OSError) as error:
                log.info("%s could not say %s: %s", self.settings.code, type(answer).__name__, error)

    def _lost(self, path: Path) -> None:
        if self.is_registered:
            log.info("%s lost its connection to %s:%d", self.settings.code, *path.remote[:2])
            self.start_over()

    def _set_registered(self, is_registered: bool) -> None:
        if is_registered is not self.is_registered:
            self.is_registered = is_registered
            if self.on_change is not None:
                self.on_change(is_registered)

    def _read_clock(self, date: str | None) -> None:
        if not date:
            return
        try:
            said = datetime.fromisoformat(date.strip()).replace(tzinfo=_BEIJING)
        except ValueError:
            return
        self.clock_offset_s = said.timestamp() - time.time()
