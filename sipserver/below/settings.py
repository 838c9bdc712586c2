"""Every setting of the room where neighbours register with us, with its default and one line of why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sipserver.below.following import Whom
from sipserver.below.redirect import Server


class Admission(StrEnum):
    """What becomes of a code nobody has added: CLOSED refuses it, OPEN adds it when it knows the common password."""

    CLOSED = "closed"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class BelowSettings:
    """How we receive those who register with us. Times are seconds.

    Raises ValueError when a value contradicts the standard or another value; the message names the field.
    """

    code: str = "34020000002000000001"
    """Our own 20 digits."""
    domain: str = "3402000000"
    """Our domain, which is also the realm of our challenges (signalling 3.6.2)."""
    common_password: str = ""
    """For devices that have none of their own; "" means there is none, and such devices are refused."""
    admission: Admission = Admission.CLOSED
    """Whether codes nobody has added may register."""
    edition: str = "3.0"
    """X-GB-Ver as we answer it (3.7): 2.0 is 2016, 3.0 is 2022."""

    algorithms: tuple[str, ...] = ("MD5",)
    """What our challenges offer, in this order: MD5, SHA-256, SM3. 2016 devices read the first line only."""
    algorithms_by_code: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """(prefix of a code, algorithms) for those that may or must do better; the longest prefix wins."""
    qop: bool = False
    """Whether MD5 challenges offer qop=auth; the others always do (RFC 8760 2.6). Old firmware stumbles over it."""
    nonce_life_s: float = 60.0
    """How long a challenge may be answered."""
    retry_patience_s: float = 20.0
    """After a challenge that nobody answers for so long, we say so: "challenge sent, no retry came"."""
    any_realm: bool = True
    """Accept a right answer computed over another realm: some devices use their own setting, not the challenge's."""

    note_window_s: float = 600.0
    """How far the Date of a signed message may be off (3.9); who signs is said in the console."""
    certificates: str = ""
    """Folder of certificates for 2016's registration by certificate (3.8); "" takes passwords only."""
    redirect_to: tuple[str, ...] = ()
    """Servers over which registrations are spread by 302 (3.6.6), each as CODE@HOST:PORT; none keeps them here."""
    redirect_codes: tuple[str, ...] = ()
    """Prefixes of codes that are sent on; empty means all."""
    redirect_expires_s: int = 86_400
    """How long such an assignment holds, as the 302 says."""
    redirect_ask_s: float = 10.0
    """How often those servers are asked by OPTIONS whether they are there."""

    allow_codes: tuple[str, ...] = ()
    """Prefixes of codes that may register; empty means all."""
    deny_codes: tuple[str, ...] = ()
    """Prefixes of codes that may not; stronger than the allow list."""
    allow_addresses: tuple[str, ...] = ()
    """CIDR networks that may register; empty means all."""
    deny_addresses: tuple[str, ...] = ()
    """CIDR networks that may not; stronger than the allow list."""

    lock_after: int = 5
    """Wrong passwords in a row from one source for one code before it must wait."""
    lock_source_after: int = 50
    """Codes that one source fails for before it must wait; a site behind one NAT holds many devices."""
    lock_s: float = 60.0
    """The first wait; each further failure doubles it."""
    lock_longest_s: float = 3600.0
    """No wait is longer."""
    unknown_sources: int = 10_000
    """How many strangers we keep notes on at once (failures, open challenges); the oldest note gives way."""

    expires_default_s: int = 3600
    """When a REGISTER names no expiry."""
    expires_min_s: int = 60
    """Shorter wishes are granted this; the standard wants 3600 of devices, which do not all obey."""
    expires_max_s: int = 7 * 86400
    """Longer wishes are granted this."""
    send_date: bool = True
    """Whether REGISTER's 200 carries our clock (3.6.7); each device has its own switch besides."""
    ntp_servers: tuple[str, ...] = ()
    """Time servers (HOST or HOST:PORT) by which that clock is held right; none leaves it to the operating system."""
    ntp_every_s: float = 3600.0
    """How often they are asked."""
    keepalive_interval_s: float = 60.0
    """How often a neighbour is to say that it lives; a device may have its own."""
    keepalive_count: int = 3
    """So many intervals of silence make a neighbour offline (3.11)."""
    keepalive_grace_s: float = 10.0
    """And so much on top of them, for clocks and networks that are late."""
    keepalive_extends_expiry: bool = False
    """Whether keepalives keep a registration alive that is not refreshed (10.2)."""
    restart_grace_s: float = 30.0
    """What devices known before our restart get on top of their usual patience."""
    return_patience_s: float = 15.0
    """How long a call or question waits for a neighbour that registered by TCP and has not come back since our restart;
    less than the patience of a platform above, which is 20 s for a question and 25 s for a call."""
    stall_s: float = 5.0
    """When our own loop stood still for so long, nobody is called silent for the next interval."""

    ask_patience_s: float = 10.0
    """The wait for an answer of one part."""
    catalog_patience_s: float = 120.0
    """The wait for the first part of a catalog: a big recorder takes more than a minute (10.4)."""
    records_patience_s: float = 30.0
    """The wait for the first part of a record list."""
    part_patience_s: float = 10.0
    """The longest silence between two parts."""
    onboarding_at_once: int = 16
    """How many neighbours are asked for their catalog at the same time."""
    catalog_tries: int = 3
    """How often an incomplete catalog is asked for again."""
    catalog_retry_s: float = 5.0
    """The pause before it is."""
    catalog_items_limit: int = 1_000_000
    """Items of one catalog beyond this are not kept."""
    alarms_a_minute: int = 60
    """Alarms of one device beyond this are answered and counted, but not raised."""

    follow_catalog: Whom = Whom.PLATFORMS
    """Whose catalog changes we subscribe to (6.2): nobody's, those of platforms, or all neighbours'."""
    follow_alarms: Whom = Whom.PLATFORMS
    """Whose alarms; besides those of devices that tell alarms to subscribers only."""
    follow_positions: Whom = Whom.NOBODY
    """Whose places; they come every few seconds from whatever moves."""
    follow_ptz: Whom = Whom.NOBODY
    """Where whose domes look; only the 2022 edition has it."""
    follow_expires_s: int = 600
    """How long a subscription is to hold."""
    follow_refresh: float = 0.8
    """The share of the granted time after which it is refreshed, 0.5 to 0.95; earlier where less than 15 s are left."""
    follow_event: str = "presence"
    """The Event header of subscriptions other than the catalog's, which the standard leaves open (6.1)."""
    position_interval_s: int = 5
    """How often places are to be reported."""
    poll_catalog_s: float = 600.0
    """How often those that refuse a catalog subscription are asked for their catalog; 0 is never."""

    ladder_messages: int = 60
    """How many messages of each neighbour are kept for eyes."""
    ladder_bytes: int = 64 * 1024 * 1024
    """And how many bytes of all of them together."""

    def __post_init__(self) -> None:
        if not (self.code.isascii() and self.code.isdigit() and len(self.code) == 20):
            raise ValueError(f"code is our own 20 digits, not {self.code!r}")
        if not self.domain or '"' in self.domain or not self.domain.isascii():
            raise ValueError(f"domain is the first ten digits of our code or a host name, not {self.domain!r}")
        for algorithms in (self.algorithms, *(each for _, each in self.algorithms_by_code)):
            unknown = [name for name in algorithms if name not in ("MD5", "SHA-256", "SM3")]
            if unknown or not algorithms:
                raise ValueError(f"algorithms are some of MD5, SHA-256, SM3, not {', '.join(unknown) or 'none'}")
        if not 0 < self.expires_min_s <= self.expires_default_s <= self.expires_max_s:
            raise ValueError("expires_min_s, expires_default_s and expires_max_s must rise in this order")
        if self.keepalive_interval_s <= 0 or self.keepalive_count < 1 or self.keepalive_grace_s < 0:
            raise ValueError("keepalive_interval_s must be above 0, keepalive_count at least 1, the grace not below 0")
        if self.return_patience_s < 0:
            raise ValueError("return_patience_s must not be below 0")
        if self.follow_expires_s < 10 or self.position_interval_s < 1:
            raise ValueError("follow_expires_s must be at least 10 and position_interval_s at least 1")
        if not 0.5 <= self.follow_refresh <= 0.95:
            raise ValueError(f"follow_refresh is 0.5 to 0.95, not {self.follow_refresh:g}")
        if not self.follow_event or not self.follow_event.isalnum():
            raise ValueError(f"follow_event is one word such as presence, not {self.follow_event!r}")
        for text in self.redirect_to:
            Server.parse(text)
        if self.redirect_ask_s < 1 or self.redirect_expires_s < 60:
            raise ValueError("redirect_ask_s must be at least 1, redirect_expires_s at least 60")
        if self.ntp_every_s < 1:
            raise ValueError("ntp_every_s must be at least 1")
        if self.note_window_s <= 0:
            raise ValueError("note_window_s must be above 0")
        if self.lock_after < 1 or self.lock_source_after < self.lock_after:
            raise ValueError("lock_after must be at least 1 and lock_source_after not below it")

    def algorithms_of(self, code: str) -> tuple[str, ...]:
        """What a challenge to `code` offers."""
        best, offered = -1, self.algorithms
        for prefix, algorithms in self.algorithms_by_code:
            if len(prefix) > best and code.startswith(prefix):
                best, offered = len(prefix), algorithms
        return offered
