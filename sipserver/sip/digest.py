"""Digest authentication, RFC 2617 and 8760 as RFC 3261 22 uses them, with MD5, SHA-256 and SM3.

`algorithm=SM3` is an extension: GB/T 28181-2022 names SM3 for signed signalling, some products use it here too.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from functools import lru_cache
from hashlib import md5, sha256

from msgspec import Struct

from sipserver.sip.header import cut_outside_quotes, quoted, unquoted
from sipserver.sip.sm3 import sm3_hex

HASHES: dict[str, Callable[[bytes], str]] = {
    "MD5": lambda data: md5(data, usedforsecurity=False).hexdigest(),
    "SHA-256": lambda data: sha256(data).hexdigest(),
    "SM3": sm3_hex,
}
ALGORITHMS = tuple(HASHES)
LONGEST_PARAMETER = 1_024
MOST_PARAMETERS = 32


def hash_of(algorithm: str) -> Callable[[bytes], str]:
    """The hash of an algorithm's name in any case; ValueError when it is none of ours."""
    found = HASHES.get(algorithm) or HASHES.get(algorithm.upper())
    if found is None:
        raise ValueError(f"unknown digest algorithm {algorithm[:20]!r}")
    return found


def digest_response(
    *,
    username: str,
    realm: str,
    password: str,
    method: str,
    uri: str,
    nonce: str,
    algorithm: str = "MD5",
    qop: str | None = None,
    nc: str | None = None,
    cnonce: str | None = None,
) -> str:
    """The response parameter, in lower-case hexadecimal. `uri` is taken verbatim from the header.

    Raises ValueError for an unknown algorithm or qop, and when qop stands without nc and cnonce.
    """
    hashed = hash_of(algorithm)
    ha1 = first_half(username, realm, password, algorithm.upper())
    ha2 = second_half(method, uri, algorithm.upper())
    if not qop:
        return hashed(f"{ha1}:{nonce}:{ha2}".encode())
    if qop.lower() != "auth" or nc is None or cnonce is None:
        raise ValueError(f"qop {qop[:20]!r} is not to be had")
    return hashed(f"{ha1}:{nonce}:{nc}:{cnonce}:{qop}:{ha2}".encode())


@lru_cache(maxsize=16_384)
def first_half(username: str, realm: str, password: str, algorithm: str) -> str:
    """HA1. Kept, because a device registers again and again with the same password."""
    return hash_of(algorithm)(f"{username}:{realm}:{password}".encode())


@lru_cache(maxsize=1_024)
def second_half(method: str, uri: str, algorithm: str) -> str:
    """HA2. Kept, because every device asks for the same thing at the same address: ours."""
    return hash_of(algorithm)(f"{method}:{uri}".encode())


class Challenge(Struct, frozen=True):
    """What WWW-Authenticate asks for. Built by us or parsed from a platform above."""

    realm: str
    nonce: str
    algorithm: str | None = "MD5"
    qop: str | None = None
    stale: bool = False
    opaque: str | None = None

    @staticmethod
    def parse(text: str) -> Challenge:
        """Raises ValueError when it is no Digest challenge, or lacks its nonce."""
        found = parameters_of(text)
        if "nonce" not in found:
            raise ValueError("a Digest challenge without a nonce")
        return Challenge(
            found.get("realm", ""),
            found["nonce"],
            found.get("algorithm"),
            found.get("qop"),
            found.get("stale", "").lower() == "true",
            found.get("opaque"),
        )

    @property
    def offers_auth(self) -> bool:
        """Whether qop=auth may be used."""
        return self.qop is not None and "auth" in [word.strip().lower() for word in self.qop.split(",")]

    def __str__(self) -> str:
        text = f"Digest realm={quoted(self.realm)},nonce={quoted(self.nonce)}"
        if self.opaque is not None:
            text += f",opaque={quoted(self.opaque)}"
        if self.stale:
            text += ",stale=true"
        if self.algorithm is not None:
            text += f",algorithm={self.algorithm}"
        return f"{text},qop={quoted(self.qop)}" if self.qop is not None else text


class Credentials(Struct, frozen=True):
    """What Authorization brings."""

    username: str
    realm: str
    nonce: str
    uri: str
    response: str
    algorithm: str | None = None
    qop: str | None = None
    nc: str | None = None
    cnonce: str | None = None
    opaque: str | None = None

    @staticmethod
    def parse(text: str) -> Credentials:
        """Raises ValueError when it is no Digest, or lacks username, nonce, uri or response."""
        found = parameters_of(text)
        try:
            return Credentials(
                found["username"],
                found.get("realm", ""),
                found["nonce"],
                found["uri"],
                found["response"],
                found.get("algorithm"),
                found.get("qop"),
                found.get("nc"),
                found.get("cnonce"),
                found.get("opaque"),
            )
        except KeyError as missing:
            raise ValueError(f"Digest credentials without {missing.args[0]}") from None

    @staticmethod
    def answering(
        challenge: Challenge, *, username: str, password: str, method: str, uri: str, cnonce: str = "", nc: int = 1
    ) -> Credentials:
        """The credentials that answer `challenge`; with qop=auth when it is offered (then give a fresh `cnonce`).

        Raises ValueError when the challenge asks for an algorithm that we do not have.
        """
        qop = "auth" if challenge.offers_auth else None
        count = f"{nc:08x}" if qop else None
        response = digest_response(
            username=username,
            realm=challenge.realm,
            password=password,
            method=method,
            uri=uri,
            nonce=challenge.nonce,
            algorithm=challenge.algorithm or "MD5",
            qop=qop,
            nc=count,
            cnonce=cnonce if qop else None,
        )
        return Credentials(
            username,
            challenge.realm,
            challenge.nonce,
            uri,
            response,
            challenge.algorithm,
            qop,
            count,
            cnonce if qop else None,
            challenge.opaque,
        )

    def is_right(self, password: str, method: str) -> bool:
        """Whether the response was made with `password`; compared in constant time. Never raises."""
        try:
            expected = digest_response(
                username=self.username,
                realm=self.realm,
                password=password,
                method=method,
                uri=self.uri,
                nonce=self.nonce,
                algorithm=self.algorithm or "MD5",
                qop=self.qop,
                nc=self.nc,
                cnonce=self.cnonce,
            )
        except ValueError:
            return False
        return hmac.compare_digest(expected.encode(), self.response.lower().encode("utf-8", "replace"))

    def __str__(self) -> str:
        text = (
            f"Digest username={quoted(self.username)},realm={quoted(self.realm)},nonce={quoted(self.nonce)},"
            f"uri={quoted(self.uri)},response={quoted(self.response)}"
        )
        if self.algorithm is not None:
            text += f",algorithm={self.algorithm}"
        if self.cnonce is not None:
            text += f",cnonce={quoted(self.cnonce)}"
        if self.qop is not None:
            text += f",qop={self.qop}"
        if self.nc is not None:
            text += f",nc={self.nc}"
        return f"{text},opaque={quoted(self.opaque)}" if self.opaque is not None else text


def scheme_of(text: str) -> str:
    """The scheme of an Authorization or WWW-Authenticate value, in lower case: `digest`, `capability` ..."""
    return text.lstrip().partition(" ")[0].lower()


def parameters_of(text: str) -> dict[str, str]:
    """The parameters of a Digest header, quotes taken off or not there at all. Raises ValueError.

    Of a parameter that stands twice the first counts.
    """
    scheme, blank, rest = text.strip().partition(" ")
    if scheme.lower() != "digest" or not blank:
        raise ValueError(f"not Digest: {scheme[:20]!r}")
    if "\\" in rest:
        return careful_parameters_of(rest)
    pieces = rest.split(",")
    found: dict[str, str] = {}
    for piece in pieces[:MOST_PARAMETERS]:
        name, equals, value = piece.partition("=")
        value = value.strip()
        if value[:1] == '"':
            inner = value[1:-1]
            if value[-1:] != '"' or len(value) < 2 or '"' in inner:
                # A comma or a quotation mark inside a quotation.
                return careful_parameters_of(rest)
            value = inner
        if len(value) > LONGEST_PARAMETER:
            raise ValueError("a Digest parameter is too long")
        if equals:
            found.setdefault(name.strip().lower(), value)
    if len(pieces) > MOST_PARAMETERS:
        raise ValueError(f"{len(pieces)} parameters in one Digest header")
    return found


def careful_parameters_of(rest: str) -> dict[str, str]:
    """As `parameters_of`, letter by letter."""
    pieces = cut_outside_quotes(rest, ",")
    if len(pieces) > MOST_PARAMETERS:
        raise ValueError(f"{len(pieces)} parameters in one Digest header")
    found: dict[str, str] = {}
    for piece in pieces:
        name, equals, value = piece.partition("=")
        value = value.strip()
        if len(value) > LONGEST_PARAMETER:
            raise ValueError("a Digest parameter is too long")
        if equals:
            found.setdefault(name.strip().lower(), unquoted(value))
    return found
