"""Alarms: found, read, acknowledged, assigned, closed; and the words for their numbers."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from aiohttp import web
from msgspec import Meta

from broker.alarm_deeds import AlarmDeeds
from gb28181 import alarm_words
from registry.alarm import AlarmState, AlarmWanted, Deed, KeptAlarm, Verdict
from registry.alarms import MOST_AT_ONCE, Alarms
from web.alarm_views import AlarmCounts, AlarmItem, Named, StepItem, alarm_counts, alarm_item, step_item
from web.auth import Role
from web.desk import Visit
from web.errors import Problem
from web.routing import route
from web.texts import Label, Limit, Name, Wanted

Number = Annotated[int, Meta(ge=1, le=2**53)]
Note = Annotated[str, Meta(max_length=500)]
# Several of one kind stand in one parameter, as in `state=open,assigned`.
States = Annotated[str, Meta(max_length=64, pattern="^([a-z]+(,[a-z]+)*)?$")]
Digits = Annotated[str, Meta(max_length=16, pattern="^([0-7](,[0-7])*)?$")]


class AlarmsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which alarms; several values of one kind are joined by commas. `q` is looked for in names, codes, regions,
    pinyin and the description; `before` is the id at which the page before ended."""

    state: States = ""
    priority: Digits = ""
    method: Digits = ""
    owner: Label = ""
    channel: Label = ""
    assigned_to: Label = ""
    q: Wanted = ""
    since: float | None = None
    until: float | None = None
    before: Number | None = None
    limit: Limit = 100


class AlarmPage(msgspec.Struct, frozen=True):
    """`next` is the `before` of the page after this one; `total` counts all that were wanted."""

    items: list[AlarmItem]
    next: int | None
    total: int


class AlarmDetail(msgspec.Struct, frozen=True):
    """One alarm with its life. `from_s` is how far before it its pictures should begin."""

    alarm: AlarmItem
    steps: list[StepItem]
    from_s: float


class Remark(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    note: Note = ""


class Comment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    note: Annotated[str, Meta(min_length=1, max_length=500)]


class Assignment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    to: Name
    note: Note = ""


class Closing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    verdict: Verdict
    note: Note = ""


class ManyWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Acknowledge or close several at once; `verdict` belongs to closing."""

    ids: Annotated[list[Number], Meta(min_length=1, max_length=MOST_AT_ONCE)]
    deed: Literal["acknowledge", "close"] = "acknowledge"
    verdict: Verdict | None = None
    note: Note = ""


class Many(msgspec.Struct, frozen=True):
    """Those that changed; the others were not in a state for it."""

    items: list[AlarmItem]


class Numbered(msgspec.Struct, frozen=True):
    """A number of the standard and its meaning."""

    number: int
    name: Named


class TypeNamed(msgspec.Struct, frozen=True):
    """An AlarmType of a method; `only_2022` when the 2016 edition does not know it."""

    method: int
    type: int
    name: Named
    only_2022: bool


class AlarmWords(msgspec.Struct, frozen=True):
    methods: list[Numbered]
    types: list[TypeNamed]
    events: list[Numbered]
    priorities: list[Numbered]


class People(msgspec.Struct, frozen=True):
    """To whom an alarm may be given."""

    names: list[str]


ALARM = KeptAlarm(
    1042,
    "34020000001180000001",
    "34020000001320000011",
    1,
    5,
    "6",
    1,
    1795945700.0,
    1795945731.0,
    1795945700.4,
    count=3,
    name="东门",
    owner_name="派出所录像机",
    region="广东省 广州市 天河区",
    video="34020000001320000011",
)
EXAMPLE = alarm_item(ALARM)
COUNTS = AlarmCounts({"1": 2, "4": 11}, 20)
REMARK = Remark("看到了")
DETAIL = AlarmDetail(EXAMPLE, [StepItem(1795945720.0, "wang", "acknowledge", "")], 10.0)
WORDS = AlarmWords(
    [Numbered(number, Named.of(each)) for number, each in alarm_words.METHODS.items()],
    [
        TypeNamed(method, kind, Named.of(each), (method, kind) in alarm_words.ONLY_2022)
        for (method, kind), each in alarm_words.TYPES.items()
    ],
    [Numbered(number, Named.of(each)) for number, each in alarm_words.EVENTS.items()],
    [Numbered(number, Named.of(each)) for number, each in alarm_words.PRIORITIES.items()],
)


def book(visit: Visit) -> Alarms:
    found = visit.services.alarms
    if found is None:
        raise Problem(404, "no-alarms", "This server keeps no alarms.")
    return found


def deeds(visit: Visit) -> AlarmDeeds:
    found = visit.services.alarm_deeds
    if found is None:
        raise Problem(404, "no-alarms", "This server does nothing about alarms.")
    return found


def unknown(number: int) -> Problem:
    return Problem(404, "unknown-alarm", f"There is no alarm {number}.")


def wanted_of(query: AlarmsQuery) -> AlarmWanted:
    """Raises Problem for a state that no alarm has."""
    states = tuple(filter(None, query.state.split(",")))
    odd = [state for state in states if state not in tuple(AlarmState)]
    if odd:
        raise Problem(400, "invalid", f"A state is {', '.join(AlarmState)}, not {odd[0]}.")
    return AlarmWanted(
        states=states,
        priorities=tuple(int(each) for each in query.priority.split(",") if each),
        methods=tuple(int(each) for each in query.method.split(",") if each),
        owner=query.owner,
        channel=query.channel,
        assigned_to=query.assigned_to,
        text=query.q,
        since=query.since,
        until=query.until,
    )


@route("GET", "/alarms", role=Role.VIEWER, problems=(404,), example=AlarmPage([EXAMPLE], 1042, 317))
async def alarms(visit: Visit, query: AlarmsQuery) -> AlarmPage:
    """Alarms, newest first."""
    wanted, kept = wanted_of(query), book(visit)
    found = await kept.find(wanted, query.before, query.limit)
    following = found[-1].id if len(found) == query.limit else None
    return AlarmPage([alarm_item(each) for each in found], following, await kept.count(wanted))


@route("GET", "/alarms/counts", role=Role.VIEWER, problems=(404,), example=COUNTS)
async def counts(visit: Visit) -> AlarmCounts:
    """How many alarms wait for somebody."""
    kept = book(visit)
    return alarm_counts(kept.open_by_priority, kept.unclosed)


@route("GET", "/alarms/words", role=Role.VIEWER, example=WORDS)
async def words(visit: Visit) -> AlarmWords:
    """What the numbers of methods, types, events and priorities mean, in Chinese and English."""
    return WORDS


@route("GET", "/alarms/people", role=Role.OPERATOR, example=People(["admin", "wang"]))
async def people(visit: Visit) -> People:
    """Who may be given an alarm: enabled users who are operators at least."""
    return People([user.name for user in visit.services.accounts.users() if _may_act(visit, user.name)])


@route(
    "POST",
    "/alarms/many",
    role=Role.OPERATOR,
    problems=(404,),
    body_example=ManyWish([1042, 1043]),
    example=Many([EXAMPLE]),
)
async def many(visit: Visit, body: ManyWish) -> Many:
    """Acknowledge or close several alarms at once."""
    visit.target = ",".join(map(str, body.ids[:20])) + ("…" if len(body.ids) > 20 else "")
    if (body.verdict is not None) is not (body.deed == "close"):
        raise Problem(400, "invalid", "A verdict is said when alarms are closed, and only then.")
    # Twice the first: of several, those in another state are passed over, also when there is but one.
    ids = [body.ids[0], *body.ids]
    changed = await book(visit).do(ids, Deed(body.deed), visit.who.shown, note=body.note, verdict=body.verdict)
    return Many([alarm_item(each) for each in changed])


@route("GET", "/alarms/{number}", role=Role.VIEWER, problems=(404,), example=DETAIL)
async def alarm(visit: Visit, number: Number) -> AlarmDetail:
    """One alarm and all that was done about it."""
    found = await _known(visit, number)
    steps = await book(visit).steps(number)
    return AlarmDetail(alarm_item(found), [step_item(each) for each in steps], book(visit).settings.video_before_s)


@route("GET", "/alarms/{number}/snapshot", role=Role.VIEWER, problems=(404,), media_type="image/jpeg")
async def snapshot(visit: Visit, number: Number) -> web.StreamResponse:
    """The picture of the moment. 404 no-snapshot when none was taken."""
    found = await _known(visit, number)
    album = visit.services.snapshots
    path = await album.file(found.snapshot) if album is not None and found.snapshot else None
    if path is None:
        raise Problem(404, "no-snapshot", f"No picture was taken when alarm {number} was raised.")
    headers = {"Cache-Control": "private, max-age=86400", "Content-Type": "image/jpeg"}
    return web.FileResponse(path, headers=headers)


@route(
    "POST",
    "/alarms/{number}/acknowledge",
    role=Role.OPERATOR,
    problems=(404, 409),
    body_example=REMARK,
    example=EXAMPLE,
)
async def acknowledge(visit: Visit, number: Number, body: Remark) -> AlarmItem:
    """I have seen it."""
    return await _do(visit, number, Deed.ACKNOWLEDGE, note=body.note)


@route(
    "POST",
    "/alarms/{number}/assign",
    role=Role.OPERATOR,
    problems=(404, 409),
    body_example=Assignment("wang"),
    example=EXAMPLE,
)
async def assign(visit: Visit, number: Number, body: Assignment) -> AlarmItem:
    """Give it to somebody; it counts as acknowledged."""
    if not _may_act(visit, body.to):
        raise Problem(409, "nobody-to-assign", f"{body.to} is no enabled user who may deal with alarms.")
    return await _do(visit, number, Deed.ASSIGN, note=body.note, to=body.to)


@route(
    "POST",
    "/alarms/{number}/comment",
    role=Role.OPERATOR,
    problems=(404, 409),
    body_example=Comment("已派人"),
    example=EXAMPLE,
)
async def comment(visit: Visit, number: Number, body: Comment) -> AlarmItem:
    """Write something down about it."""
    return await _do(visit, number, Deed.COMMENT, note=body.note)


@route(
    "POST",
    "/alarms/{number}/close",
    role=Role.OPERATOR,
    problems=(404, 409),
    body_example=Closing(Verdict.FALSE, "cat"),
    example=EXAMPLE,
)
async def close(visit: Visit, number: Number, body: Closing) -> AlarmItem:
    """It is dealt with; `verdict` says what it was. An alarm device is told to reset, unless the settings say no."""
    return await _do(visit, number, Deed.CLOSE, note=body.note, verdict=body.verdict)


@route("POST", "/alarms/{number}/reopen", role=Role.OPERATOR, problems=(404, 409), body_example=REMARK, example=EXAMPLE)
async def reopen(visit: Visit, number: Number, body: Remark) -> AlarmItem:
    """It was not dealt with after all."""
    return await _do(visit, number, Deed.REOPEN, note=body.note)


@route("POST", "/alarms/{number}/reset", role=Role.OPERATOR, problems=(404,), example=EXAMPLE)
async def reset(visit: Visit, number: Number) -> AlarmItem:
    """Tell the device that its alarm is dealt with (ResetAlarm), and wait for its answer: `reset` says what it was."""
    found = await _known(visit, number)
    await deeds(visit).reset_alarm(found, visit.who.shown)
    return alarm_item(await _known(visit, number))


async def _known(visit: Visit, number: int) -> KeptAlarm:
    found = await book(visit).one(number)
    if found is None:
        raise unknown(number)
    return found


async def _do(
    visit: Visit, number: int, deed: Deed, *, note: str = "", to: str = "", verdict: Verdict | None = None
) -> AlarmItem:
    try:
        changed = await book(visit).do([number], deed, visit.who.shown, note=note, to=to, verdict=verdict)
    except LookupError:
        raise unknown(number) from None
    except ValueError as error:
        raise Problem(409, "alarm-state", f"{error}.") from None
    return alarm_item(changed[0])


def _may_act(visit: Visit, name: str) -> bool:
    user = visit.services.accounts.user(name)
    return user is not None and not user.disabled and Role.of(user.role) >= Role.OPERATOR
