"""The tree of divisions, groups, devices and channels, branch by branch, and the search over it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from registry.branch import REGION
from registry.catalog import Directories
from registry.divisions import short_code
from registry.tree import NodeKind
from web.api.channels import CHANNEL_EXAMPLE
from web.auth import Role
from web.desk import Visit
from web.errors import Problem
from web.routing import route
from web.texts import Cursor, Ident, Limit, Wanted
from web.views import ChannelView, Node, channel_view, node_view


class BranchQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    node: Ident | None = None
    """Whose children; without it, the roots."""
    after: Cursor | None = None
    limit: Limit = 200


class Branch(msgspec.Struct, frozen=True):
    node: Node | None
    children: list[Node]
    next: str | None


class PathQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    node: Ident


class Path(msgspec.Struct, frozen=True):
    """From the root down to the node itself."""

    nodes: list[Node]


class SearchQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    q: Wanted
    """A part of a name, the beginning of a code, or pinyin: full or initials."""
    limit: Limit = 20
    online: bool = False
    playable: bool = False


class Hit(msgspec.Struct, frozen=True):
    channel: ChannelView
    path: tuple[str, ...]
    """Names of the nodes above, from the root down."""


class Hits(msgspec.Struct, frozen=True):
    hits: list[Hit]


class NodeWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    node: Ident


class NodeAsked(msgspec.Struct, frozen=True):
    """What the answer changed here: nothing is removed by an answer for a part of a tree."""

    owners: list[str]
    """Whose word was asked: a division may belong to several."""
    added: int
    changed: int


NODE = Node("division:3402", NodeKind.DIVISION, "3402", "芜湖市", "division:34", "", 118, 120, True, None)


@route("GET", "/tree", role=Role.VIEWER, problems=(404,), example=Branch(None, [NODE], None))
async def branch(visit: Visit, query: BranchQuery) -> Branch:
    """A node and its children."""
    directory = visit.services.directory
    node = None
    if query.node is not None:
        node = await directory.node(query.node)
        if node is None:
            raise Problem(404, "unknown-node", f"There is no node {query.node}.")
    page = await directory.children(query.node, query.after, query.limit)
    return Branch(node_view(node) if node else None, [node_view(child) for child in page.items], page.next)


@route("GET", "/tree/path", role=Role.VIEWER, problems=(404,), example=Path([NODE]))
async def path(visit: Visit, query: PathQuery) -> Path:
    """The way from the root to a node."""
    nodes = await visit.services.directory.path_to(query.node)
    if not nodes:
        raise Problem(404, "unknown-node", f"There is no node {query.node}.")
    return Path([node_view(node) for node in nodes])


@route(
    "POST",
    "/tree/catalog",
    role=Role.OPERATOR,
    problems=(404, 409, 502, 503, 504),
    body_example=NodeWish("organisation:34020200002000000001/34020200002160000001"),
    example=NodeAsked(["34020200002000000001"], 3, 1),
)
async def ask_node(visit: Visit, body: NodeWish) -> NodeAsked:
    """Ask whoever told of a node what stands under it now, and take that in."""
    visit.target = body.node
    directory, ask = visit.services.directory, visit.services.ask_node
    if ask is None:
        raise Problem(503, "nobody-to-ask", "No neighbour can be asked for a part of its tree.")
    node = await directory.node(body.node)
    if node is None or node.kind is NodeKind.CHANNEL:
        raise Problem(404, "unknown-node", f"There is no node {body.node}.")
    told = {node.owner: node.code} if node.owner else told_of(directory.directories(), node.code)
    if not told:
        raise Problem(409, "nobody-told", f"{node.name} is of our own table; no neighbour told of it.")
    added = changed = 0
    for owner, code in told.items():
        diff = await ask(owner, code)
        added, changed = added + len(diff.added), changed + len(diff.changed)
    return NodeAsked([*told], added, changed)


def told_of(directories: Mapping[str, Directories], short: str) -> dict[str, str]:
    """Whose catalog has a division, and how it writes the code: 3402 may be 340200 there."""
    return {
        owner: code
        for owner, said in directories.items()
        for code, (kind, _) in said.items()
        if kind == REGION and short_code(code) == short
    }


@route("GET", "/search", role=Role.VIEWER, example=Hits([Hit(CHANNEL_EXAMPLE, ("安徽省", "芜湖市"))]))
async def search(visit: Visit, query: SearchQuery) -> Hits:
    """Find channels by name, code or pinyin."""
    wanted = query.q.strip()
    if not wanted:
        return Hits([])
    found = await visit.services.directory.search(
        wanted, min(query.limit, 100), online_only=query.online, playable_only=query.playable
    )
    return Hits([Hit(channel_view(hit.channel), tuple(hit.path)) for hit in found])
