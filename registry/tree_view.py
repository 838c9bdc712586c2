"""The tree as an operator sees it: true counts at every node, each camera once, online when one of its ways is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import msgspec

from registry.branch import channel_id
from registry.catalog import as_item
from registry.channel import Channel
from registry.device_book import DeviceBook
from registry.forest import Forest, Node
from registry.store.promise import ChannelRow, Store
from registry.tree import NodeKind, Page, TreeNode, bounded
from registry.ways import Ways, may_be_shared

_read_token = msgspec.json.Decoder(tuple[str, str, str, str]).decode


class TreeView:
    """Inner nodes from memory, channels from the store, a page at a time. Changes nothing."""

    def __init__(self, store: Store, forest: Forest, ways: Ways, devices: DeviceBook) -> None:
        self._store = store
        self._forest = forest
        self._ways = ways
        self._devices = devices

    def channel(self, row: ChannelRow) -> Channel:
        """A channel as it is kept; it is online only while its owner's may be."""
        online = row.online and self._devices.is_lit(row.owner)
        return Channel(row.owner, as_item(row.said), row.name_here, online, row.playable, row.keys, row.places)

    async def children(self, node: str | None, after: str | None, limit: int) -> Page[TreeNode]:
        """What stands directly in a node (None: the roots): inner nodes first, then channels, each by code.

        ValueError when `after` is not the last page's `next`. An unknown node has no children.
        """
        limit = bounded(limit)
        kind, *position = _read_position(after)
        whole = self._forest.nodes.get(node) if node is not None else None
        total = whole.kids + whole.standing + self._ways.excess(whole.id).standing if whole is not None else None
        found: list[TreeNode] = []
        if kind != "channel":
            rank = (position[0], position[1], position[2]) if kind else None
            nodes = self._forest.children(node, rank, limit + 1)
            found = [self._inner(inner) for inner in nodes]
            if len(found) > limit:
                return Page(tuple(found[:limit]), _position("node", *nodes[limit - 1].rank), total)
        if whole is None or not whole.standing:
            return Page(tuple(found), None, total)
        start = (position[0], position[1]) if kind == "channel" else ("", "")
        room = limit - len(found)
        rows = await self._store.standing(whole.id, start, room + 1)
        shown = await self.leaves(rows[:room], whole.id)
        if len(rows) <= room:
            return Page((*found, *shown), None, total)
        last = (rows[room - 1].code, rows[room - 1].owner) if room else start
        return Page((*found, *shown), _position("channel", *last, ""), total)

    async def leaves(self, rows: Sequence[ChannelRow], place: str | None = None) -> list[TreeNode]:
        """Each camera once, under the first of those who have it `place`d there: with all its ways, and online when
        one of them is."""
        codes = [row.code for row in rows if may_be_shared(row.owner, row) and self._ways.has(row.owner)]
        alike: dict[str, list[ChannelRow]] = {}
        for row in sorted(await self._store.alike(codes)) if codes else ():
            if may_be_shared(row.owner, row):
                alike.setdefault(row.code, []).append(row)
        leaves = []
        for row in rows:
            fellows = alike.get(row.code, []) if may_be_shared(row.owner, row) else []
            here = next((other.owner for other in fellows if place in other.places), row.owner)
            if place is None or here == row.owner:
                leaves.append(self._leaf(row, place or row.place, fellows))
        return leaves

    async def nodes(self, nodes: Iterable[str]) -> dict[str, TreeNode]:
        """Those of many nodes that are there, by id."""
        found: dict[str, TreeNode] = {}
        leaves: list[tuple[str, str]] = []
        for node in nodes:
            inner = self._forest.nodes.get(node)
            owner, _, code = node.removeprefix("channel:").partition("/")
            if inner is not None:
                found[node] = self._inner(inner)
            elif code and node.startswith("channel:"):
                leaves.append((owner, code))
        for leaf in await self.leaves(await self._store.channels(leaves)) if leaves else ():
            found[leaf.id] = leaf
        return found

    async def path_to(self, node: str) -> list[TreeNode]:
        """The node and those above it, from the root down; a channel's path goes by its home. Empty for an unknown."""
        leaf = None if node in self._forest.nodes else (await self.nodes((node,))).get(node)
        path = [self._inner(inner) for inner in self._forest.path(leaf.parent or "" if leaf is not None else node)]
        return [*path, leaf] if leaf is not None else path

    def _inner(self, node: Node) -> TreeNode:
        counts = self._ways.counts(node)
        return TreeNode(node.id, node.kind, node.code, node.name, node.parent, *counts, node.has_children, node.owner)

    def _leaf(self, row: ChannelRow, parent: str, fellows: Sequence[ChannelRow]) -> TreeNode:
        channel = self.channel(row)
        online = channel.online or any(self.channel(other).online for other in fellows)
        total = int(channel.playable)
        return TreeNode(
            channel_id(row.owner, row.code),
            NodeKind.CHANNEL,
            row.code,
            channel.name,
            parent,
            int(online) * total,
            total,
            False,
            row.owner,
            channel if online == channel.online else replace(channel, online=online),
            tuple(other.owner for other in fellows) if len(fellows) > 1 else (),
        )


def _position(kind: str, *parts: str) -> str:
    return msgspec.json.encode((kind, *parts)).decode()


def _read_position(token: str | None) -> tuple[str, str, str, str]:
    if token is None:
        return ("", "", "", "")
    try:
        return _read_token(token)
    except msgspec.DecodeError as error:
        raise ValueError("a page continues by the `next` of the page before it") from error
