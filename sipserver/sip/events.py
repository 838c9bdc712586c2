"""What an endpoint tells its user: facts in the past tense, each with the transaction it belongs to.

Structs and not named tuples: several are made for every message, in a third of the time.
"""

from __future__ import annotations

from msgspec import Struct

from sipserver.sip.message import Request, Response
from sipserver.sip.parser import BadMessage
from sipserver.sip.path import Path
from sipserver.sip.transaction import Transaction


class RequestReceived(Struct, frozen=True):
    """A new request, to be answered through `Endpoint.respond`; an ACK for a 2xx comes as `AckReceived`."""

    transaction: Transaction
    request: Request
    path: Path


class AckReceived(Struct, frozen=True):
    """An ACK that belongs to no failed INVITE: the end of a successful handshake. `transaction` is the INVITE whose 2xx
    it acknowledges, None when it did so before or none was awaited."""

    request: Request
    path: Path
    transaction: Transaction | None = None


class CancelReceived(Struct, frozen=True):
    """An INVITE needs no answer any more: its caller gave up and was answered 487, or its user never answered: 408."""

    transaction: Transaction
    request: Request


class ResponseReceived(Struct, frozen=True):
    """A response to a request of ours. For INVITE each repeated 2xx is told again, to be acknowledged again."""

    transaction: Transaction
    response: Response
    path: Path


class TimedOut(Struct, frozen=True):
    """Nobody answered: timer B or F."""

    transaction: Transaction


class TransportFailed(Struct, frozen=True):
    """The connection went, or the datagram could not be sent."""

    transaction: Transaction


class AckMissing(Struct, frozen=True):
    """No ACK came for our final answer to an INVITE in 64*T1; after a 2xx the session is to be ended with BYE."""

    transaction: Transaction
    was_success: bool


class Refused(Struct, frozen=True):
    """Bytes that are no message we take; answered already when they could be."""

    path: Path
    bad: BadMessage


class Disbelieved(Struct, frozen=True):
    """A message whose Note did not prove who sent it; it is dropped, and its session is to be ended."""

    path: Path
    message: Request | Response
    why: str


class Heard(Struct, frozen=True):
    """Every message that came in, for the ladder; `repeated` when a transaction had seen it before."""

    path: Path
    message: Request | Response
    raw: bytes
    repeated: bool


Event = (
    RequestReceived
    | AckReceived
    | CancelReceived
    | ResponseReceived
    | TimedOut
    | TransportFailed
    | AckMissing
    | Refused
    | Disbelieved
    | Heard
)


class Outgoing(Struct, frozen=True):
    """Bytes to be put on a path now."""

    raw: bytes
    path: Path
    message: Request | Response
    repeated: bool
