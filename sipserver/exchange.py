"""An exchange as its user holds it: a request that waits for its answer, a session, and who waits for what we asked.

Nothing here has a socket or a clock: the stack carries what is said, and tells what came.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol

from sipserver.sip.dialog import DialogState
from sipserver.sip.endpoint import Endpoint
from sipserver.sip.message import Field, Request, Response, response_to
from sipserver.sip.path import Path
from sipserver.sip.transaction import Transaction

MOST_FORKS = 8
"""So many answers to one INVITE become dialogs."""


class RequestTimedOut(Exception):
    """Nobody answered a request of ours in time."""


class TransportLost(Exception):
    """A request of ours could not be sent, or its connection went before the answer came."""


class Carrier(Protocol):
    """The stack, as far as an exchange needs it."""

    @property
    def endpoint(self) -> Endpoint: ...

    def answer(self, transaction: Transaction, response: Response, *, once: bool = False) -> bool: ...

    def accept(
        self,
        incoming: Incoming,
        transaction: Transaction,
        body: bytes,
        content_type: str,
        contact_user: str,
        headers: Iterable[Field],
    ) -> Dialog: ...

    def request_in(
        self,
        dialog: Dialog,
        method: str,
        number: int,
        body: bytes = b"",
        content_type: str | None = None,
        headers: Iterable[Field] = (),
    ) -> Request: ...

    async def ask(self, request: Request, path: Path, *, timeout_s: float | None = None) -> Response: ...

    def begin(self, request: Request, path: Path, user: Ask | Ringing | None) -> Transaction: ...

    def keep_dialog(self, dialog: Dialog) -> None: ...

    def move_dialog(self, dialog: Dialog, path: Path) -> None: ...

    def forget_dialog(self, dialog: Dialog) -> None: ...

    def part_after_ack(self, dialog: Dialog) -> None: ...

    def guarded(self, told: Callable[..., None], *what: object) -> bool: ...

    def pump(self) -> None: ...


class Incoming:
    """A request that waits for its answer. Answer it once, now or later; later answers are ignored.

    `on_cancel` is told when an INVITE needs no answer any more: it was taken back, or its connection broke.
    """

    __slots__ = ("_stack", "_transaction", "dialog", "is_answered", "on_cancel", "path", "received_at", "request")

    def __init__(self, stack: Carrier, transaction: Transaction, request: Request, path: Path, at: float) -> None:
        self._stack = stack
        self._transaction = transaction
        self.request = request
        self.path = path
        self.received_at = at
        self.is_answered = False
        self.dialog: Dialog | None = None
        self.on_cancel: Callable[[], None] | None = None

    def __repr__(self) -> str:
        return f"<Incoming {self.request!r} from {self.path}>"

    def respond(
        self,
        status: int,
        reason: str | None = None,
        *,
        headers: Iterable[Field] = (),
        body: bytes = b"",
        content_type: str | None = None,
        to_tag: str | None = None,
    ) -> None:
        """Send a response to where the request came from. Provisional ones may precede the final one."""
        if self.is_answered:
            return
        stack = self._stack
        response = response_to(
            self.request,
            status,
            reason,
            headers=headers,
            body=body,
            content_type=content_type,
            to_tag=to_tag or stack.endpoint.tokens.word(),
            server=stack.endpoint.product,
        )
        # Raises ValueError for a header with a line end; the request then still waits for a better answer.
        stack.answer(self._transaction, response)
        self.is_answered = status >= 200

    def turn_away(self, status: int, *, headers: Iterable[Field] = ()) -> None:
        """Answer a stranger, once: nothing is kept of the request. Else whoever forges addresses would fill our tables
        for half a minute with each, and have the refusal of an INVITE repeated ten times to somebody else."""
        if not self.is_answered:
            endpoint = self._stack.endpoint
            tag = endpoint.tokens.word()
            response = response_to(self.request, status, headers=headers, to_tag=tag, server=endpoint.product)
            self._stack.answer(self._transaction, response, once=True)
            self.is_answered = True

    def accept(
        self,
        body: bytes,
        content_type: str = "application/sdp",
        contact_user: str = "",
        headers: Iterable[Field] = (),
    ) -> Dialog:
        """Answer an INVITE with 200, repeated until its ACK comes; the dialog it begins, or goes on with.

        Raises ValueError when From cannot be read, or when the INVITE was answered or cancelled already.
        """
        if self.is_answered:
            raise ValueError("this INVITE has its answer already")
        return self._stack.accept(self, self._transaction, body, content_type, contact_user, headers)

    def accept_subscription(
        self,
        expires_s: int,
        *,
        contact_user: str = "",
        headers: Iterable[Field] = (),
        body: bytes = b"",
        content_type: str = "",
    ) -> Dialog:
        """Answer a SUBSCRIBE with 200, its Event echoed (RFC 6665 4.2.1); the dialog it begins, or goes on with.

        What comes in the dialog, refreshes above all, goes to its `on_request`. NOTIFY is a request of the dialog;
        `forget` ends it. Raises ValueError when From cannot be read, or when it has its answer already.
        """
        if self.is_answered:
            raise ValueError("this SUBSCRIBE has its answer already")
        event = self.request.headers.get("Event")
        granted: list[Field] = [("Expires", str(expires_s)), *headers]
        if event is not None:
            granted.insert(0, ("Event", event))
        return self._stack.accept(self, self._transaction, body, content_type, contact_user, granted)


class Dialog:
    """A session. Set `on_request` and `on_end` as soon as you hold it; both are called on the loop and must not block.

    `on_end(reason)` comes once: "BYE" when they hung up, or why the session is lost. Our own `bye()` does not call it.
    What ended before anybody listened, as when their BYE is read along with their 200, is told to who listens first.
    """

    def __init__(self, stack: Carrier, state: DialogState, path: Path, contact_user: str) -> None:
        self._stack = stack
        self.state = state
        self.path = path
        self.contact_user = contact_user
        self.on_request: Callable[[Incoming], None] | None = None
        self.on_ack: Callable[[Request], None] | None = None
        self._on_end: Callable[[str], None] | None = None
        self._untold = ""
        self.is_over = False
        self.accepted: Transaction | None = None
        """An INVITE in it that we accepted and whose ACK is still to come."""
        self._ack: tuple[bytes, Request] | None = None
        self._goodbye: asyncio.Future[Response] | None = None

    def __repr__(self) -> str:
        return f"<Dialog {self.call_id} with {self.state.remote.uri} over {self.path}{' over' * self.is_over}>"

    @property
    def on_end(self) -> Callable[[str], None] | None:
        return self._on_end

    @on_end.setter
    def on_end(self, listener: Callable[[str], None] | None) -> None:
        self._on_end = listener
        if self._untold:
            self.tell_end(self._untold)

    def tell_end(self, reason: str) -> None:
        """Tell whoever listens, or will; for the stack."""
        listener, self._untold = self._on_end, reason
        if listener is not None:
            self._untold = ""
            self._stack.guarded(listener, reason)

    @property
    def call_id(self) -> str:
        return self.state.call_id

    @property
    def local_tag(self) -> str:
        return self.state.local.tag or ""

    @property
    def remote_tag(self) -> str:
        return self.state.remote.tag or ""

    def move(self, path: Path) -> None:
        """The other side is somewhere else now: what we say goes there."""
        if path != self.path:
            self._stack.move_dialog(self, path)

    def ack(self, body: bytes = b"", content_type: str = "application/sdp") -> None:
        """Acknowledge the 2xx of our INVITE; its repeats are acknowledged by the stack from then on."""
        request = self._stack.request_in(self, "ACK", self.state.invite_seq, body, content_type if body else None)
        self._ack = (self._stack.endpoint.send_ack(request, self.path), request)
        self._stack.pump()

    def ack_again(self) -> None:
        """A 2xx was repeated: so is its ACK, if there was one."""
        if self._ack is not None:
            self._stack.endpoint.send_again(self._ack[0], self.path, self._ack[1])

    async def request(
        self,
        method: str,
        *,
        body: bytes = b"",
        content_type: str | None = None,
        headers: Iterable[Field] = (),
        timeout_s: float | None = None,
    ) -> Response:
        """A request in the dialog (INFO, MESSAGE, BYE ...). Raises RequestTimedOut, TransportLost."""
        made = self._stack.request_in(self, method, self.state.next_seq(), body, content_type, headers)
        response = await self._stack.ask(made, self.path, timeout_s=timeout_s)
        if method == "SUBSCRIBE" and response.status < 300:
            self.state.refresh_target(response)
        return response

    async def bye(self, *, timeout_s: float | None = None) -> None:
        """End the session; harmless when it has ended. Never raises for what the other side does or leaves undone."""
        if self.is_over:
            return
        self._goodbye = answered = asyncio.get_running_loop().create_future()
        self.hang_up()
        try:
            async with asyncio.timeout(timeout_s):
                await answered
        except (RequestTimedOut, TransportLost, TimeoutError):
            pass

    def hang_up(self) -> None:
        """As `bye`, without waiting for the answer. The BYE follows their ACK to our 2xx, or its absence: one that
        overtook the 2xx would end nothing, and the 2xx begin a session with nobody (RFC 3261 15)."""
        if self.is_over:
            return
        self._stack.forget_dialog(self)
        if self.accepted is not None:
            self._stack.part_after_ack(self)
        else:
            self.say_bye()

    def say_bye(self) -> None:
        """Put a BYE on its way, whatever the session is in; for the stack."""
        made = self._stack.request_in(self, "BYE", self.state.next_seq())
        self._stack.begin(made, self.path, None if self._goodbye is None else Ask(self._goodbye))

    def parted(self) -> None:
        """Their BYE came first: ours is not wanted any more; for the stack."""
        if self._goodbye is not None:
            Ask(self._goodbye).failed(TransportLost("they hung up first"))

    def forget(self) -> None:
        """Hear no more of it, and say nothing: how a subscription ends that nobody hangs up."""
        if not self.is_over:
            self._stack.forget_dialog(self)

    def end(self, reason: str) -> None:
        """The session is over for a reason that is not ours."""
        if not self.is_over:
            self._stack.forget_dialog(self)
            self.tell_end(reason)


class Ask:
    """Who waits for the answer to a request that is no INVITE."""

    __slots__ = ("future",)

    def __init__(self, future: asyncio.Future[Response]) -> None:
        self.future = future

    def answered(self, transaction: Transaction, response: Response, path: Path) -> None:
        if response.status >= 200 and not self.future.done():
            self.future.set_result(response)

    def failed(self, error: Exception) -> None:
        if not self.future.done():
            self.future.set_exception(error)


class Ringing:
    """Who waits for the answer to an INVITE; what comes too late is acknowledged and hung up."""

    __slots__ = ("contact_user", "dialogs", "future", "gave_up", "invite", "stack")

    def __init__(
        self, stack: Carrier, invite: Request, future: asyncio.Future[tuple[Response, Dialog | None]], contact_user: str
    ) -> None:
        self.stack = stack
        self.invite = invite
        self.future = future
        self.contact_user = contact_user
        self.dialogs: dict[str, Dialog] = {}
        self.gave_up = False

    def answered(self, transaction: Transaction, response: Response, path: Path) -> None:
        if response.status < 200:
            return
        if response.status >= 300:
            if not self.future.done():
                self.future.set_result((response, None))
            return
        try:
            tag = response.to.tag or ""
            known = self.dialogs.get(tag)
            if known is not None:
                known.ack_again()
                return
            state = DialogState.of_caller(self.invite, response)
        except ValueError as wrong:
            self.failed(TransportLost(f"a 2xx that cannot be read: {wrong}"))
            return
        if len(self.dialogs) >= MOST_FORKS:
            return
        dialog = Dialog(self.stack, state, transaction.path, self.contact_user)
        self.dialogs[tag] = dialog
        self.stack.keep_dialog(dialog)
        if self.gave_up or self.future.done():
            # RFC 3261 13.2.2.4: a second answer, or one that crossed our CANCEL.
            self.refuse_late(dialog)
        else:
            self.future.set_result((response, dialog))

    def refuse_late(self, dialog: Dialog) -> None:
        dialog.ack()
        dialog.hang_up()

    def failed(self, error: Exception) -> None:
        if not self.future.done():
            self.future.set_exception(error)
