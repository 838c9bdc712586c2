"""Recording by plan: what shall be recorded of which channels, how each plan stands, what is missing, and the disk."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from broker.recording_desk import PlanState, RecordingDesk
from registry.record_plan import Gap, PlanKey, RecordPlan
from registry.tree import NodeKind
from web.api.live import StreamNumber
from web.auth import Role
from web.desk import Visit
from web.errors import Problem
from web.routing import route
from web.texts import Code, Ident, Limit

MOST_AT_ONCE = 5_000
"""Channels that one request gives a plan."""
Second = Annotated[int, Meta(ge=0, le=86_400)]
Day = Annotated[list[tuple[Second, Second]], Meta(max_length=8)]
Week = Annotated[list[Day], Meta(min_length=7, max_length=7, description="Monday first; spans in seconds of the day")]
Form = Literal["mp4", "ps"]


class PlanTarget(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    owner: Code
    channel: Code


class PlanWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One plan for many: the channels that are named and all that stand below `nodes` of the tree.

    `quota_bytes` and `keep_days` null are those of the settings; 0 is without end.
    """

    channels: Annotated[list[PlanTarget], Meta(max_length=MOST_AT_ONCE)] = []
    nodes: Annotated[list[Ident], Meta(max_length=100)] = []
    stream: StreamNumber = 0
    always: bool = False
    week: Week = msgspec.field(default_factory=lambda: [[] for _ in range(7)])
    on_alarm: bool = False
    post_s: Annotated[int, Meta(ge=1, le=3600)] = 60
    form: Form = "mp4"
    quota_bytes: Annotated[int, Meta(ge=0)] | None = None
    keep_days: Annotated[int, Meta(ge=0, le=36_500)] | None = None
    fills: bool = True
    enabled: bool = True


class PlanView(msgspec.Struct, frozen=True):
    """A plan and how it stands. `state` is off, asking, recording, troubled or waiting; `reason` says why nothing is
    written though it should be. `bytes`, `first` and `last` (UNIX seconds) are of all that is kept of the channel."""

    owner: str
    channel: str
    stream: int
    always: bool
    week: Week
    on_alarm: bool
    post_s: int
    form: str
    quota_bytes: int | None
    keep_days: int | None
    fills: bool
    enabled: bool
    state: str
    recording: str
    note: str
    reason: str
    bytes: int
    first: float
    last: float
    gaps: int


class PlanList(msgspec.Struct, frozen=True):
    items: list[PlanView]


class PlansSet(msgspec.Struct, frozen=True):
    """So many channels have the plan now."""

    count: int


class GapQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    owner: Annotated[str, Meta(max_length=64)] = ""
    channel: Annotated[str, Meta(max_length=64)] = ""
    state: Literal["", "open", "filling", "filled", "given-up"] = ""
    limit: Limit = 200


class GapView(msgspec.Struct, frozen=True):
    """A span that should have been recorded and was not. `reason` is offline, no-stream, disk-full, disk-failed,
    worker, capacity, down or unknown; `state` is open, filling, filled or given-up."""

    owner: str
    channel: str
    stream: int
    start: float
    end: float
    reason: str
    state: str
    tries: int
    next_try: float | None
    note: str


class GapList(msgspec.Struct, frozen=True):
    """`total` are all that fit, of which `items` are the newest."""

    items: list[GapView]
    total: int


class GapWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    owner: Code
    channel: Code
    start: float
    stream: StreamNumber = 0


class RoomView(msgspec.Struct, frozen=True):
    """The disk of recordings. `days_left` is how long it will last at the present rate, null while nothing is being
    written; `is_crowded` that there is too little room and nothing may be deleted. `placed` says where recordings are
    made: on this machine's own media workers only."""

    total: int
    free: int
    used: int
    files: int
    bytes_per_s: float
    days_left: float | None
    is_crowded: bool
    deleted: int
    keep_days: int
    quota_bytes: int
    placed: Literal["this-machine"] = "this-machine"


OWNER, CHANNEL = "34020000001180000001", "34020000001320000001"
OFFICE = [(28_800, 64_800)]
WISH = PlanWish(nodes=["division:340202"], week=[OFFICE, OFFICE, OFFICE, OFFICE, OFFICE, [], []], keep_days=30)
EXAMPLE = PlanView(
    owner=OWNER,
    channel=CHANNEL,
    stream=0,
    always=True,
    week=[[], [], [], [], [], [], []],
    on_alarm=False,
    post_s=60,
    form="mp4",
    quota_bytes=None,
    keep_days=30,
    fills=True,
    enabled=True,
    state="recording",
    recording="20261129T000000-5e0c91aa",
    note="",
    reason="",
    bytes=41_200_331_000,
    first=1795881600.0,
    last=1795968000.0,
    gaps=1,
)
GAP = GapView(OWNER, CHANNEL, 0, 1795881600.0, 1795882200.0, "offline", "open", 1, 1795885200.0, "")
ROOM = RoomView(4_000_000_000_000, 1_200_000_000_000, 2_700_000_000_000, 81_200, 9_400_000.0, 1.5, False, 320, 30, 0)


@route("GET", "/recording-plans", role=Role.OPERATOR, problems=(404,), example=PlanList([EXAMPLE]))
async def plans(visit: Visit) -> PlanList:
    """All plans and how they stand, in order of channel."""
    desk = desk_of(visit)
    found = sorted(desk.archive.plans().values(), key=lambda plan: (plan.channel, plan.owner, plan.stream))
    return PlanList([_view(desk.state_of(plan)) for plan in found])


@route("PUT", "/recording-plans", problems=(404, 409), body_example=WISH, example=PlansSet(12))
async def set_plan(visit: Visit, body: PlanWish) -> PlansSet:
    """Give many channels one plan, in place of the one that each had."""
    desk = desk_of(visit)
    targets = await _targets(visit, body)
    visit.target = f"{len(targets)} channels"
    if not targets:
        raise Problem(404, "unknown-channel", "None of these has a channel with pictures.")
    week = tuple(tuple((start, end) for start, end in day) for day in body.week)
    await desk.set_plans(
        [
            RecordPlan(
                owner,
                channel,
                body.stream,
                body.always,
                week,
                body.on_alarm,
                body.post_s,
                body.form,
                body.quota_bytes,
                body.keep_days,
                body.fills,
                body.enabled,
            )
            for owner, channel in targets
        ]
    )
    return PlansSet(len(targets))


@route("DELETE", "/recording-plans/{owner}/{channel}/{stream}", problems=(404,))
async def drop_plan(visit: Visit, owner: Code, channel: Code, stream: Ident) -> None:
    """Record a channel by plan no longer. What was recorded stays for as long as recordings are kept."""
    desk = desk_of(visit)
    key = PlanKey(owner, channel, int(stream) if stream.isdigit() else -1)
    if key not in desk.archive.plans():
        raise Problem(404, "unknown-plan", f"{channel} has no such plan.")
    await desk.drop_plans([key])


@route("GET", "/recording-gaps", role=Role.OPERATOR, problems=(404,), example=GapList([GAP], 1))
async def gaps(visit: Visit, query: GapQuery) -> GapList:
    """What should have been recorded and was not, newest first."""
    found = [
        gap
        for gap in desk_of(visit).archive.all_gaps()
        if query.owner in ("", gap.owner) and query.channel in ("", gap.channel) and query.state in ("", gap.state)
    ]
    return GapList([gap_view(gap) for gap in found[: query.limit]], len(found))


@route(
    "POST",
    "/recording-gaps/fill",
    role=Role.OPERATOR,
    problems=(404,),
    body_example=GapWish(OWNER, CHANNEL, 1795881600.0),
    example=GAP,
)
async def fill(visit: Visit, body: GapWish) -> GapView:
    """Have a gap fetched from the device at the next turn, whatever came of it before."""
    visit.target = f"{body.owner}/{body.channel}"
    key = PlanKey(body.owner, body.channel, body.stream)
    gap = await desk_of(visit).filler.again(key, round(body.start * 1000))
    if gap is None:
        raise Problem(404, "unknown-gap", "There is no such gap.")
    return gap_view(gap)


@route("GET", "/recording-room", role=Role.OPERATOR, problems=(404, 503), example=ROOM)
async def room(visit: Visit) -> RoomView:
    """How full the disk of recordings is, and how long it will last."""
    desk = desk_of(visit)
    try:
        found = await desk.room()
    except OSError as error:
        raise Problem(503, "disk-failed", f"The disk of recordings cannot be looked at: {error.strerror}.") from None
    swept = desk.sweeper.swept
    return RoomView(
        found.total,
        found.free,
        found.used,
        found.files,
        found.bytes_per_s,
        found.days_left,
        found.is_crowded,
        swept.too_old + swept.too_much + swept.for_room,
        desk.settings.keep_days,
        desk.settings.quota_bytes,
    )


def desk_of(visit: Visit) -> RecordingDesk:
    found = visit.services.recording_desk
    if found is None:
        raise Problem(404, "no-recordings", "This server keeps no recordings.")
    return found


def gap_view(gap: Gap) -> GapView:
    return GapView(
        gap.owner,
        gap.channel,
        gap.stream,
        gap.start_ms / 1000,
        gap.end_ms / 1000,
        str(gap.reason),
        str(gap.state),
        gap.tries,
        gap.next_at or None,
        gap.note,
    )


async def _targets(visit: Visit, body: PlanWish) -> list[tuple[str, str]]:
    """The channels that are meant, each once. Raises Problem."""
    directory = visit.services.directory
    found: dict[tuple[str, str], None] = {}
    for each in body.channels:
        channel = await directory.channel(each.owner, each.channel)
        if channel is None and each.owner != each.channel:
            raise Problem(404, "unknown-channel", f"{each.owner} has no channel {each.channel}.")
        found[each.owner, each.channel] = None
    waiting = list(body.nodes)
    while waiting:
        node, after = waiting.pop(), None
        while True:
            page = await directory.children(node, after, 1000)
            for child in page.items:
                if child.kind is NodeKind.CHANNEL and child.channel is not None:
                    if child.channel.playable:
                        found[child.channel.owner, child.channel.code] = None
                else:
                    waiting.append(child.id)
            if len(found) > MOST_AT_ONCE or len(waiting) > MOST_AT_ONCE:
                raise Problem(409, "too-many-channels", f"More than {MOST_AT_ONCE} channels stand there.")
            if page.next is None:
                break
            after = page.next
    return list(found)


def _view(state: PlanState) -> PlanView:
    plan = state.plan
    return PlanView(
        plan.owner,
        plan.channel,
        plan.stream,
        plan.always,
        [list(day) for day in plan.week],
        plan.on_alarm,
        plan.post_s,
        plan.form,
        plan.quota_bytes,
        plan.keep_days,
        plan.fills,
        plan.enabled,
        state.state,
        state.recording,
        state.note,
        state.reason,
        state.bytes,
        state.first_ms / 1000,
        state.last_ms / 1000,
        state.gaps,
    )
