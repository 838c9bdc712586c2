"""The ladder of hops that a failure climbs, one Warning header a hop (RFC 3261 20.43, code 399).

Each platform writes who answered it what, nearest hop first, and passes on below it what it was told. Strangers
ignore the header, so it costs them nothing; between ours it gives every failure an address.
"""

from __future__ import annotations

from collections.abc import Iterable

from gb28181.peer import Hop

CODE = "399"
MOST_HOPS = 16
LONGEST_REASON = 160
LONGEST_WHO = 64


def write_warnings(our_code: str, hops: Iterable[Hop]) -> tuple[str, ...]:
    """The values of the Warning headers that tell `hops`, nearest first; more than `MOST_HOPS` are cut.

    >>> write_warnings("34010000002000000001", [Hop("34010200002000000001", "INVITE", 480, "Temporarily Unavailable")])
    ('399 34010000002000000001 "480 Temporarily Unavailable at 34010200002000000001"',)
    """
    return tuple(
        f'{CODE} {our_code} "{hop.status} {_plain(hop.reason, LONGEST_REASON)} at {_plain(hop.who, LONGEST_WHO)}"'
        for hop, _ in zip(hops, range(MOST_HOPS), strict=False)
    )


def read_warnings(values: Iterable[str], what: str = "") -> tuple[Hop, ...]:
    """The hops that Warning headers tell, in their order; what is no hop of ours is passed over. Never raises.

    `what` is the request that failed, for the wire does not repeat it.
    """
    hops: list[Hop] = []
    for value in values:
        hop = _read(value[:1024], what)
        if hop is not None and len(hops) < MOST_HOPS:
            hops.append(hop)
    return tuple(hops)


def _read(value: str, what: str) -> Hop | None:
    code, _, rest = value.strip().partition(" ")
    _, quote, text = rest.partition('"')
    text, closing, _ = text.rpartition('"')
    if code != CODE or not quote or not closing:
        return None
    said, at, who = text.rpartition(" at ")
    status, _, reason = said.partition(" ")
    if not at or not who.strip() or not (status.isascii() and status.isdigit() and len(status) <= 3):
        return None
    return Hop(who.strip()[:LONGEST_WHO], what, int(status), reason.strip()[:LONGEST_REASON])


def _plain(text: str, longest: int) -> str:
    """A text that stays within its quotes and its line."""
    kept = "".join(
        "'" if letter == '"' else letter if letter.isprintable() and letter != "\\" else " " for letter in text
    )
    return " ".join(kept.split())[:longest].rstrip() or "-"
