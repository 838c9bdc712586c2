"""A platform above: how we register with it, what it may see in general, and how things stand with it now."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from gb28181.code import is_digits
from registry.store.promise import Row

TRANSPORTS = ("udp", "tcp")
EDITIONS = ("2.0", "3.0")
CHARSETS = ("", "GB2312", "GB18030", "UTF-8")
ARRANGEMENTS = ("civil", "group", "as-is")
STATES = ("disabled", "registering", "registered", "refused", "lost", "redirected")
SHORTEST_EXPIRY_S = 3_600


@dataclass(frozen=True, slots=True)
class Upper:
    """A platform with which we register. ValueError at birth when a field cannot be meant.

    Times are UNIX seconds. "" stands for what follows from the rest.
    """

    code: str
    """Its 20 digits: the key by which we know it."""
    name: str = ""
    domain: str = ""
    """"" is the first ten digits of its code."""
    host: str = ""
    """A name, or an address of either family."""
    port: int = 5060
    transport: str = "udp"
    edition: str = "3.0"
    charset: str = ""
    """"" by edition, or GB2312, GB18030, UTF-8."""
    user: str = ""
    """Whom the digest names; "" is our code there."""
    password: str = ""
    our_code: str = ""
    """How we call ourselves there; "" is our own code."""
    local_host: str = ""
    """Our address on the way to it; "" as the routing table says."""
    expires_s: int = 86_400
    keepalive_interval_s: float = 60.0
    keepalive_count: int = 3
    page_size: int = 0
    """Items in one catalog message; 0 by transport (signalling 4.6.4)."""
    secrecy: bool = False
    """Whether it is shown items that are marked secret."""
    arrangement: str = "as-is"
    share_all: bool = True
    """Whether it sees what no rule speaks of."""
    push_alarms: bool = True
    push_positions: bool = False
    initial_report: bool = True
    """Whether a new catalog subscription is told at once what is offline (GB/T 28181-2022 annex N)."""
    enabled: bool = True
    media_transport: str = ""
    """"" as it asks, or udp, tcp-passive, tcp-active."""
    added_at: float | None = None

    def __post_init__(self) -> None:
        _check(len(self.code) == 20 and is_digits(self.code), "code", "20 digits", self.code)
        _check(
            not self.our_code or (len(self.our_code) == 20 and is_digits(self.our_code)),
            "our_code",
            "20 digits or nothing",
            self.our_code,
        )
        _check(self.our_code != self.code, "our_code", "another code than its own", self.our_code)
        _check(1 <= self.port <= 65_535, "port", "1 to 65535", self.port)
        _check(self.transport in TRANSPORTS, "transport", " or ".join(TRANSPORTS), self.transport)
        _check(self.edition in EDITIONS, "edition", " or ".join(EDITIONS), self.edition)
        _check(self.charset in CHARSETS, "charset", "GB2312, GB18030, UTF-8 or nothing", self.charset)
        _check(self.arrangement in ARRANGEMENTS, "arrangement", ", ".join(ARRANGEMENTS), self.arrangement)
        _check(self.expires_s >= SHORTEST_EXPIRY_S, "expires_s", f"at least {SHORTEST_EXPIRY_S} s", self.expires_s)
        _check(
            0 < self.keepalive_interval_s <= 3_600, "keepalive_interval_s", "up to 3600 s", self.keepalive_interval_s
        )
        _check(1 <= self.keepalive_count <= 100, "keepalive_count", "1 to 100", self.keepalive_count)
        _check(0 <= self.page_size <= 10_000, "page_size", "0 to 10000", self.page_size)

    @property
    def shown_name(self) -> str:
        return self.name or self.code

    @property
    def shown_domain(self) -> str:
        return self.domain or self.code[:10]


def _check(holds: bool, field: str, wanted: str, got: object) -> None:
    if not holds:
        raise ValueError(f"{field} of a platform above is {wanted}, not {got!r}")


@dataclass(frozen=True, slots=True)
class SubscriptionView:
    """What a platform above follows: `notified` items were told, `pending` wait to be."""

    subject: str
    """catalog, alarm, position or ptz."""
    target: str
    expires_at: float
    notified: int = 0
    pending: int = 0


@dataclass(frozen=True, slots=True)
class UpperState:
    """How things stand with a platform above; held in memory only."""

    code: str
    state: str = "registering"
    """One of `STATES`."""
    reason: str = ""
    since: float = 0.0
    registered_at: float | None = None
    expires_at: float | None = None
    keepalives_missed: int = 0
    address: str = ""
    """Where we are registered, which a redirection may have moved (signalling 3.6.6)."""
    edition: str = ""
    """What it answered in X-GB-Ver."""
    subscriptions: tuple[SubscriptionView, ...] = ()
    calls: int = 0
    last_exchange_at: float | None = None
    catalog_sent: tuple[int, int] | None = None
    """Items it has confirmed, and of how many, while a catalog is on its way."""


UPPER_FIELDS = tuple(field.name for field in fields(Upper))
SIGNALLING_FIELDS = frozenset(
    {
        "host",
        "port",
        "transport",
        "edition",
        "domain",
        "user",
        "password",
        "our_code",
        "local_host",
        "expires_s",
        "keepalive_interval_s",
        "keepalive_count",
        "enabled",
    }
)
"""What a link is made of: we register anew when one of these changes, and for nothing else."""


def upper_row(upper: Upper) -> Row:
    return {name: getattr(upper, name) for name in UPPER_FIELDS}


def upper_of(row: Row) -> Upper:
    known: dict[str, Any] = {name: row[name] for name in UPPER_FIELDS}  # columns are typed by the table
    return Upper(**known)
