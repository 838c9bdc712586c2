"""SM3, GB/T 32905-2016, for interpreters whose OpenSSL was built without it."""

from __future__ import annotations

import hashlib
import struct

START = (0x7380166F, 0x4914B2B9, 0x172442D7, 0xDA8A0600, 0xA96F30BC, 0x163138AA, 0xE38DEE4D, 0xB0FB0E4E)
MASK = 0xFFFFFFFF
HAS_OPENSSL_SM3 = "sm3" in hashlib.algorithms_available


def sm3_hex(data: bytes) -> str:
    """The digest of `data` in lower-case hexadecimal."""
    if HAS_OPENSSL_SM3:
        try:
            return hashlib.new("sm3", data).hexdigest()
        except ValueError:  # listed, but switched off by the provider's policy
            pass
    return sm3_hex_plain(data)


def rotated(word: int, by: int) -> int:
    by %= 32
    return ((word << by) | (word >> (32 - by))) & MASK


# T(j) turned left by j, GB/T 32905 4.2 and 5.3.3.
ROUND_CONSTANTS = tuple(rotated(0x79CC4519 if j < 16 else 0x7A879D8A, j) for j in range(64))


def sm3_hex_plain(data: bytes) -> str:
    """The same without OpenSSL."""
    padded = data + b"\x80" + b"\0" * ((55 - len(data)) % 64) + struct.pack(">Q", len(data) * 8)
    state: tuple[int, ...] = START
    for at in range(0, len(padded), 64):
        state = compressed(state, padded[at : at + 64])
    return "".join(f"{word:08x}" for word in state)


def compressed(state: tuple[int, ...], block: bytes) -> tuple[int, ...]:
    """One block, GB/T 32905 5.3."""
    w = list(struct.unpack(">16I", block))
    for j in range(16, 68):
        x = w[j - 16] ^ w[j - 9] ^ rotated(w[j - 3], 15)
        w.append(x ^ rotated(x, 15) ^ rotated(x, 23) ^ rotated(w[j - 13], 7) ^ w[j - 6])
    a, b, c, d, e, f, g, h = state
    for j in range(64):
        ss1 = rotated((rotated(a, 12) + e + ROUND_CONSTANTS[j]) & MASK, 7)
        ss2 = ss1 ^ rotated(a, 12)
        ff = a ^ b ^ c if j < 16 else (a & b) | (a & c) | (b & c)
        gg = e ^ f ^ g if j < 16 else (e & f) | (~e & MASK & g)
        tt1 = (ff + d + ss2 + (w[j] ^ w[j + 4])) & MASK
        tt2 = (gg + h + ss1 + w[j]) & MASK
        a, b, c, d = tt1, a, rotated(b, 9), c
        e, f, g, h = tt2 ^ rotated(tt2, 9) ^ rotated(tt2, 17), e, rotated(f, 19), g
    return tuple(old ^ new for old, new in zip(state, (a, b, c, d, e, f, g, h), strict=True))
