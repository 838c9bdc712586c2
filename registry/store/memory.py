"""A store in memory: for tests, and for looking around. Keeps the same promises as `sql`, but not over a restart."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from heapq import nsmallest
from itertools import islice
from typing import TypeVar

from gb28181.code import is_system
from registry.store.alarm_memory import MemoryAlarms
from registry.store.fix_memory import MemoryFixes
from registry.store.promise import AUDIT_TEXTS, ChannelRow, Row, SearchLine, SegmentRow, SegmentSum, SentRow, Shelf

K = TypeVar("K")
V = TypeVar("V")

KEYS: Mapping[Shelf, tuple[str, ...]] = {
    Shelf.DEVICES: ("code",),
    Shelf.REFUSALS: ("code",),
    Shelf.DIRECTORIES: ("owner", "code"),
    Shelf.NODES: ("id",),
    Shelf.HOLDINGS: ("owner", "places"),
    Shelf.USERS: ("name",),
    Shelf.SESSIONS: ("id_hash",),
    Shelf.API_KEYS: ("id",),
    Shelf.SETTINGS: ("name",),
    Shelf.UPPERS: ("code",),
    Shelf.SHARE_RULES: ("upper", "node"),
    Shelf.SHARE_NAMES: ("upper", "owner", "code"),
    Shelf.NAMES_KEPT: ("owner", "code"),
    Shelf.SOURCES: ("code",),
    Shelf.RECORD_PLANS: ("owner", "channel", "stream"),
    Shelf.RECORD_GAPS: ("owner", "channel", "stream", "start_ms"),
    Shelf.RECORD_CALLS: ("owner", "channel", "start_ms"),
    Shelf.RECORDINGS_OPEN: ("id",),
    Shelf.SEALS: ("code",),
}
"""The key columns of each shelf."""


class MemoryStore:
    def __init__(self) -> None:
        self._shelves: dict[Shelf, dict[tuple[object, ...], Row]] = {shelf: {} for shelf in Shelf}
        self._channels: dict[str, dict[str, ChannelRow]] = {}
        self._audits: list[Row] = []
        self._sent: dict[str, dict[str, SentRow]] = {}
        self._segments: dict[tuple[str, str], SegmentRow] = {}
        self._one_at_a_time = asyncio.Lock()
        self.alarms = MemoryAlarms()
        self.fixes = MemoryFixes()

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[MemoryWriting]:
        async with self._one_at_a_time:
            writing = MemoryWriting(self._shelves, self._channels, self._audits, self._sent, self._segments)
            try:
                yield writing
            except BaseException:
                writing.undo()
                raise

    async def load(self, shelf: Shelf) -> list[Row]:
        return [dict(row) for row in self._shelves[shelf].values()]

    async def channels(self, keys: Sequence[tuple[str, str]]) -> list[ChannelRow]:
        found = (self._channels.get(owner, {}).get(code) for owner, code in keys)
        return [row for row in found if row is not None]

    async def namesakes(self, code: str, limit: int) -> list[ChannelRow]:
        return [self._channels[owner][code] for owner in sorted(self._channels) if code in self._channels[owner]][
            :limit
        ]

    async def beginning(self, prefix: str, limit: int) -> list[tuple[str, str]]:
        found = ((row.code, row.owner) for row in self._every() if row.code.startswith(prefix))
        return [(owner, code) for code, owner in nsmallest(limit, found)]

    async def channels_of(self, owner: str, after: str, limit: int) -> list[ChannelRow]:
        return _page(self._channels.get(owner, {}), after, limit)

    async def standing(self, place: str, after: tuple[str, str], limit: int) -> list[ChannelRow]:
        here = [row for row in self._every() if place in row.places and (row.code, row.owner) > after]
        return sorted(here, key=lambda row: (row.code, row.owner))[:limit]

    async def lines(self, after: tuple[str, str], limit: int) -> list[SearchLine]:
        rows = sorted(row for row in self._every() if (row.owner, row.code) > after)[:limit]
        return [SearchLine(r.owner, r.code, r.name, r.name_here, r.keys, r.playable) for r in rows]

    async def export_rows(self, after: tuple[str, str], limit: int) -> list[ChannelRow]:
        rows = (row for row in self._every() if (row.code, row.owner) > after)
        return nsmallest(limit, rows, key=lambda row: (row.code, row.owner))

    async def alike(self, codes: Sequence[str]) -> list[ChannelRow]:
        return [mine[code] for mine in self._channels.values() for code in dict.fromkeys(codes) if code in mine]

    async def shared(self, after: str, limit: int) -> list[str]:
        counts = Counter(row.code for row in self._every() if is_system(row.owner) and row.code > after)
        return sorted(code for code, count in counts.items() if count > 1)[:limit]

    async def sent(self, upper: str, after: tuple[str, str], limit: int) -> list[SentRow]:
        rows = (row for row in self._sent.get(upper, {}).values() if (row.code, row.code_there) > after)
        return nsmallest(limit, rows, key=lambda row: (row.code, row.code_there))

    async def sent_of(self, upper: str, codes: Sequence[str]) -> list[SentRow]:
        wanted = set(codes)
        return [row for row in self._sent.get(upper, {}).values() if row.code in wanted]

    async def sent_count(self, upper: str) -> int:
        return len(self._sent.get(upper, {}))

    async def segments(self, owner: str, channel: str, start_ms: int, end_ms: int, limit: int) -> list[SegmentRow]:
        found = (row for row in self._segments.values() if _overlaps(row, owner, channel, start_ms, end_ms))
        return nsmallest(limit, found, key=lambda row: (row.start_ms, row.recording, row.name))

    async def segments_of(self, recording: str) -> list[SegmentRow]:
        return sorted(row for row in self._segments.values() if row.recording == recording)

    async def oldest_segments(self, owner: str, channel: str, limit: int) -> list[SegmentRow]:
        is_any = not (owner or channel)
        free = (row for row in self._segments.values() if not row.locked)
        found = (row for row in free if is_any or (row.owner, row.channel) == (owner, channel))
        return nsmallest(limit, found, key=lambda row: row.start_ms)

    async def segment_sums(self) -> list[SegmentSum]:
        by_channel: dict[tuple[str, str], list[SegmentRow]] = {}
        for row in self._segments.values():
            by_channel.setdefault((row.owner, row.channel), []).append(row)
        return [
            SegmentSum(
                *key,
                len(rows),
                sum(row.bytes for row in rows),
                min(row.start_ms for row in rows),
                max(row.end_ms for row in rows),
            )
            for key, rows in by_channel.items()
        ]

    async def audits(self, before: int | None, limit: int, text: str = "", what: str = "") -> list[Row]:
        end = len(self._audits) if before is None else max(0, min(before - 1, len(self._audits)))
        found = (row for row in reversed(self._audits[:end]) if not what or row["what"] == what)
        wanted = text.lower()
        shown = (row for row in found if any(wanted in str(row[name]).lower() for name in AUDIT_TEXTS))
        return [dict(row) for row in islice(shown, limit)]

    def _every(self) -> Iterable[ChannelRow]:
        return (row for mine in self._channels.values() for row in mine.values())


class MemoryWriting:
    """Writes at once and remembers how to undo it."""

    def __init__(
        self,
        shelves: dict[Shelf, dict[tuple[object, ...], Row]],
        channels: dict[str, dict[str, ChannelRow]],
        audits: list[Row],
        sent: dict[str, dict[str, SentRow]],
        segments: dict[tuple[str, str], SegmentRow],
    ) -> None:
        self._segments = segments
        self._sent = sent
        self._shelves = shelves
        self._channels = channels
        self._audits = audits
        self._undo: list[Callable[[], object]] = []

    def undo(self) -> None:
        for step in reversed(self._undo):
            step()

    async def put(self, shelf: Shelf, rows: Sequence[Row]) -> None:
        kept, columns = self._shelves[shelf], KEYS[shelf]
        for row in rows:
            key = tuple(row[column] for column in columns)
            self._remember(kept, key)
            kept[key] = dict(row)

    async def remove(self, shelf: Shelf, keys: Sequence[tuple[object, ...]]) -> None:
        kept = self._shelves[shelf]
        for key in keys:
            self._remember(kept, key)
            kept.pop(key, None)

    async def heard(self, at: Mapping[str, float]) -> None:
        kept = self._shelves[Shelf.DEVICES]
        for code, when in at.items():
            if (code,) in kept:
                await self.put(Shelf.DEVICES, [kept[code,] | {"heard_at": when}])

    async def page(self, owner: str, after: str, limit: int) -> list[ChannelRow]:
        return _page(self._channels.get(owner, {}), after, limit)

    async def these(self, owner: str, codes: Sequence[str]) -> list[ChannelRow]:
        mine = self._channels.get(owner, {})
        return [mine[code] for code in codes if code in mine]

    async def alike(self, codes: Sequence[str], but: str) -> list[ChannelRow]:
        others = [mine for owner, mine in self._channels.items() if owner != but]
        return [mine[code] for mine in others for code in dict.fromkeys(codes) if code in mine]

    async def put_channels(self, rows: Sequence[ChannelRow]) -> None:
        for row in rows:
            mine = self._channels.setdefault(row.owner, {})
            self._remember(mine, row.code)
            mine[row.code] = row

    async def set_online(self, owner: str, online: Mapping[str, bool]) -> None:
        rows = await self.these(owner, tuple(online))
        await self.put_channels([row._replace(online=online[row.code]) for row in rows])

    async def drop_channels(self, owner: str, codes: Sequence[str]) -> None:
        mine = self._channels.get(owner, {})
        for code in codes:
            self._remember(mine, code)
            mine.pop(code, None)

    async def drop_owner(self, owner: str) -> None:
        self._remember(self._channels, owner)
        self._channels.pop(owner, None)
        for shelf in (Shelf.DIRECTORIES, Shelf.HOLDINGS):
            await self.remove(shelf, [key for key in self._shelves[shelf] if key[0] == owner])

    async def audit(self, row: Row) -> None:
        self._audits.append(row | {"id": len(self._audits) + 1})
        self._undo.append(self._audits.pop)

    async def put_sent(self, rows: Sequence[SentRow]) -> None:
        for row in rows:
            mine = self._sent.setdefault(row.upper, {})
            self._remember(mine, row.code_there)
            mine[row.code_there] = row

    async def set_sent_online(self, upper: str, online: Mapping[str, bool]) -> None:
        mine = self._sent.get(upper, {})
        await self.put_sent([mine[there]._replace(online=state) for there, state in online.items() if there in mine])

    async def drop_sent(self, upper: str, theirs: Sequence[str]) -> None:
        mine = self._sent.get(upper, {})
        for there in theirs:
            self._remember(mine, there)
            mine.pop(there, None)

    async def forget_sent(self, upper: str) -> None:
        self._remember(self._sent, upper)
        self._sent.pop(upper, None)

    async def put_segments(self, rows: Sequence[SegmentRow]) -> None:
        for row in rows:
            self._remember(self._segments, (row.recording, row.name))
            self._segments[row.recording, row.name] = row

    async def drop_segments(self, keys: Sequence[tuple[str, str]]) -> None:
        for key in keys:
            self._remember(self._segments, key)
            self._segments.pop(key, None)

    async def lock_segments(self, owner: str, channel: str, start_ms: int, end_ms: int, locked: bool) -> None:
        rows = [row for row in self._segments.values() if _overlaps(row, owner, channel, start_ms, end_ms)]
        await self.put_segments([row._replace(locked=locked) for row in rows])

    def _remember(self, kept: dict[K, V], key: K) -> None:
        if key in kept:
            before = kept[key]
            self._undo.append(lambda: kept.__setitem__(key, before))
        else:
            self._undo.append(lambda: kept.pop(key, None))


def _page(mine: Mapping[str, ChannelRow], after: str, limit: int) -> list[ChannelRow]:
    codes = sorted(mine)
    start = bisect_right(codes, after)
    return [mine[code] for code in codes[start : start + limit]]


def _overlaps(row: SegmentRow, owner: str, channel: str, start_ms: int, end_ms: int) -> bool:
    return (row.owner, row.channel) == (owner, channel) and row.start_ms < end_ms and row.end_ms > start_ms
