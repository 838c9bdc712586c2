"""Registrations we refused and why; accepting one is adding its device."""

from __future__ import annotations

import msgspec

from registry.refusal import Refusal
from web.auth import Role
from web.desk import Visit
from web.routing import route
from web.texts import Code, Limit
from web.views import RefusalView, refusal_view


class RefusalsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    limit: Limit = 100


class RefusalList(msgspec.Struct, frozen=True):
    items: list[RefusalView]


REFUSAL_EXAMPLE = RefusalView(
    "34020000001320000009",
    Refusal.UNKNOWN_DEVICE,
    "34020000001320000009 is not on our list and admission is closed",
    "10.0.0.65:5060",
    "UDP",
    1795226400.0,
    "IP Camera",
    3,
    False,
)


@route("GET", "/refusals", role=Role.OPERATOR, example=RefusalList([REFUSAL_EXAMPLE]))
async def refusals(visit: Visit, query: RefusalsQuery) -> RefusalList:
    """Registrations we refused and why, newest first."""
    directory = visit.services.directory
    seen = directory.refusals(query.limit)
    return RefusalList([refusal_view(refusal, known=directory.device(refusal.code) is not None) for refusal in seen])


@route("DELETE", "/refusals/{code}", role=Role.OPERATOR)
async def forget(visit: Visit, code: Code) -> None:
    """Take a refusal off the list; it comes back when the device does."""
    visit.services.directory.forget_refusal(code)
