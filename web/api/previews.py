"""What a platform above will see, before it sees it, and how that differs from what it was sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from registry.exporting import Exporter
from registry.tree import NodeKind
from web.api.platforms import OWN_CODE, known_upper
from web.auth import Role
from web.desk import Visit
from web.errors import Problem
from web.preview import OWN, Entry, Preview
from web.routing import route
from web.texts import Code, Cursor, Limit, Wanted

FIRST = 50
"""Lines of each kind that a diff shows at first."""

KindWord = Literal["own", "division", "system", "group", "organisation", "device", "channel"]
DiffWord = Literal["added", "changed", "removed"]


class PreviewQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    node: Annotated[str, Meta(max_length=64)] = ""
    """The code of a thing as the platform above knows it; without it, our own system."""
    after: Cursor | None = None
    limit: Limit = 200


class PreviewNode(msgspec.Struct, frozen=True):
    """A thing as the platform above will see it. `online` and `total` count the cameras anywhere below; `parents` are
    the codes it stands under."""

    code: str
    name: str
    kind: KindWord
    parents: tuple[str, ...]
    is_on: bool
    online: int
    total: int
    has_children: bool
    secrecy: bool


class PreviewBranch(msgspec.Struct, frozen=True):
    """A node and its children, by one rendering at `rendered_at`; `total` counts all that will be sent."""

    node: PreviewNode
    children: list[PreviewNode]
    next: str | None
    total: int
    rendered_at: float


class PreviewSearch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    q: Wanted
    limit: Limit = 20


class PreviewHit(msgspec.Struct, frozen=True):
    node: PreviewNode
    path: list[PreviewNode]
    """From our own system down to the one above it."""


class PreviewHits(msgspec.Struct, frozen=True):
    hits: list[PreviewHit]


class DiffQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: DiffWord | None = None
    """Go on in the list of one kind; without it, the beginning of each."""
    after: Annotated[int, Meta(ge=0, le=10_000_000)] = 0
    limit: Limit = FIRST


class DiffLine(msgspec.Struct, frozen=True):
    code: str
    name: str


class DiffView(msgspec.Struct, frozen=True):
    """`total` things it is to see, `sent` it was told. Each list begins at `after`; `next` goes on in the one asked
    for. Very long lists are cut; the counts are whole."""

    total: int
    sent: int
    added_count: int
    changed_count: int
    removed_count: int
    added: list[DiffLine]
    changed: list[DiffLine]
    removed: list[DiffLine]
    next: int | None


ROOT = PreviewNode(OWN_CODE, "合肥市", "own", (), True, 118, 120, True, False)
CHILD = PreviewNode("34010200002000000001", "瑶海区", "system", (OWN_CODE,), True, 20, 20, True, False)


@route(
    "GET",
    "/platforms/{code}/preview",
    role=Role.OPERATOR,
    problems=(404, 409, 503),
    example=PreviewBranch(ROOT, [CHILD], None, 144, 1795226400.0),
)
async def preview(visit: Visit, code: Code, query: PreviewQuery) -> PreviewBranch:
    """A branch of the tree that a platform above will see."""
    shown = await _rendered(visit, code)
    node = query.node or shown.own
    if node not in shown.entries:
        raise Problem(404, "unknown-node", f"{code} will see no {node}.")
    children, on = shown.children(node, query.after, query.limit)
    return PreviewBranch(
        _node(shown.entries[node]), [_node(child) for child in children], on, shown.total, shown.rendered_at
    )


@route(
    "GET",
    "/platforms/{code}/preview/search",
    role=Role.OPERATOR,
    problems=(404, 409, 503),
    example=PreviewHits([PreviewHit(CHILD, [ROOT])]),
)
async def find(visit: Visit, code: Code, query: PreviewSearch) -> PreviewHits:
    """Look for a name or the beginning of a code in what a platform above will see."""
    shown = await _rendered(visit, code)
    wanted = query.q.strip()
    found = shown.find(wanted, min(query.limit, 100)) if wanted else []
    return PreviewHits([PreviewHit(_node(e), [_node(step) for step in shown.path(e.code)[:-1]]) for e in found])


@route(
    "GET",
    "/platforms/{code}/diff",
    role=Role.OPERATOR,
    problems=(404, 503),
    example=DiffView(144, 142, 2, 0, 0, [DiffLine("34010200001320000009", "East gate")], [], [], None),
)
async def diff(visit: Visit, code: Code, query: DiffQuery) -> DiffView:
    """How what a platform above is to see differs from what it was sent."""
    found = await _exporter(visit).diff(known_upper(visit, code))
    lists = {"added": found.added, "changed": found.changed, "removed": found.removed}
    shown = {
        kind: _lines(lines[query.after : query.after + query.limit]) if query.kind in (None, kind) else []
        for kind, lines in lists.items()
    }
    end = query.after + query.limit
    more = query.kind is not None and end < len(lists[query.kind])
    return DiffView(
        total=found.total,
        sent=found.sent,
        added_count=found.added_count,
        changed_count=found.changed_count,
        removed_count=found.removed_count,
        **shown,
        next=end if more else None,
    )


async def _rendered(visit: Visit, code: str) -> Preview:
    upper = known_upper(visit, code)
    info = visit.services.system()
    return await visit.desk.previews.of(_exporter(visit), upper, upper.our_code or info.code, info.name)


def _exporter(visit: Visit) -> Exporter:
    exporter = visit.services.exporter
    if exporter is None:
        raise Problem(503, "no-cascade", "This server registers with nobody.")
    return exporter


def _node(entry: Entry) -> PreviewNode:
    return PreviewNode(
        code=entry.code,
        name=entry.name,
        kind=KINDS[entry.kind],
        parents=entry.parents,
        is_on=entry.is_on,
        online=entry.online,
        total=entry.total,
        has_children=bool(entry.children),
        secrecy=entry.secrecy,
    )


def _lines(found: Sequence[tuple[str, str]]) -> list[DiffLine]:
    return [DiffLine(code, name) for code, name in found]


KINDS: dict[str, KindWord] = {
    OWN: "own",
    NodeKind.DIVISION: "division",
    NodeKind.SYSTEM: "system",
    NodeKind.GROUP: "group",
    NodeKind.ORGANISATION: "organisation",
    NodeKind.DEVICE: "device",
    NodeKind.CHANNEL: "channel",
}
