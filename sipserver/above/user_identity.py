"""Monitor-User-Identity: by whose realms a wish has come, the last one first (GB/T 28181-2022 8.3, signalling 3.9).

`<realm's code>-...-<user's code>-<attributes>`: each realm that passes a request on puts its own code and a hyphen in
front. A request that names us already has gone in a circle.
"""

from __future__ import annotations

from gb28181.identity import HEADER
from sipserver.sip.message import Request

LONGEST = 1024


def identity_of(request: Request) -> str:
    """What a request says of its user, "" when it says nothing that may be passed on."""
    text = (request.headers.get(HEADER) or "").strip()
    return text if len(text) <= LONGEST and "\r" not in text and "\n" not in text else ""


def extended(identity: str, own_code: str, user: str = "") -> str:
    """The identity as it leaves our realm; `user` is who asks when nobody was named (SEC-05, SEC-06).

    >>> extended("34010000002000000001-34010000004000000007-org", "34010200002000000001")
    '34010200002000000001-34010000002000000001-34010000004000000007-org'
    """
    rest = identity or user
    if "=" in identity.partition("-")[0]:
        return identity  # a key=value form seen in the field passes untouched
    return f"{own_code}-{rest}" if rest else own_code


def realms_of(identity: str) -> tuple[str, ...]:
    """The realms it has left, the last one first: the leading parts that are 20 digits."""
    realms: list[str] = []
    for part in identity.split("-"):
        if not (len(part) == 20 and part.isascii() and part.isdigit()):
            break
        realms.append(part)
    return tuple(realms)


def has_come_by(identity: str, own_code: str) -> bool:
    """Whether a request left our realm before: then it came in a circle."""
    return own_code in realms_of(identity)
