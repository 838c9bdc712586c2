"""Civil divisions by code and name, for forms that ask for a region."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from web.auth import Role
from web.desk import Visit
from web.routing import route


class DivisionsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    parent: Annotated[str, Meta(max_length=8)] = ""
    """The code of the division to look into; without it, the provinces."""


class Division(msgspec.Struct, frozen=True):
    code: str
    name: str


class DivisionList(msgspec.Struct, frozen=True):
    path: list[Division]
    """From the province down to `parent` itself."""
    items: list[Division]


EXAMPLE = DivisionList([Division("34", "安徽省")], [Division("3401", "合肥市"), Division("3402", "芜湖市")])


@route("GET", "/divisions", role=Role.VIEWER, example=EXAMPLE)
async def divisions(visit: Visit, query: DivisionsQuery) -> DivisionList:
    """The divisions directly within one."""
    known = visit.services.divisions
    return DivisionList(
        [Division(code, name) for code, name in known.path(query.parent)],
        [Division(code, name) for code, name in known.children(query.parent)],
    )
