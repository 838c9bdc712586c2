"""Why something was not recorded at some time: what the house said of it then, remembered for as long as it matters."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from enum import StrEnum

from registry.events import Event, RecordingChanged, StreamChanged
from registry.spans import Span

MOST_KEPT = 512
"""Changes remembered of one channel."""


class Reason(StrEnum):
    """Whose fault a gap is."""

    OFFLINE = "offline"  # the device was away
    NO_STREAM = "no-stream"  # it was there and sent nothing
    DISK_FULL = "disk-full"
    DISK_FAILED = "disk-failed"  # we may not write, or the disk is too slow
    WORKER = "worker"  # the media process or host died
    CAPACITY = "capacity"  # no port, no media host, too many recordings
    DOWN = "down"  # this server did not run
    UNKNOWN = "unknown"


CHINESE = {
    Reason.OFFLINE: "设备离线",
    Reason.NO_STREAM: "设备在线但无码流",
    Reason.DISK_FULL: "磁盘已满",
    Reason.DISK_FAILED: "磁盘写入失败",
    Reason.WORKER: "媒体进程中断",
    Reason.CAPACITY: "媒体资源不足",
    Reason.DOWN: "本平台停机",
    Reason.UNKNOWN: "原因不明",
}
"""For the words of an alarm."""

OF_CODE = {
    "device-offline": Reason.OFFLINE,
    "unknown-device": Reason.OFFLINE,
    "device-disabled": Reason.OFFLINE,
    "no-capacity": Reason.CAPACITY,
    "media-host-lost": Reason.WORKER,
}
OF_TROUBLE = {"disk-full": Reason.DISK_FULL}
FLOWS = frozenset({"live", "lingering"})
WORSE = (Reason.DISK_FULL, Reason.DISK_FAILED, Reason.WORKER, Reason.OFFLINE, Reason.CAPACITY, Reason.NO_STREAM)
"""Of several that last equally long, the first of these is told."""


class Reasons:
    """Listens to the bus; asked afterwards. `wall` is UNIX seconds."""

    def __init__(self, wall: Callable[[], float], is_online: Callable[[str], bool]) -> None:
        self._wall = wall
        self._is_online = is_online
        self._said: dict[tuple[str, str], deque[tuple[int, Reason | None]]] = {}

    def heard(self, event: Event) -> None:
        """What a fact says of a channel; others are passed over."""
        match event:
            case RecordingChanged(state="waiting"):
                self._note(event.owner, event.channel, self._of_failure(event.owner, event.code, event.note))
            case RecordingChanged(state="troubled"):
                self._note(event.owner, event.channel, OF_TROUBLE.get(event.note, Reason.DISK_FAILED))
            case RecordingChanged(state="recording"):
                self._note(event.owner, event.channel, None)
            case StreamChanged(state=state) if state in FLOWS:
                self._note(event.owner, event.channel, None)
            case StreamChanged(state="retrying"):
                self._note(event.owner, event.channel, self._of_failure(event.owner, "", event.note))

    def note(self, owner: str, channel: str, reason: Reason | None) -> None:
        """From now on; None is that nothing is wrong."""
        self._note(owner, channel, reason)

    def between(self, owner: str, channel: str, span: Span) -> Reason:
        """What was wrong for the longest part of a span."""
        said = self._said.get((owner, channel))
        if not said:
            return Reason.UNKNOWN
        times = [at for at, _ in said]
        lasted: dict[Reason, int] = {}
        for number in range(max(0, bisect_right(times, span[0]) - 1), len(said)):
            at, reason = said[number]
            until = said[number + 1][0] if number + 1 < len(said) else span[1]
            part = min(until, span[1]) - max(at, span[0])
            if reason is not None and part > 0:
                lasted[reason] = lasted.get(reason, 0) + part
            if at >= span[1]:
                break
        if lasted:
            return max(lasted, key=lambda each: (lasted[each], -_rank(each)))
        # What came to light only at its end was wrong before.
        after = [reason for at, reason in said if span[0] <= at <= span[1] + 60_000 and reason is not None]
        return after[0] if after else Reason.UNKNOWN

    def _of_failure(self, owner: str, code: str, note: str) -> Reason:
        # A stream tells of its media host's death in words only.
        if "media host" in note or "media plane" in note:
            return Reason.WORKER
        if code in OF_CODE:
            return OF_CODE[code]
        return Reason.NO_STREAM if self._is_online(owner) else Reason.OFFLINE

    def _note(self, owner: str, channel: str, reason: Reason | None) -> None:
        said = self._said.setdefault((owner, channel), deque(maxlen=MOST_KEPT))
        if not said or said[-1][1] is not reason:
            said.append((int(self._wall() * 1000), reason))


def _rank(reason: Reason) -> int:
    return WORSE.index(reason) if reason in WORSE else len(WORSE)
