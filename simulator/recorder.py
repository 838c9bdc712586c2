"""The recorder in a simulated device: what it keeps, what of it is asked for, and how it misbehaves with it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gb28181.manscdp.message import Manscdp
from gb28181.manscdp.record_info import RecordInfoQuery
from gb28181.sdp import Offer
from simulator.recording import BYTES_A_SECOND, Recording, listed

HOUR_S = 3600
_ZONE_S = 8 * HOUR_S
_GAP_HOUR, _GAP_S = 3, 20 * 60
"""Every night after three it is switched off for so long: timelines have gaps."""
_ALARM_EVERY_H, _ALARM_S = 3, 60


@dataclass(frozen=True, slots=True)
class RecorderSettings:
    """What a device keeps of its pictures. The rest are faults to order."""

    history_s: int = 0
    """It claims to have recorded so much of the past, by the hour, with alarms, and a gap every night."""
    items_a_part: int = 8
    ignores_speed: bool = False
    """Answer 200 to every speed and play at the one there was."""
    no_filesize: bool = False
    no_end: bool = False
    """Tell no MediaStatus at the end, and send no BYE: just silence."""
    breaks_at_s: float = 0.0
    """Once, after so many seconds of a recording, the media connection breaks and nothing follows; 0 is never."""
    only_backwards_once: bool = False
    """Play backwards at the single speed whatever is asked (2022 B.2.8 allows it)."""


class Recorder:
    """What there is of a device's channels; `kept` besides the rolling history."""

    def __init__(
        self,
        settings: RecorderSettings,
        channels: Sequence[str],
        kept: Sequence[Recording] = (),
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings
        self._channels = tuple(channels)
        self._kept = tuple(kept)
        self._wall = wall
        self._has_broken = False

    def answer(self, asked: RecordInfoQuery, name: str) -> Sequence[Manscdp]:
        """The list of a search, in parts."""
        return listed(asked, name, self._recordings(asked.device), self.settings.items_a_part)

    def has(self, channel: str, offer: Offer) -> bool:
        """Whether there is anything of what a call asks for."""
        return any(
            each.channel == channel and each.start < offer.stop and each.stop > offer.start
            for each in self._recordings(channel)
        )

    def filesize(self, offer: Offer) -> int | None:
        """What an answer says to a download (a=filesize), None when it says nothing."""
        if self.settings.no_filesize or offer.session.casefold() != "download":
            return None
        return max(0, offer.stop - offer.start) * BYTES_A_SECOND

    def break_now(self, sent_s: float) -> bool:
        """Whether the connection breaks here: once in a life."""
        at = self.settings.breaks_at_s
        if not at or self._has_broken or sent_s < at:
            return False
        self._has_broken = True
        return True

    def _recordings(self, channel: str) -> list[Recording]:
        rolling = history(channel, int(self._wall()), self.settings.history_s) if channel in self._channels else []
        return [*self._kept, *rolling]


def history(channel: str, now: int, length_s: int) -> list[Recording]:
    """A past that could have been: files of an hour up to now, a gap at night, a minute of alarm every three hours.

    The gap is in the past only: what is recorded now is there.
    """
    found: list[Recording] = []
    first = now - length_s
    hour = first - (first + _ZONE_S) % HOUR_S
    while hour < now and length_s:
        of_day = (hour + _ZONE_S) // HOUR_S % 24
        start, stop = max(hour, first), min(hour + HOUR_S, now)
        if of_day == _GAP_HOUR and hour + HOUR_S <= now:
            start = max(start, hour + _GAP_S)
        if stop > start:
            found.append(Recording(channel, start, stop))
        alarm = hour + HOUR_S // 2
        if of_day % _ALARM_EVERY_H == 1 and first <= alarm and alarm + _ALARM_S <= now:
            found.append(Recording(channel, alarm, alarm + _ALARM_S, "alarm", alarm=("5", "2")))
        hour += HOUR_S
    return found
