"""What a store promises: shelves of small rows, channels by the million, and transactions that happen or do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from enum import StrEnum
from typing import NamedTuple, Protocol

from registry.store.alarm_promise import AlarmShelf
from registry.store.fix_promise import FixShelf

Row = dict[str, object]

LINES_PAGE = 2_000
"""Rows of one page when the search index is read."""


class Shelf(StrEnum):
    """Tables small enough to be held in memory whole; `store/tables.py` gives their columns."""

    DEVICES = "devices"
    REFUSALS = "refusals"
    DIRECTORIES = "directories"
    NODES = "nodes"
    HOLDINGS = "holdings"
    USERS = "users"
    SESSIONS = "sessions"
    API_KEYS = "api_keys"
    SETTINGS = "settings"
    UPPERS = "uppers"
    SHARE_RULES = "share_rules"
    SHARE_NAMES = "share_names"
    NAMES_KEPT = "names_kept"
    SOURCES = "sources"
    RECORD_PLANS = "record_plans"
    RECORD_GAPS = "record_gaps"
    RECORD_CALLS = "record_calls"
    RECORDINGS_OPEN = "recordings_open"
    SEALS = "seals"


class ChannelRow(NamedTuple):
    """A channel as it is kept. `said` is the owner's item as JSON, `online` the owner's word on its state; `place` is
    its home in the tree and `also` the other places, one a line."""

    owner: str
    code: str
    name: str
    name_here: str | None
    keys: str
    playable: bool
    online: bool
    place: str
    also: str
    said: str

    @property
    def places(self) -> tuple[str, ...]:
        return (self.place, *self.also.split("\n")) if self.also else (self.place,)


class SearchLine(NamedTuple):
    """What the search index wants to know of a channel."""

    owner: str
    code: str
    name: str
    name_here: str | None
    keys: str
    playable: bool


class SentRow(NamedTuple):
    """What a platform above was last told of a thing: a digest of all that was said but its state, and its state."""

    upper: str
    code_there: str
    code: str
    name: str
    digest: str
    online: bool


LONGEST_SEGMENT_MS = 2 * 3_600_000
"""No file of a recording lasts longer: what overlaps a moment began no earlier than this before it."""


class SegmentRow(NamedTuple):
    """A whole file of a recording. Times are UNIX milliseconds; `kind` is time, alarm, manual or filled."""

    recording: str
    name: str
    owner: str
    channel: str
    stream: int
    start_ms: int
    end_ms: int
    bytes: int
    frames: int
    kind: str
    locked: bool


AUDIT_TEXTS = ("who", "target", "result", "address")
"""Of a line of the audit book: where a text is looked for."""


class SegmentSum(NamedTuple):
    """All files of one channel together."""

    owner: str
    channel: str
    files: int
    bytes: int
    first_ms: int
    last_ms: int


class Writing(Protocol):
    """One transaction. Reads see what was there before it, and its own channel rows as far as they were written."""

    async def put(self, shelf: Shelf, rows: Sequence[Row]) -> None:
        """Insert or replace whole rows by their key."""

    async def remove(self, shelf: Shelf, keys: Sequence[tuple[object, ...]]) -> None:
        """Remove rows by the whole key; those that are not there count as removed."""

    async def heard(self, at: Mapping[str, float]) -> None:
        """Set only `heard_at` of devices."""

    async def page(self, owner: str, after: str, limit: int) -> list[ChannelRow]:
        """Up to `limit` channels of `owner` with codes after `after`, in order of code."""

    async def these(self, owner: str, codes: Sequence[str]) -> list[ChannelRow]:
        """Those of `codes` that are there, in any order."""

    async def alike(self, codes: Sequence[str], but: str) -> list[ChannelRow]:
        """Channels with these codes of any owner but one, in any order."""

    async def put_channels(self, rows: Sequence[ChannelRow]) -> None:
        """Insert or change; `name_here` is written too. Rows that are the same already are left alone."""

    async def set_online(self, owner: str, online: Mapping[str, bool]) -> None: ...

    async def drop_channels(self, owner: str, codes: Sequence[str]) -> None: ...

    async def drop_owner(self, owner: str) -> None:
        """All channels, directories and holdings of a neighbour, in a few statements."""

    async def audit(self, row: Row) -> None: ...

    async def put_sent(self, rows: Sequence[SentRow]) -> None:
        """Insert or replace by (upper, code there)."""

    async def set_sent_online(self, upper: str, online: Mapping[str, bool]) -> None:
        """States alone, by the code there; what is not there is passed over."""

    async def drop_sent(self, upper: str, theirs: Sequence[str]) -> None:
        """By the code there."""

    async def forget_sent(self, upper: str) -> None:
        """All of one platform above."""

    async def put_segments(self, rows: Sequence[SegmentRow]) -> None:
        """Insert or replace by (recording, name)."""

    async def drop_segments(self, keys: Sequence[tuple[str, str]]) -> None:
        """By (recording, name)."""

    async def lock_segments(self, owner: str, channel: str, start_ms: int, end_ms: int, locked: bool) -> None:
        """Those that overlap a span."""


class Store(Protocol):
    """Where the library is kept. Lists are in order of code points, whatever the database's language."""

    @property
    def alarms(self) -> AlarmShelf: ...
    @property
    def fixes(self) -> FixShelf: ...

    async def open(self) -> None:
        """Bring the tables up to date and be ready; ConnectionError, in a readable sentence, when that cannot be."""

    async def close(self) -> None: ...

    def writing(self) -> AbstractAsyncContextManager[Writing]:
        """A transaction: kept when the block ends well, undone when it raises. One at a time."""

    async def load(self, shelf: Shelf) -> list[Row]: ...

    async def channels(self, keys: Sequence[tuple[str, str]]) -> list[ChannelRow]:
        """Channels by (owner, code), in any order."""

    async def namesakes(self, code: str, limit: int) -> list[ChannelRow]:
        """Channels of any owner with this code."""

    async def beginning(self, prefix: str, limit: int) -> list[tuple[str, str]]:
        """(owner, code) of channels whose code begins so, in order of code."""

    async def channels_of(self, owner: str, after: str, limit: int) -> list[ChannelRow]: ...

    async def standing(self, place: str, after: tuple[str, str], limit: int) -> list[ChannelRow]:
        """Channels directly in a node of the tree, in order of (code, owner), after that pair."""

    async def lines(self, after: tuple[str, str], limit: int) -> list[SearchLine]:
        """All channels for the search index, in order of (owner, code)."""

    async def export_rows(self, after: tuple[str, str], limit: int) -> list[ChannelRow]:
        """All channels of all owners, in order of (code, owner), after that pair."""

    async def alike(self, codes: Sequence[str]) -> list[ChannelRow]:
        """Channels of any owner with these codes, in any order."""

    async def shared(self, after: str, limit: int) -> list[str]:
        """Codes that channels of several platforms have (owners of type 200), in order, after that code."""

    async def sent(self, upper: str, after: tuple[str, str], limit: int) -> list[SentRow]:
        """What a platform above was told, in order of (code, code there), after that pair."""

    async def sent_of(self, upper: str, codes: Sequence[str]) -> list[SentRow]:
        """The same of these codes (ours), in any order."""

    async def sent_count(self, upper: str) -> int: ...

    async def segments(self, owner: str, channel: str, start_ms: int, end_ms: int, limit: int) -> list[SegmentRow]:
        """Files of a channel that overlap a span, in order of their beginning; of every stream of it."""

    async def segments_of(self, recording: str) -> list[SegmentRow]:
        """All of one recording, in order of name."""

    async def oldest_segments(self, owner: str, channel: str, limit: int) -> list[SegmentRow]:
        """Those that are not locked, the oldest first; with "" and "" of all channels."""

    async def segment_sums(self) -> list[SegmentSum]:
        """Every channel that has any, in any order."""

    async def audits(self, before: int | None, limit: int, text: str = "", what: str = "") -> list[Row]:
        """Newest first, those with an id below `before`: of one action, and with `text` in who, target, result or
        address, in capitals or not."""
