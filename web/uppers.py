"""A platform above as people see it: what was configured, what follows from that, and how things stand."""

from __future__ import annotations

from typing import Any

import msgspec

from gb28181.charset import charset_for
from gb28181.edition import parse_edition
from registry.platform import SubscriptionView, Upper, UpperState
from web.addresses import write_address

UNKNOWN = "unknown"
"""The state of a platform of which nobody has said anything yet."""


class Subscription(msgspec.Struct, frozen=True):
    """What a platform above follows: `notified` items were told, `pending` wait to be."""

    subject: str
    """catalog, alarm, position or ptz."""
    target: str
    expires_at: float
    notified: int
    pending: int


class Sent(msgspec.Struct, frozen=True):
    """A catalog on its way up: items it has confirmed, and of how many."""

    sent: int
    total: int


class PlatformState(msgspec.Struct, frozen=True):
    """How things stand with a platform above. `address` is where we are registered, after any redirection; `edition`
    what it answered in X-GB-Ver."""

    state: str
    reason: str
    since: float | None
    registered_at: float | None
    expires_at: float | None
    keepalives_missed: int
    address: str
    edition: str
    subscriptions: tuple[Subscription, ...]
    calls: int
    last_exchange_at: float | None
    catalog_sent: Sent | None


class PlatformView(msgspec.Struct, frozen=True):
    """A platform with which we register. "" stands for what follows from the rest; `shown_` fields say what that is.

    The password is never shown.
    """

    code: str
    name: str
    shown_name: str
    address: str
    host: str
    port: int
    domain: str
    shown_domain: str
    user: str
    shown_user: str
    has_password: bool
    edition: str
    transport: str
    charset: str
    shown_charset: str
    our_code: str
    shown_our_code: str
    local_host: str
    expires_s: int
    keepalive_interval_s: float
    keepalive_count: int
    page_size: int
    secrecy: bool
    arrangement: str
    share_all: bool
    push_alarms: bool
    push_positions: bool
    initial_report: bool
    enabled: bool
    media_transport: str
    added_at: float | None
    state: PlatformState


_WORKED_OUT = frozenset({"address", "shown_user", "has_password", "shown_charset", "shown_our_code", "state"})
_SAME = tuple(name for name in PlatformView.__struct_fields__ if name not in _WORKED_OUT)


def platform_view(upper: Upper, state: UpperState | None, own_code: str) -> PlatformView:
    """`own_code` is ours, for platforms that know us by no other."""
    same: dict[str, Any] = {name: getattr(upper, name) for name in _SAME}
    our_code = upper.our_code or own_code
    return PlatformView(
        **same,
        address=write_address(upper.host, upper.port),
        shown_user=upper.user or our_code,
        has_password=bool(upper.password),
        shown_charset=str(charset_for(parse_edition(upper.edition), upper.charset)),
        shown_our_code=our_code,
        state=state_view(upper, state),
    )


def state_view(upper: Upper, state: UpperState | None) -> PlatformState:
    if state is None:
        state = UpperState(upper.code, UNKNOWN if upper.enabled else "disabled")
    return PlatformState(
        state=state.state,
        reason=state.reason,
        since=state.since or None,
        registered_at=state.registered_at,
        expires_at=state.expires_at,
        keepalives_missed=state.keepalives_missed,
        address=state.address,
        edition=state.edition,
        subscriptions=tuple(subscription_view(followed) for followed in state.subscriptions),
        calls=state.calls,
        last_exchange_at=state.last_exchange_at,
        catalog_sent=Sent(*state.catalog_sent) if state.catalog_sent is not None else None,
    )


def subscription_view(followed: SubscriptionView) -> Subscription:
    return Subscription(followed.subject, followed.target, followed.expires_at, followed.notified, followed.pending)
