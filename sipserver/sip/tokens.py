"""Random words for tags, branches, Call-IDs and nonces: unguessable, and cheap enough for every message."""

from __future__ import annotations

import os


class Tokens:
    """Draws randomness in blocks, so that a word costs no system call."""

    __slots__ = ("_at", "_block")

    def __init__(self) -> None:
        self._block = ""
        self._at = 0

    def word(self, letters: int = 16) -> str:
        """So many hexadecimal digits, four bits of randomness each; at most 64."""
        end = self._at + letters
        if end > len(self._block):
            self._block = os.urandom(4096).hex()
            self._at, end = 0, letters
        word = self._block[self._at : end]
        self._at = end
        return word
