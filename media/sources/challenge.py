"""What an RTSP server wants to be told before it gives anything: Basic, or Digest by RFC 2617 and RFC 7616."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

_HASHES = {"": hashlib.md5, "MD5": hashlib.md5, "SHA-256": hashlib.sha256}
_STRENGTH = {"SHA-256": 3, "MD5": 2, "": 2}
_BASIC_STRENGTH = 1
_SCHEME = re.compile(r"(?:^|,)\s*(Basic|Digest)\s+(?=[A-Za-z0-9_-]+\s*=)", re.IGNORECASE)
_PAIR = re.compile(r"""([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))""")
MOST_PAIRS = 24


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way to prove who we are, as a server offers it."""

    scheme: str
    realm: str = ""
    nonce: str = ""
    opaque: str | None = None
    algorithm: str = ""
    qop: str | None = None
    is_stale: bool = False

    @property
    def strength(self) -> int:
        """0 for one that we cannot meet."""
        if self.scheme == "basic":
            return _BASIC_STRENGTH
        if not self.nonce or self.qop not in (None, "auth"):
            return 0
        return _STRENGTH.get(self.algorithm.upper(), 0)


def challenges(headers: Iterable[str]) -> list[Challenge]:
    """All that the WWW-Authenticate headers offer, one a header or several in one; nonsense is passed over."""
    found = []
    for header in headers:
        marks = list(_SCHEME.finditer(header))
        ends = [mark.start() for mark in marks[1:]] + [len(header)]
        for mark, end in zip(marks, ends, strict=False):
            part = header[mark.end() : end]
            pairs = _PAIR.findall(part)[:MOST_PAIRS]
            said = {name.lower(): re.sub(r"\\(.)", r"\1", quoted) if quoted else bare for name, quoted, bare in pairs}
            offered = [each.strip().lower() for each in said["qop"].split(",")] if "qop" in said else None
            found.append(
                Challenge(
                    mark[1].lower(),
                    said.get("realm", ""),
                    said.get("nonce", ""),
                    said.get("opaque"),
                    said.get("algorithm", ""),
                    None if offered is None else "auth" if "auth" in offered else offered[0],
                    said.get("stale", "").lower() == "true",
                )
            )
    return found


def strongest(offered: Iterable[Challenge]) -> Challenge | None:
    """The one to meet; Basic, which tells the password, only where there is no better one."""
    best = max(offered, key=lambda each: each.strength, default=None)
    return best if best is not None and best.strength else None


def answer(
    challenge: Challenge, user: str, password: str, method: str, uri: str, *, count: int = 1, cnonce: str = ""
) -> str:
    """The Authorization header. `count` is how often this nonce was used with qop, `cnonce` our own part of it."""
    if challenge.scheme == "basic":
        return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    hashed = _HASHES[challenge.algorithm.upper()]

    def digest(text: str) -> str:
        return hashed(text.encode()).hexdigest()

    secret = digest(f"{user}:{challenge.realm}:{password}")
    asked = digest(f"{method}:{uri}")
    nc = f"{count:08x}"
    middle = challenge.nonce if challenge.qop is None else f"{challenge.nonce}:{nc}:{cnonce}:auth"
    parts = [
        f'username="{_quoted(user)}"',
        f'realm="{_quoted(challenge.realm)}"',
        f'nonce="{_quoted(challenge.nonce)}"',
        f'uri="{uri}"',
        f'response="{digest(f"{secret}:{middle}:{asked}")}"',
    ]
    if challenge.algorithm:
        parts.append(f"algorithm={challenge.algorithm}")
    if challenge.opaque is not None:
        parts.append(f'opaque="{_quoted(challenge.opaque)}"')
    if challenge.qop is not None:
        parts += ["qop=auth", f"nc={nc}", f'cnonce="{cnonce}"']
    return "Digest " + ", ".join(parts)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
