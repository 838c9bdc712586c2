"""A recording that a simulated thing claims to have; its picture is painted when it is asked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gb28181.manscdp.record_info import RecordInfo, RecordInfoQuery, RecordItem

BYTES_A_SECOND = 75_000


@dataclass(frozen=True, slots=True)
class Recording:
    """`start` and `stop` are UNIX seconds; `kind` is time, alarm or manual, `alarm` the method and type of an alarm."""

    channel: str
    start: int
    stop: int
    kind: str = "time"
    stream: int = 0
    secret: bool = False
    alarm: tuple[str, str] = ("", "")
    recorder: str = ""
    address: str = "disk 1"

    @property
    def path(self) -> str:
        return f"/{self.channel}/{self.start}"

    def item(self, device: str) -> RecordItem:
        return RecordItem(
            device=device,
            name=f"{self.kind} {self.start}",
            file_path=self.path,
            address=self.address,
            start=float(self.start),
            end=float(self.stop),
            secrecy=self.secret,
            kind=self.kind,
            recorder=self.recorder,
            file_size=(self.stop - self.start) * BYTES_A_SECOND,
            stream_number=self.stream,
        )

    def fits(self, asked: RecordInfoQuery) -> bool:
        """Whether a search means it (signalling.md 4.5.1): what is not asked for does not narrow the search."""
        start, end = asked.start or 0.0, asked.end or float("inf")
        method, alarm_type = self.alarm
        return (
            self.channel == asked.device
            and self.start < end
            and self.stop > start
            and asked.kind in ("", "all", self.kind)
            and self.secret == asked.secrecy
            and asked.file_path in ("", self.path)
            and asked.address in self.address
            and asked.recorder in ("", self.recorder)
            and asked.stream_number in (None, self.stream)
            and _is_among(method, asked.alarm_method)
            and _is_among(alarm_type, asked.alarm_type)
        )


def listed(asked: RecordInfoQuery, name: str, recordings: Iterable[Recording], size: int) -> list[RecordInfo]:
    """The answer to a search, in parts of `size`; 0 and no list when nothing is found (2022 annex M)."""
    found = [each.item(asked.device) for each in recordings if each.fits(asked)]
    return [
        RecordInfo(asked.sn, asked.device, name, len(found), tuple(found[first : first + size]))
        for first in range(0, max(1, len(found)), size)
    ]


def _is_among(own: str, asked: str) -> bool:
    """Several numbers may be asked for at once, as in an alarm subscription: 1/2; 0 is all."""
    return asked in ("", "0") or own in asked.split("/")
