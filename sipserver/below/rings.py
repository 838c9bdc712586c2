"""Neighbours that call us to hear a voice: INVITE in, and the session's end from either side (GB/T 28181-2022 9.12)."""

from __future__ import annotations

import logging
from collections.abc import Callable

from gb28181.peer import Doorbell
from gb28181.sdp import Answer, Offer, serialise
from gb28181.subject import Subject
from gb28181.voice import listener_offer
from sipserver.below.calls import HUNG_UP
from sipserver.stack import Dialog, Incoming, Stack

log = logging.getLogger(__name__)

SDP = "application/sdp"
BYE_PATIENCE_S = 5.0
MOST_OF_ONE = 64
"""Calls of one neighbour that may be up at once: a recorder with loudspeakers, not a storm."""


class IncomingRing:
    """Keeps `gb28181.peer.Ring`."""

    def __init__(self, rings: Rings, owner: str, incoming: Incoming, offer: Offer, host: str) -> None:
        request = incoming.request
        self.owner = owner
        self.source = request.request_uri.user
        self.offer = offer
        self.host = host
        self.peer_host = incoming.path.remote[0].removeprefix("::ffff:")
        self.call_id = request.call_id
        self.names = names_in(incoming)
        self._rings = rings
        self._incoming = incoming

    def accept(self, answer: Answer, *, on_ack: Callable[[], None], on_end: Callable[[str], None]) -> HeardCall:
        """See `Ring.accept`."""
        dialog = self._incoming.accept(serialise(answer), SDP, contact_user=self.source)
        return HeardCall(self._rings, self.owner, dialog, on_ack, on_end)

    def refuse(self, status: int, reason: str | None = None) -> None:
        """See `Ring.refuse`."""
        self._incoming.respond(status, reason)


class HeardCall:
    """Keeps `gb28181.peer.VoiceCall`. Ends once."""

    def __init__(
        self, rings: Rings, owner: str, dialog: Dialog, on_ack: Callable[[], None], on_end: Callable[[str], None]
    ) -> None:
        self.owner = owner
        self.call_id = dialog.call_id
        self._rings = rings
        self._dialog = dialog
        self._on_ack: Callable[[], None] | None = on_ack
        self._on_end: Callable[[str], None] | None = on_end
        rings.keep(self)
        dialog.on_ack = lambda _: self._acknowledged()
        dialog.on_end = lambda reason: self.end(HUNG_UP if reason == "BYE" else reason)
        dialog.on_request = lambda incoming: incoming.respond(
            488
            if incoming.request.method == "INVITE"
            else 200
            if incoming.request.method in ("INFO", "MESSAGE")
            else 501
        )

    async def hang_up(self, reason: str = "") -> None:
        """See `VoiceCall.hang_up`."""
        self._on_end = None
        self._rings.drop(self)
        await self._dialog.bye(timeout_s=BYE_PATIENCE_S)

    def end(self, reason: str) -> None:
        """It is over for a reason that is not ours; a BYE is sent on chance."""
        self._rings.drop(self)
        self._dialog.hang_up()
        told, self._on_end = self._on_end, None
        if told is not None:
            told(reason)

    def _acknowledged(self) -> None:
        told, self._on_ack = self._on_ack, None
        if told is not None:
            told()


class Rings:
    """Takes INVITEs of admitted neighbours. Set `on_ring`; without it nobody is called for a voice."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.on_ring: Doorbell | None = None
        self._calls: dict[str, set[HeardCall]] = {}
        self.taken = 0
        self.refused = 0

    def __len__(self) -> int:
        return sum(map(len, self._calls.values()))

    def take(self, incoming: Incoming, owner: str) -> None:
        """One INVITE out of any dialog."""
        try:
            offer = listener_offer(incoming.request.body)
        except ValueError as wrong:
            self.refused += 1
            log.info("%s calls us with what we cannot use: %s", owner, wrong)
            incoming.respond(488)
            return
        host = self._stack.local_host_for(incoming.path.remote).removeprefix("::ffff:")
        ring = IncomingRing(self, owner, incoming, offer, host)
        if self.on_ring is None or len(self._calls.get(owner, ())) >= MOST_OF_ONE or not self.on_ring(ring):
            self.refused += 1
            incoming.respond(403, "Nobody Speaks To You")

    def end_all(self, owner: str, reason: str) -> None:
        """The neighbour is gone, and its sessions with it."""
        for call in tuple(self._calls.get(owner, ())):
            call.end(reason)

    def keep(self, call: HeardCall) -> None:
        self.taken += 1
        self._calls.setdefault(call.owner, set()).add(call)

    def drop(self, call: HeardCall) -> None:
        calls = self._calls.get(call.owner)
        if calls is not None:
            calls.discard(call)
            if not calls:
                del self._calls[call.owner]


def names_in(incoming: Incoming) -> tuple[str, ...]:
    """The codes by which a request calls its sender or the listener: From, and both sides of its Subject."""
    request = incoming.request
    names = [request.from_.user]
    try:
        subject = Subject.parse(request.headers.get("Subject") or "")
        names += [subject.receiver, subject.sender]
    except ValueError:
        pass
    return tuple(dict.fromkeys(names))
