"""The book of what was done, by whom and from where."""

from __future__ import annotations

import msgspec

from web.desk import Visit
from web.routing import route
from web.texts import Cursor, Label, Limit, Wanted


class AuditQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    after: Cursor | None = None
    limit: Limit = 100
    q: Wanted = ""
    what: Label = ""


class AuditLine(msgspec.Struct, frozen=True):
    """`what` is the action's name, `result` "ok" or the key of the error that was answered."""

    id: int
    at: float
    who: str
    what: str
    target: str
    result: str
    address: str


class AuditPage(msgspec.Struct, frozen=True):
    items: list[AuditLine]
    next: str | None


EXAMPLE = AuditLine(812, 1795226400.0, "wang", "ptz.steer", "34020000001320000001", "ok", "10.0.0.7")


@route("GET", "/audit", example=AuditPage([EXAMPLE], "812"))
async def audits(visit: Visit, query: AuditQuery) -> AuditPage:
    """The audit book, newest first: of one action (`what`), and with a text in who, target, result or address (`q`)."""
    page = await visit.services.accounts.audits(query.after, query.limit, query.q.strip(), query.what)
    lines = [AuditLine(a.id, a.at, a.who, a.what, a.target, a.result, a.address) for a in page.items]
    return AuditPage(lines, page.next)
