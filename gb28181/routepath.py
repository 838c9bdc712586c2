"""Through which platforms a stream comes: X-RoutePath and X-PreferredPath (GB/T 28181-2022 annex H).

A path is the codes of platforms from the top down, joined with `-`. Answers to INVITE tell the path they came by;
an INVITE may name the one it wishes.
"""

from __future__ import annotations

ROUTE_PATH = "X-RoutePath"
PREFERRED_PATH = "X-PreferredPath"
MOST_PLATFORMS = 32
LONGEST_CODE = 64


def read_route(header: str | None) -> tuple[str, ...]:
    """The codes that a path header names, from the top; () for none, and for one that cannot be believed.

    >>> read_route("34010000002000000001-34010200002000000001")
    ('34010000002000000001', '34010200002000000001')
    """
    codes = tuple(code for part in (header or "")[:4096].split("-") if (code := part.strip()))
    sound = all(code.isascii() and code.isalnum() and len(code) <= LONGEST_CODE for code in codes)
    return codes if sound and len(codes) <= MOST_PLATFORMS else ()


def write_route(codes: tuple[str, ...]) -> str:
    return "-".join(codes)


def route_upward(own: str, lower: str, header: str | None) -> tuple[str, ...]:
    """The path as we pass it upward: ourselves before what `lower` said, or before `lower` when it said nothing."""
    return (own, *(read_route(header) or (lower,)))


def route_downward(own: str, preferred: tuple[str, ...]) -> tuple[str, ...]:
    """What is left of a wished path below us; its first is the platform to call, () when the list is used up.

    A path that does not name us is as good as none: the default way is taken.
    """
    if own not in preferred:
        return ()
    return preferred[preferred.index(own) + 1 :]
