"""SIP on asyncio: an Endpoint with sockets and a timer, requests that can be awaited, dialogs that can be held.

Nothing here makes a task per message: what comes in is handled where it is read, and only what is awaited waits.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field

from msgspec import Struct

from sipserver.exchange import Ask, Dialog, Incoming, RequestTimedOut, Ringing, TransportLost
from sipserver.sip.dialog import DialogKey, DialogState
from sipserver.sip.endpoint import BRANCH_LETTERS, Endpoint, Notary
from sipserver.sip.events import (
    AckMissing,
    AckReceived,
    CancelReceived,
    Disbelieved,
    Heard,
    Outgoing,
    Refused,
    RequestReceived,
    ResponseReceived,
    TimedOut,
    TransportFailed,
)
from sipserver.sip.header import MAGIC_COOKIE, Via
from sipserver.sip.limits import DEFAULT_LIMITS, Limits
from sipserver.sip.message import Field, Headers, Request, Response, response_to
from sipserver.sip.parser import METHODS, BadMessage
from sipserver.sip.path import Address, Path
from sipserver.sip.transaction import INVITE_SERVER, Timing, Transaction
from sipserver.sip.uri import SipUri
from sipserver.transport.tcp import TcpTransport
from sipserver.transport.udp import UdpTransport, open_socket

__all__ = [
    "BadMessage",
    "Dialog",
    "Incoming",
    "Path",
    "RequestTimedOut",
    "Stack",
    "StackSettings",
    "Statistics",
    "Traffic",
    "TransportLost",
]

log = logging.getLogger(__name__)

SERVED = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "REGISTER", "MESSAGE", "INFO", "SUBSCRIBE", "NOTIFY")
ALLOW = ", ".join(SERVED)
ONLY_IN_DIALOG = frozenset(("BYE", "INFO", "UPDATE", "PRACK"))
KNOWN_PATHS = 65_536
KNOWN_ROUTES = 4_096
REMEMBERED_ENDS = 4_096
# RFC 3261 18.1.1: above this a request goes over a stream, if there is one.
LARGE_REQUEST_BYTES = 1_300
WILDCARDS = ("0.0.0.0", "::", "")


class Traffic(Struct, frozen=True):
    """One message as it crossed the wire. `at` is unix time in seconds; `repeated` marks retransmissions."""

    direction: str
    path: Path
    message: Request | Response
    raw: bytes
    at: float
    repeated: bool


@dataclass(frozen=True, slots=True)
class StackSettings:
    """What a SIP stack is to be, and its timers."""

    host: str = "0.0.0.0"
    """Address to listen at; 0.0.0.0 or :: is every one we have."""
    port: int = 5060
    """The same for UDP and TCP; 0 takes a free one."""
    udp: bool = True
    """Whether neighbours may come by UDP."""
    tcp: bool = True
    """Whether they may come by TCP."""
    user_agent: str = "Lianwang"
    """What User-Agent and Server headers say."""
    public_host: str = ""
    """What we call ourselves towards neighbours when routing cannot know it, behind an address translator."""
    t1_s: float = 0.5
    """RFC 3261's T1, the first pause before a UDP request is repeated."""
    t2_s: float = 4.0
    """T2, the longest pause between two repeats."""
    t4_s: float = 5.0
    """T4, how long a message may stay in the network."""
    answers_options: bool = True
    """Whether OPTIONS, the link probe of upper platforms, is answered with 200 and Allow."""
    limits: Limits = field(default=DEFAULT_LIMITS)


@dataclass(frozen=True, slots=True)
class Statistics:
    """Counts since the start, and what is alive now."""

    counts: dict[str, int]
    transactions: int
    dialogs: int
    connections: int
    receive_buffer_bytes: int


class Stack:
    """See the module. Set the callbacks before `start`; they run on the loop and must not block."""

    def __init__(self, settings: StackSettings, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.settings = settings
        self.clock = clock
        self.on_request: Callable[[Incoming], None] | None = None
        self.on_traffic: Callable[[Traffic], None] | None = None
        self.on_bad: Callable[[Path, BadMessage | bytes], None] | None = None
        self.on_connection_lost: Callable[[Path], None] | None = None
        self.on_disbelieved: Callable[[Request | Response, Path, str], None] | None = None
        self.is_needed: Callable[[Path], bool] | None = None
        """Whether a connection is wanted though nothing comes over it for long; those of sessions are anyway."""
        timing = Timing(settings.t1_s, settings.t2_s, settings.t4_s)
        self.endpoint = Endpoint(timing=timing, limits=settings.limits, product=settings.user_agent)
        self.port = settings.port
        self._udp: UdpTransport | None = None
        self._tcp: TcpTransport | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._is_pumping = False
        self._paths: dict[Address, Path] = {}
        self._routes: dict[str, str] = {}
        self._dialogs: dict[DialogKey, Dialog] = {}
        self._followed: dict[tuple[str, str], Dialog] = {}  # subscriptions of ours, by Call-ID and our tag
        self._dialogs_on: dict[int, set[Dialog]] = {}
        self._ended: OrderedDict[DialogKey, None] = OrderedDict()
        self._parting: dict[DialogKey, Dialog] = {}  # over for us; their ACK, then our BYE
        self._asked: dict[Transaction, Incoming] = {}
        self._handler_faults = 0

    def __repr__(self) -> str:
        return f"<Stack {self.settings.host}:{self.port} {self.endpoint!r}>"

    @property
    def notary(self) -> Notary | None:
        """Who signs and checks messages (signalling 3.9); None when nobody does."""
        return self.endpoint.notary

    @notary.setter
    def notary(self, notary: Notary | None) -> None:
        self.endpoint.notary = notary

    # Life.

    async def start(self) -> None:
        """Bind the sockets. Raises OSError with the address in it."""
        self._loop = asyncio.get_running_loop()
        self.endpoint.tells_traffic = self.on_traffic is not None
        host = self.settings.host
        for attempt in range(16):
            try:
                await self._bind(host, self.settings.port)
                return
            except OSError as wrong:
                await self.close()
                # A free UDP port may be taken for TCP: draw again.
                if self.settings.port != 0 or attempt == 15:
                    raise OSError(wrong.errno, f"cannot listen on {host}:{self.settings.port}: {wrong}") from wrong

    async def _bind(self, host: str, port: int) -> None:
        if self.settings.udp:
            self._udp = UdpTransport(open_socket(host, port), self._datagram)
            port = self._udp.address[1]
        self._tcp = TcpTransport(self.settings.limits, self, self.clock)
        if self.settings.tcp:
            port = (await self._tcp.listen(host, port))[1]
        self.port = port

    async def close(self) -> None:
        """Close sockets and connections. Who still waits for an answer gets TransportLost."""
        parting, self._parting = self._parting, {}
        for dialog in parting.values():
            dialog.say_bye()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._udp is not None:
            self._udp.close()
            self._udp = None
        tcp, self._tcp = self._tcp, None
        if tcp is not None:
            await tcp.close()
        for transaction in self.endpoint.live_clients():
            user = transaction.user
            if isinstance(user, Ask | Ringing):
                user.failed(TransportLost("the stack was closed"))
            self.endpoint.abandon(transaction)
        self._asked.clear()
        self._dialogs.clear()
        self._followed.clear()

    def statistics(self) -> Statistics:
        """Counts and what is alive."""
        counts = dict(asdict(self.endpoint.tally))
        counts["handler_faults"] = self._handler_faults
        if self._udp is not None:
            counts |= {f"udp_{name}": count for name, count in asdict(self._udp.tally).items()}
        if self._tcp is not None:
            counts |= {f"tcp_{name}": count for name, count in asdict(self._tcp.tally).items()}
        return Statistics(
            counts,
            self.endpoint.live_transactions,
            len(self._dialogs) + len(self._followed),
            len(self._tcp) if self._tcp is not None else 0,
            self._udp.receive_buffer_bytes if self._udp is not None else 0,
        )

    # Places.

    def udp_path(self, remote: Address) -> Path:
        """The path of datagrams to `remote`. Raises RuntimeError when UDP is off."""
        if self._udp is None:
            raise RuntimeError("UDP is off")
        path = self._paths.get(remote)
        if path is None:
            path = Path("UDP", remote, (self.local_host_for(remote[0]), self.port))
            if len(self._paths) >= KNOWN_PATHS:
                self._paths.clear()
            self._paths[remote] = path
        return path

    async def connect(self, remote: Address) -> Path:
        """A TCP path to `remote`, over the open connection if any. Raises OSError, RuntimeError if closed."""
        if self._tcp is None:
            raise RuntimeError("the stack is closed")
        host = self.settings.host
        return await self._tcp.connect(remote, None if host in WILDCARDS else host)

    def local_host_for(self, remote: str | Address) -> str:
        """Our address as `remote` is likely to see it."""
        if self.settings.public_host:
            return self.settings.public_host
        if self.settings.host not in WILDCARDS:
            return self.settings.host
        host = remote if isinstance(remote, str) else remote[0]
        found = self._routes.get(host)
        if found is None:
            found = routed_host(host)
            if len(self._routes) >= KNOWN_ROUTES:
                self._routes.clear()
            self._routes[host] = found
        return found

    def contact_for(self, path: Path, user: str) -> str:
        """What stands in our Contact on `path`."""
        host, port = self._own_address(path)
        bracketed = f"[{host}]" if ":" in host else host
        return f"<sip:{user}@{bracketed}:{port}{';transport=tcp' if path.is_reliable else ''}>"

    def _own_address(self, path: Path) -> Address:
        host = self.settings.public_host or path.local[0]
        if host in WILDCARDS:
            host = self.local_host_for(path.remote[0])
        return host, self.port if self.settings.tcp or path.transport == "UDP" else path.local[1]

    # Requests of ours.

    def new_request(
        self,
        method: str,
        uri: str | SipUri,
        *,
        from_uri: str | SipUri,
        to_uri: str | SipUri,
        path: Path,
        contact_user: str | None = None,
        headers: Iterable[Field] = (),
        body: bytes = b"",
        content_type: str | None = None,
        call_id: str | None = None,
        cseq: int | None = None,
        from_tag: str | None = None,
    ) -> Request:
        """A request out of any dialog, with everything RFC 3261 8.1.1 asks for.

        `contact_user` adds a Contact. Call-ID and From tag are drawn unless given; CSeq begins at 1.
        """
        tokens = self.endpoint.tokens
        made = Headers()
        made.add("From", f"<{from_uri}>;tag={from_tag or tokens.word()}")
        made.add("To", f"<{to_uri}>")
        made.add("Call-ID", call_id or f"{tokens.word(24)}@{self._own_address(path)[0]}")
        made.add("CSeq", f"{cseq or 1} {method}")
        made.add("Max-Forwards", "70")
        request = Request(method, str(uri), made, body)
        self._finish(request, path, contact_user, headers, content_type)
        return request

    def request_in(
        self,
        dialog: Dialog,
        method: str,
        number: int,
        body: bytes = b"",
        content_type: str | None = None,
        headers: Iterable[Field] = (),
    ) -> Request:
        """A request in a dialog, with the CSeq `number`."""
        request = Request(method, dialog.state.target, dialog.state.headers(method, number), body)
        contact = dialog.contact_user if method in ("INVITE", "INFO", "MESSAGE", "SUBSCRIBE", "NOTIFY") else None
        self._finish(request, dialog.path, contact, headers, content_type)
        return request

    def _finish(
        self, request: Request, path: Path, contact_user: str | None, headers: Iterable[Field], content_type: str | None
    ) -> None:
        host, port = self._own_address(path)
        branch = MAGIC_COOKIE + self.endpoint.tokens.word(BRANCH_LETTERS)
        via = Via(path.transport, host, port, branch, (("rport", None), ("branch", branch)))
        request.headers.add_first("Via", str(via))
        if contact_user is not None:
            request.headers.add("Contact", self.contact_for(path, contact_user))
        request.headers.add("User-Agent", self.settings.user_agent)
        for name, value in headers:
            request.headers.add(name, value)
        if content_type is not None:
            request.headers.set("Content-Type", content_type)

    async def ask(self, request: Request, path: Path, *, timeout_s: float | None = None) -> Response:
        """Send a request that is no INVITE; its final response. Raises RequestTimedOut, TransportLost.

        Without `timeout_s` the wait ends with timer F (32 s). Whoever stops waiting stops the repeats.
        """
        future: asyncio.Future[Response] = self._running_loop().create_future()
        transaction = self.begin(request, self._way_for(request, path), Ask(future))
        try:
            async with asyncio.timeout(timeout_s):
                return await future
        except TimeoutError:
            raise RequestTimedOut(f"{path.remote[0]}:{path.remote[1]} did not answer {request.method}") from None
        finally:
            if not future.done() or future.cancelled():
                self.endpoint.abandon(transaction)

    async def invite(
        self, request: Request, path: Path, *, timeout_s: float | None = None
    ) -> tuple[Response, Dialog | None]:
        """Send an INVITE; its final response, and after a 2xx the dialog, whose `ack()` is then yours to call.

        Raises RequestTimedOut and TransportLost. When the time runs out or the waiting task is cancelled, CANCEL goes
        out, and a 2xx that comes after all is acknowledged and hung up.
        """
        future: asyncio.Future[tuple[Response, Dialog | None]] = self._running_loop().create_future()
        contact = request.contact
        ringing = Ringing(self, request, future, contact.uri.user if contact is not None else "")
        transaction = self.begin(request, self._way_for(request, path), ringing)
        try:
            async with asyncio.timeout(timeout_s):
                return await future
        except TimeoutError:
            self._give_up(ringing, transaction)
            raise RequestTimedOut(f"{path.remote[0]}:{path.remote[1]} did not answer INVITE in {timeout_s} s") from None
        except asyncio.CancelledError:
            self._give_up(ringing, transaction)
            raise

    async def subscribe(
        self,
        request: Request,
        path: Path,
        *,
        on_request: Callable[[Incoming], None],
        timeout_s: float | None = None,
    ) -> tuple[Response, Dialog | None]:
        """Send a SUBSCRIBE; its final response, and after a 2xx the dialog, which goes on until you `forget` it.

        `on_request` hears the NOTIFYs, also those that come before the 200 or bear another tag than it, for devices
        send both. Raises RequestTimedOut and TransportLost, and ValueError when what was sent cannot be read.
        """
        contact = request.contact
        state = DialogState.of_subscriber(request)
        dialog = Dialog(self, state, path, contact.uri.user if contact is not None else "")
        dialog.on_request = on_request
        self.keep_followed(dialog)
        granted = False
        try:
            response = await self.ask(request, path, timeout_s=timeout_s)
            granted = response.status < 300 and not dialog.is_over
            if granted:
                state.answered(response)
        except ValueError:
            raise TransportLost("a 2xx that cannot be read") from None
        finally:
            if not granted:
                dialog.forget()
        return response, dialog if granted else None

    def _give_up(self, ringing: Ringing, transaction: Transaction) -> None:
        ringing.gave_up = True
        future = ringing.future
        if future.done() and not future.cancelled() and future.exception() is None:
            dialog = future.result()[1]
            if dialog is not None:
                ringing.refuse_late(dialog)
            return
        self.endpoint.cancel(transaction, self.clock())
        self.pump()

    def begin(self, request: Request, path: Path, user: Ask | Ringing | None) -> Transaction:
        """Start a client transaction."""
        transaction = self.endpoint.send(request, path, self.clock(), user)
        self.pump()
        self._arm()
        return transaction

    def _way_for(self, request: Request, path: Path) -> Path:
        """A large request leaves UDP when there is a connection to that very address."""
        if path.transport != "UDP" or self._tcp is None or len(request.body) < LARGE_REQUEST_BYTES - 600:
            return path
        size = len(request.body) + sum(len(name) + len(value) + 4 for name, value in request.headers)
        stream = self._tcp.open_to(path.remote) if size > LARGE_REQUEST_BYTES else None
        if stream is None:
            return path
        request.replace_via_text(str(request.via._replace(transport="TCP")))
        return stream

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            raise RuntimeError("the stack was not started")
        return self._loop

    # Answers of ours.

    def answer(self, transaction: Transaction, response: Response, *, once: bool = False) -> bool:
        """Send a response to a request; `once` keeps nothing of either. False when nobody is there any more to hear it:
        its connection broke."""
        if response.status >= 200 and transaction.table is INVITE_SERVER:
            self._asked.pop(transaction, None)
        was_taken = True
        if once:
            self.endpoint.respond_once(transaction, response)
        else:
            was_taken = self.endpoint.respond(transaction, response, self.clock())
        if not self._is_pumping:
            self.pump()
            self._arm()
        return was_taken

    def accept(
        self,
        incoming: Incoming,
        transaction: Transaction,
        body: bytes,
        content_type: str,
        contact_user: str,
        headers: Iterable[Field],
    ) -> Dialog:
        """See Incoming.accept."""
        request = incoming.request
        dialog = incoming.dialog
        tag = None if dialog is not None else self.endpoint.tokens.word()
        response = response_to(
            request,
            200,
            headers=(("Contact", self.contact_for(incoming.path, contact_user)), ("Allow", ALLOW), *headers),
            body=body,
            content_type=content_type if body else None,
            to_tag=tag,
            server=self.settings.user_agent,
        )
        if dialog is None:
            dialog = Dialog(self, DialogState.of_called(request, response), incoming.path, contact_user)
            incoming.dialog = dialog
            self.keep_dialog(dialog)
        else:
            dialog.state.refresh_target(request)
        incoming.is_answered = True
        transaction.user = dialog
        if transaction.table is INVITE_SERVER:
            dialog.accepted = transaction
        if not self.answer(transaction, response):
            dialog.end("connection lost")
        return dialog

    # Dialogs.

    def keep_dialog(self, dialog: Dialog) -> None:
        """From now on requests with its tags come to `dialog`."""
        self._dialogs[dialog.state.key] = dialog
        self._join_connection(dialog)

    def keep_followed(self, dialog: Dialog) -> None:
        """From now on NOTIFYs to our tag come to `dialog`, whatever theirs may be."""
        self._followed[dialog.call_id, dialog.local_tag] = dialog
        self._join_connection(dialog)

    def move_dialog(self, dialog: Dialog, path: Path) -> None:
        """What is said in the dialog goes another way from now on."""
        self._leave_connection(dialog)
        dialog.path = path
        if not dialog.is_over:
            self._join_connection(dialog)

    def forget_dialog(self, dialog: Dialog) -> None:
        """The dialog is over."""
        dialog.is_over = True
        self._followed.pop((dialog.call_id, dialog.local_tag), None)
        if self._dialogs.pop(dialog.state.key, None) is not None:
            self._ended[dialog.state.key] = None
            if len(self._ended) > REMEMBERED_ENDS:
                self._ended.popitem(last=False)
        self._leave_connection(dialog)

    def _join_connection(self, dialog: Dialog) -> None:
        if dialog.path.connection:
            self._dialogs_on.setdefault(dialog.path.connection, set()).add(dialog)

    def _leave_connection(self, dialog: Dialog) -> None:
        on_connection = self._dialogs_on.get(dialog.path.connection)
        if on_connection is not None:
            on_connection.discard(dialog)
            if not on_connection:
                del self._dialogs_on[dialog.path.connection]

    def part_after_ack(self, dialog: Dialog) -> None:
        """The dialog is over for us; the BYE goes when its ACK has come, or comes no more."""
        self._parting[dialog.state.key] = dialog

    # What comes in.

    def _datagram(self, data: bytes, remote: Address) -> None:
        path = self._paths.get(remote)
        if path is None:
            path = self.udp_path(remote)
        self._guarded_read(self.endpoint.receive, data, path)
        self.pump()
        self._arm()

    def _guarded_read(self, read: Callable[..., None], *what: object) -> None:
        """The edge of the reader: nothing that comes, whatever is in it, may stop what comes behind it."""
        try:
            read(*what, self.clock())
        except Exception:
            self._handler_faults += 1
            log.exception("what came by %s brought the SIP endpoint down; the next message is served", what[-1])

    def stream_message(self, message: Request | Response, raw: bytes, path: Path) -> None:
        """A message came over a connection."""
        self._guarded_read(self.endpoint.receive_message, message, raw, path)
        self.pump()
        self._arm()

    def stream_refused(self, bad: BadMessage, path: Path) -> None:
        """Something on a connection could not be read."""
        self._guarded_read(self.endpoint.refuse, bad, path)
        self.pump()

    def stream_lost(self, path: Path) -> None:
        """A connection is gone, with everything that ran over it."""
        self.endpoint.fail_path(path, self.clock())
        self.pump()
        for dialog in list(self._dialogs_on.get(path.connection, ())):
            dialog.end("connection lost")
        if self.on_connection_lost is not None:
            self.guarded(self.on_connection_lost, path)

    def holds(self, path: Path) -> bool:
        """Whether sessions run over a connection, or somebody needs it. A picture may flow for hours in silence."""
        if path.connection in self._dialogs_on:
            return True
        needed = self.is_needed
        try:
            return needed is not None and needed(path)
        except Exception:  # another room's fault; a connection that is not needed is made anew
            self._handler_faults += 1
            log.exception("whether %s is needed could not be told", path)
            return False

    def pump(self) -> None:
        """Tell what happened and send what is to be sent, until neither is left."""
        if self._is_pumping:
            return
        self._is_pumping = True
        endpoint = self.endpoint
        try:
            while not endpoint.is_idle:
                for event in endpoint.take_events():
                    TOLD[type(event)](self, event)
                for out in endpoint.take_outgoing():
                    self._put(out)
        finally:
            self._is_pumping = False

    def _put(self, out: Outgoing) -> None:
        path = out.path
        if path.connection:
            sent = self._tcp is not None and self._tcp.send(out.raw, path.connection)
        else:
            sent = self._udp is not None and self._udp.send(out.raw, path.remote)
        if not sent:
            self.endpoint.fail_sent(out, self.clock())
        elif self.on_traffic is not None:
            self._tell_traffic(Traffic("out", path, out.message, out.raw, time.time(), out.repeated))

    def _tell_traffic(self, traffic: Traffic) -> None:
        # As `guarded`, without its packing of arguments: this happens twice a request.
        try:
            self.on_traffic(traffic)  # type: ignore[misc]  # the callers looked
        except Exception:  # the ladder's fault must not stop the message
            self._handler_faults += 1
            log.exception("the ladder of the SIP stack failed; the next message is served")

    def _arm(self) -> None:
        due = self.endpoint.next_timer()
        if due is None or (self._timer is not None and self._timer_at <= due):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = due
        self._timer = self._running_loop().call_later(max(0.0, due - self.clock()), self._tick)

    def _tick(self) -> None:
        self._timer = None
        self.endpoint.handle_timer(self.clock())
        self.pump()
        self._arm()

    def guarded(self, told: Callable[..., None], *what: object) -> bool:
        """Call a callback that belongs to another room; whether it came back without a fault."""
        try:
            told(*what)
        except Exception:  # the edge of our room: one handler's fault must not stop the messages behind it
            self._handler_faults += 1
            log.exception("a handler of the SIP stack failed; the next message is served")
            return False
        return True

    # One method per event.

    def _on_heard(self, event: Heard) -> None:
        if self.on_traffic is not None:
            self._tell_traffic(Traffic("in", event.path, event.message, event.raw, time.time(), event.repeated))

    def _on_refused(self, event: Refused) -> None:
        if self.on_bad is not None:
            self.guarded(self.on_bad, event.path, event.bad)

    def _on_disbelieved(self, event: Disbelieved) -> None:
        """GB/T 28181-2016 9.1.3: what is not proven is dropped, and the session it names ended."""
        message, why = event.message, event.why
        if isinstance(message, Request):
            try:
                key = (message.call_id, message.to.tag or "", message.from_.tag or "")
            except ValueError:
                key = ("", "", "")
            dialog = self._dialogs.get(key)
            if dialog is not None:
                dialog.hang_up()
                dialog.tell_end(f"a message in it was not proven: {why}")
        if self.on_disbelieved is not None:
            self.guarded(self.on_disbelieved, message, event.path, why)

    def _on_request(self, event: RequestReceived) -> None:
        transaction, request = event.transaction, event.request
        incoming = Incoming(self, transaction, request, event.path, self.clock())
        method = request.method
        if method == "INVITE":
            self._asked[transaction] = incoming
        told = self.on_request
        tag = request.to.tag
        if tag:
            key = (request.call_id, tag, request.from_.tag or "")
            dialog = self._dialogs.get(key)
            if dialog is not None:
                self._request_in_dialog(dialog, transaction, incoming)
                return
            followed = self._followed.get((request.call_id, tag)) if self._followed else None
            if followed is not None:
                self._request_in_dialog(followed, transaction, incoming)
                return
            if method == "BYE" and key in self._ended:
                parting = self._parting.pop(key, None)
                if parting is not None:
                    self._forgo_ack(parting)
                    parting.parted()
                incoming.respond(200)
                return
            if method == "INVITE":
                incoming.turn_away(481)
                return
        if method in ONLY_IN_DIALOG:
            incoming.turn_away(481 if method in SERVED else 405, headers=(("Allow", ALLOW),))
        elif method == "OPTIONS" and self.settings.answers_options:
            incoming.turn_away(200, headers=(("Allow", ALLOW), ("Accept", ACCEPT)))
        elif method not in SERVED:
            incoming.turn_away(405, headers=(("Allow", ALLOW),))
        elif told is None:
            incoming.respond(503)
        elif not self.guarded(told, incoming):
            incoming.respond(500)
        elif not incoming.is_answered:
            self._await_user(transaction, incoming)

    def _await_user(self, transaction: Transaction, incoming: Incoming) -> None:
        self.endpoint.expect_answer(transaction, self.clock())
        if incoming.request.method == "INVITE":
            incoming.respond(100)

    def _request_in_dialog(self, dialog: Dialog, transaction: Transaction, incoming: Incoming) -> None:
        request = incoming.request
        method = request.method
        incoming.dialog = dialog
        if not dialog.state.admits(request):
            incoming.respond(500)
        elif method == "BYE":
            incoming.respond(200)
            self._forgo_ack(dialog)
            dialog.end("BYE")
        elif method in METHODS and dialog.on_request is not None and method != "OPTIONS":
            if not self.guarded(dialog.on_request, incoming):
                incoming.respond(500)
            elif not incoming.is_answered:
                self._await_user(transaction, incoming)
        elif method == "INVITE" or method == "UPDATE":
            incoming.respond(488)
        else:
            incoming.respond(200, headers=(("Allow", ALLOW),))

    def _on_ack(self, event: AckReceived) -> None:
        request = event.request
        accepted = event.transaction.user if event.transaction is not None else None
        if isinstance(accepted, Dialog):
            accepted.accepted = None
            self._part(accepted)
        dialog = self._dialogs.get((request.call_id, request.to.tag or "", request.from_.tag or ""))
        if dialog is not None and dialog.on_ack is not None:
            self.guarded(dialog.on_ack, request)

    def _on_cancel(self, event: CancelReceived) -> None:
        self._withdraw(event.transaction)

    def _withdraw(self, transaction: Transaction) -> None:
        """Nobody waits for the answer to an INVITE any more."""
        incoming = self._asked.pop(transaction, None)
        if incoming is not None:
            incoming.is_answered = True
            if incoming.on_cancel is not None:
                self.guarded(incoming.on_cancel)

    def _on_response(self, event: ResponseReceived) -> None:
        user = event.transaction.user
        if isinstance(user, Ask | Ringing):
            user.answered(event.transaction, event.response, event.path)

    def _on_timed_out(self, event: TimedOut) -> None:
        user = event.transaction.user
        if isinstance(user, Ask | Ringing):
            remote = event.transaction.path.remote
            user.failed(RequestTimedOut(f"{remote[0]}:{remote[1]} did not answer"))

    def _on_transport_failed(self, event: TransportFailed) -> None:
        self._withdraw(event.transaction)
        user = event.transaction.user
        if isinstance(user, Ask | Ringing):
            user.failed(TransportLost(f"nothing can be sent over {event.transaction.path}"))

    def _on_ack_missing(self, event: AckMissing) -> None:
        dialog = event.transaction.user
        if not event.was_success or not isinstance(dialog, Dialog):
            return
        dialog.accepted = None
        if dialog.is_over:
            self._part(dialog)
        else:
            dialog.hang_up()
            dialog.tell_end("no ACK came for our 200")

    def _forgo_ack(self, dialog: Dialog) -> None:
        if dialog.accepted is not None:
            self.endpoint.forgo_ack(dialog.accepted)
            dialog.accepted = None

    def _part(self, dialog: Dialog) -> None:
        if self._parting.pop(dialog.state.key, None) is not None:
            dialog.say_bye()


ACCEPT = "application/sdp, Application/MANSCDP+xml, Application/MANSRTSP"
TOLD: dict[type, Callable[..., None]] = {
    Heard: Stack._on_heard,
    Refused: Stack._on_refused,
    Disbelieved: Stack._on_disbelieved,
    RequestReceived: Stack._on_request,
    AckReceived: Stack._on_ack,
    CancelReceived: Stack._on_cancel,
    ResponseReceived: Stack._on_response,
    TimedOut: Stack._on_timed_out,
    TransportFailed: Stack._on_transport_failed,
    AckMissing: Stack._on_ack_missing,
}


def routed_host(remote: str) -> str:
    """The address of ours that packets to `remote` leave from; nothing is sent to find out."""
    family = socket.AF_INET6 if ":" in remote else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((remote, 9))
            return str(probe.getsockname()[0])
    except OSError:
        return "127.0.0.1"
