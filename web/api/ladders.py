"""The SIP messages with a neighbour or of a call, as they went over the wire."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from web.auth import Role
from web.desk import Visit
from web.routing import route
from web.texts import Code, Ident
from web.views import LadderLine, ladder_line
from web.wishes import CallSeen

Many = Annotated[int, Meta(ge=1, le=500)]


class LadderQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    limit: Many = 100


class CallLine(msgspec.Struct, frozen=True):
    """One call of which messages are kept; `status` is the final answer to the INVITE, 0 while there is none."""

    call_id: str
    peer: str
    target: str
    started_at: float
    ended_at: float
    status: int
    messages: int


class CallList(msgspec.Struct, frozen=True):
    """Youngest first."""

    items: list[CallLine]


class LadderView(msgspec.Struct, frozen=True):
    """Oldest first."""

    messages: list[LadderLine]


EXAMPLE = LadderView(
    [
        LadderLine(
            at=1795226400.5,
            direction="in",
            transport="UDP",
            local="10.0.0.9:5060",
            remote="10.0.0.64:5060",
            peer="34020000001320000001",
            call_id="77@10.0.0.64",
            method="REGISTER",
            status=0,
            summary="REGISTER sip:34020000002000000001@3402000000",
            text="REGISTER sip:34020000002000000001@3402000000 SIP/2.0\r\n...",
            size=412,
            repeated=False,
        )
    ]
)


@route("GET", "/ladders/peers/{code}", role=Role.OPERATOR, example=EXAMPLE)
async def of_peer(visit: Visit, code: Code, query: LadderQuery) -> LadderView:
    """The last messages with a neighbour, whether it is on our list or not."""
    return LadderView([ladder_line(message) for message in visit.services.ladder.of_peer(code, query.limit)])


@route(
    "GET",
    "/ladders/calls",
    role=Role.OPERATOR,
    example=CallList([CallLine("5e0c@10.0.0.9", "34020000001320000001", "34020000001320000001", 1.0, 9.5, 200, 6)]),
)
async def calls(visit: Visit, query: LadderQuery) -> CallList:
    """The last calls."""
    return CallList([_call_line(call) for call in visit.services.ladder.calls(query.limit)])


@route("GET", "/ladders/calls/{call_id}", role=Role.OPERATOR, example=EXAMPLE)
async def of_call(visit: Visit, call_id: Ident) -> LadderView:
    """All that is kept of one call."""
    return LadderView([ladder_line(message) for message in visit.services.ladder.of_call(call_id)])


def _call_line(call: CallSeen) -> CallLine:
    return CallLine(**{name: getattr(call, name) for name in CallLine.__struct_fields__})
