"""A disk that does not take recordings: told when it begins, once for all that are recorded there."""

from __future__ import annotations

from broker.reasons import OF_TROUBLE, Reason
from registry.events import RecordingChanged

Troubled = tuple[str, str, Reason]
"""Owner and channel of the first that was in trouble, and why."""


class DiskTrouble:
    """Hears of recordings. What it has to tell is taken with `news`; nothing twice while any of them is in trouble.

    A platform with a thousand channels has one disk: the alarm is the disk's, and what each channel misses is told
    by its gaps.
    """

    def __init__(self) -> None:
        self._troubled: dict[str, Reason] = {}
        self._told: set[Reason] = set()
        self._news: list[Troubled] = []

    def heard(self, event: RecordingChanged) -> None:
        if event.state == "troubled" and not event.told_by_us:
            reason = OF_TROUBLE.get(event.note, Reason.DISK_FAILED)
            self._troubled[event.recording] = reason
            if reason not in self._told:
                self._told.add(reason)
                self._news.append((event.owner, event.channel, reason))
        elif event.state in ("recording", "waiting", "ended"):
            self._troubled.pop(event.recording, None)
            if not self._troubled:
                self._told.clear()

    def news(self) -> list[Troubled]:
        news, self._news = self._news, []
        return news
