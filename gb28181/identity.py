"""Monitor-User-Identity: who wishes it, told to other realms (GB/T 28181-2022 8.3)."""

from __future__ import annotations

from urllib.parse import quote

HEADER = "Monitor-User-Identity"
LONGEST_NAME = 64


def of_operator(own_code: str, name: str, rank: str) -> str:
    """The identity of a user of ours: our code, the user, the rank; each without hyphens, which part them.

    >>> of_operator("34010000002000000001", "li-wei", "operator")
    '34010000002000000001-li%2Dwei-operator'
    """
    return "-".join((own_code, _part(name[:LONGEST_NAME]), _part(rank)))


def _part(text: str) -> str:
    """Of the letters a header may carry; others as percent signs and digits."""
    return quote(text, safe="").replace("-", "%2D")
