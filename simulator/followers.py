"""Those who subscribed to a simulated platform: each in a dialog of its own, told in turn (GB/T 28181-2022 9.11)."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field

from gb28181.manscdp.alarm import AlarmQuery
from gb28181.manscdp.catalog import CatalogQuery
from gb28181.manscdp.message import Manscdp, parse
from gb28181.manscdp.position import MobilePositionQuery, PtzPositionQuery
from sipserver.stack import Dialog, Incoming, RequestTimedOut, TransportLost

log = logging.getLogger(__name__)

SUBJECTS: dict[type, str] = {
    CatalogQuery: "catalog",
    AlarmQuery: "alarm",
    MobilePositionQuery: "position",
    PtzPositionQuery: "ptz",
}
LONGEST_S = 86_400
_ANSWER_S = 5.0


@dataclass(eq=False, slots=True)
class Follower:
    """One subscription. `expires_at` is by the monotonic clock; `told` counts NOTIFYs that were answered with 200."""

    subject: str
    target: str
    query: Manscdp
    dialog: Dialog
    event: str
    expires_at: float
    refreshes: int = 0
    told: int = 0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Followers:
    """`on_new(follower)` is called for every new subscription, after its 200."""

    def __init__(
        self, code: str, encode: Callable[[Manscdp], bytes], subjects: Collection[str] = frozenset(SUBJECTS.values())
    ) -> None:
        self._code = code
        self._subjects = subjects
        self._encode = encode
        self._followers: dict[str, Follower] = {}
        self.on_new: Callable[[Follower], None] | None = None

    def __iter__(self) -> Iterator[Follower]:
        return iter(tuple(self._followers.values()))

    def __len__(self) -> int:
        return len(self._followers)

    def of(self, subject: str) -> tuple[Follower, ...]:
        """Those whose time has not run out; the others are forgotten without a word."""
        for follower in self:
            if follower.expires_at <= time.monotonic():
                self._drop(follower)
        return tuple(follower for follower in self if follower.subject == subject)

    def take(self, incoming: Incoming) -> None:
        """A SUBSCRIBE: a new one, a refresh or an end. 400 and 489 for what cannot be read or followed."""
        request = incoming.request
        wanted_s = min(request.expires if request.expires is not None else 600, LONGEST_S)
        if incoming.dialog is not None:
            self._refresh(incoming, wanted_s)
            return
        if request.to.tag:
            incoming.respond(481)
            return
        try:
            query = parse(request.body)
        except ValueError:
            incoming.respond(400)
            return
        subject = SUBJECTS.get(type(query), "")
        if subject not in self._subjects:
            incoming.respond(489)
            return
        dialog = incoming.accept_subscription(wanted_s, contact_user=self._code)
        if not wanted_s:
            dialog.forget()
            return
        event = request.headers.get("Event") or "presence"
        follower = Follower(subject, query.device, query, dialog, event, time.monotonic() + wanted_s)
        dialog.on_request = self.take
        dialog.on_end = lambda _: self._drop(follower)
        self._followers[dialog.call_id] = follower
        if self.on_new is not None:
            self.on_new(follower)

    async def tell(self, follower: Follower, said: Manscdp) -> int:
        """NOTIFY one, after what it is being told now; the SIP status, 0 when no answer came. 481 ends it."""
        async with follower.turn:
            left_s = max(0, round(follower.expires_at - time.monotonic()))
            return await self._notify(follower, f"active;expires={left_s}", self._encode(said))

    def forget_all(self) -> None:
        """Know nobody any more, as after a reboot; nobody is told."""
        for follower in self:
            self._drop(follower)

    async def end(self, follower: Follower, reason: str = "deactivated") -> None:
        """End a subscription from our side."""
        async with follower.turn:
            await self._notify(follower, f"terminated;reason={reason}", b"")
        self._drop(follower)

    async def _notify(self, follower: Follower, state: str, body: bytes) -> int:
        if follower.dialog.call_id not in self._followers:
            return 0
        try:
            response = await follower.dialog.request(
                "NOTIFY",
                headers=(("Event", follower.event), ("Subscription-State", state)),
                body=body,
                content_type="Application/MANSCDP+xml",
                timeout_s=_ANSWER_S,
            )
        except (RequestTimedOut, TransportLost) as error:
            log.info("%s could not tell %s: %s", self._code, follower.subject, error)
            return 0
        if response.status >= 400:
            self._drop(follower)
        else:
            follower.told += 1
        return response.status

    def _refresh(self, incoming: Incoming, wanted_s: int) -> None:
        assert incoming.dialog is not None
        follower = self._followers.get(incoming.dialog.call_id)
        if follower is None:
            incoming.respond(481)
            return
        incoming.accept_subscription(wanted_s, contact_user=self._code)
        follower.refreshes += 1
        follower.query = _refreshed(incoming.request.body, follower.query)
        follower.expires_at = time.monotonic() + wanted_s
        if not wanted_s:
            self._drop(follower)

    def _drop(self, follower: Follower) -> None:
        if self._followers.pop(follower.dialog.call_id, None) is not None:
            follower.dialog.forget()


def _refreshed(body: bytes, before: Manscdp) -> Manscdp:
    """What a refresh asks for now: it may say another interval or filter."""
    try:
        asked = parse(body) if body else before
    except ValueError:
        return before
    return asked if type(asked) is type(before) else before
