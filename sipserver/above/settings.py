"""Every setting of the room where we are the lower platform, with its default and one line of why."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AboveSettings:
    """How we behave towards platforms above. Times are seconds.

    Raises ValueError when a value contradicts the standard or another value; the message names the field.
    """

    code: str = "34020000002000000001"
    """Our own 20 digits, unless an upper knows us by others."""
    name: str = "联网"
    """What DeviceInfo says we are called."""
    manufacturer: str = "Lianwang"
    model: str = "Lianwang"
    firmware: str = ""

    retry_s: float = 60.0
    """The shortest pause between two tries to register (signalling 3.6.1)."""
    retry_longest_s: float = 600.0
    """Each failure in a row doubles the pause, up to this."""
    jitter: float = 0.2
    """A random part of the pause, so that a thousand counties do not come back in one second."""
    reconnect_s: float = 3.0
    """The pause after an upper that had taken us is lost; failures after it wait `retry_s`."""
    answer_s: float = 8.0
    """The wait for the answer to a REGISTER, a keepalive, a page or a notice."""
    refresh_at: float = 0.7
    """The part of the granted time after which a registration is refreshed."""

    page_tries: int = 4
    """How often a page of a long answer is sent before the upper counts as lost."""
    page_pause_s: float = 1.0
    """The pause before a page is sent again."""
    page_items_udp: int = 4
    """Catalog items a message over UDP: it stays below what a path carries in one piece (signalling 3.1)."""
    page_items_tcp: int = 50
    """The same over TCP."""
    catalogs_at_once: int = 4
    """Catalogs that are sent at the same time, over all uppers."""

    hop_patience_s: float = 10.0
    """The wait for an answer from one tier below; each tier beneath it adds as much."""
    deepest: int = 5
    """Tiers beyond this add no patience."""
    questions: int = 256
    """Queries from above that wait for those below at once; more are refused with 503."""
    questions_at_once: int = 32
    """So many of them are asked below side by side."""
    ptz_hold_s: float = 30.0
    """A camera of ours that a platform above set in motion is stopped when no word of it came for this long. Many say
    nothing between the press of a button and its release, so it is as long as a slow turn all round."""
    repeats_s: float = 10.0
    """A body that comes again from the same upper within this time is answered and not acted upon."""

    calls: int = 1000
    """Sessions towards all uppers together; more are refused with 486."""
    bye_patience_s: float = 10.0
    """After the end of a recording was told, how long the upper has for its BYE before ours goes."""

    subscriptions: int = 256
    """Subscriptions of one upper at once; more are refused with 503."""
    subscription_longest_s: int = 86400
    """Longer wishes are granted this."""
    subscription_default_s: int = 600
    """When a SUBSCRIBE names no time (signalling 3.13)."""
    batch_s: float = 2.0
    """Changes of the catalog within this time go up together (2022 annex N: about 100 changes or a minute)."""
    batch_items: int = 100
    """And so many at most in one NOTIFY."""
    news: int = 1000
    """Alarms and positions that may wait for one upper; the oldest gives way."""

    def __post_init__(self) -> None:
        if not (self.code.isascii() and self.code.isdigit() and len(self.code) == 20):
            raise ValueError(f"code is our own 20 digits, not {self.code!r}")
        if not 0 < self.retry_s <= self.retry_longest_s:
            raise ValueError("retry_s must be above 0 and not above retry_longest_s")
        if not 0.1 <= self.refresh_at <= 0.95:
            raise ValueError("refresh_at is a part of the granted time, 0.1 to 0.95")
        if self.page_tries < 1 or self.page_items_udp < 1 or self.page_items_tcp < 1 or self.batch_items < 1:
            raise ValueError("page_tries, page_items_udp, page_items_tcp and batch_items must be at least 1")
        if not 1.0 <= self.ptz_hold_s <= 600.0:
            raise ValueError(f"ptz_hold_s is 1 to 600 seconds, not {self.ptz_hold_s:g}")
        if self.subscription_default_s > self.subscription_longest_s:
            raise ValueError("subscription_default_s must not be above subscription_longest_s")
