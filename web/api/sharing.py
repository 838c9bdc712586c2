"""What each platform above may see: rules on the tree, and other codes and names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gb28181.code import GbCode
from registry.divisions import short_code
from registry.platform import Upper
from registry.sharing import ShareAs, ShareRule, Sharing
from registry.tree import NodeKind, TreeNode
from web.api.platforms import ArrangementWord, known_upper
from web.auth import Role
from web.desk import Visit
from web.errors import Problem
from web.routing import route
from web.texts import Code, Ident, Label

MOST_LINES = 10_000
MOST_NAMED = 50
"""Unknown nodes that a refusal names."""


class RuleWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether a node of our tree and all below it is shared; the nearest rule up the tree wins."""

    node: Ident
    include: bool


class NameWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Another code or name for a thing, there; "" leaves it as it is."""

    owner: Annotated[str, Meta(max_length=64)]
    code: Code
    code_there: Annotated[str, Meta(max_length=20)] = ""
    name_there: Label = ""


class SharingWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """In place of all rules and names before. `share_all` speaks where no rule does."""

    share_all: bool
    rules: Annotated[list[RuleWish], Meta(max_length=MOST_LINES)]
    names: Annotated[list[NameWish], Meta(max_length=MOST_LINES)] = []
    arrangement: ArrangementWord | UnsetType = UNSET
    secrecy: bool | UnsetType = UNSET


class RuleLine(msgspec.Struct, frozen=True):
    """A rule; `known` is false while its node is not in our tree."""

    node: str
    include: bool
    known: bool
    kind: NodeKind | None
    name: str | None


class NameLine(msgspec.Struct, frozen=True):
    """A thing under another code or name there; `name` is what we call it."""

    owner: str
    code: str
    code_there: str
    name_there: str
    known: bool
    name: str | None


class SharingView(msgspec.Struct, frozen=True):
    share_all: bool
    secrecy: bool
    arrangement: str
    rules: list[RuleLine]
    names: list[NameLine]


class SharingChanges(msgspec.Struct, frozen=True):
    """`changed` names what is other than before; none, and nothing was done at all."""

    changed: list[str]
    sharing: SharingView


CAMERA = "34020000001320000001"
EXAMPLE = SharingView(
    False,
    False,
    "civil",
    [
        RuleLine("division:3402", True, True, NodeKind.DIVISION, "芜湖市"),
        RuleLine(f"channel:{CAMERA}/{CAMERA}", False, True, NodeKind.CHANNEL, "North gate"),
    ],
    [NameLine(CAMERA, CAMERA, "34010000001320000777", "市局北门", True, "North gate")],
)
WISH_EXAMPLE = SharingWish(
    share_all=False,
    rules=[RuleWish("division:3402", True), RuleWish(f"channel:{CAMERA}/{CAMERA}", False)],
    names=[NameWish(CAMERA, CAMERA, "34010000001320000777", "市局北门")],
    arrangement="civil",
)


@route("GET", "/platforms/{code}/sharing", role=Role.OPERATOR, problems=(404,), example=EXAMPLE)
async def sharing(visit: Visit, code: Code) -> SharingView:
    """What a platform above may see."""
    upper = known_upper(visit, code)
    return await _view(visit, upper, await visit.services.directory.sharing(code))


@route(
    "PUT",
    "/platforms/{code}/sharing",
    problems=(404,),
    body_example=WISH_EXAMPLE,
    example=SharingChanges(["arrangement", "rules"], EXAMPLE),
)
async def share(visit: Visit, code: Code, body: SharingWish) -> SharingChanges:
    """Decide what a platform above may see. It hears of the difference alone."""
    directory = visit.services.directory
    upper = known_upper(visit, code)
    before = await directory.sharing(code)
    wished = _wished(upper, body)
    await _check_nodes(visit, wished, before)
    switches = {
        name: value
        for name, value in (("share_all", body.share_all), ("arrangement", body.arrangement), ("secrecy", body.secrecy))
        if value is not UNSET and getattr(upper, name) != value
    }
    changed = [*switches, *_changed(before, wished)]
    if switches:
        upper = await directory.change_upper(code, **switches)
    if len(changed) > len(switches):
        await directory.share(code, wished.rules, wished.names)
    return SharingChanges(changed, await _view(visit, upper, await directory.sharing(code)))


def _wished(upper: Upper, body: SharingWish) -> Sharing:
    """The rules and names of a form. Raises a 400 problem."""
    for name in body.names:
        _check_code_there(name.code_there)
    rules = (ShareRule(rule.node, rule.include) for rule in body.rules)
    # A line that renames nothing is no line.
    names = (
        ShareAs(name.owner, name.code, name.code_there, name.name_there.strip())
        for name in body.names
        if name.code_there or name.name_there.strip()
    )
    try:
        return Sharing(rules, names, share_all=body.share_all, secrecy=upper.secrecy)
    except ValueError as error:
        raise Problem(400, "sharing-contradiction", f"This cannot be shared: {error}.") from None


def _changed(before: Sharing, after: Sharing) -> list[str]:
    return [
        name
        for name, differs in (("rules", before.rules != after.rules), ("names", before.names != after.names))
        if differs
    ]


def _check_code_there(code: str) -> None:
    try:
        fits = not code or bool(GbCode(code))
    except ValueError:
        fits = False
    if not fits:
        text = f"A code has 20 digits, or 2 to 8 for a civil division, not {code!r}."
        raise Problem(400, "code-malformed", text, {"digits": 20, "field": "code_there"})


async def _check_nodes(visit: Visit, wished: Sharing, before: Sharing) -> None:
    """A rule on nothing is a slip, unless it stood there already: what is gone for now may come back."""
    fresh = {rule.node for rule in wished.rules} - {rule.node for rule in before.rules}
    unknown = sorted(fresh - (await visit.services.directory.nodes(fresh)).keys())
    if unknown:
        text = f"There is no node {unknown[0]}."
        raise Problem(400, "unknown-node", text, {"nodes": unknown[:MOST_NAMED], "count": len(unknown)})


async def _view(visit: Visit, upper: Upper, shared: Sharing) -> SharingView:
    wanted = {rule.node for rule in shared.rules}
    wanted.update(node for name in shared.names for node in _nodes_of(name))
    known = await visit.services.directory.nodes(wanted)
    return SharingView(
        share_all=upper.share_all,
        secrecy=upper.secrecy,
        arrangement=upper.arrangement,
        rules=[_rule_line(rule, known.get(rule.node)) for rule in shared.rules],
        names=[_name_line(name, known) for name in shared.names],
    )


def _rule_line(rule: ShareRule, node: TreeNode | None) -> RuleLine:
    if node is None:
        return RuleLine(rule.node, rule.include, False, None, None)
    return RuleLine(rule.node, rule.include, True, node.kind, node.name)


def _name_line(name: ShareAs, known: Mapping[str, TreeNode]) -> NameLine:
    node = next((known[node] for node in _nodes_of(name) if node in known), None)
    return NameLine(
        owner=name.owner,
        code=name.code,
        code_there=name.code_there,
        name_there=name.name_there,
        known=node is not None,
        name=node.name if node is not None else None,
    )


def _nodes_of(name: ShareAs) -> tuple[str, ...]:
    """Ids of the nodes that a renamed thing may be; the line does not say of what kind it is."""
    owner, code = name.owner, name.code
    if owner in ("", code):
        return f"channel:{code}/{code}", f"device:{code}", f"division:{short_code(code) or code}"
    return (f"channel:{owner}/{code}", *(f"{kind}:{owner}/{code}" for kind in INNER))


INNER = (NodeKind.SYSTEM, NodeKind.GROUP, NodeKind.ORGANISATION, NodeKind.DEVICE)
