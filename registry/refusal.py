"""Why a registration was refused, in words an operator can act on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Refusal(StrEnum):
    """The key is stored and sent; consoles translate it."""

    UNKNOWN_DEVICE = "unknown-device"
    WRONG_PASSWORD = "wrong-password"
    NO_RETRY = "no-retry"  # challenge sent, no retry with credentials came: the 401 is lost, NAT, or no password set
    WRONG_REALM = "wrong-realm"
    WRONG_ALGORITHM = "wrong-algorithm"
    NONCE_REPLAYED = "nonce-replayed"
    NONCE_UNKNOWN = "nonce-unknown"
    MALFORMED_CREDENTIALS = "malformed-credentials"
    LOCKED_OUT = "locked-out"
    DENIED_CODE = "denied-code"
    DENIED_ADDRESS = "denied-address"
    DISABLED = "disabled"
    MALFORMED_CODE = "malformed-code"
    CODE_MISMATCH = "code-mismatch"  # the credentials belong to another code than From says
    NOT_REGISTERED = "not-registered"  # a keepalive or message from someone who must register first
    TABLE_FULL = "table-full"
    DUPLICATE_CODE = "duplicate-code"  # two devices bear it: the last to register wins, the other one is displaced

    WRONG_CERTIFICATE = "wrong-certificate"
    UNPROVEN = "unproven"  # its messages are to be signed, and this one's Note did not prove it


@dataclass(frozen=True, slots=True)
class RefusalSeen:
    """One refusal as it happened. `detail` gives expected against got, without secrets."""

    code: str
    reason: Refusal
    detail: str
    source: str
    transport: str
    at: float
    user_agent: str = ""
    count: int = 1
