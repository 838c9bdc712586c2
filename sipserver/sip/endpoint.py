"""One speaker of SIP, without sockets: bytes and the time come in, bytes and events go out.

    endpoint.receive(data, path, now)      a datagram came          endpoint.receive_message(...)   out of a stream
    endpoint.send(request, path, now)      a request goes           endpoint.respond(...)           an answer goes
    endpoint.handle_timer(now)             at `next_timer()`
    endpoint.take_outgoing(), endpoint.take_events()                to be emptied after each of these

Transactions swallow repeats and repeat what is ours; refusals that need no user (400, 416, 420, 482, 483, 501, 505)
are answered here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from sipserver.sip.events import (
    AckMissing,
    AckReceived,
    CancelReceived,
    Disbelieved,
    Event,
    Heard,
    Outgoing,
    Refused,
    RequestReceived,
    ResponseReceived,
    TimedOut,
    TransportFailed,
)
from sipserver.sip.header import MAGIC_COOKIE
from sipserver.sip.limits import DEFAULT_LIMITS, Limits
from sipserver.sip.message import Field, Headers, Request, Response, response_to, serialise
from sipserver.sip.parser import METHODS, BadMessage, parse_datagram
from sipserver.sip.path import Path
from sipserver.sip.restraint import Restraint
from sipserver.sip.tokens import Tokens
from sipserver.sip.transaction import (
    ACK,
    BROKEN,
    CALLING,
    CANCEL_UNHEARD,
    COMPLETED,
    FAILURE,
    GIVE_UP,
    INVITE_CLIENT,
    INVITE_SERVER,
    LOSE,
    NON_INVITE_CLIENT,
    NON_INVITE_SERVER,
    PASS_UP,
    PROCEEDING,
    PROVISIONAL,
    REPEAT,
    RESEND,
    RESEND_SLOWLY,
    SEND,
    SEND_ACK,
    SEND_FAILURE,
    SEND_PROVISIONAL,
    SEND_SUCCESS,
    SUCCESS,
    TERMINATED,
    TIMER_A,
    TIMER_B,
    TIMER_E,
    TIMER_F,
    TIMER_G,
    TRYING,
    UNACKNOWLEDGED,
    UNANSWERED,
    Timing,
    Transaction,
)
from sipserver.sip.wheel import TimerWheel

__all__ = ["Endpoint", "Path", "Tally"]

SUCCESS_AGAIN = "the 2xx again until its ACK"
BRANCH_LETTERS = 20
UNANSWERED_INVITE_S = 180.0
EVENT_OF_CLASS = (FAILURE, PROVISIONAL, SUCCESS, FAILURE, FAILURE, FAILURE, FAILURE)
SEND_OF_CLASS = (SEND_FAILURE, SEND_PROVISIONAL, SEND_SUCCESS, *(SEND_FAILURE,) * 4)
# A request that starts something further along: the hop count matters only for what might be passed on.
FORWARDABLE = frozenset(("INVITE", "MESSAGE", "SUBSCRIBE"))
# Methods whose doubled arrival over two ways must not be served twice. REGISTER and MESSAGE are left out: poor stacks
# repeat CSeq numbers in them, and serving them twice does no harm.
MERGING = frozenset(("INVITE", "SUBSCRIBE"))


@dataclass(slots=True)
class Tally:
    """What an endpoint counted since it was made."""

    requests_in: int = 0
    responses_in: int = 0
    repeats_in: int = 0
    repeats_out: int = 0
    refused: int = 0
    disbelieved: int = 0
    unanswered: int = 0
    stray_responses: int = 0
    stray_acks: int = 0
    timed_out: int = 0
    not_kept: int = 0


class Notary(Protocol):
    """Signs what goes to neighbours that want it signed, and looks at what comes from them (signalling 3.9)."""

    def stamp(self, message: Request | Response, path: Path) -> None:
        """Sign a message that is otherwise ready, if its neighbour wants that."""

    def why_not(self, message: Request | Response, path: Path) -> str:
        """Why a message is not to be believed, "" when it is."""


class UnacknowledgedSuccess:
    """A 2xx to INVITE that is repeated until its ACK comes, RFC 3261 13.3.1.4."""

    __slots__ = ("deadline", "done", "interval_s", "key", "out", "transaction")

    def __init__(self, key: tuple[str, str, int], out: Outgoing, transaction: Transaction, deadline: float) -> None:
        self.key = key
        self.out = out
        self.transaction = transaction
        self.deadline = deadline
        self.interval_s = 0.0
        self.done = False


class Endpoint:
    """See the module. `tells_traffic` adds a `Heard` event for every message that comes in, `notary` signs and checks
    messages where neighbours agreed on it."""

    def __init__(
        self,
        *,
        timing: Timing | None = None,
        limits: Limits = DEFAULT_LIMITS,
        product: str | None = None,
        tells_traffic: bool = False,
        tokens: Tokens | None = None,
    ) -> None:
        self.timing = timing or Timing()
        self.limits = limits
        self.product = product
        self.tells_traffic = tells_traffic
        self.tokens = tokens or Tokens()
        self.notary: Notary | None = None
        self.tally = Tally()
        self._events: list[Event] = []
        self._outgoing: list[Outgoing] = []
        self._servers: dict[str, Transaction] = {}
        self._clients: dict[str, Transaction] = {}
        self._merging: dict[tuple[str, str, str], Transaction] = {}
        self._unacknowledged: dict[tuple[str, str, int], UnacknowledgedSuccess] = {}
        self._on_connection: dict[int, set[Transaction]] = {}
        self._invites = 0
        self._restraint = Restraint(self.limits.refusals_a_second)
        self._wheel: TimerWheel[Transaction | UnacknowledgedSuccess] = TimerWheel()
        self._durations = {False: self.timing.durations(False), True: self.timing.durations(True)}

    def __repr__(self) -> str:
        return f"<Endpoint {len(self._servers)} server and {len(self._clients)} client transactions, {self.tally}>"

    @property
    def live_transactions(self) -> int:
        return len(self._servers) + len(self._clients)

    def live_clients(self) -> list[Transaction]:
        """The client transactions that live; for the end of the house, not for every day."""
        return list(self._clients.values())

    # What comes in.

    def receive(self, data: bytes, path: Path, now: float) -> None:
        """A datagram. Never raises on what it holds; blank keep-alives are passed over in silence."""
        try:
            message = parse_datagram(data, self.limits)
        except BadMessage as bad:
            if data.strip(b"\r\n\0 "):
                bad.raw = data
                self.refuse(bad, path, now)
            return
        if isinstance(message, Request):
            self._receive_request(message, data, path, now)
        else:
            self._receive_response(message, data, path, now)

    def receive_message(self, message: Request | Response, raw: bytes, path: Path, now: float) -> None:
        """A message that a stream parser cut out."""
        if isinstance(message, Request):
            self._receive_request(message, raw, path, now)
        else:
            self._receive_response(message, raw, path, now)

    def refuse(self, bad: BadMessage, path: Path, now: float) -> None:
        """Answer what could not be read, as far as it can be answered and not too often, and tell."""
        self.tally.refused += 1
        self._events.append(Refused(path, bad))
        if bad.answerable is not None:
            if not self._restraint.may_answer(path.remote[0], now):
                self.tally.unanswered += 1
                return
            request = bad.answerable
            request.stamp(*path.remote)
            self._answer_statelessly(request, path, bad.status, bad.reason if bad.status == 400 else None)

    def _receive_request(self, request: Request, raw: bytes, path: Path, now: float) -> None:
        self.tally.requests_in += 1
        request.stamp(*path.remote)
        method = request.method
        key = self._server_key(request, "INVITE" if method == "ACK" else method, path)
        transaction = self._servers.get(key)
        if self.tells_traffic:
            self._events.append(Heard(path, request, raw, transaction is not None and method != "ACK"))
        if self.notary is not None and self._disbelieves(self.notary, request, path):
            return
        if transaction is not None:
            if method == "ACK":
                self._step(transaction, ACK, now)
                if transaction.state != "accepted":
                    return
            else:
                self.tally.repeats_in += 1
                self._step(transaction, REPEAT, now)
                return
        if method == "ACK":
            self._receive_ack(request, path)
        elif method == "CANCEL":
            self._receive_cancel(request, path, now)
        elif not self._refuse_early(request, path):
            self._begin(request, method, key, path)

    def _disbelieves(self, notary: Notary, message: Request | Response, path: Path) -> bool:
        why = notary.why_not(message, path)
        if why:
            self.tally.disbelieved += 1
            self._events.append(Disbelieved(path, message, why))
        return bool(why)

    def _written(self, message: Request | Response, path: Path) -> bytes:
        if self.notary is not None:
            self.notary.stamp(message, path)
        return serialise(message)

    def _server_key(self, request: Request, method: str, path: Path) -> str:
        """RFC 3261 17.2.3, and more: many cameras share one private address and a poor source of branches, so the
        source's host, the Call-ID and the CSeq must agree too. Without the magic cookie (RFC 2543) the branch says
        nothing and the rest must do."""
        hop, first = request.hop, request.headers._first
        what = hop.branch if hop.branch.startswith(MAGIC_COOKIE) else f"{request.uri} {first['From']}"
        return f"{what} {method} {request.cseq.number} {hop.sent_by} {path.remote[0]} {first['Call-ID']}"

    def _receive_ack(self, request: Request, path: Path) -> None:
        try:
            key = (request.call_id, request.to.tag or "", request.cseq.number)
        except ValueError:
            self.tally.stray_acks += 1
            return
        waiting = self._unacknowledged.pop(key, None)
        if waiting is None:
            self.tally.stray_acks += 1
            self._events.append(AckReceived(request, path))
            return
        waiting.done = True
        self._events.append(AckReceived(request, path, waiting.transaction))

    def _receive_cancel(self, request: Request, path: Path, now: float) -> None:
        """RFC 3261 9.2."""
        invite = self._servers.get(self._server_key(request, "INVITE", path))
        if invite is None or invite.request is None:
            self._answer_statelessly(request, path, 481)
            return
        self._answer_statelessly(request, path, 200)
        if invite.state == PROCEEDING:
            asked = invite.request
            answer = response_to(asked, 487, to_tag=self.tokens.word(), server=self.product)
            self.respond(invite, answer, now)
            self._events.append(CancelReceived(invite, asked))

    def _refuse_early(self, request: Request, path: Path) -> bool:
        """Answer what no user needs to see; whether it was so."""
        method = request.method
        if method not in METHODS:
            return self._answer_statelessly(request, path, 501)
        try:
            uri = request.request_uri
            hops = request.max_forwards
        except ValueError as wrong:
            return self._answer_statelessly(request, path, 400, str(wrong))
        if not uri.is_sip:
            return self._answer_statelessly(request, path, 416)
        if uri.headers:
            return self._answer_statelessly(request, path, 400, "headers in the request URI")
        first = request.headers._first
        if "Require" in first or "Proxy-Require" in first:
            unsupported = [*request.headers.items_of("Require"), *request.headers.items_of("Proxy-Require")]
            if unsupported:
                return self._answer_statelessly(request, path, 420, fields=(("Unsupported", ", ".join(unsupported)),))
        if not hops and method in FORWARDABLE and not request.to.tag:
            return self._answer_statelessly(request, path, 483)
        if method in MERGING and not request.to.tag and merge_key(request) in self._merging:
            return self._answer_statelessly(request, path, 482)
        if method == "INVITE" and self._invites >= self.limits.calls:
            return self._answer_statelessly(request, path, 503, fields=(("Retry-After", "30"),))
        return False

    def _answer_statelessly(
        self, request: Request, path: Path, status: int, reason: str | None = None, fields: tuple[Field, ...] = ()
    ) -> bool:
        if reason is not None:
            reason = one_line(reason)
        response = response_to(request, status, reason, headers=fields, to_tag=self.tokens.word(), server=self.product)
        self._outgoing.append(Outgoing(self._written(response, path), path, response, False))
        return True

    def _begin(self, request: Request, method: str, key: str, path: Path) -> None:
        if method == "INVITE":
            transaction = Transaction(INVITE_SERVER, PROCEEDING, key, request, path)
            self._invites += 1
        else:
            transaction = Transaction(NON_INVITE_SERVER, TRYING, key, request, path)
        if method in MERGING:
            transaction.merging = merge_key(request)
            self._merging[transaction.merging] = transaction
        self._servers[key] = transaction
        if path.connection:
            self._on_connection.setdefault(path.connection, set()).add(transaction)
        self._events.append(RequestReceived(transaction, request, path))

    def _receive_response(self, response: Response, raw: bytes, path: Path, now: float) -> None:
        self.tally.responses_in += 1
        transaction = self._clients.get(f"{response.hop.branch} {response.cseq.method}")
        if self.tells_traffic:
            repeated = transaction is None or transaction.state not in (CALLING, TRYING, PROCEEDING)
            self._events.append(Heard(path, response, raw, repeated))
        if self.notary is not None and self._disbelieves(self.notary, response, path):
            return
        if transaction is None:
            self.tally.stray_responses += 1
            return
        transaction.last = response
        self._step(transaction, EVENT_OF_CLASS[response.status // 100], now, path)
        if transaction.cancel_wanted and transaction.state == PROCEEDING:
            self._send_cancel(transaction, now)

    # What goes out.

    def send(self, request: Request, path: Path, now: float, user: object = None) -> Transaction:
        """Begin a client transaction; its events carry it, and it carries `user`.

        Raises ValueError when a header cannot be put on the wire. An ACK is not for here but for `send_ack`.
        """
        raw = self._written(request, path)
        key = f"{request.hop.branch} {request.method}"
        invite = request.method == "INVITE"
        table, state = (INVITE_CLIENT, CALLING) if invite else (NON_INVITE_CLIENT, TRYING)
        transaction = Transaction(table, state, key, request, path)
        transaction.last_raw = raw
        transaction.user = user
        self._clients[key] = transaction
        if path.connection:
            self._on_connection.setdefault(path.connection, set()).add(transaction)
        self._outgoing.append(Outgoing(raw, path, request, False))
        for timer in (TIMER_A, TIMER_B) if invite else (TIMER_E, TIMER_F):
            self._set_timer(transaction, timer, now)
        return transaction

    def send_ack(self, request: Request, path: Path) -> bytes:
        """An ACK for a 2xx: sent once, kept by nobody; the bytes come back for the next time."""
        raw = self._written(request, path)
        self._outgoing.append(Outgoing(raw, path, request, False))
        return raw

    def send_again(self, raw: bytes, path: Path, message: Request) -> None:
        """The same bytes once more, outside of any transaction."""
        self.tally.repeats_out += 1
        self._outgoing.append(Outgoing(raw, path, message, True))

    def respond(self, transaction: Transaction, response: Response, now: float) -> bool:
        """Answer a request; false when the transaction takes no such answer any more."""
        transaction.last = response
        transaction.last_raw = self._written(response, transaction.path)
        request, path = transaction.request, transaction.path
        if not self._step(transaction, SEND_OF_CLASS[response.status // 100], now):
            return False
        if transaction.table is INVITE_SERVER and 200 <= response.status < 300 and request is not None:
            self._await_ack(transaction, response, path, now)
        elif transaction.table is NON_INVITE_SERVER:
            self._lighten(transaction, response)
        return True

    def respond_once(self, transaction: Transaction, response: Response) -> None:
        """Answer a request of which nothing is kept (RFC 3261 8.2.7): the answer is not repeated, no ACK is awaited,
        and the request again is a new one."""
        raw = self._written(response, transaction.path)
        self._outgoing.append(Outgoing(raw, transaction.path, response, False))
        self.abandon(transaction)

    def forgo_ack(self, transaction: Transaction) -> None:
        """Nobody will acknowledge our 2xx any more: its session is over."""
        response = transaction.last
        if isinstance(response, Response):
            waiting = self._unacknowledged.pop((response.call_id, response.to.tag or "", response.cseq.number), None)
            if waiting is not None:
                waiting.done = True

    def _lighten(self, transaction: Transaction, response: Response) -> None:
        """Keep of an answered request only what its repeats need: the bytes. There are tens of thousands of them."""
        if transaction.state == COMPLETED:
            transaction.request = None
            transaction.last = None
            if len(self._servers) > self.limits.transactions:
                self.tally.not_kept += 1
                self.abandon(transaction)

    def expect_answer(self, transaction: Transaction, now: float) -> None:
        """The user was told of a request and will answer later: when it never does, an INVITE is answered 408 after
        `UNANSWERED_INVITE_S` and any other request is forgotten after 64*T1 (RFC 4320 4.2: no 408 there)."""
        wait_s = UNANSWERED_INVITE_S if transaction.table is INVITE_SERVER else 64 * self.timing.t1_s
        self._wheel.add(now + wait_s, UNANSWERED, transaction)

    def cancel(self, transaction: Transaction, now: float) -> None:
        """Take an INVITE back: CANCEL goes as soon as the other side has answered anything, RFC 3261 9.1."""
        if transaction.table is INVITE_CLIENT:
            transaction.cancel_wanted = True
            if transaction.state == PROCEEDING:
                self._send_cancel(transaction, now)

    def abandon(self, transaction: Transaction) -> None:
        """Stop repeating a request in whose answer nobody is interested any more."""
        if transaction.state != TERMINATED:
            transaction.state = TERMINATED
            self._forget(transaction)

    def fail_path(self, path: Path, now: float) -> None:
        """The connection of `path` is gone: what ran over it fails."""
        for transaction in self._on_connection.pop(path.connection, ()):
            self._step(transaction, BROKEN, now)

    def fail_sent(self, out: Outgoing, now: float) -> None:
        """`out` could not be sent: its transaction fails, if it is a request that we await an answer to."""
        message = out.message
        if isinstance(message, Request) and message.method != "ACK":
            transaction = self._clients.get(f"{message.hop.branch} {message.method}")
            if transaction is not None:
                self._step(transaction, BROKEN, now)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is to be told and nothing to be sent."""
        return not self._events and not self._outgoing

    def take_events(self) -> list[Event]:
        """What happened since the last time."""
        events, self._events = self._events, []
        return events

    def take_outgoing(self) -> list[Outgoing]:
        """What is to be sent, in order."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    # Time.

    def next_timer(self) -> float | None:
        """When `handle_timer` is wanted next; None when nothing waits."""
        return self._wheel.next_at()

    def handle_timer(self, now: float) -> None:
        """Do what is due."""
        for timer, thing in self._wheel.take(now):
            if isinstance(thing, Transaction):
                if timer is UNANSWERED and thing.table is INVITE_SERVER:
                    self._answer_unanswered(thing, now)
                else:
                    self._step(thing, timer, now)
            else:
                self._repeat_success(thing, now)

    def _answer_unanswered(self, transaction: Transaction, now: float) -> None:
        if transaction.state == PROCEEDING and transaction.request is not None:
            asked = transaction.request
            answer = response_to(asked, 408, to_tag=self.tokens.word(), server=self.product)
            self.respond(transaction, answer, now)
            self._events.append(CancelReceived(transaction, asked))

    def _set_timer(self, transaction: Transaction, timer: str, now: float) -> None:
        duration = self._durations[transaction.path.connection != 0].get(timer)
        if duration is None:
            return
        if timer in REPEATING:
            last = transaction.interval_s
            if not last:
                transaction.interval_s = duration
            elif timer is TIMER_A:
                transaction.interval_s = last * 2
            else:
                transaction.interval_s = min(last * 2, self.timing.t2_s)
            duration = transaction.interval_s
        if duration:
            self._wheel.add(now + duration, timer, transaction)
        else:
            self._step(transaction, timer, now)

    # The tables at work.

    def _step(self, transaction: Transaction, event: str, now: float, path: Path | None = None) -> bool:
        """Let `event` happen to a transaction; whether it had a cell for it."""
        cells = transaction.table.get(transaction.state)
        cell = cells.get(event) if cells is not None else None
        if cell is None:
            return False
        transaction.state, actions = cell
        for action in actions:
            do = ACTIONS.get(action)
            if do is None:
                self._set_timer(transaction, action, now)
            else:
                do(self, transaction, path)
        if transaction.state == TERMINATED:
            self._forget(transaction)
        return True

    def _do_send(self, transaction: Transaction, path: Path | None) -> None:
        if transaction.last is not None:
            self._outgoing.append(Outgoing(transaction.last_raw, transaction.path, transaction.last, False))

    def _do_resend(self, transaction: Transaction, path: Path | None) -> None:
        if not transaction.last_raw:
            return
        message = transaction.request if transaction.table in CLIENT_TABLES else transaction.last
        if message is None:
            message = parse_datagram(transaction.last_raw)
        self.tally.repeats_out += 1
        self._outgoing.append(Outgoing(transaction.last_raw, transaction.path, message, True))

    def _do_resend_slowly(self, transaction: Transaction, path: Path | None) -> None:
        transaction.interval_s = self.timing.t2_s
        self._do_resend(transaction, path)

    def _do_send_ack(self, transaction: Transaction, path: Path | None) -> None:
        if transaction.request is not None and isinstance(transaction.last, Response):
            ack = ack_of_failure(transaction.request, transaction.last)
            self._outgoing.append(Outgoing(self._written(ack, transaction.path), transaction.path, ack, False))

    def _do_pass_up(self, transaction: Transaction, path: Path | None) -> None:
        if isinstance(transaction.last, Response) and path is not None:
            self._events.append(ResponseReceived(transaction, transaction.last, path))

    def _do_give_up(self, transaction: Transaction, path: Path | None) -> None:
        self.tally.timed_out += 1
        self._events.append(TimedOut(transaction))

    def _do_lose(self, transaction: Transaction, path: Path | None) -> None:
        self._events.append(TransportFailed(transaction))

    def _do_unacknowledged(self, transaction: Transaction, path: Path | None) -> None:
        self._events.append(AckMissing(transaction, was_success=False))

    def _forget(self, transaction: Transaction) -> None:
        held = self._servers if transaction.table in SERVER_TABLES else self._clients
        if held.get(transaction.key) is transaction:
            del held[transaction.key]
            if transaction.table is INVITE_SERVER:
                self._invites -= 1
        if transaction.merging is not None and self._merging.get(transaction.merging) is transaction:
            del self._merging[transaction.merging]
        if transaction.path.connection:
            running = self._on_connection.get(transaction.path.connection)
            if running is not None:
                running.discard(transaction)
                if not running:
                    del self._on_connection[transaction.path.connection]
        transaction.request = None
        if transaction.table in CLIENT_TABLES:
            # Timers are not taken out early, and would hold the bytes of a large request for half a minute.
            transaction.last_raw = b""

    # INVITE's extra wires.

    def _send_cancel(self, transaction: Transaction, now: float) -> None:
        transaction.cancel_wanted = False
        if transaction.request is not None:
            self.send(cancel_of(transaction.request), transaction.path, now)
            # RFC 3261 9.1: without a final answer in 64*T1 the INVITE is considered gone.
            self._wheel.add(now + 64 * self.timing.t1_s, CANCEL_UNHEARD, transaction)

    def _await_ack(self, transaction: Transaction, response: Response, path: Path, now: float) -> None:
        key = (response.call_id, response.to.tag or "", response.cseq.number)
        out = Outgoing(transaction.last_raw, path, response, True)
        waiting = UnacknowledgedSuccess(key, out, transaction, now + 64 * self.timing.t1_s)
        waiting.interval_s = self.timing.t1_s
        self._unacknowledged[key] = waiting
        self._wheel.add(now + waiting.interval_s, SUCCESS_AGAIN, waiting)

    def _repeat_success(self, waiting: UnacknowledgedSuccess, now: float) -> None:
        if waiting.done:
            return
        if now >= waiting.deadline:
            self._unacknowledged.pop(waiting.key, None)
            self._events.append(AckMissing(waiting.transaction, was_success=True))
            return
        self.tally.repeats_out += 1
        self._outgoing.append(waiting.out)
        waiting.interval_s = min(waiting.interval_s * 2, self.timing.t2_s)
        self._wheel.add(min(now + waiting.interval_s, waiting.deadline), SUCCESS_AGAIN, waiting)


REPEATING = frozenset((TIMER_A, TIMER_E, TIMER_G))
CLIENT_TABLES = (INVITE_CLIENT, NON_INVITE_CLIENT)
SERVER_TABLES = (INVITE_SERVER, NON_INVITE_SERVER)
ACTIONS: dict[str, Callable[[Endpoint, Transaction, Path | None], None]] = {
    SEND: Endpoint._do_send,
    RESEND: Endpoint._do_resend,
    RESEND_SLOWLY: Endpoint._do_resend_slowly,
    SEND_ACK: Endpoint._do_send_ack,
    PASS_UP: Endpoint._do_pass_up,
    GIVE_UP: Endpoint._do_give_up,
    LOSE: Endpoint._do_lose,
    UNACKNOWLEDGED: Endpoint._do_unacknowledged,
}


def merge_key(request: Request) -> tuple[str, str, str]:
    """RFC 3261 8.2.2.2: what two copies of one request over two ways have in common."""
    return (request.from_.tag or "", request.call_id, request.headers.get("CSeq", "") or "")


def one_line(text: str) -> str:
    """`text` as it may stand in a reason phrase: printable ASCII, at most 80 letters."""
    return "".join(letter if " " <= letter <= "~" else "?" for letter in text[:80])


def ack_of_failure(invite: Request, response: Response) -> Request:
    """The ACK that belongs to the INVITE's own transaction, RFC 3261 17.1.1.3."""
    return hop_by_hop(invite, "ACK", response.headers.get("To", "") or "")


def cancel_of(invite: Request) -> Request:
    """The CANCEL of an INVITE, RFC 3261 9.1."""
    return hop_by_hop(invite, "CANCEL", invite.headers.get("To", "") or "")


def hop_by_hop(invite: Request, method: str, to: str) -> Request:
    headers = Headers()
    headers.add("Via", invite.headers.items_of("Via")[0])
    headers.add("From", invite.headers.get("From", "") or "")
    headers.add("To", to)
    headers.add("Call-ID", invite.call_id)
    headers.add("CSeq", f"{invite.cseq.number} {method}")
    for route in invite.headers.all("Route"):
        headers.add("Route", route)
    headers.add("Max-Forwards", "70")
    return Request(method, invite.uri, headers, b"", invite.charset)
