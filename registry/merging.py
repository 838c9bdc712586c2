"""Carries a catalog or news of one into a store's transaction and a draft of the tree."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import merge
from typing import TypeVar

import msgspec

from gb28181.manscdp.catalog import Item
from registry.branch import Branch
from registry.catalog import (
    Diff,
    Directories,
    Step,
    as_item,
    as_said,
    by_code,
    compare,
    find_directories,
    held,
    likely_recorders,
    parents_named,
)
from registry.forest import NOTHING, Draft, Forest, Holding, Places
from registry.names_kept import Parting
from registry.store.promise import ChannelRow, Row, Shelf, Writing
from registry.tree import NodeKind
from registry.ways import Camera

PAGE = 2_000
"""Rows held at a time; above what PostgreSQL takes by COPY. Longer pages are no quicker, and cost their length."""
ASIDE_FROM = 500
"""Rows from which the comparing is done on another thread."""

T = TypeVar("T")

_WORDS_OF_STATE = {"ON": True, "OFF": False, "VLOST": False, "DEFECT": False}


@dataclass(slots=True)
class News:
    """A catalog or notice, sorted by what it wants of us."""

    items: dict[str, Item] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    online: dict[str, bool] = field(default_factory=dict)
    named: set[str] = field(default_factory=set)
    """Codes known to be named as parents by items that are not among these."""
    bare: set[str] = field(default_factory=set)
    """Codes known to be named as parents by nobody any more."""
    refused: int = 0


@dataclass(slots=True)
class Outcome:
    """What was laid in: the diff, the directories as they now are, and what search must learn."""

    diff: Diff
    directories: Directories
    lines: dict[str, bytes]
    fresh: list[bytes]
    unlisted: list[str]
    flipped: dict[str, bool]
    named: dict[str, str]
    """Our own names of channels that are gone."""
    cameras: dict[Camera, int]
    """How many cameras with several ways there are more or fewer, by these."""
    waits: bool
    """Whether channels may stand elsewhere than under the directories that they name, until all is hung anew."""


def sort_catalog(items: Sequence[Item]) -> News:
    kept, refused = by_code(items)
    return News({code: _quiet(item) for code, item in kept.items()}, refused=refused)


def sort_notice(items: Sequence[Item]) -> News:
    """Of several words on one code in a notice the last counts, but a state does not undo an ADD.

    GB/T 28181-2022 9.11.4: ADD, UPDATE, DEL, ON, OFF, VLOST, DEFECT; an item without an event is taken as UPDATE.
    """
    news = News()
    for item in items:
        kept, refused = by_code((item,))
        news.refused += refused
        for code in kept:
            event = (item.event or "UPDATE").strip().upper()
            state = _WORDS_OF_STATE.get(event)
            if state is not None:
                if code in news.items:
                    news.items[code] = msgspec.structs.replace(news.items[code], status_on=state)
                else:
                    news.online[code] = state
            elif event == "DEL":
                news.items.pop(code, None)
                news.online.pop(code, None)
                news.gone.add(code)
            else:
                news.gone.discard(code)
                news.online.pop(code, None)
                news.items[code] = _quiet(item)
    return news


def _quiet(item: Item) -> Item:
    return item if item.event is None else msgspec.structs.replace(item, event=None)


async def lay_in(
    writing: Writing,
    forest: Forest,
    draft: Draft,
    owner: str,
    before: Directories,
    news: News,
    *,
    complete: bool,
    anew: bool = False,
    more: bool = False,
    names: Mapping[str, str] | None = None,
) -> Outcome:
    """Store what changed and draft what it does to the tree; nothing is deleted for being absent unless `complete`.

    `anew` works out every place again, even where nothing was said anew: after an upgrade our rules may be others.
    When `more` is to come, channels that came before their directories stay where they are until then: looking at all
    of them again for each piece of a large catalog would cost the square of its length.
    """
    directories = _flip_directories(await _directories(writing, owner, before, news, complete=complete), news.online)
    old = forest.branches.get(owner) or Branch(owner, {})

    def draw() -> tuple[Branch, bool, bool]:
        branch = Branch(owner, directories)
        return branch, not branch.is_drawn_as(old), owner in forest.branches and branch.grew_from(old)

    branch, is_other, has_grown = await aside(len(directories), draw)
    waits = is_other and has_grown and more and not anew
    rehung = anew or (is_other and not waits)
    items = await aside(
        len(news.items), lambda: {code: item for code, item in news.items.items() if code not in directories}
    )
    whole = Step()
    if complete or rehung:
        gone = news.gone | directories.keys()
        await _pass_all(writing, branch, items, whole, gone, complete=complete, rehung=rehung, names=names)
    elif items or news.gone:
        gone = news.gone | (directories.keys() - before.keys())
        await _pass_some(writing, branch, items, whole, gone, names=names)
    flips = Step()
    flipped, unknown = await _flip(writing, owner, directories, news.online, flips)
    await _share(writing, owner, flips)
    _gather(whole, flips)

    def count() -> None:
        if anew or not has_grown:
            draft.rehang(owner, branch, whole.moves)
        elif is_other:
            draft.grow(owner, branch, whole.moves)
        else:
            draft.move(owner, whole.moves)

    await aside(len(whole.moves) + rehung * len(forest.holdings.get(owner, ())), count)
    await _write_directories(writing, owner, before, directories)
    return Outcome(
        await aside(
            len(whole.added) + len(directories), lambda: _diff(before, directories, whole, unknown, news.refused)
        ),
        directories,
        whole.lines,
        whole.fresh,
        whole.removed,
        flipped,
        whole.named,
        whole.cameras,
        waits,
    )


async def write_names(writing: Writing, parting: Parting) -> None:
    """Store which of our names wait for channels that are gone."""
    await writing.remove(Shelf.NAMES_KEPT, parting.dropped)
    rows: list[Row] = [
        {"owner": owner, "code": code, "name": name, "gone_at": parting.at}
        for (owner, code), name in parting.kept.items()
    ]
    await writing.put(Shelf.NAMES_KEPT, rows)


async def _directories(writing: Writing, owner: str, before: Directories, news: News, *, complete: bool) -> Directories:
    known = {code: entry for code, entry in before.items() if code not in news.bare} if news.bare else before

    def find() -> tuple[set[str], Directories]:
        named = parents_named(news.items) | news.named
        return named, find_directories(owner, news.items, named, {} if complete else known)

    named, found = await aside(len(news.items), find)
    if complete:
        return found
    for row in await writing.these(owner, likely_recorders(named, {*known, *news.items})):
        found[row.code] = (NodeKind.DEVICE, as_item(row.said))
    kept = {code: entry for code, entry in known.items() if code not in news.gone and code not in news.items}
    return kept | found


async def _pass_all(
    writing: Writing,
    branch: Branch,
    items: Mapping[str, Item],
    whole: Step,
    gone: Collection[str],
    *,
    complete: bool,
    rehung: bool,
    names: Mapping[str, str] | None,
) -> None:
    """Lay all rows of the neighbour beside the items, a page at a time: both are in order of code."""
    codes = await aside(len(items), lambda: _in_order(list(items)))
    at, after, more = 0, "", True
    while more:
        rows = await writing.page(branch.owner, after, PAGE)
        more = len(rows) == PAGE
        upto = bisect_right(codes, rows[-1].code) if more else len(codes)
        row_at = 0
        for some in _slices(codes[at:upto], PAGE) if upto > at else ((),):
            row_upto = bisect_right(rows, some[-1], key=_code_of) if some and some[-1] != codes[upto - 1] else len(rows)
            part = {code: items[code] for code in some}
            mine = rows[row_at:row_upto]
            await _lay_page(writing, branch, mine, part, whole, gone, complete=complete, rehung=rehung, names=names)
            row_at = row_upto
        at = upto
        after = rows[-1].code if rows else ""


async def _pass_some(
    writing: Writing,
    branch: Branch,
    items: Mapping[str, Item],
    whole: Step,
    gone: Collection[str],
    *,
    names: Mapping[str, str] | None,
) -> None:
    for part in _slices(sorted({*items, *gone}), PAGE):
        rows = await writing.these(branch.owner, part)
        given = {code: items[code] for code in part if code in items}
        await _lay_page(writing, branch, rows, given, whole, gone, complete=False, rehung=False, names=names)


async def _lay_page(
    writing: Writing,
    branch: Branch,
    rows: Sequence[ChannelRow],
    items: Mapping[str, Item],
    whole: Step,
    gone: Collection[str],
    *,
    complete: bool,
    rehung: bool,
    names: Mapping[str, str] | None,
) -> None:
    def lay() -> Step:
        return compare(branch, rows, items, gone=lambda code: complete or code in gone, rehung=rehung, names=names)

    step = await aside(len(rows) + len(items), lay)
    await _share(writing, branch.owner, step)
    await writing.drop_channels(branch.owner, step.removed)
    await writing.put_channels(step.rows)
    _gather(whole, step)


async def _share(writing: Writing, owner: str, step: Step) -> None:
    codes = step.may_be_shared(owner)
    if codes:
        step.share(await writing.alike(codes, owner))


def _gather(whole: Step, step: Step) -> None:
    whole.lines |= step.lines
    whole.fresh += step.fresh
    whole.added += step.added
    whole.changed += step.changed
    whole.removed += step.removed
    whole.named |= step.named
    for places, holding in step.moves.items():
        whole.moves[places] = whole.moves.get(places, NOTHING).plus(holding)
    for camera, difference in step.cameras.items():
        whole.cameras[camera] = whole.cameras.get(camera, 0) + difference


def _flip_directories(directories: Directories, online: Mapping[str, bool]) -> Directories:
    """Recorders and systems have a state, too; platforms above are told of it."""
    flipped = {
        code: (directories[code][0], msgspec.structs.replace(directories[code][1], status_on=state))
        for code, state in online.items()
        if code in directories and directories[code][1].status_on != state
    }
    return directories | flipped if flipped else directories


async def _flip(
    writing: Writing, owner: str, directories: Directories, online: Mapping[str, bool], whole: Step
) -> tuple[dict[str, bool], tuple[str, ...]]:
    """Write states alone; what changed, and who was not known."""
    if not online:
        return {}, ()
    rows = await writing.these(owner, tuple(online))
    flipped: dict[str, bool] = {}
    for row in rows:
        state = online[row.code]
        if state != row.online:
            flipped[row.code] = state
            whole.leave(row)
            whole.enter(row._replace(online=state))
            whole.changed.append(row.code)
    await writing.set_online(owner, flipped)
    known = {row.code for row in rows} | directories.keys() | {owner}
    return flipped, tuple(code for code in online if code not in known)


async def _write_directories(writing: Writing, owner: str, before: Directories, after: Directories) -> None:
    await writing.remove(Shelf.DIRECTORIES, [(owner, code) for code in before if code not in after])
    await writing.put(
        Shelf.DIRECTORIES,
        [
            {"owner": owner, "code": code, "kind": str(entry[0]), "said": as_said(entry[1])}
            for code, entry in after.items()
            if before.get(code) != entry
        ],
    )


def _diff(before: Directories, after: Directories, step: Step, unknown: tuple[str, ...], refused: int) -> Diff:
    """Codes told once each: a channel that turned into a directory, or back, has changed."""
    removed_rows, added_rows = set(step.removed), set(step.added)
    added = [c for c in step.added if c not in before] + [c for c in after if c not in before and c not in removed_rows]
    removed = [c for c in step.removed if c not in after] + [
        c for c in before if c not in after and c not in added_rows
    ]
    changed = (
        step.changed
        + [c for c in after if (c in before and before[c] != after[c]) or c in removed_rows]
        + [c for c in step.added if c in before]
    )
    return Diff(tuple(added), tuple(changed), tuple(removed), unknown, refused)


async def aside(size: int, work: Callable[[], T]) -> T:
    """The result of pure work: on another thread when it is big, so that signalling goes on."""
    return await asyncio.to_thread(work) if size > ASIDE_FROM else work()


def _in_order(codes: list[str]) -> list[str]:
    """Sorted by pieces and merged: one sort of a million codes would give no other thread a turn for a second."""
    return list(merge(*(sorted(piece) for piece in _slices(codes, PAGE))))


def _code_of(row: ChannelRow) -> str:
    return row.code


def _slices(whole: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (whole[start : start + size] for start in range(0, len(whole), size))


def moves_of(rows: Sequence[ChannelRow]) -> dict[Places, Holding]:
    """What rows hold in all, by places: a count made anew, for checking the kept ones."""
    moves: dict[Places, Holding] = {}
    for row in rows:
        moves[row.places] = moves.get(row.places, NOTHING).plus(held(row))
    return moves
