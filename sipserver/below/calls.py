"""Sessions that we begin: INVITE out, a `Call` back, and its end from either side (GB/T 28181-2022 9.2)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from gb28181.hops import read_warnings
from gb28181.manscdp.message import parse
from gb28181.manscdp.status import MediaStatus
from gb28181.peer import Call, Hop, PeerRefused, PeerSilent
from gb28181.routepath import ROUTE_PATH
from gb28181.sdp import Answer, Offer, parse_answer, serialise
from gb28181.ssrc import Ssrc
from gb28181.subject import Subject
from sipserver.sip.message import Field, Response
from sipserver.stack import Dialog, Incoming, Path, RequestTimedOut, Stack, TransportLost

log = logging.getLogger(__name__)

SDP = "application/sdp"
BYE_PATIENCE_S = 5.0
INFO_PATIENCE_S = 5.0
HUNG_UP = "hung-up"  # BYE from them
FILE_SENT = "file-sent"  # MediaStatus 121


class OutgoingCall:
    """A session that a neighbour accepted: keeps `gb28181.peer.Call`.

    Ends once: by `hang_up` (ours, no listener is told), by their BYE or MediaStatus, or by `end` when the signalling
    is lost. `reach` says where the neighbour is now, None when nobody knows: ports change in the middle of calls where
    a translator stands between (signalling 3.1), and what goes to the old one is heard by nobody.
    """

    def __init__(
        self,
        book: CallBook,
        owner: str,
        channel: str,
        dialog: Dialog,
        answer: Answer,
        headers: Mapping[str, str] | None = None,
        *,
        reach: Callable[[], Path | None] = lambda: None,
    ) -> None:
        self.owner = owner
        self.channel = channel
        self.call_id = dialog.call_id
        self.answer = answer
        self.headers: Mapping[str, str] = headers or {}
        self.end_reason: str | None = None
        self._book = book
        self._dialog = dialog
        self._reach = reach
        self._listeners: list[Callable[[str], None]] = []
        dialog.on_end = self._hung_up
        dialog.on_request = self._asked

    def __repr__(self) -> str:
        state = f"over ({self.end_reason})" if self.is_over else "up"
        return f"<OutgoingCall {self.call_id} of {self.owner} for {self.channel}, {state}>"

    @property
    def is_over(self) -> bool:
        return self.end_reason is not None

    def on_end(self, listener: Callable[[str], None]) -> None:
        """See `Call.on_end`; told at once when it has ended already."""
        if self.end_reason is not None:
            listener(self.end_reason)
        else:
            self._listeners.append(listener)

    async def inform(self, body: bytes, content_type: str) -> int:
        """See `Call.inform`. Raises PeerSilent when no answer came."""
        if self.is_over:
            return 481
        self._go_after()
        try:
            response = await self._dialog.request(
                "INFO", body=body, content_type=content_type, timeout_s=INFO_PATIENCE_S
            )
        except (RequestTimedOut, TransportLost) as lost:
            hops = (Hop(self.owner, "INFO", 0, str(lost)),)
            raise PeerSilent(f"{self.owner} did not answer INFO in call {self.call_id}: {lost}", hops=hops) from None
        return response.status

    async def hang_up(self, reason: str = "") -> None:
        """See `Call.hang_up`."""
        if self.is_over:
            return
        self._close(reason or "we-hung-up")
        self._go_after()
        await self._dialog.bye(timeout_s=BYE_PATIENCE_S)

    def end(self, reason: str) -> None:
        """The session is over because its signalling is: a BYE is sent on chance, and the listeners are told."""
        if not self.is_over:
            self._go_after()
            self._dialog.hang_up()
            self._over(reason)

    def _go_after(self) -> None:
        path = self._reach()
        if path is not None:
            self._dialog.move(path)

    def _hung_up(self, reason: str) -> None:
        self._over(HUNG_UP if reason == "BYE" else reason)

    def _asked(self, incoming: Incoming) -> None:
        request = incoming.request
        if request.method not in ("MESSAGE", "INFO"):
            incoming.respond(488 if request.method == "INVITE" else 501)
            return
        incoming.respond(200)
        if request.method == "MESSAGE":
            try:
                said = parse(request.body)
            except ValueError:
                return
            if isinstance(said, MediaStatus) and said.is_end_of_file:
                self.end(FILE_SENT)

    def _over(self, reason: str) -> None:
        if self.is_over:
            return
        listeners = self._listeners
        self._close(reason)
        for listener in listeners:
            try:
                listener(reason)
            except Exception:
                log.exception("a listener to the end of call %s failed; the others still hear it", self.call_id)

    def _close(self, reason: str) -> None:
        self.end_reason = reason
        self._listeners = []
        self._book.drop(self)


class CallBook:
    """The calls that are up, by neighbour."""

    def __init__(self) -> None:
        self._by_owner: dict[str, dict[str, OutgoingCall]] = {}
        self.placed = 0
        self.refused = 0

    def __len__(self) -> int:
        return sum(map(len, self._by_owner.values()))

    def keep(self, call: OutgoingCall) -> None:
        self._by_owner.setdefault(call.owner, {})[call.call_id] = call

    def drop(self, call: OutgoingCall) -> None:
        calls = self._by_owner.get(call.owner)
        if calls is not None and calls.pop(call.call_id, None) is not None and not calls:
            del self._by_owner[call.owner]

    def of(self, owner: str) -> tuple[OutgoingCall, ...]:
        return tuple(self._by_owner.get(owner, {}).values())

    def end_all(self, owner: str, reason: str) -> None:
        """The neighbour is gone, and its sessions with it."""
        for call in self.of(owner):
            call.end(reason)

    def file_sent(self, owner: str, device: str) -> bool:
        """A MediaStatus came outside of its session: the call is found by who sends. True when there was one."""
        calls = [call for call in self.of(owner) if not call.answer.is_live]
        named = [call for call in calls if call.channel == device]
        for call in named or (calls if len(calls) == 1 else []):
            call.end(FILE_SENT)
            return True
        return False


async def place_call(
    stack: Stack,
    book: CallBook,
    *,
    owner: str,
    channel: str,
    offer: Offer,
    path: Path,
    our_code: str,
    our_domain: str,
    timeout_s: float,
    headers: tuple[Field, ...] = (),
    reach: Callable[[], Path | None] = lambda: None,
) -> Call:
    """INVITE `channel` of `owner` by `path`; comes back after the ACK. What is said later goes where `reach` says.
    Raises PeerSilent, PeerRefused.

    A refusal's `hops` go on with what the neighbour says of those below it, when it is one of ours.

    An answer whose session description cannot be used is acknowledged and hung up.
    """
    host, port = path.remote
    bracketed = f"[{host}]" if ":" in host else host
    transport = ";transport=tcp" if path.is_reliable else ""
    invite = stack.new_request(
        "INVITE",
        f"sip:{channel}@{bracketed}:{port}{transport}",
        from_uri=f"sip:{our_code}@{our_domain}",
        to_uri=f"sip:{channel}@{our_domain}",
        path=path,
        contact_user=our_code,
        headers=(("Subject", str(subject_of(offer, channel, our_code))), *headers),
        body=serialise(offer),
        content_type=SDP,
    )
    what = f"INVITE {channel}"
    try:
        response, dialog = await stack.invite(invite, path, timeout_s=timeout_s)
    except RequestTimedOut:
        hops = (Hop(owner, what, 0, f"no answer in {timeout_s:g} s"),)
        raise PeerSilent(f"{owner} did not answer our call to {channel} in {timeout_s:g} s", hops=hops) from None
    except TransportLost as lost:
        hops = (Hop(owner, what, 0, str(lost)),)
        raise PeerSilent(f"our call to {channel} did not reach {owner}: {lost}", hops=hops) from None
    if dialog is None:
        book.refused += 1
        raise PeerRefused(
            f"{owner} refused our call to {channel}: {response.status} {response.reason}",
            status=response.status,
            reason=response.reason,
            hops=(
                Hop(owner, what, response.status, response.reason),
                *read_warnings(response.headers.items_of("Warning"), what),
            ),
            headers=told_beside(response),
        )
    dialog.ack()
    try:
        answer = parse_answer(response.body, offer)
    except ValueError as wrong:
        dialog.hang_up()
        book.refused += 1
        raise PeerRefused(
            f"{owner} accepted our call to {channel} with a session description we cannot use: {wrong}",
            status=488,
            reason=str(wrong),
            hops=(Hop(owner, what, response.status, str(wrong)),),
        ) from None
    call = OutgoingCall(book, owner, channel, dialog, answer, told_beside(response), reach=reach)
    book.placed += 1
    if not call.is_over:
        book.keep(call)
    return call


def told_beside(response: Response) -> dict[str, str]:
    """What an answer to INVITE says beyond the session (2022 annex H, and why a platform refused)."""
    found = {name: response.headers.get(name) for name in TOLD_BESIDE}
    return {name: value[:LONGEST_TOLD] for name, value in found.items() if value}


TOLD_BESIDE = (ROUTE_PATH, "Reason", "X-GB-Ver")
LONGEST_TOLD = 2048


def subject_of(offer: Offer, channel: str, our_code: str) -> Subject:
    """Who sends what to whom (2022 annex L): the SSRC names the stream, and is the same while the stream runs."""
    ssrc = Ssrc(offer.ssrc).text if offer.ssrc is not None else ("0" if offer.is_live else "1")
    return Subject(channel, ssrc, our_code, "0")
