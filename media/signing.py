"""Viewers' addresses: signed, expiring, bound to one outlet of one inlet."""

from __future__ import annotations

import hmac
from hashlib import sha256

SIGNATURE_DIGITS = 32
"""128 bits in hex: nobody guesses that within an address's life."""


class Signer:
    """Signs addresses with one key and knows its own signatures again."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) < 16:
            raise ValueError(f"an address key has at least 16 bytes, not {len(secret)}")
        self._secret = secret

    def address(self, prefix: str, inlet: str, outlet: str, extension: str, expires_at: int) -> str:
        """The path of a viewer's address; `expires_at` is UNIX seconds."""
        return f"{prefix}/{inlet}/{outlet}.{extension}?e={expires_at}&s={self.sign(inlet, outlet, expires_at)}"

    def sign(self, inlet: str, outlet: str, expires_at: int) -> str:
        text = f"{inlet}\n{outlet}\n{expires_at}".encode()
        return hmac.new(self._secret, text, sha256).hexdigest()[:SIGNATURE_DIGITS]

    def is_valid(self, inlet: str, outlet: str, expiry: str, signature: str, now: float) -> bool:
        """Whether this address is ours and not yet over. Takes what came in the query as it came; never raises."""
        if not (expiry.isascii() and expiry.isdigit() and len(expiry) <= 12 and signature.isascii()):
            return False
        expires_at = int(expiry)
        return now < expires_at and hmac.compare_digest(self.sign(inlet, outlet, expires_at), signature)
