"""The four transactions of RFC 3261 17 with RFC 6026's Accepted, as tables to be laid beside the figures.

A cell is `(next state, actions)`; what stands in no cell is ignored, on purpose. That is also why no timer is ever
cancelled: a timer that fires in a state without a cell for it does nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sipserver.sip.message import Request, Response
from sipserver.sip.path import Path

# States.
CALLING = "calling"
TRYING = "trying"
PROCEEDING = "proceeding"
ACCEPTED = "accepted"
COMPLETED = "completed"
CONFIRMED = "confirmed"
TERMINATED = "terminated"

# What happens to a transaction.
PROVISIONAL = "a provisional response"
SUCCESS = "a 2xx response"
FAILURE = "a 3xx to 6xx response"
REPEAT = "the request again"
ACK = "an ACK"
SEND_PROVISIONAL = "we answer provisionally"
SEND_SUCCESS = "we answer 2xx"
SEND_FAILURE = "we answer 3xx to 6xx"
BROKEN = "the transport failed"
CANCEL_UNHEARD = "no final answer in 64*T1 after our CANCEL"  # RFC 3261 9.1
UNANSWERED = "our own user left the request without an answer"
TIMER_A, TIMER_B, TIMER_D, TIMER_M = "timer A", "timer B", "timer D", "timer M"
TIMER_E, TIMER_F, TIMER_K = "timer E", "timer F", "timer K"
TIMER_G, TIMER_H, TIMER_I, TIMER_L, TIMER_J = "timer G", "timer H", "timer I", "timer L", "timer J"

# What it does.
RESEND = "send the request, or our last response, again"
RESEND_SLOWLY = "send the request again, from now on every T2"
SEND_ACK = "acknowledge the failure"
PASS_UP = "tell the user"
SEND = "send the response"
GIVE_UP = "tell the user that nobody answered"
LOSE = "tell the user that the transport failed"
UNACKNOWLEDGED = "tell the user that no ACK came"

Cell = tuple[str, tuple[str, ...]]
Table = Mapping[str, Mapping[str, Cell]]

# RFC 3261 figure 5 with RFC 6026 figure 7.
INVITE_CLIENT: Table = {
    CALLING: {
        TIMER_A: (CALLING, (RESEND, TIMER_A)),
        TIMER_B: (TERMINATED, (GIVE_UP,)),
        BROKEN: (TERMINATED, (LOSE,)),
        PROVISIONAL: (PROCEEDING, (PASS_UP,)),
        SUCCESS: (ACCEPTED, (PASS_UP, TIMER_M)),
        FAILURE: (COMPLETED, (SEND_ACK, PASS_UP, TIMER_D)),
    },
    PROCEEDING: {
        CANCEL_UNHEARD: (TERMINATED, (GIVE_UP,)),
        BROKEN: (TERMINATED, (LOSE,)),
        PROVISIONAL: (PROCEEDING, (PASS_UP,)),
        SUCCESS: (ACCEPTED, (PASS_UP, TIMER_M)),
        FAILURE: (COMPLETED, (SEND_ACK, PASS_UP, TIMER_D)),
    },
    ACCEPTED: {
        SUCCESS: (ACCEPTED, (PASS_UP,)),
        TIMER_M: (TERMINATED, ()),
    },
    COMPLETED: {
        FAILURE: (COMPLETED, (SEND_ACK,)),
        BROKEN: (TERMINATED, ()),
        TIMER_D: (TERMINATED, ()),
    },
}

# RFC 3261 figure 6.
NON_INVITE_CLIENT: Table = {
    TRYING: {
        TIMER_E: (TRYING, (RESEND, TIMER_E)),
        TIMER_F: (TERMINATED, (GIVE_UP,)),
        BROKEN: (TERMINATED, (LOSE,)),
        PROVISIONAL: (PROCEEDING, (PASS_UP,)),
        SUCCESS: (COMPLETED, (PASS_UP, TIMER_K)),
        FAILURE: (COMPLETED, (PASS_UP, TIMER_K)),
    },
    PROCEEDING: {
        TIMER_E: (PROCEEDING, (RESEND_SLOWLY, TIMER_E)),
        TIMER_F: (TERMINATED, (GIVE_UP,)),
        BROKEN: (TERMINATED, (LOSE,)),
        PROVISIONAL: (PROCEEDING, (PASS_UP,)),
        SUCCESS: (COMPLETED, (PASS_UP, TIMER_K)),
        FAILURE: (COMPLETED, (PASS_UP, TIMER_K)),
    },
    COMPLETED: {
        TIMER_K: (TERMINATED, ()),
    },
}

# RFC 3261 figure 7 with RFC 6026 figure 5. The 2xx is repeated by the endpoint until its ACK, RFC 3261 13.3.1.4.
INVITE_SERVER: Table = {
    PROCEEDING: {
        REPEAT: (PROCEEDING, (RESEND,)),
        SEND_PROVISIONAL: (PROCEEDING, (SEND,)),
        SEND_SUCCESS: (ACCEPTED, (SEND, TIMER_L)),
        SEND_FAILURE: (COMPLETED, (SEND, TIMER_G, TIMER_H)),
        BROKEN: (TERMINATED, (LOSE,)),
    },
    ACCEPTED: {
        SEND_SUCCESS: (ACCEPTED, (SEND,)),
        ACK: (ACCEPTED, (PASS_UP,)),
        TIMER_L: (TERMINATED, ()),
    },
    COMPLETED: {
        REPEAT: (COMPLETED, (RESEND,)),
        ACK: (CONFIRMED, (TIMER_I,)),
        TIMER_G: (COMPLETED, (RESEND, TIMER_G)),
        TIMER_H: (TERMINATED, (UNACKNOWLEDGED,)),
        BROKEN: (TERMINATED, (LOSE,)),
    },
    CONFIRMED: {
        TIMER_I: (TERMINATED, ()),
    },
}

# RFC 3261 figure 8.
NON_INVITE_SERVER: Table = {
    TRYING: {
        SEND_PROVISIONAL: (PROCEEDING, (SEND,)),
        SEND_SUCCESS: (COMPLETED, (SEND, TIMER_J)),
        SEND_FAILURE: (COMPLETED, (SEND, TIMER_J)),
        UNANSWERED: (TERMINATED, ()),
        BROKEN: (TERMINATED, ()),
    },
    PROCEEDING: {
        REPEAT: (PROCEEDING, (RESEND,)),
        SEND_PROVISIONAL: (PROCEEDING, (SEND,)),
        SEND_SUCCESS: (COMPLETED, (SEND, TIMER_J)),
        SEND_FAILURE: (COMPLETED, (SEND, TIMER_J)),
        UNANSWERED: (TERMINATED, ()),
        BROKEN: (TERMINATED, ()),
    },
    COMPLETED: {
        REPEAT: (COMPLETED, (RESEND,)),
        BROKEN: (TERMINATED, ()),
        TIMER_J: (TERMINATED, ()),
    },
}

TIMERS = frozenset(
    (
        TIMER_A, TIMER_B, TIMER_D, TIMER_M, TIMER_E, TIMER_F, TIMER_K, TIMER_G, TIMER_H, TIMER_I, TIMER_L, TIMER_J,
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Timing:
    """RFC 3261 17.1.1.1: round-trip estimate, longest repeat interval, longest life of a message; seconds."""

    t1_s: float = 0.5
    t2_s: float = 4.0
    t4_s: float = 5.0

    def durations(self, reliable: bool) -> dict[str, float]:
        """How long each timer runs at first (RFC 3261 table 4); a repeating timer that never runs is left out."""
        long = 64 * self.t1_s
        lasting = {TIMER_B: long, TIMER_F: long, TIMER_H: long, TIMER_L: long, TIMER_M: long}
        if reliable:
            return {**lasting, TIMER_D: 0.0, TIMER_K: 0.0, TIMER_I: 0.0, TIMER_J: 0.0}
        repeating = {TIMER_A: self.t1_s, TIMER_E: self.t1_s, TIMER_G: self.t1_s}
        # RFC 3261 17.1.1.2 wants at least 32 s of timer D over UDP, whatever T1 is; ours follows T1 so that tests and
        # closed networks may be quick.
        return {**lasting, **repeating, TIMER_D: long, TIMER_K: self.t4_s, TIMER_I: self.t4_s, TIMER_J: long}


class Transaction:
    """One request and its responses: a state, and what is needed to repeat. Moved only by its endpoint."""

    __slots__ = (
        "cancel_wanted",
        "interval_s",
        "key",
        "last",
        "last_raw",
        "merging",
        "path",
        "request",
        "state",
        "table",
        "user",
    )

    def __init__(self, table: Table, state: str, key: str, request: Request, path: Path) -> None:
        self.table = table
        self.state = state
        self.key = key
        self.request: Request | None = request
        self.path = path
        self.last: Request | Response | None = None
        self.last_raw = b""
        self.interval_s = 0.0
        self.cancel_wanted = False
        self.merging: tuple[str, str, str] | None = None
        self.user: object = None

    def __repr__(self) -> str:
        return f"<transaction {self.key!r} {self.state}>"
