"""A try to register that tells what the other side really answered, step by step (pains 29, 31)."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass

from gb28181.manscdp.keepalive import Keepalive
from gb28181.peer import Hop
from sipserver.above.agent import answered, place_in, usable_challenge
from sipserver.above.way import Way
from sipserver.sip.message import Field, Response
from sipserver.stack import Path, RequestTimedOut, TransportLost

MOST_STEPS = 8


@dataclass(frozen=True, slots=True)
class ConnectReport:
    """What was tried in order, and what the other side says of itself: its code and realm ("" when it did not)."""

    steps: tuple[Hop, ...]
    said_code: str
    said_realm: str
    said_version: str
    ok: bool


class ConnectTest:
    """One try. `stays` leaves the registration standing, for one that is in use."""

    def __init__(self, way: Way, *, answer_s: float, stays: bool) -> None:
        self._way = way
        self._answer_s = answer_s
        self._stays = stays
        self._steps: list[Hop] = []
        self._said_code = self._said_realm = self._said_version = ""
        self._call_id = f"{secrets.token_hex(12)}@{way.us}"
        self._tag = secrets.token_hex(6)
        self._cseq = 0

    async def run(self) -> ConnectReport:
        """Never raises for what the other side does."""
        ok = False
        try:
            ok = await self._try()
        except (RequestTimedOut, TransportLost, OSError, TimeoutError) as lost:
            what = "connect" if isinstance(lost, OSError) and not isinstance(lost, TimeoutError) else "wait"
            self._step(what, 0, str(lost) or f"no answer from {self._way.place} in {self._answer_s:g} s")
        return ConnectReport(tuple(self._steps), self._said_code, self._said_realm, self._said_version, ok)

    async def _try(self) -> bool:
        way = self._way
        path = await way.find()
        self._step("find", 200, f"{path.transport} {path.remote[0]}:{path.remote[1]}")
        response = await self._register(path, way.upper.expires_s)
        for _ in range(MOST_STEPS):
            if response.status == 302 and (place := place_in(response, way.upper.code)) is not None:
                way.move(place)
                path = await way.find()
                response = await self._register(path, way.upper.expires_s)
            elif response.status == 401 and usable_challenge(response) is not None:
                before = response
                response = await self._register(path, way.upper.expires_s, before)
                challenge = usable_challenge(response) if response.status == 401 else None
                if response.status == 401 and not (challenge is not None and challenge.stale):
                    return False  # a fresh challenge to right form means a wrong password
            else:
                break
        if not 200 <= response.status < 300:
            return False
        await self._keep_alive()
        if not self._stays:
            goodbye = await self._register(path, 0, before=None)
            if goodbye.status == 401:
                await self._register(path, 0, goodbye)
        return True

    async def _register(self, path: Path, expires_s: int, before: Response | None = None) -> Response:
        way = self._way
        headers: list[Field] = [("Expires", str(expires_s)), ("X-GB-Ver", way.upper.edition)]
        if before is not None:
            credentials = answered(before, user=way.upper.user or way.us, password=way.upper.password, uri=way.uri)
            if credentials is not None:
                headers.append(("Authorization", str(credentials)))
        self._cseq += 1
        request = way.request(
            "REGISTER",
            path,
            to_code=way.us,
            headers=headers,
            call_id=self._call_id,
            cseq=self._cseq,
            from_tag=self._tag,
        )
        response = await way.stack.ask(request, path, timeout_s=self._answer_s)
        self._read(response)
        what = "REGISTER with password" if before is not None else "REGISTER"
        self._step(what if expires_s else f"{what}, Expires 0", response.status, response.reason)
        return response

    async def _keep_alive(self) -> None:
        way = self._way
        response = await way.say(way.written(Keepalive(way.next_sn(), way.us)), timeout_s=self._answer_s)
        self._step("Keepalive", response.status, response.reason)

    def _read(self, response: Response) -> None:
        self._said_version = (response.headers.get("X-GB-Ver") or self._said_version).strip()[:16]
        challenge = usable_challenge(response)
        if challenge is not None:
            self._said_realm = challenge.realm[:128]
        place = place_in(response, "")
        if place is not None and place.code not in ("", self._way.us):
            self._said_code = place.code[:64]

    def _step(self, what: str, status: int, reason: str) -> None:
        self._steps.append(Hop(self._way.place.code, what, status, reason[:200]))


async def try_to_connect(way: Way, *, answer_s: float, stays: bool, patience_s: float) -> ConnectReport:
    """Run a test within `patience_s`."""
    test = ConnectTest(way, answer_s=answer_s, stays=stays)
    try:
        async with asyncio.timeout(patience_s):
            return await test.run()
    except TimeoutError:
        steps = (*test._steps, Hop(way.place.code, "wait", 0, f"not done in {patience_s:g} s"))
        return ConnectReport(steps, test._said_code, test._said_realm, test._said_version, False)
