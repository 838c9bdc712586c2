"""RecordInfo from above answered from our own recordings: the centre's storage (GB/T 28181-2022 9.7, A.2.4.5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gb28181.manscdp.record_info import RecordInfo, RecordInfoQuery, RecordItem
from registry.archive import Archive, Record
from registry.platform import Upper
from sipserver.above.wishes import Exporter, Shared

MOST_ITEMS = 10_000
"""Of one answer, as the standard bounds one message."""
KINDS = {"filled": "time"}
"""What was fetched from a device later had been recorded by time."""


class CentreRecords:
    """`us` is our code as the upper knows it: who stores what is listed here."""

    def __init__(self, exporter: Exporter, archive: Archive) -> None:
        self._exporter = exporter
        self._archive = archive

    async def of(self, shared: Shared, query: RecordInfoQuery, us: str) -> list[RecordItem]:
        """Of one channel, under the code by which it was asked for."""
        found: list[Record] = []
        for owner in dict.fromkeys((shared.owner, *shared.owners)):
            found += await self._archive.records(owner, shared.code, *_window(query), query.stream_number)
        items = [_item(record, query.device, us) for record in found]
        return [item for item in items if _fits(item, query, us)][:MOST_ITEMS]

    async def of_all(self, upper: Upper, query: RecordInfoQuery, us: str) -> list[RecordItem]:
        """Of everything that is shared with an upper."""
        items: list[RecordItem] = []
        for owner, channel in tuple(self._archive.sums()):
            code = await self._exporter.shared_as(upper, owner, channel)
            if code is None:
                continue
            found = await self._archive.records(owner, channel, *_window(query), query.stream_number)
            items += [item for record in found if _fits(item := _item(record, code, us), query, us)]
            if len(items) >= MOST_ITEMS:
                break
        return items[:MOST_ITEMS]

    async def covers(self, owner: str, channel: str, start: int, stop: int) -> float:
        """The part of a span, in UNIX seconds, of which we have recordings, 0 to 1."""
        return await self._archive.coverage(owner, channel, start * 1000, stop * 1000)


def merged(
    below: Sequence[object], centre: Sequence[RecordItem], query: RecordInfoQuery, code_below: str, location: str
) -> list[RecordItem]:
    """What those below answered and what we have, as one list; each says where it is (RecordLocation)."""
    theirs = [item for part in below if isinstance(part, RecordInfo) for item in part.items]
    renamed = [
        replace(
            item, device=query.device if item.device == code_below else item.device, location=item.location or location
        )
        for item in theirs
    ]
    return sorted((*renamed, *centre), key=lambda item: (item.start or 0.0, item.location))[:MOST_ITEMS]


def pages(query: RecordInfoQuery, name: str, items: Sequence[RecordItem], size: int) -> list[RecordInfo]:
    """An answer in parts under the SN of the question, each with the sum of all; an empty one is one part."""
    parts = [tuple(items[start : start + size]) for start in range(0, len(items), size)] or [()]
    return [RecordInfo(query.sn, query.device, name, len(items), part) for part in parts]


def _window(query: RecordInfoQuery) -> tuple[int, int]:
    start = int((query.start or 0.0) * 1000)
    return start, int(query.end * 1000) if query.end else 1 << 52


def _item(record: Record, code: str, us: str) -> RecordItem:
    return RecordItem(
        code,
        name=code,
        file_path=record.recording,
        start=record.start_ms / 1000,
        end=record.end_ms / 1000,
        kind=KINDS.get(record.kind, record.kind),
        recorder=us,
        file_size=record.bytes,
        location=us,
        stream_number=record.stream,
    )


def _fits(item: RecordItem, query: RecordInfoQuery, us: str) -> bool:
    """By every filter that can be meant of ours: nothing of ours is secret or has an address."""
    return (
        not query.secrecy
        and not query.address
        and query.kind in ("all", "", item.kind)
        and query.file_path in ("", item.file_path)
        and query.recorder in ("", us)
        and (not (query.alarm_method or query.alarm_type) or item.kind == "alarm")
    )
