"""All inner nodes of the tree with their counts, and drafts that change them: first worked out, then stored, then true.

A camera may stand under several nodes. A node counts the distinct cameras below it, so a camera adds one to each node
of the union of its places' ancestors. What stands where is kept as holdings: for each neighbour and each set of
places, how many channels, cameras and cameras said to be online. Counts move by differences of holdings alone.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from registry.branch import Branch, Shape, device_id, division_id
from registry.divisions import Divisions, short_code
from registry.tree import NodeKind

Places = tuple[str, ...]

_RANK = {kind: str(rank) for rank, kind in enumerate(NodeKind)}


class Way(NamedTuple):
    """One platform's word on a camera that others have, too: where it stands there, and whether it is said to be on."""

    owner: str
    places: Places
    is_on: bool


class Holding(NamedTuple):
    """Channels that stand in the same set of places; `online` is what their owner says, whatever its own state."""

    channels: int = 0
    cameras: int = 0
    online: int = 0

    def plus(self, other: Holding) -> Holding:
        return Holding(self.channels + other.channels, self.cameras + other.cameras, self.online + other.online)

    def unlit(self) -> Holding:
        """The same while the neighbour is out of reach."""
        return Holding(self.channels, self.cameras, 0)

    def minus(self, other: Holding) -> Holding:
        return Holding(self.channels - other.channels, self.cameras - other.cameras, self.online - other.online)


NOTHING = Holding()
_ZERO = (0, 0)


@dataclass(frozen=True, slots=True)
class Node:
    """An inner node. `standing` counts the channels directly in it, `kids` the nodes directly in it.

    `lit` is set on a neighbour's own node while its cameras may count as online.
    """

    id: str
    kind: NodeKind
    code: str
    name: str
    parent: str | None
    owner: str = ""
    online: int = 0
    total: int = 0
    standing: int = 0
    kids: int = 0
    lit: bool = False

    @property
    def has_children(self) -> bool:
        return self.kids > 0 or self.standing > 0

    @property
    def rank(self) -> tuple[str, str, str]:
        """Order among brothers: by kind, then by code."""
        return (_RANK[self.kind], self.code, self.id)


class Forest:
    """The inner nodes, in memory: they are thousands where cameras are a million. Read freely; change by `Draft`."""

    def __init__(self, divisions: Divisions) -> None:
        self.divisions = divisions
        self.nodes: dict[str, Node] = {}
        self.branches: dict[str, Branch] = {}
        self.holdings: dict[str, dict[Places, Holding]] = {}
        self._children: dict[str | None, list[tuple[str, str, str]]] = {}

    def load(
        self,
        nodes: Iterable[Node],
        branches: Iterable[Branch],
        holdings: Iterable[tuple[str, Places, Holding]],
    ) -> None:
        """Take in what a store kept, once, into an empty forest."""
        for node in nodes:
            self.nodes[node.id] = node
            self._children.setdefault(node.parent, []).append(node.rank)
        for children in self._children.values():
            children.sort()
        for branch in branches:
            self.branches[branch.owner] = branch
        for owner, places, holding in holdings:
            self.holdings.setdefault(owner, {})[places] = holding

    def children(self, parent: str | None, after: tuple[str, str, str] | None, limit: int) -> list[Node]:
        """Up to `limit` nodes directly in `parent` that come after `after`, in order."""
        ranks = self._children.get(parent, [])
        start = bisect_right(ranks, after) if after is not None else 0
        return [self.nodes[id] for _, _, id in ranks[start : start + limit]]

    def path(self, id: str) -> list[Node]:
        """The node and those above it, from the root down; empty when it is not there."""
        path: list[Node] = []
        node = self.nodes.get(id)
        while node is not None:
            path.append(node)
            node = self.nodes.get(node.parent) if node.parent is not None else None
        path.reverse()
        return path

    def held_by(self, owner: str) -> Holding:
        """All that one neighbour has."""
        whole = NOTHING
        for holding in self.holdings.get(owner, {}).values():
            whole = whole.plus(holding)
        return whole

    def adopt(self, draft: Draft) -> None:
        """Make a stored draft true; it has been settled. Nobody reads half of it, so this is short."""
        for id in draft.gone:
            node = self.nodes.pop(id, None)
            if node is not None:
                self._leave(node)
        self.nodes.update(draft.touched)
        came: dict[str | None, list[tuple[str, str, str]]] = {}
        for before, node in draft.hung:
            if before is not None:
                self._leave(before)
            came.setdefault(node.parent, []).append(node.rank)
        for parent, ranks in came.items():
            brothers = self._children.setdefault(parent, [])
            brothers += ranks
            brothers.sort()  # two sorted runs nearly always: quick even where a platform has ten thousand recorders
        for (owner, places), holding in draft.held.items():
            mine = self.holdings.setdefault(owner, {})
            if holding.channels:
                mine[places] = holding
            else:
                mine.pop(places, None)
                if not mine:
                    del self.holdings[owner]
        for owner, branch in draft.branches.items():
            if branch is None:
                self.branches.pop(owner, None)
            else:
                self.branches[owner] = branch

    def _leave(self, node: Node) -> None:
        brothers = self._children.get(node.parent, [])
        at = bisect_right(brothers, node.rank) - 1
        if at >= 0 and brothers[at] == node.rank:
            del brothers[at]
        if not brothers:
            self._children.pop(node.parent, None)


class Draft:
    """Changes to a forest that are not true yet. Drop it and nothing has happened."""

    def __init__(self, forest: Forest) -> None:
        self._forest = forest
        self.touched: dict[str, Node] = {}
        self.moved: list[str] = []
        """Ids of nodes whose online or total moved, the new ones included."""
        self.hung: list[tuple[Node | None, Node]] = []
        """Nodes that have a new place among their brothers, as they were and as they are."""
        self.gone: set[str] = set()
        self.held: dict[tuple[str, Places], Holding] = {}
        self.branches: dict[str, Branch | None] = {}
        self.cameras: dict[tuple[Way, ...], int] = {}
        """How many cameras that several platforms have are more or fewer, by their ways."""

    # What a store must write.

    def settle(self) -> None:
        """When all is drafted: forget what was touched and is as before (counting a branch anew touches all of it), and
        find what has moved."""
        before = self._forest.nodes
        pairs = [(before.get(id), node) for id, node in self.touched.items()]
        pairs = [(old, node) for old, node in pairs if old != node]
        self.touched = {node.id: node for _, node in pairs}
        self.moved = [
            node.id for old, node in pairs if old is None or (old.online, old.total) != (node.online, node.total)
        ]
        self.hung = [
            (old, node)
            for old, node in pairs
            if old is None or (old.parent, old.kind, old.code) != (node.parent, node.kind, node.code)
        ]

    # A neighbour comes, changes, goes.

    def plant(self, owner: str, name: str, *, lit: bool) -> None:
        """Give a neighbour its own node, under the division of the first six digits of its code."""
        short = short_code(owner[:6]) if len(owner) == 20 else ""
        parent = self._division(short) if short else None
        self._put(Node(device_id(owner), NodeKind.DEVICE, owner, name, parent, owner, lit=lit))

    def rename(self, id: str, name: str) -> None:
        node = self._node(id)
        if node is not None and node.name != name:
            self.touched[id] = replace(node, name=name)

    def uproot(self, owner: str) -> None:
        """Take a neighbour's nodes and all that stands in them away."""
        self._count_all(owner, -1)
        for places in self._places_of(owner):
            self.held[owner, places] = NOTHING
        self._branch(owner, None)
        self._remove(device_id(owner))
        self._prune()

    def light(self, owner: str, lit: bool) -> None:
        """The neighbour came within reach, or left it: its cameras count as said, or as offline."""
        node = self._node(device_id(owner))
        if node is None or node.lit == lit:
            return
        self.touched[node.id] = replace(node, lit=lit)
        sign = 1 if lit else -1
        held = ((places, self._holding(owner, places)) for places in self._places_of(owner))
        self._count((places, Holding(0, 0, sign * holding.online)) for places, holding in held if holding.online)

    def rehang(self, owner: str, branch: Branch, moves: Mapping[Places, Holding]) -> None:
        """Put a changed branch in the old one's place, and move channels by `moves` at the same time."""
        self._count_all(owner, -1)
        for places, holding in moves.items():
            self._hold(owner, places, holding)
        self._branch(owner, branch)
        self._count_all(owner, 1)
        self._prune()

    def grow(self, owner: str, branch: Branch, moves: Mapping[Places, Holding]) -> None:
        """The branch got new nodes and all others stay as they were; channels move by `moves` at the same time."""
        old = self._forest.branches[owner]
        self.branches[owner] = branch
        self._draw(owner, {id: shape for id, shape in branch.nodes.items() if id not in old.nodes})
        self.move(owner, moves)

    def move(self, owner: str, moves: Mapping[Places, Holding]) -> None:
        """Channels came, went or changed state within the branch as it is; `moves` are differences."""
        lit = self._is_lit(owner)
        true_moves = [(places, difference) for places, difference in moves.items() if difference != NOTHING]
        for places, difference in true_moves:
            self._hold(owner, places, difference)
        self._count((places, difference if lit else difference.unlit()) for places, difference in true_moves)
        self._prune()

    # Counting.

    def _count_all(self, owner: str, sign: int) -> None:
        lit = self._is_lit(owner)
        held = ((places, self._holding(owner, places)) for places in self._places_of(owner))
        self._count(
            (places, Holding(sign * h.channels, sign * h.cameras, sign * h.online if lit else 0))
            for places, h in held
            if h.channels
        )

    def _count(self, differences: Iterable[tuple[Places, Holding]]) -> None:
        """Sum up first, then touch each node once: a platform may have ten thousand sets of places."""
        standing: dict[str, int] = {}
        below: dict[str, tuple[int, int]] = {}
        chains: dict[str, tuple[str, ...]] = {}
        for places, (channels, cameras, online) in differences:
            for place in places:
                if place not in chains:
                    chains[place] = self._chain(place)
                standing[place] = standing.get(place, 0) + channels
            if cameras or online:
                above = chains[places[0]] if len(places) == 1 else {id for place in places for id in chains[place]}
                for id in above:
                    total, lit = below.get(id, _ZERO)
                    below[id] = (total + cameras, lit + online)
        for id, channels in standing.items():
            if channels:
                node = self._known(id)
                self.touched[id] = replace(node, standing=node.standing + channels)
        for id, (cameras, online) in below.items():
            node = self._known(id)
            self.touched[id] = replace(node, total=node.total + cameras, online=node.online + online)

    def _chain(self, place: str) -> tuple[str, ...]:
        """A place and all nodes above it; a division is made when it is not there."""
        chain: list[str] = []
        node: Node | None = self._node(place) or self._make_division(place)
        while node is not None:
            chain.append(node.id)
            node = self._known(node.parent) if node.parent is not None else None
        return tuple(chain)

    def _hold(self, owner: str, places: Places, difference: Holding) -> None:
        self.held[owner, places] = self._holding(owner, places).plus(difference)

    def _holding(self, owner: str, places: Places) -> Holding:
        holding = self.held.get((owner, places))
        return holding if holding is not None else self._forest.holdings.get(owner, {}).get(places, NOTHING)

    def _places_of(self, owner: str) -> list[Places]:
        mine = dict.fromkeys(self._forest.holdings.get(owner, {}))
        mine.update((places, None) for who, places in self.held if who == owner)
        return list(mine)

    def _is_lit(self, owner: str) -> bool:
        node = self._node(device_id(owner))
        return node is not None and node.lit

    # Nodes.

    def _node(self, id: str) -> Node | None:
        if id in self.gone:
            return None
        return self.touched.get(id) or self._forest.nodes.get(id)

    def _known(self, id: str) -> Node:
        node = self._node(id)
        if node is None:
            raise KeyError(f"the tree has no node {id}")
        return node

    def _put(self, node: Node) -> None:
        """Make a node, or give an old one a new shape; its counts stay."""
        old = self._node(node.id)
        if old is None:
            self.gone.discard(node.id)
            self.touched[node.id] = node
            self._adopt_kid(node.parent, 1)
            return
        if old.parent != node.parent:
            self._adopt_kid(old.parent, -1)
            self._adopt_kid(node.parent, 1)
        self.touched[node.id] = replace(old, kind=node.kind, code=node.code, name=node.name, parent=node.parent)

    def _remove(self, id: str) -> None:
        node = self._node(id)
        if node is not None:
            self.touched.pop(id, None)
            self.gone.add(id)
            self._adopt_kid(node.parent, -1)

    def _adopt_kid(self, parent: str | None, difference: int) -> None:
        node = self._node(parent) if parent is not None else None
        if node is not None:
            self.touched[node.id] = replace(node, kids=node.kids + difference)

    def _branch(self, owner: str, branch: Branch | None) -> None:
        old = self._forest.branches.get(owner)
        self.branches[owner] = branch
        wanted: dict[str, Shape] = branch.nodes if branch is not None else {}
        self._draw(owner, wanted)
        for id in old.nodes if old is not None else ():
            if id not in wanted:
                self._remove(id)
        self._name_regions(old.regions if old is not None else {}, branch.regions if branch is not None else {})

    def _draw(self, owner: str, shapes: Mapping[str, Shape]) -> None:
        for shape in _parents_first(shapes):
            parent = shape.parent
            if parent.startswith("division:"):
                parent = self._division(parent.removeprefix("division:"))
            self._put(Node(shape.id, shape.kind, shape.code, shape.name, parent, owner))

    def _name_regions(self, before: Mapping[str, str], after: Mapping[str, str]) -> None:
        """Divisions that only neighbours know got other names, or came between others, or are known no more."""
        for short in sorted(before.keys() | after.keys()):
            if before.get(short) == after.get(short) or self._forest.divisions.name(short) is not None:
                continue
            self.rename(division_id(short), self._region_name(short) or short)
            if (short in before) != (short in after):
                for node in self._divisions_within(short):
                    self._rehang_division(node)

    def _divisions_within(self, short: str) -> list[Node]:
        inside = division_id(short)
        ids = dict.fromkeys([*self._forest.nodes, *self.touched])
        found = (self._node(id) for id in ids if id.startswith(inside) and id != inside)
        return [node for node in found if node is not None]

    def _rehang_division(self, node: Node) -> None:
        """Put a division under the nearest one that is known now. Whatever stands in it has no place outside of it but
        under the same ancestors, so its counts move as they are."""
        parent = self._nearest(node.code)
        if parent == node.parent:
            return
        counts = Holding(0, node.total, node.online)
        for sign, above in ((-1, node.parent), (1, parent)):
            if above is not None:
                for id in self._chain(above):
                    upper = self._known(id)
                    self.touched[id] = replace(
                        upper, total=upper.total + sign * counts.cameras, online=upper.online + sign * counts.online
                    )
        self._put(replace(self._known(node.id), parent=parent))

    def _make_division(self, id: str) -> Node:
        if not id.startswith("division:"):
            raise KeyError(f"the tree has no node {id}")
        return self._known(self._division(id.removeprefix("division:")))

    def _division(self, short: str) -> str:
        """Id of a division's node, made when it is not there, with those above it that anybody knows."""
        id = division_id(short)
        if self._node(id) is None:
            self._put(Node(id, NodeKind.DIVISION, short, self._region_name(short) or short, self._nearest(short)))
        return id

    def _nearest(self, short: str) -> str | None:
        """Id of the node of the nearest division around that anybody knows; it is made when it is not there."""
        for length in range(len(short) - 2, 0, -2):
            if self._region_name(short[:length]) is not None:
                return self._division(short[:length])
        return None

    def _region_name(self, short: str) -> str | None:
        """By our own table, else by what some neighbour says as of this draft."""
        known = self._forest.divisions.name(short)
        if known is not None:
            return known
        for branch in (self._forest.branches | self.branches).values():
            said = branch.regions.get(short) if branch is not None else None
            if said is not None:
                return said
        return None

    def _prune(self) -> None:
        """Take away divisions in which nothing stands any more, and then those above them."""
        empty = [n for n in self.touched.values() if _is_bare(n)]
        while empty:
            node = empty.pop()
            if node.id in self.gone:
                continue
            self._remove(node.id)
            above = self._node(node.parent) if node.parent is not None else None
            if above is not None and _is_bare(above):
                empty.append(above)


def _is_bare(node: Node) -> bool:
    return node.kind is NodeKind.DIVISION and not node.has_children


def _parents_first(shapes: Mapping[str, Shape]) -> Iterator[Shape]:
    done: set[str] = set()
    for shape in shapes.values():
        chain = [shape]
        while chain[-1].parent in shapes and chain[-1].parent not in done:
            chain.append(shapes[chain[-1].parent])
        for member in reversed(chain):
            if member.id not in done:
                done.add(member.id)
                yield member
