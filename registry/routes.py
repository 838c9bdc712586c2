"""Which of several neighbours to ask for one channel (GB/T 28181-2022 annex H): an order by health.

Pure: what happened is told with its time, and candidates are put in order. A channel that several platforms below
export is one channel to the operator; the default way to it is the one that is likeliest to work now.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

HALF_LIFE_S = 60.0
"""A failure weighs half as much after this time."""
HEAVIEST = 8.0
"""However often a way failed, it is tried again after a few minutes."""
FORGOTTEN_BELOW = 0.05
MOST_WAYS = 65_536


@dataclass(frozen=True, slots=True)
class Candidate:
    """A way to a channel: through `owner`, who registers with us.

    `is_online` says that the owner is there, `is_channel_on` that it calls the channel on; `tiers` is how many
    platforms the way goes through, 1 for a device of our own.
    """

    owner: str
    is_online: bool = True
    is_channel_on: bool = True
    tiers: int = 1


@dataclass(slots=True)
class _Trouble:
    weight: float
    at: float

    def now(self, now: float) -> float:
        return self.weight * math.exp2(-max(0.0, now - self.at) / HALF_LIFE_S)


class Routes:
    """Remembers which ways failed lately and by which platforms they went, at most `MOST_WAYS` each; the oldest gives
    way."""

    def __init__(self) -> None:
        self._troubles: OrderedDict[tuple[str, str], _Trouble] = OrderedDict()
        self._paths: OrderedDict[tuple[str, str], tuple[str, ...]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._troubles)

    def failed(self, owner: str, channel: str, now: float) -> None:
        """A call to `channel` by way of `owner` did not work. Other channels of that owner suffer a little, too."""
        self._add((owner, channel), 1.0, now)
        self._add((owner, ""), 0.25, now)

    def worked(self, owner: str, channel: str, path: tuple[str, ...] = ()) -> None:
        """Pictures came: what failed before counts no more. `path` are the platforms they came by, `owner` first."""
        self._troubles.pop((owner, channel), None)
        self._troubles.pop((owner, ""), None)
        self._paths.pop((owner, channel), None)
        if path:
            self._paths[owner, channel] = path
        if len(self._paths) > MOST_WAYS:
            self._paths.popitem(last=False)

    def path(self, owner: str, channel: str) -> tuple[str, ...]:
        """By which platforms pictures came the last time, `owner` first; () when that is not known."""
        return self._paths.get((owner, channel), ())

    def trouble(self, owner: str, channel: str, now: float) -> float:
        """How much a way failed lately: 1 for a failure just now, less as it is forgotten."""
        return sum(
            trouble.now(now)
            for key in ((owner, channel), (owner, ""))
            if (trouble := self._troubles.get(key)) is not None
        )

    def order(self, channel: str, candidates: Iterable[Candidate], now: float, *, prefer: str = "") -> list[Candidate]:
        """The ways to `channel`, best first; none is left out, for even an offline one may be worth a last try.

        First `prefer`, the owner that somebody wished for; then those online, those that say the channel is on, those
        with less trouble, those through fewer platforms; and the owner's code settles the rest, so that the order is
        the same every time.
        """

        def rank(way: Candidate) -> tuple[bool, bool, bool, float, int, str]:
            return (
                way.owner != prefer,
                not way.is_online,
                not way.is_channel_on,
                _step(self.trouble(way.owner, channel, now)),
                way.tiers,
                way.owner,
            )

        return sorted(candidates, key=rank)

    def forget(self, owner: str) -> None:
        """The owner was removed."""
        for book in (self._troubles, self._paths):
            for key in [key for key in book if key[0] == owner]:
                del book[key]

    def _add(self, key: tuple[str, str], weight: float, now: float) -> None:
        kept = self._troubles.pop(key, None)
        before = kept.now(now) if kept is not None else 0.0
        self._troubles[key] = _Trouble(min(HEAVIEST, before + weight), now)
        while self._troubles and (
            len(self._troubles) > MOST_WAYS or next(iter(self._troubles.values())).now(now) < FORGOTTEN_BELOW
        ):
            self._troubles.popitem(last=False)


def _step(trouble: float) -> float:
    """Trouble in halves: a shade of it must not send a call the long way round."""
    return round(trouble * 2) / 2
