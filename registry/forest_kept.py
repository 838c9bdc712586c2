"""The forest as it is kept: written draft by draft, read once when the library opens."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from registry.branch import Branch
from registry.catalog import Directories
from registry.forest import Draft, Forest, Holding, Node
from registry.merging import aside
from registry.store.promise import LINES_PAGE, Row, Shelf, Store, Writing
from registry.tree import NodeKind
from registry.ways import Camera, Leaving, Ways, camera_of


async def read_forest(store: Store, forest: Forest, directories: Mapping[str, Directories]) -> None:
    """Fill an empty forest; the directories of each neighbour are its branch."""
    forest.load(
        [_node_of(row) for row in await store.load(Shelf.NODES)],
        [Branch(owner, mine) for owner, mine in directories.items()],
        [_holding_of(row) for row in await store.load(Shelf.HOLDINGS)],
    )


async def find_ways(store: Store, forest: Forest, ways: Ways) -> None:
    """Which cameras several platforms have; they are not kept, but found among the channels."""
    cameras: dict[Camera, int] = {}
    after, more = "", True
    while more:
        codes = await store.shared(after, LINES_PAGE)
        rows = sorted(await store.alike(codes), key=lambda row: row.code) if codes else []
        for _, alike in groupby(rows, key=lambda row: row.code):
            camera = camera_of(alike)
            if camera:
                cameras[camera] = cameras.get(camera, 0) + 1
        more = len(codes) == LINES_PAGE
        after = codes[-1] if codes else ""
    ways.settle(forest, cameras, Leaving(is_stirred=True))


async def write_draft(writing: Writing, draft: Draft) -> None:
    """Store what a draft changed of nodes and holdings."""
    await aside(len(draft.touched), draft.settle)
    await writing.remove(Shelf.NODES, [(id,) for id in draft.gone])
    await writing.put(
        Shelf.NODES,
        [
            {
                "id": node.id,
                "kind": node.kind.value,
                "code": node.code,
                "name": node.name,
                "parent": node.parent,
                "owner": node.owner,
                "online": node.online,
                "total": node.total,
                "standing": node.standing,
                "kids": node.kids,
                "lit": node.lit,
            }
            for node in draft.touched.values()
        ],
    )
    kept: list[Row] = []
    away: list[tuple[object, ...]] = []
    for (owner, places), holding in draft.held.items():
        key = "\n".join(places)
        if holding.channels:
            kept.append({"owner": owner, "places": key, **holding._asdict()})
        else:
            away.append((owner, key))
    await writing.remove(Shelf.HOLDINGS, away)
    await writing.put(Shelf.HOLDINGS, kept)


def _node_of(row: Row) -> Node:
    known: dict[str, Any] = dict(row)  # columns are typed by the table
    known["kind"] = NodeKind(known["kind"])
    return Node(**known)


def _holding_of(row: Row) -> tuple[str, tuple[str, ...], Holding]:
    known: dict[str, Any] = row  # columns are typed by the table
    counts = Holding(known["channels"], known["cameras"], known["online"])
    return known["owner"], tuple(known["places"].split("\n")), counts
