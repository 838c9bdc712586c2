"""Which platforms stand between us and a channel, as far as its owner's catalog tells (GB/T 28181-2022 annex H).

What a call has taught (X-RoutePath) is better; this is what is known before anybody has called.
"""

from __future__ import annotations

from collections.abc import Iterable

from gb28181.code import is_system
from gb28181.manscdp.catalog import Item
from registry.branch import DEEPEST, parent_codes
from registry.catalog import Directories
from registry.tree import NodeKind


def platforms_to(owner: str, item: Item, directories: Directories) -> tuple[str, ...]:
    """The platform `owner`, then the systems below it on the way to its channel: the shortest way, when it tells of
    several.

    A parent that lies above another is no way of its own (some list the whole chain), and neither is the owner itself
    beside others. A system that is named but was never told of counts, too: somebody must have it.
    """
    return (owner, *_nearest([_line(owner, code, directories, {}, 0) for code in _parents(owner, item)]))


def _line(
    owner: str, code: str, directories: Directories, known: dict[str, tuple[str, ...]], depth: int
) -> tuple[str, ...]:
    """The systems from the owner's first down to a directory, itself included when it is one."""
    if code not in known:
        kind, item = directories.get(code, ("", None))
        mine = (code,) if kind == NodeKind.SYSTEM or (item is None and is_system(code)) else ()
        known[code] = mine  # what is found again on the way up is a circle, and goes no further
        if item is not None and depth < DEEPEST:
            above = [_line(owner, each, directories, known, depth + 1) for each in _parents(owner, item)]
            line = _nearest(above)
            known[code] = line if code in line else (*line, *mine)
    return known[code]


def _nearest(lines: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """Groups and organisations without a system above them say nothing of the way."""
    through = [line for line in lines if line]
    above = {code for line in through for code in line[:-1]}
    lowest = [line for line in through if line[-1] not in above]
    return min(lowest or through, key=lambda line: (len(line), line), default=())


def _parents(owner: str, item: Item) -> Iterable[str]:
    codes = (*parent_codes(item), item.business_group.strip())
    return dict.fromkeys(code for code in codes if code and code != owner)
