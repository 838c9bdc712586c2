"""A recording that a simulated thing claims to have; its picture is painted when it is asked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gb28181.manscdp.record_info import RecordInfo, RecordInfoQuery, RecordItem


@dataclass(frozen=True, slots=True)
class Recording:
    """`start` and `stop` are UNIX seconds; `kind` is time, alarm or manual."""

    channel: str
    start: int
    stop: int
    kind: str = "time"

    def item(self, device: str) -> RecordItem:
        return RecordItem(
            device=device,
            name=f"{self.kind} {self.start}",
            file_path=f"/{self.channel}/{self.start}",
            address="disk 1",
            start=float(self.start),
            end=float(self.stop),
            kind=self.kind,
            file_size=(self.stop - self.start) * 75_000,
        )


def listed(asked: RecordInfoQuery, name: str, recordings: Iterable[Recording], size: int) -> list[RecordInfo]:
    """The answer to a search, in parts of `size`; 0 and no list when nothing is found (2022 annex M)."""
    start, end = asked.start or 0.0, asked.end or float("inf")
    found = [
        each.item(asked.device)
        for each in recordings
        if each.channel == asked.device
        and each.start < end
        and each.stop > start
        and asked.kind in ("", "all", each.kind)
    ]
    return [
        RecordInfo(asked.sn, asked.device, name, len(found), tuple(found[first : first + size]))
        for first in range(0, max(1, len(found)), size)
    ]
