"""Rules: what the house does by itself when an alarm is raised."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from registry.alarm_rule import LONGEST_RECORD_S, AlarmRule
from web.api.alarms import deeds
from web.auth import Role
from web.desk import Visit
from web.errors import Problem
from web.routing import route
from web.texts import Ident, Label, Name

Method = Annotated[int, Meta(ge=1, le=7)]


class RuleWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which alarms: of a neighbour (`owner`), a channel, some methods, priorities 1 to `lowest_priority`; empty is any.

    And what is done: record the picture for `record_s` seconds, show it on the walls (`popup`), call a `preset`.
    """

    name: Name
    enabled: bool = True
    owner: Label = ""
    channel: Label = ""
    methods: Annotated[list[Method], Meta(max_length=7)] = []
    lowest_priority: Annotated[int, Meta(ge=1, le=4)] = 4
    record_s: Annotated[int, Meta(ge=0, le=LONGEST_RECORD_S)] = 0
    popup: bool = False
    preset: Annotated[int, Meta(ge=0, le=255)] = 0


class RuleItem(RuleWish, frozen=True, forbid_unknown_fields=True, kw_only=True):
    id: str


class RuleList(msgspec.Struct, frozen=True):
    items: list[RuleItem]


WISH = RuleWish(name="入侵录像", methods=[2, 5], lowest_priority=2, record_s=60, popup=True)
EXAMPLE = RuleItem(id="5e0c91aa0042", name="入侵录像", methods=[2, 5], lowest_priority=2, record_s=60, popup=True)


@route("GET", "/alarm-rules", role=Role.OPERATOR, problems=(404,), example=RuleList([EXAMPLE]))
async def rules(visit: Visit) -> RuleList:
    """All rules."""
    return RuleList([_item(each) for each in deeds(visit).rules()])


@route("POST", "/alarm-rules", status=201, problems=(404, 409), body_example=WISH, example=EXAMPLE)
async def add(visit: Visit, body: RuleWish) -> RuleItem:
    """A new rule; it holds for alarms from now on."""
    return await _keep(visit, "", body)


@route("PUT", "/alarm-rules/{id}", problems=(404, 409), body_example=WISH, example=EXAMPLE)
async def change(visit: Visit, id: Ident, body: RuleWish) -> RuleItem:
    """Put a rule in place of the one with this id."""
    return await _keep(visit, id, body)


@route("DELETE", "/alarm-rules/{id}", problems=(404,))
async def remove(visit: Visit, id: Ident) -> None:
    """Drop a rule; what it began goes on to its end."""
    try:
        await deeds(visit).drop_rule(id)
    except LookupError as error:
        raise Problem(404, "unknown-rule", f"{error}.") from None


async def _keep(visit: Visit, id: str, wish: RuleWish) -> RuleItem:
    fields = {name: getattr(wish, name) for name in RuleWish.__struct_fields__}
    try:
        rule = AlarmRule(id=id, **fields | {"methods": tuple(dict.fromkeys(wish.methods))})
        return _item(await deeds(visit).keep_rule(rule))
    except LookupError as error:
        raise Problem(404, "unknown-rule", f"{error}.") from None
    except ValueError as error:
        raise Problem(409, "rule-unclear", f"{error}.") from None


def _item(rule: AlarmRule) -> RuleItem:
    return RuleItem(
        id=rule.id,
        name=rule.name,
        enabled=rule.enabled,
        owner=rule.owner,
        channel=rule.channel,
        methods=list(rule.methods),
        lowest_priority=rule.lowest_priority,
        record_s=rule.record_s,
        popup=rule.popup,
        preset=rule.preset,
    )
