"""Nonces that we can recognise as ours without remembering them, and that serve once.

A nonce is its birth time, some noise, and a keyed digest over both and the source it was given to. Only used ones are
remembered, for as long as they would still be valid, so that nobody can fill our memory by asking for challenges.
"""

from __future__ import annotations

import hmac
from collections import OrderedDict
from collections.abc import Callable
from enum import StrEnum
from hashlib import blake2b

_TIME_DIGITS = 12
_NOISE_DIGITS = 8
_SEAL_DIGITS = 32
_LENGTH = _TIME_DIGITS + _NOISE_DIGITS + _SEAL_DIGITS


class NonceState(StrEnum):
    FRESH = "fresh"
    EXPIRED = "expired"  # ours and for this source, but too old
    REPLAYED = "replayed"  # ours and young, but it has served
    FOREIGN = "foreign"  # not ours, or given to another source, or from before our restart


class NonceMint:
    """Makes nonces and judges them. `key` is secret and new at every start; `noise` gives at least 4 random bytes."""

    def __init__(self, key: bytes, noise: Callable[[int], bytes], *, life_s: float = 60.0, remember: int = 50_000):
        self._key = key
        self._noise = noise
        self._life_s = life_s
        self._remember = remember
        self._used: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._not_before = float("-inf")

    def make(self, source: str, now: float) -> str:
        """A nonce for `source`, hexadecimal."""
        head = f"{int(now * 1000) & 0xFFFFFFFFFFFF:012x}{self._noise(4).hex()[:_NOISE_DIGITS]}"
        return head + self._seal(head, source)

    def judge(self, nonce: str, source: str, now: float, *, count: int | None) -> NonceState:
        """What `nonce` is worth now. `count` is nc as a number, None when the answer used no qop."""
        born = self._born(nonce, source)
        if born is None:
            return NonceState.FOREIGN
        age = now - born
        if age > self._life_s or age < -1.0 or born < self._not_before:
            return NonceState.EXPIRED
        used = self._used.get(nonce)
        if used is not None and (count is None or count <= used[1]):
            return NonceState.REPLAYED
        return NonceState.FRESH

    def spend(self, nonce: str, now: float, *, count: int | None) -> None:
        """This nonce has served, whether well or badly."""
        # Without qop one use is all; with it the next count may still come (RFC 7616 3.4).
        self._used[nonce] = (now + self._life_s, (1 << 32) if count is None else count)
        self._used.move_to_end(nonce)
        while self._used:
            oldest, (forget_at, _) = next(iter(self._used.items()))
            crowded = len(self._used) > self._remember
            if forget_at > now and not crowded:
                break
            if crowded and forget_at > now:
                # What we must forget early must not come back: everything as old as it counts as expired.
                self._not_before = max(self._not_before, _birth(oldest) + 0.001)
            del self._used[oldest]

    def __len__(self) -> int:
        return len(self._used)

    def _born(self, nonce: str, source: str) -> float | None:
        if len(nonce) != _LENGTH or not nonce.isascii():
            return None
        head, seal = nonce[:-_SEAL_DIGITS], nonce[-_SEAL_DIGITS:]
        if not hmac.compare_digest(seal, self._seal(head, source)):
            return None
        return _birth(nonce)

    def _seal(self, head: str, source: str) -> str:
        # BLAKE2 takes a key by itself: a quarter of the time of an HMAC, twice a registration.
        return blake2b(f"{head}|{source}".encode(), key=self._key, digest_size=_SEAL_DIGITS // 2).hexdigest()


def _birth(nonce: str) -> float:
    return int(nonce[:_TIME_DIGITS], 16) / 1000
