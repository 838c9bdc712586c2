"""A platform with which we register: what we configured, and what stands between us and it now."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Arrangement(StrEnum):
    """How an upper platform sees our tree: by civil divisions, by business groups, or as our neighbours gave it."""

    CIVIL = "civil"
    GROUP = "group"
    AS_IS = "as-is"


class UpperStanding(StrEnum):
    """Where we stand with an upper platform."""

    DISABLED = "disabled"
    REGISTERING = "registering"
    REGISTERED = "registered"
    REFUSED = "refused"
    LOST = "lost"
    REDIRECTED = "redirected"


@dataclass(frozen=True, slots=True)
class Upper:
    """One upper platform as an operator configured it; `code` is its 20 digits and our key.

    Times are seconds. "" leaves a field to what the others imply: `domain` the first ten digits of its code, `charset`
    the edition's, `user` and `our_code` our own code, `local_host` the address by which it is reached,
    `media_transport` what the upper asks for. `page_size` 0 goes by the transport.
    """

    code: str
    name: str = ""
    domain: str = ""
    host: str = ""
    port: int = 5060
    transport: str = "udp"
    edition: str = "3.0"
    charset: str = ""
    user: str = ""
    password: str = ""
    our_code: str = ""
    local_host: str = ""
    expires_s: int = 86400
    keepalive_interval_s: float = 60.0
    keepalive_count: int = 3
    page_size: int = 0
    secrecy: bool = False
    arrangement: str = Arrangement.CIVIL
    share_all: bool = True
    push_alarms: bool = True
    push_positions: bool = False
    initial_report: bool = True
    enabled: bool = True
    media_transport: str = ""
    added_at: float | None = None

    @property
    def shown_name(self) -> str:
        return self.name or self.code


@dataclass(frozen=True, slots=True)
class SubscriptionView:
    """One subscription of an upper with us: to what (`catalog`, `alarm`, `position`, `ptz`), of what, until when."""

    subject: str
    target: str
    expires_at: float
    notified: int = 0
    pending: int = 0


@dataclass(frozen=True, slots=True)
class UpperState:
    """What stands between us and an upper now; kept in memory only. Times are UNIX seconds."""

    code: str
    state: str = UpperStanding.DISABLED
    reason: str = ""
    since: float | None = None
    registered_at: float | None = None
    expires_at: float | None = None
    keepalives_missed: int = 0
    address: str = ""
    """Where we are registered, another place than configured after a redirection."""
    edition: str = ""
    """X-GB-Ver as it answered, "" when it said none."""
    subscriptions: tuple[SubscriptionView, ...] = ()
    calls: int = 0
    last_exchange_at: float | None = None
    catalog_sent: tuple[int, int] | None = None
