"""A neighbour on the wire, whoever made it: camera, recorder, platform below or platform above.

The rooms upstairs talk to neighbours through the four verbs of `Peer` and never see SIP. `sipserver/link.py`
keeps these promises over the wire; tests keep them with fakes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from gb28181.dialect import Dialect
from gb28181.sdp import Answer, Offer


@dataclass(frozen=True, slots=True)
class Hop:
    """One step of a ladder that failed or succeeded: who said what to whom.

    `status` is the SIP status (0 when nobody answered), `reason` the words that came with it.
    """

    who: str
    what: str
    status: int
    reason: str


class PeerError(Exception):
    """A neighbour did not do what we asked. `hops` names the place of the failure, ours first.

    `headers` are those of its refusal that say something beyond it (X-RoutePath), by their names as the standard
    writes them.
    """

    def __init__(self, message: str, *, hops: tuple[Hop, ...] = (), headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.hops = hops
        self.headers: Mapping[str, str] = headers or {}


class PeerOffline(PeerError):
    """The neighbour is known but has no live registration; nothing was sent."""


class PeerSilent(PeerError):
    """The neighbour did not answer in time."""


class PeerRefused(PeerError):
    """The neighbour answered with an error; `status` and `reason` are its own."""

    def __init__(
        self,
        message: str,
        *,
        status: int,
        reason: str,
        hops: tuple[Hop, ...] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, hops=hops, headers=headers)
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Gathered:
    """The parts of a many-part answer put together (2022 clause 9.3.4, catalog and record lists).

    `parts` holds the typed answers in order of arrival; `complete` is false when silence ended the wait before
    SumNum items had come, and then nothing may be concluded from what is missing.
    """

    parts: tuple[object, ...]
    expected: int
    got: int
    complete: bool
    damaged: int = 0


class Call(Protocol):
    """A media session that a neighbour accepted.

    `headers` are those of its 200 that say something beyond the session (X-RoutePath), by their names as the standard
    writes them.
    """

    call_id: str
    answer: Answer

    @property
    def headers(self) -> Mapping[str, str]: ...

    def on_end(self, listener: Callable[[str], None]) -> None:
        """Call `listener(reason)` once, when the other side ends the session or its signalling is lost."""

    async def inform(self, body: bytes, content_type: str) -> int:
        """Send INFO in the session (MANSRTSP); the status of the answer comes back."""

    async def hang_up(self, reason: str = "") -> None:
        """End the session with BYE; harmless when it has ended."""


class Peer(Protocol):
    """A neighbour: ask it, tell it, call it.

    `code` is its 20 digits, `dialect` what it does beside the book. None of the verbs raises anything but
    `PeerError` kinds, and each has a deadline of its own.
    """

    @property
    def code(self) -> str: ...

    @property
    def dialect(self) -> Dialect: ...

    @property
    def is_online(self) -> bool: ...

    async def ask(self, query: object, *, timeout_s: float | None = None) -> object:
        """Send a MANSCDP query or response-bearing control; the typed answer comes back.

        Answers of many parts come back as `Gathered`. The SN is chosen here: whatever `query.sn` says is replaced.
        """

    async def tell(self, notice: object) -> None:
        """Send a MANSCDP message that has no answer beyond the SIP 200 (PTZ, keepalive)."""

    async def call(
        self, channel: str, offer: Offer, *, timeout_s: float = 15.0, headers: Iterable[tuple[str, str]] = ()
    ) -> Call:
        """INVITE `channel` with `offer`; comes back after the ACK. `headers` go with it (X-PreferredPath)."""

    def in_name_of(self, identity: str) -> Peer:
        """The same neighbour, with `identity` told in everything said through it (2022 clause 8.3)."""


class Neighbours(Protocol):
    """Where peers are found by code."""

    def peer(self, code: str) -> Peer | None: ...


@dataclass(frozen=True, slots=True)
class Silence:
    """What was heard before a wait ended in vain; a value for ladders and error pages."""

    waited_s: float
    heard: tuple[str, ...] = field(default=())


class VoiceCall(Protocol):
    """A call in which a neighbour hears a voice of ours."""

    @property
    def call_id(self) -> str: ...

    async def hang_up(self, reason: str = "") -> None:
        """End the session with BYE; harmless when it has ended."""


class Ring(Protocol):
    """A neighbour calls us, for it wants to hear a voice (2022 clause 9.12). Accept or refuse it, once.

    `owner` is the neighbour, `source` whose voice it wants, `names` the codes it calls itself by: the listener's, its
    device's, in no order, for devices write them as they like. `host` is our address as it knows us, `peer_host` its.
    """

    @property
    def owner(self) -> str: ...

    @property
    def source(self) -> str: ...

    @property
    def names(self) -> tuple[str, ...]: ...

    @property
    def offer(self) -> Offer: ...

    @property
    def host(self) -> str: ...

    @property
    def peer_host(self) -> str: ...

    @property
    def call_id(self) -> str: ...

    def accept(self, answer: Answer, *, on_ack: Callable[[], None], on_end: Callable[[str], None]) -> VoiceCall:
        """Answer 200. `on_ack` and `on_end(reason)` are called once each; ValueError when the caller has given up."""

    def refuse(self, status: int, reason: str | None = None) -> None:
        """Answer with an error; harmless when it has an answer."""


Doorbell = Callable[[Ring], bool]
"""Told of every ring; false when nobody expects it, and then it is refused. Must not block."""
