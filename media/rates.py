"""How fast and how well a stream comes: growing counters, looked at once a second."""

from __future__ import annotations

from collections import deque

import msgspec

EVERY_S = 1.0
RATE_S = 5.0
"""Rates are means over so long: long enough to smooth key frames, short enough to follow."""
LOSS_S = 10.0
"""The share of lost packets is that of so long."""


class Counted(msgspec.Struct, frozen=True, gc=False):
    """Counters as they stand. They grow; one that has shrunk began anew."""

    packets: int = 0
    bytes: int = 0
    lost: int = 0
    pictures: int = 0

    def __add__(self, more: Counted) -> Counted:
        return Counted(
            self.packets + more.packets,
            self.bytes + more.bytes,
            self.lost + more.lost,
            self.pictures + more.pictures,
        )


class Rates:
    """`sample` as often as you like: one a second is kept. `total` is the sum over all beginnings.

    >>> rates = Rates()
    >>> for second in range(4):
    ...     rates.sample(Counted(packets=100 * second, bytes=125_000 * second, pictures=25 * second), float(second))
    >>> rates.bitrate_bps, rates.packets_per_s, rates.fps, rates.loss
    (1000000.0, 100.0, 25.0, 0.0)
    """

    def __init__(self) -> None:
        self.total = Counted()
        self._last = Counted()
        self._samples: deque[tuple[float, Counted]] = deque()

    def sample(self, counted: Counted, now: float, *, is_last: bool = False) -> None:
        """Look at the counters. `is_last`: the stream ends, count what came since the last look."""
        if self._samples and now - self._samples[-1][0] < EVERY_S and not is_last:
            return
        self.total = _grown(self.total, self._last, counted)
        self._last = counted
        self._samples.append((now, self.total))
        while len(self._samples) > 2 and now - self._samples[0][0] > LOSS_S:
            self._samples.popleft()

    @property
    def bitrate_bps(self) -> float:
        before, after, seconds = self._over(RATE_S)
        return 8 * (after.bytes - before.bytes) / seconds

    @property
    def packets_per_s(self) -> float:
        before, after, seconds = self._over(RATE_S)
        return (after.packets - before.packets) / seconds

    @property
    def fps(self) -> float:
        before, after, seconds = self._over(RATE_S)
        return (after.pictures - before.pictures) / seconds

    @property
    def loss(self) -> float:
        """Lost of all that were sent, 0 to 1."""
        before, after, _ = self._over(LOSS_S)
        lost = after.lost - before.lost
        sent = lost + after.packets - before.packets
        return lost / sent if sent else 0.0

    def _over(self, seconds: float) -> tuple[Counted, Counted, float]:
        """The oldest sample at most so old, the newest, and what lies between; a second of nothing without two."""
        if len(self._samples) < 2:
            return self.total, self.total, 1.0
        newest_at, newest = self._samples[-1]
        at, oldest = next(sample for sample in self._samples if newest_at - sample[0] <= seconds)
        if at == newest_at:  # we stood still ourselves: the sample before it has to do
            at, oldest = self._samples[-2]
        return oldest, newest, max(newest_at - at, 1e-3)


def _grown(total: Counted, before: Counted, after: Counted) -> Counted:
    """The total with what came on top of `before`; all of `after` where the counters began anew."""
    if after.packets < before.packets or after.bytes < before.bytes:
        before = msgspec.structs.replace(before, packets=0, bytes=0)  # a new call begins them anew, the others run on
    return total + Counted(
        after.packets - before.packets,
        after.bytes - before.bytes,
        max(0, after.lost - before.lost),
        max(0, after.pictures - before.pictures),
    )
