"""Signed signalling: the Note header over From, To, Call-ID, Date, a shared seed and the body (signalling 3.9).

GB/T 28181-2016 9.1.3 and annex H give the procedure, 2022 keeps the header and names SM3. Two points of the text can be
read in two ways, so a neighbour's `Seal` says which one it means.
"""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from hashlib import md5, sha1, sha256

from sipserver.sip.digest import parameters_of
from sipserver.sip.message import Request, Response
from sipserver.sip.sm3 import sm3_hex

BEIJING = timezone(timedelta(hours=8))
WINDOW_S = 600.0
LONGEST_SEED = 256

HASHES: dict[str, Callable[[bytes], str]] = {
    "MD5": lambda data: md5(data, usedforsecurity=False).hexdigest(),
    "SHA-1": lambda data: sha1(data, usedforsecurity=False).hexdigest(),
    "SHA-256": lambda data: sha256(data).hexdigest(),
    "SM3": sm3_hex,
}
ALGORITHMS = tuple(HASHES)
SPELLINGS = {"SHA1": "SHA-1", "SHA256": "SHA-256"}


@dataclass(frozen=True, slots=True)
class Seal:
    """What two neighbours agreed on beforehand. ValueError at birth for what cannot be meant.

    >>> Seal("s3cr3t-seed", "SM3").algorithm
    'SM3'
    """

    seed: str = field(repr=False)
    algorithm: str = "SM3"
    is_hex: bool = False
    """Whether BASE64 holds the digest's hexadecimal digits instead of its octets, as the printed sample looks."""
    is_of_uris: bool = False
    """Whether From and To mean the URIs alone instead of the whole header values."""

    def __post_init__(self) -> None:
        if not 0 < len(self.seed) <= LONGEST_SEED:
            raise ValueError(f"a seed has 1 to {LONGEST_SEED} letters, not {len(self.seed)}")
        if self.algorithm not in HASHES:
            raise ValueError(f"a note is made with {', '.join(ALGORITHMS)}, not {self.algorithm!r}")

    def stamp(self, message: Request | Response, at: float) -> None:
        """Write Date and Note into a message that is otherwise ready. `at` is UNIX seconds. Without a Note goes what
        cannot have one: the refusal of a message whose From or To cannot be read."""
        message.headers.set("Date", datetime.fromtimestamp(at, BEIJING).strftime("%Y-%m-%dT%H:%M:%S"))
        try:
            nonce = self.nonce_of(message)
        except ValueError:
            return
        message.headers.set("Note", f'Digest nonce="{nonce}",algorithm={self.algorithm}')

    def why_not(self, message: Request | Response, at: float, window_s: float = WINDOW_S) -> str:
        """Why a message that came is not to be believed at `at`, "" when it is. Never raises."""
        date, note = message.headers.get("Date"), message.headers.get("Note")
        if note is None or date is None:
            return "it bears no Note" if note is None else "it bears a Note and no Date"
        try:
            sent_at = datetime.fromisoformat(date.strip()).replace(tzinfo=BEIJING).timestamp()
        except (ValueError, OverflowError):
            return f"its Date {date[:40]!r} cannot be read"
        if not abs(at - sent_at) <= window_s:
            return f"its Date is {at - sent_at:+.0f} s off, more than {window_s:.0f} s"
        try:
            said = parameters_of(note)
        except ValueError as wrong:
            return f"its Note cannot be read: {wrong}"
        algorithm = said.get("algorithm", "").upper()
        if SPELLINGS.get(algorithm, algorithm) != self.algorithm:
            return f"expected a Note made with {self.algorithm}, got {algorithm[:20] or 'none named'}"
        try:
            nonce = b64decode(said.get("nonce", ""), validate=True)
        except (NotBase64, ValueError):
            return "the nonce of its Note is no BASE64"
        try:
            return "" if hmac.compare_digest(nonce, self._digest_of(message)) else "its Note is wrong"
        except ValueError as wrong:
            return f"its From or To cannot be read: {wrong}"

    def nonce_of(self, message: Request | Response) -> str:
        """The nonce of a message whose Date is set."""
        return b64encode(self._digest_of(message)).decode("ascii")

    def _digest_of(self, message: Request | Response) -> bytes:
        headers = message.headers
        ends = [headers.get(name) or "" for name in ("From", "To")]
        if self.is_of_uris:
            ends = [str(message.from_.uri), str(message.to.uri)]
        text = "".join((*ends, message.call_id, headers.get("Date") or "", self.seed))
        digest = HASHES[self.algorithm](text.encode(message.charset, "replace") + message.body)
        return digest.encode("ascii") if self.is_hex else bytes.fromhex(digest)
