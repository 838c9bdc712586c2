"""Cameras that several platforms below have (GB/T 28181-2022 annex H): one camera each, however many ways lead to it.

The forest counts what each neighbour holds; here stands by how much that is too many. Only platforms share cameras:
what a device of ours calls its channel is its own affair, and the same code elsewhere may be another camera.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from gb28181.code import is_system
from registry.branch import device_id
from registry.forest import Draft, Forest, Node, Way
from registry.store.promise import ChannelRow
from registry.tree import NodeKind

WHOLE_CODE = 20
"""Digits of a code that means the same thing everywhere; shorter ones are somebody's own."""


HOUSE = ""
"""Stands for all nodes together."""

Camera = tuple[Way, ...]
"""All ways to a camera, in order of owner; there are two at least."""


class Excess(NamedTuple):
    """What the truth is beside a node's counts: to be added."""

    total: int = 0
    online: int = 0
    standing: int = 0


NONE = Excess()


@dataclass(slots=True)
class Leaving:
    """What stood at the nodes that have changed until now, and whether nodes move at the same time."""

    before: dict[str, Excess] = field(default_factory=dict)
    is_stirred: bool = False


class Ways:
    """The cameras with several ways, by where these stand: as many entries as there are sets of places.

    A change is told twice, as how many cameras more or fewer have just these ways: to `leave` before the draft that
    brings it is true, and to `settle` afterwards.
    """

    def __init__(self) -> None:
        self._cameras: dict[Camera, int] = {}
        self._owners: dict[str, int] = {}
        self._lit: dict[str, bool] = {}
        self._excess: dict[str, Excess] = {}

    def __len__(self) -> int:
        """How many cameras have several ways."""
        return sum(self._cameras.values())

    def excess(self, node: str) -> Excess:
        return self._excess.get(node, NONE)

    def counts(self, node: Node) -> tuple[int, int]:
        """Online and total, as they truly are at a node."""
        more = self.excess(node.id)
        return node.online + more.online, node.total + more.total

    def has(self, owner: str) -> bool:
        """Whether any camera of this platform has another way, too."""
        return owner in self._owners

    def without(self, owner: str) -> dict[Camera, int]:
        """What moves when a platform is gone."""
        moves: dict[Camera, int] = {}
        for camera, count in self._cameras.items() if owner in self._owners else ():
            if any(way.owner == owner for way in camera):
                moves[camera] = moves.get(camera, 0) - count
                left = tuple(way for way in camera if way.owner != owner)
                if len(left) > 1:
                    moves[left] = moves.get(left, 0) + count
        return moves

    def leave(self, forest: Forest, draft: Draft) -> Leaving:
        """Before a draft is true: take away what it ends, while the forest still says where that stands."""
        if not self._cameras:
            return Leaving()
        before: dict[str, Excess] = {}
        _add(self._excess, forest, _of_sign(draft.cameras, -1), self._lit, before)
        return Leaving(before, self._is_stirred(forest, draft))

    def settle(self, forest: Forest, cameras: Mapping[Camera, int], leaving: Leaving) -> set[str]:
        """When the draft is true: ids of the nodes whose counts changed by this."""
        if not cameras and not self._cameras:
            return set()
        for camera, difference in cameras.items():
            _count(self._cameras, camera, difference)
            for way in camera:
                _count(self._owners, way.owner, difference)
        self._lit = {owner: _is_lit(forest, owner) for owner in self._owners}
        before = leaving.before
        if leaving.is_stirred:
            anew: dict[str, Excess] = {}
            _add(anew, forest, self._cameras, self._lit, {})
            before = self._excess | before
            self._excess = anew
        else:
            _add(self._excess, forest, _of_sign(cameras, 1), self._lit, before)
        ids = before.keys() | (self._excess.keys() if leaving.is_stirred else set())
        return {id for id in ids if before.get(id, NONE)[:2] != self.excess(id)[:2]}

    def _is_stirred(self, forest: Forest, draft: Draft) -> bool:
        """Whether nodes move in which cameras with several ways may stand, or a platform comes within reach."""
        if any(owner in self._owners for owner in draft.branches):
            return True
        for owner, lit in self._lit.items():
            node = draft.touched.get(device_id(owner))
            if node is not None and node.lit != lit:
                return True
        divisions = (node for node in draft.touched.values() if node.kind is NodeKind.DIVISION)
        return any((old := forest.nodes.get(node.id)) is not None and old.parent != node.parent for node in divisions)


def _of_sign(cameras: Mapping[Camera, int], sign: int) -> dict[Camera, int]:
    return {camera: count for camera, count in cameras.items() if count * sign > 0}


def _add(
    sums: dict[str, Excess],
    forest: Forest,
    cameras: Mapping[Camera, int],
    lit: Mapping[str, bool],
    before: dict[str, Excess],
) -> None:
    """Add the part of some cameras to `sums`; what stood there comes into `before`, once."""
    chains: dict[str, tuple[str, ...]] = {}

    def chain(place: str) -> tuple[str, ...]:
        if place not in chains:
            chains[place] = tuple(node.id for node in forest.path(place))
        return chains[place]

    for camera, count in cameras.items():
        for id, part in _excesses(camera, chain, lit).items():
            had = sums.get(id, NONE)
            before.setdefault(id, had)
            now = Excess(*(old + count * more for old, more in zip(had, part, strict=True)))
            if now == NONE:
                sums.pop(id, None)
            else:
                sums[id] = now


K = TypeVar("K")


def _count(counts: dict[K, int], key: K, difference: int) -> None:
    now = counts.get(key, 0) + difference
    if now:
        counts[key] = now
    else:
        counts.pop(key, None)


def _is_lit(forest: Forest, owner: str) -> bool:
    node = forest.nodes.get(device_id(owner))
    return node is not None and node.lit


def _excesses(camera: Camera, chain: Callable[[str], tuple[str, ...]], lit: Mapping[str, bool]) -> dict[str, Excess]:
    """One camera's part: it counts once in each node above any of its ways, as online when one way is."""
    counted: dict[str, list[int]] = {}
    is_online = False
    for way in camera:
        is_on = way.is_on and lit.get(way.owner, False)
        is_online |= is_on
        for id in {HOUSE, *(id for place in way.places for id in chain(place))}:
            here = counted.setdefault(id, [0, 0, 0])
            here[0] += 1
            here[1] += is_on
            here[2] += id in way.places
    return {
        id: Excess(1 - total, is_online - online, min(standing, 1) - standing)
        for id, (total, online, standing) in counted.items()
    }


def may_be_shared(owner: str, row: ChannelRow) -> bool:
    """Whether another platform may have the same camera."""
    return row.playable and len(row.code) == WHOLE_CODE and is_system(owner)


def camera_of(rows: Iterable[ChannelRow]) -> Camera:
    """The ways that rows of one code are; fewer than two are no camera of ours."""
    ways = [Way(row.owner, row.places, row.online) for row in rows if may_be_shared(row.owner, row)]
    return tuple(sorted(ways)) if len(ways) > 1 else ()
