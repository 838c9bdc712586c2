"""How a server and a media host know each other, and frames that nobody between them can read, forge, drop or repeat.

Both hold one key. Each sends a nonce and proves by HMAC-SHA256 over both nonces that it has the key; the host proves
first, so that a stranger learns nothing from the server. Every frame after that is closed with ChaCha20-Poly1305 (RFC
8439) by a key of this connection and this direction, its number as the nonce: one that is missing, repeated, moved or
of another connection does not open. Passwords of cameras travel in them, so they are hidden, too.
"""

from __future__ import annotations

import hmac
import secrets
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

KEY_BYTES = 32
NONCE_BYTES = 32
PROOF_BYTES = 32
TAG_BYTES = 16
MAGIC = b"lianwang media 1"
"""What both sides begin with: it names the protocol and its version."""
GREETING_BYTES = len(MAGIC) + NONCE_BYTES


class WrongKey(Exception):
    """The other side does not have our key, or does not speak our protocol."""


class Seal:
    """Closes our frames and opens theirs, in order."""

    def __init__(self, ours: bytes, theirs: bytes) -> None:
        self._ours, self._theirs = ChaCha20Poly1305(ours), ChaCha20Poly1305(theirs)
        self._sent = self._came = 0

    def close(self, body: bytes) -> bytes:
        frame = self._ours.encrypt(_nonce(self._sent), body, None)
        self._sent += 1
        return frame

    def open(self, frame: bytes) -> bytes:
        """The body. Raises ValueError when it is not the other side's next frame."""
        try:
            body = self._theirs.decrypt(_nonce(self._came), frame, None)
        except InvalidTag:
            raise ValueError(f"frame {self._came} is forged, repeated or out of turn") from None
        self._came += 1
        return body


class Handshake:
    """One side's part of it: send `greeting`, read theirs, then proofs. `is_host` is who registers."""

    def __init__(self, key: bytes, *, is_host: bool) -> None:
        if len(key) < KEY_BYTES:
            raise ValueError(f"a media key has at least {KEY_BYTES} bytes, not {len(key)}")
        self._key = key
        self._is_host = is_host
        self._nonce = secrets.token_bytes(NONCE_BYTES)
        self._both = b""

    @property
    def greeting(self) -> bytes:
        return MAGIC + self._nonce

    def read_greeting(self, greeting: bytes) -> None:
        """Raises WrongKey when it is none."""
        if len(greeting) != GREETING_BYTES or not greeting.startswith(MAGIC):
            raise WrongKey("it does not speak our protocol")
        theirs = greeting[len(MAGIC) :]
        self._both = theirs + self._nonce if self._is_host else self._nonce + theirs

    @property
    def proof(self) -> bytes:
        """That we have the key."""
        return self._derived(b"proof of the host" if self._is_host else b"proof of the server")

    def check(self, proof: bytes) -> None:
        """Raises WrongKey when it is not the proof that the other side has it."""
        wanted = self._derived(b"proof of the server" if self._is_host else b"proof of the host")
        if not hmac.compare_digest(wanted, proof):
            raise WrongKey("it does not have our key")

    def seal(self) -> Seal:
        of_host, of_server = self._derived(b"frames of the host"), self._derived(b"frames of the server")
        return Seal(of_host, of_server) if self._is_host else Seal(of_server, of_host)

    def _derived(self, what: bytes) -> bytes:
        return hmac.new(self._key, what + b"\n" + self._both, sha256).digest()


def _nonce(number: int) -> bytes:
    """Of a frame; no two frames of one key have the same."""
    return number.to_bytes(12, "big")


def read_key(text: str) -> bytes:
    """A key as it stands in its file, in hex. Raises ValueError."""
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        raise ValueError("a media key is written in hexadecimal digits") from None
    if len(key) < KEY_BYTES:
        raise ValueError(f"a media key has at least {KEY_BYTES} bytes, not {len(key)}")
    return key


def make_key() -> str:
    """A fresh key, as it stands in its file."""
    return secrets.token_hex(KEY_BYTES)
