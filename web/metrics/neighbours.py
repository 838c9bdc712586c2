"""Who registers with us, with whom we register, whom we refused, and how much we know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client.core import Metric

from registry.device import DeviceKind, Presence
from registry.directory import Directory
from registry.platform import STATES
from registry.refusal import Refusal
from web.metrics.family import counter, gauge, looked_up

MOST_UPPERS = 200
DIGEST = frozenset(
    {
        Refusal.WRONG_PASSWORD,
        Refusal.WRONG_REALM,
        Refusal.WRONG_ALGORITHM,
        Refusal.NONCE_REPLAYED,
        Refusal.NONCE_UNKNOWN,
        Refusal.MALFORMED_CREDENTIALS,
        Refusal.CODE_MISMATCH,
    }
)
"""Refusals of somebody who showed credentials that do not hold."""


def families(directory: Directory, facts: Mapping[str, Any]) -> Iterator[Metric]:
    """Of devices only the numbers are told, of platforms above how things stand with each."""
    devices = directory.all_devices()
    peers = Counter((device.kind, device.presence) for device in devices)
    yield gauge(
        "peers",
        "Those who register with us.",
        [((kind, presence), peers[kind, presence]) for kind in DeviceKind for presence in Presence],
        ("kind", "state"),
    )
    online, total = directory.cameras()
    yield gauge("channels", "Cameras on file, those with several ways once.", [((), total)])
    yield gauge("channels_online", "Cameras that are there.", [((), online)])
    yield counter(
        "sip_refusals",
        "Refused registrations and messages, by reason; check is digest where credentials did not hold.",
        [
            ((reason, "digest" if reason in DIGEST else "admission"), looked_up(facts, f"sip.refused.{reason}") or 0)
            for reason in Refusal
        ],
        ("reason", "check"),
    )
    yield from _above(directory)
    accounts = directory.accounts
    sizes = {
        "devices": len(devices),
        "platforms-above": len(directory.uppers()),
        "users": len(accounts.users()),
        "keys": len(accounts.keys()),
    }
    yield gauge(
        "registry_entries", "How many of each are on file.", [((kind,), n) for kind, n in sizes.items()], ("kind",)
    )


def _above(directory: Directory) -> Iterator[Metric]:
    states = {upper.code: directory.upper_state(upper.code) for upper in directory.uppers()[:MOST_UPPERS]}
    yield gauge(
        "upper_state",
        "How we stand with a platform above: 1 for the state it is in.",
        [
            ((code, state), float(now is not None and now.state == state))
            for code, now in states.items()
            for state in STATES
        ],
        ("upper", "state"),
    )
    known = {code: state for code, state in states.items() if state is not None}
    yield gauge(
        "upper_keepalives_missed",
        "Keepalives in a row that a platform above has not answered.",
        [((code,), state.keepalives_missed) for code, state in known.items()],
        ("upper",),
    )
    yield gauge(
        "upper_calls",
        "Calls of a platform above that are up.",
        [((code,), state.calls) for code, state in known.items()],
        ("upper",),
    )
