"""Two devices with one code: each registration displaces the other, and nobody would see why (signalling practice)."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

SETTLED_S = 5.0
"""What was still on its way when a device moved has come by then."""
MEMORY_S = 3600.0


class _Left(NamedTuple):
    """Where a code was and until when. Once it is known to be two, nothing of theirs is taken for a straggler."""

    host: str
    at: float
    has_twin: bool


class Twins:
    """Remembers which host each code has left. Whoever moves does not go on speaking from there; a twin does.

    At most `size` codes are remembered; the oldest gives way. Times are of one clock, in seconds.
    """

    def __init__(self, *, size: int) -> None:
        self._size = size
        self._left: OrderedDict[str, _Left] = OrderedDict()

    def __len__(self) -> int:
        return len(self._left)

    def moved(self, code: str, before: str, now: float) -> None:
        """The last valid registration wins: `code` is no longer at host `before`."""
        earlier = self._left.pop(code, None)
        has_twin = earlier is not None and earlier.has_twin and now - earlier.at <= MEMORY_S
        self._left[code] = _Left(before, now, has_twin)
        while len(self._left) > self._size:
            self._left.popitem(last=False)

    def has_left(self, code: str, host: str, now: float) -> bool:
        """Whether a code that speaks from `host` now had left it for another, and not just a moment ago."""
        left = self._left.get(code)
        if left is None or left.host != host or now - left.at > MEMORY_S:
            return False
        if now - left.at >= SETTLED_S and not left.has_twin:
            self._left[code] = left._replace(has_twin=True)
        return left.has_twin or now - left.at >= SETTLED_S


def twins_words(code: str, here: str, there: str) -> str:
    """For the operator; the hosts are where the code speaks from in turn."""
    return (
        f"{code} speaks from {here} and from {there} in turn: two devices bear one code, or one goes back and forth"
        " between two networks. The last to register wins, and the other one is displaced"
    )
