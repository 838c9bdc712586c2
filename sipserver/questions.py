"""What is waited for after a question: an answer of one part, of many, or raw bytes to be handed on.

The link finds the question by its SN, asks it whether it wants what came, and gives it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Sequence
from types import UnionType

from gb28181.manscdp.alarm import Alarm, AlarmResponse
from gb28181.manscdp.catalog import Catalog, Item
from gb28181.manscdp.config import Config
from gb28181.manscdp.cruise import CruisePoints, CruiseTrackList
from gb28181.manscdp.document import read
from gb28181.manscdp.fields import Fields
from gb28181.manscdp.message import Manscdp
from gb28181.manscdp.preset import Preset, PresetList
from gb28181.manscdp.record_info import RecordInfo, RecordItem
from gb28181.manscdp.sd_card import SdCardStatus
from gb28181.peer import PeerError
from sipserver.gathering import Gathering, Progress

ProgressListener = Callable[[int, int], None]
"""Told (got, expected) after each part."""

PartListener = Callable[[Catalog | RecordInfo], asyncio.Event | None]
"""Given each part as it comes; the answer then keeps none. What comes back is to be awaited before the neighbour is
told to go on."""


TOLD_BY_NOTIFY = frozenset(("mobileposition", "alarm", "ptzposition"))
"""Kinds of question that a Notify may answer as well as a Response (GB/T 28181-2022 9.5, 9.11; signalling 4.2)."""


class Question:
    """Somebody waits for an answer of one part; `about` is the code that was asked about."""

    __slots__ = ("about", "answer", "wanted")

    def __init__(self, wanted: type | UnionType, about: str, loop: asyncio.AbstractEventLoop) -> None:
        self.wanted = wanted
        self.about = about
        self.answer: asyncio.Future[object] = loop.create_future()

    @property
    def is_gathered(self) -> bool:
        """Whether several messages make the answer, so that one alone proves nothing."""
        return False

    @property
    def heard_any(self) -> bool:
        """Whether the neighbour has begun to answer."""
        return self.answer.done()

    def wants(self, value: Manscdp) -> bool:
        return isinstance(value, self.wanted)

    def take(self, value: Manscdp, body: bytes, now: float) -> None:
        if not self.answer.done():
            self.answer.set_result(value)

    def refuse(self, error: PeerError) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)
            self.answer.exception()  # read once, so that a waiter who left meanwhile leaves no complaint behind

    def close(self) -> None:
        self.answer.cancel()


class Collection(Question):
    """Somebody waits for an answer of many parts; a `Gathered` of them is the answer.

    `kinds` is how many kinds of configuration were asked for, for each is answered by itself.
    """

    __slots__ = ("gathering", "hold_back", "kinds", "progress", "timer", "to_whom")

    def __init__(
        self,
        wanted: type | UnionType,
        about: str,
        loop: asyncio.AbstractEventLoop,
        gathering: Gathering,
        progress: ProgressListener | None,
        to_whom: PartListener | None = None,
        *,
        kinds: int = 1,
    ) -> None:
        super().__init__(wanted, about, loop)
        self.kinds = kinds
        self.gathering = gathering
        self.progress = progress
        self.to_whom = to_whom
        self.hold_back: asyncio.Event | None = None
        self.timer = loop.call_at(gathering.deadline, self._look)

    @property
    def is_gathered(self) -> bool:
        return True

    @property
    def heard_any(self) -> bool:
        return self.gathering.heard_any

    def take(self, value: Manscdp, body: bytes, now: float) -> None:
        if isinstance(value, Catalog | RecordInfo):
            if self.to_whom is not None and not self.answer.done():
                self.hold_back = self.to_whom(value)
            self.add(value, value.sum_num, value.items, value.damaged, now)
        elif isinstance(value, Alarm):
            # Nothing says how many there are: one more is meant until silence, or until it is said that this was all.
            self.add(value, self.gathering.got + 2, [value], 0, now)
        elif isinstance(value, AlarmResponse):
            self.finish()
        elif isinstance(value, Config):
            names = [setting.name for setting in value.settings]
            self.add(value, self.kinds, names or [value], 0, now)
        elif isinstance(value, PresetList | CruiseTrackList | CruisePoints | SdCardStatus):
            things = named_in(value)
            # Without SumNum, as in 2016, one message says all.
            total = len(things) if value.sum_num is None else value.sum_num
            self.add(value, total if value.ok else 0, things, value.damaged, now)

    def add(self, part: object, sum_num: int, items: Sequence[object], damaged: int, now: float) -> None:
        """One part more."""
        if self.answer.done():
            return
        gathering = self.gathering
        state = gathering.add(part, sum_num, items, damaged, now)
        if self.progress is not None:
            self.progress(gathering.got, gathering.expected)
        if state is not Progress.WAITING:
            self.answer.set_result(gathering.result())
        elif gathering.deadline < self.timer.when():
            # The patience for the first part is long, that between parts is not.
            self.timer.cancel()
            self.timer = self.answer.get_loop().call_at(gathering.deadline, self._look)

    def finish(self) -> None:
        """The sender said that this was all."""
        if not self.answer.done():
            self.answer.set_result(self.gathering.all_there())

    def close(self) -> None:
        self.timer.cancel()
        super().close()

    def _look(self) -> None:
        # The timer follows a later deadline lazily: parts only move a number.
        if self.answer.done():
            return
        loop = self.answer.get_loop()
        if self.gathering.give_up(loop.time()):
            self.answer.set_result(self.gathering.result())
        else:
            self.timer = loop.call_at(self.gathering.deadline, self._look)


class Handed(Collection):
    """Somebody waits for the raw answers to a question of any kind; `parts` of the `Gathered` are bodies.

    `cmd_type` is the question's. An answer that names no SumNum is whole in itself.
    """

    __slots__ = ("cmd_type",)

    def __init__(
        self, cmd_type: str, about: str, loop: asyncio.AbstractEventLoop, gathering: Gathering, *, kinds: int = 1
    ) -> None:
        super().__init__(object, about, loop, gathering, None, kinds=kinds)
        self.cmd_type = cmd_type.lower()

    @property
    def is_gathered(self) -> bool:
        return self.cmd_type in LISTS or self.kinds > 1

    def wants(self, value: Manscdp) -> bool:
        if value.cmd_type.lower() != self.cmd_type:
            return False
        return value.root == "Response" or (value.root == "Notify" and self.cmd_type in TOLD_BY_NOTIFY)

    def take(self, value: Manscdp, body: bytes, now: float) -> None:
        total, keys, damaged = measure(value, body, self.kinds)
        self.add(body, total, keys, damaged, now)


LISTS = frozenset(("catalog", "recordinfo", "presetquery"))
"""Kinds of question whose answer comes in several messages as a rule."""


def measure(value: Manscdp, body: bytes, kinds: int) -> tuple[int, list[Hashable], int]:
    """Of one part: how many things the whole answer has, the names of those in this part, and how many are damaged."""
    match value:
        case Catalog():
            return value.sum_num, list(map(item_key, value.items)), value.damaged
        case RecordInfo():
            return value.sum_num, list(map(record_key, value.items)), value.damaged
        case PresetList(sum_num=int(total)):
            return total, [preset.number for preset in value.presets], value.damaged
        case Config():
            # A kind that is refused has no name: others may follow it, as they may one that is told.
            return kinds, [setting.name for setting in value.settings] or [body], 0
        case _:
            return measure_any(body)


def measure_any(body: bytes) -> tuple[int, list[Hashable], int]:
    """The same of a part of any kind: its list has the attribute Num, or things in it, and SumNum stands beside."""
    document = read(body)
    total = Fields(document.root).count("SumNum")
    if total is None:
        return 1, ["answer"], 0
    lists = [child for child in document.root if "Num" in child.attrib] or list(document.root)
    count = sum(map(len, lists))
    # A cruise may come to one preset twice, so nothing in a thing names it: only a message said again is the same.
    return max(total, count), [(body, number) for number in range(count)], document.damaged


def named_in(value: PresetList | CruiseTrackList | CruisePoints | SdCardStatus) -> Sequence[object]:
    """What makes each thing of a list the same in two parts."""
    match value:
        case PresetList():
            return value.presets
        case CruiseTrackList():
            return [track.number for track in value.tracks]
        case SdCardStatus():
            return [card.number for card in value.cards]
    # A cruise may come to one preset twice, so nothing in a point names it: only a part said again is the same.
    return [(value.points, number) for number in range(len(value.points))]


def item_key(item: object) -> Hashable:
    """What makes a catalog's item the same in two parts."""
    assert isinstance(item, Item)
    return item.code


def preset_key(item: object) -> Hashable:
    """What makes a preset the same in two parts."""
    assert isinstance(item, Preset)
    return item.number


def record_key(item: object) -> Hashable:
    """What makes a record the same in two parts."""
    assert isinstance(item, RecordItem)
    return item.device, item.start, item.end, item.file_path


def same_key(key: object) -> Hashable:
    """For names that were taken already."""
    assert isinstance(key, Hashable)
    return key
