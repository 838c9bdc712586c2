"""What devices have recorded: asked a day at a time, kept for a short while, so that a month on a timeline is cheap."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

from gb28181.edition import parse_edition
from gb28181.manscdp.record_info import RecordInfo, RecordInfoQuery, RecordItem
from gb28181.peer import Gathered, Neighbours, PeerOffline
from registry.device import Device
from registry.recorded import Piece, days_of, tidied

ZONE_S = 8 * 3600
"""Days are Beijing's, as all times of the standard are."""
FRESH_S = 20.0
"""So long an answer about a day that is not over is good."""
KEPT_S = 600.0
"""And so long one about a day that is."""
SETTLED_S = 900.0
"""A day is over when its last file can be expected to be closed."""
MOST_KEPT = 4_000
AT_ONCE = 2
"""Days that one device is asked about at the same time: recorders search slowly."""
EACH_TIER_S = 10.0
"""Each platform on the way waits for the next one down."""
FIRST_S = 30.0


@dataclass(frozen=True, slots=True)
class Sought:
    """The filters of RecordInfo beyond channel and time (signalling.md 4.5.1); those of the last line are of 2022."""

    kind: str = "all"
    path: str = ""
    address: str = ""
    secret: bool = False
    recorder: str = ""
    indistinct: bool = False
    stream: int | None = None
    alarm_method: str = ""
    alarm_type: str = ""

    @property
    def needs_2022(self) -> tuple[str, ...]:
        """The filters that a 2016 neighbour has no word for, by their names in the standard."""
        filters = (
            ("StreamNumber", self.stream is not None),
            ("AlarmMethod", bool(self.alarm_method)),
            ("AlarmType", bool(self.alarm_type)),
        )
        return tuple(name for name, is_asked in filters if is_asked)


@dataclass(frozen=True, slots=True)
class Found:
    """What was told. `got` of `expected` items came; the days in `partial` (their beginnings) were not told whole."""

    pieces: tuple[Piece, ...]
    got: int
    expected: int
    partial: tuple[float, ...] = ()

    @property
    def is_complete(self) -> bool:
        return not self.partial


class NeedsNewerEdition(Exception):
    """The neighbour speaks an edition that has no word for what is asked; nothing was sent. `words` say for what."""

    def __init__(self, owner: str, words: tuple[str, ...]) -> None:
        super().__init__(f"{owner} speaks the 2016 edition, which has no {' or '.join(words)}; nothing was asked")
        self.words = words


@dataclass(frozen=True, slots=True)
class _Day:
    found: Found
    good_until: float


_Key = tuple[str, str, float, Sought]


class Archives:
    """Search what neighbours have recorded. Answers are shared by all who ask the same at the same time."""

    def __init__(
        self,
        neighbours: Neighbours,
        device: Callable[[str], Device | None],
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._neighbours = neighbours
        self._device = device
        self._wall = wall
        self._kept: OrderedDict[_Key, _Day] = OrderedDict()
        self._asking: dict[_Key, asyncio.Task[Found]] = {}
        self._turns: dict[str, asyncio.Semaphore] = {}

    async def search(
        self, owner: str, channel: str, start: float, end: float, sought: Sought = Sought(), *, platforms: int = 0
    ) -> Found:
        """Pieces between `start` and `end`. `platforms` are those on the way, each of which takes its time.

        Raises PeerError when nothing could be had of any day, and NeedsNewerEdition before anything is sent.
        """
        device = self._device(owner)
        if sought.needs_2022 and not parse_edition((device.edition if device else "") or None).is_2022:
            raise NeedsNewerEdition(owner, sought.needs_2022)
        days = [start - (start + ZONE_S) % 86_400 for start, _ in days_of(start, end, ZONE_S)]
        asked = await asyncio.gather(
            *(self._day((owner, channel, day, sought), platforms) for day in days), return_exceptions=True
        )
        failures = [each for each in asked if isinstance(each, BaseException)]
        if len(failures) == len(asked) and failures:
            raise failures[0]
        told = [each if isinstance(each, Found) else None for each in asked]
        pieces = [
            replace(piece, start=max(piece.start, start), end=min(piece.end, end))
            for found in told
            if found is not None
            for piece in found.pieces
            if piece.end > start and piece.start < end
        ]
        return Found(
            tuple(sorted(pieces)),
            sum(found.got for found in told if found is not None),
            sum(found.expected for found in told if found is not None),
            tuple(day for day, found in zip(days, told, strict=True) if found is None or found.partial),
        )

    def forget(self, owner: str = "", channel: str = "") -> None:
        """Ask anew next time: of one channel, of a whole device, or of all."""
        for key in [each for each in self._kept if owner in ("", each[0]) and channel in ("", each[1])]:
            del self._kept[key]

    async def _day(self, key: _Key, platforms: int) -> Found:
        now = self._wall()
        kept = self._kept.get(key)
        if kept is not None and now < kept.good_until:
            self._kept.move_to_end(key)
            return kept.found
        asking = self._asking.get(key)
        if asking is None:
            asking = self._asking[key] = asyncio.create_task(self._ask(key, platforms), name=f"records of {key[1]}")
            asking.add_done_callback(lambda _: self._asking.pop(key, None))
        # Whoever leaves does not take the answer from those who wait for the same.
        return await asyncio.shield(asking)

    async def _ask(self, key: _Key, platforms: int) -> Found:
        owner, channel, day, sought = key
        peer = self._neighbours.peer(owner)
        if peer is None:
            raise PeerOffline(f"{owner} is not registered")
        query = RecordInfoQuery(
            sn=0,
            device=channel,
            start=day,
            end=day + 86_400 - 1,
            file_path=sought.path,
            address=sought.address,
            secrecy=sought.secret,
            kind=sought.kind,
            recorder=sought.recorder,
            indistinct=sought.indistinct,
            stream_number=sought.stream,
            alarm_method=sought.alarm_method,
            alarm_type=sought.alarm_type,
        )
        turns = self._turns.setdefault(owner, asyncio.Semaphore(AT_ONCE))
        async with turns:
            answer = await peer.ask(query, timeout_s=FIRST_S + EACH_TIER_S * platforms)
        found = _found(answer, day)
        now = self._wall()
        is_settled = day + 86_400 + SETTLED_S < now
        good_s = FRESH_S if found.partial or not is_settled else KEPT_S
        self._kept[key] = _Day(found, now + good_s)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return found


def _found(answer: object, day: float) -> Found:
    parts = answer.parts if isinstance(answer, Gathered) else (answer,)
    items: list[RecordItem] = [item for part in parts if isinstance(part, RecordInfo) for item in part.items]
    got, expected, is_whole = len(items), len(items), True
    if isinstance(answer, Gathered):
        got, expected, is_whole = answer.got, answer.expected, answer.complete
    pieces = tuple(tidied(items, day, day + 86_400))
    return Found(pieces, got, max(expected, got), () if is_whole else (day,))
