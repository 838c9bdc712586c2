"""Sources of our own: RTSP cameras and films, offered as channels. A password comes in and never goes out."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from broker.sources import Probed, SourceKeeper
from registry.source import OwnSource, place_of, shown, without_credentials
from web.auth import Role
from web.desk import Visit
from web.errors import Problem
from web.routing import route
from web.texts import Code, Label

Way = Literal["auto", "tcp", "udp"]
Url = Annotated[
    str, Meta(max_length=2048, description="rtsp://host[:port]/path; user and password are taken out of it")
]
Film = Annotated[str, Meta(max_length=512, description="a film's place within the folder of the settings")]
Login = Annotated[str, Meta(max_length=128)]
Division = Annotated[str, Meta(max_length=8, description="civil division, 2 to 8 digits")]


class SourceView(msgspec.Struct, frozen=True):
    """A source as people see it. `online` is null until it was asked once; `note` is what it answered then."""

    code: str
    owner: str
    name: str
    url: str
    user: str
    has_password: bool
    way: str
    file: str
    civil_code: str
    enabled: bool
    online: bool | None
    note: str
    codecs: list[str]
    asked_at: float | None
    viewers: int
    added_at: float | None


class SourceList(msgspec.Struct, frozen=True):
    """`has_films` says whether a folder of films is set."""

    items: list[SourceView]
    has_films: bool


class FilmList(msgspec.Struct, frozen=True):
    items: list[str]


class SourceNew(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A new source: `url` or `file`. Without a code it gets a free one of ours."""

    name: Label = ""
    url: Url = ""
    user: Login = ""
    password: Login = ""
    way: Way = "auto"
    file: Film = ""
    civil_code: Division = ""
    code: Annotated[str, Meta(max_length=20)] = ""


class SourceChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is not given stays; but a password does not go along to another host."""

    name: Label | UnsetType = UNSET
    url: Url | UnsetType = UNSET
    user: Login | UnsetType = UNSET
    password: Login | UnsetType = UNSET
    way: Way | UnsetType = UNSET
    file: Film | UnsetType = UNSET
    civil_code: Division | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET


class StepView(msgspec.Struct, frozen=True):
    """One question and its answer; `status` is 0 where nobody answered with a number."""

    what: str
    status: int
    reason: str


class TrialView(msgspec.Struct, frozen=True):
    """What a source answered when it was asked. `verdict` is null when pictures may be had of it."""

    verdict: str | None
    note: str
    codecs: list[str]
    steps: list[StepView]


CODE = "34020000001320900001"
EXAMPLE = SourceView(
    code=CODE,
    owner="34020000001120900001",
    name="North gate",
    url="rtsp://10.0.0.9/live",
    user="admin",
    has_password=True,
    way="auto",
    file="",
    civil_code="340202",
    enabled=True,
    online=True,
    note="",
    codecs=["H.264", "AAC"],
    asked_at=1795226400.0,
    viewers=2,
    added_at=1795220000.0,
)
NEW = SourceNew("North gate", "rtsp://10.0.0.9/live", "admin", "a password", civil_code="340202")
TRIAL = TrialView(
    "refused",
    "DESCRIBE was answered 404 Not Found",
    [],
    [StepView("OPTIONS", 200, "OK"), StepView("DESCRIBE", 404, "Not Found")],
)


@route("GET", "/sources", role=Role.OPERATOR, example=SourceList([EXAMPLE], True))
async def sources(visit: Visit) -> SourceList:
    """All sources of our own."""
    keeper = _keeper(visit)
    return SourceList([_view(visit, source) for source in keeper.sources.all()], bool(keeper.settings.folder))


@route("GET", "/sources/films", example=FilmList(["north/gate.mp4"]))
async def films(visit: Visit) -> FilmList:
    """The films of the folder that may be offered."""
    return FilmList(list(await _keeper(visit).films()))


@route("POST", "/sources", status=201, problems=(409,), body_example=NEW, example=EXAMPLE)
async def add(visit: Visit, body: SourceNew) -> SourceView:
    """Offer a camera or a film as a channel of ours."""
    keeper = _keeper(visit)
    code = body.code or await keeper.sources.free_code()
    visit.target = code
    source = _source(keeper, body, code)
    try:
        return _view(visit, await keeper.sources.add(source))
    except ValueError as error:
        raise Problem(409, "source-exists", f"{error}.") from None


@route("POST", "/sources/trial", body_example=NEW, example=TRIAL)
async def try_out(visit: Visit, body: SourceNew) -> TrialView:
    """Ask a source that is not kept yet what it has."""
    keeper = _keeper(visit)
    source = _source(keeper, body, body.code or CODE)
    visit.target = place_of(source.url) or source.file
    return _trial(await keeper.try_out(source))


@route("PATCH", "/sources/{code}", problems=(404, 409), body_example=SourceChange(way="udp"), example=EXAMPLE)
async def change(visit: Visit, code: Code, body: SourceChange) -> SourceView:
    """Change a source; its pictures end when they would come from elsewhere."""
    keeper = _keeper(visit)
    before = _known(keeper, code)
    fields = {name: value for name, value in msgspec.structs.asdict(body).items() if value is not UNSET}
    if fields.get("url") == shown(before.url):
        del fields["url"]  # what was shown comes back: it stays as it is
    if "url" in fields:
        _take_credentials_out(fields)
        if place_of(str(fields["url"])) != place_of(before.url) and before.password and "password" not in fields:
            raise Problem(
                409, "password-again", "The source would be another host: give the password for that one, too."
            )
    if "file" in fields:
        _check_film(keeper, str(fields["file"]))
    try:
        after = await keeper.sources.change(code, **fields)
    except ValueError as error:
        raise Problem(400, "source-malformed", f"{error}.") from None
    if keeper.as_asked(after) != keeper.as_asked(before) or not after.enabled:
        await _stop(visit, code)
    return _view(visit, after)


@route("DELETE", "/sources/{code}", problems=(404,))
async def remove(visit: Visit, code: Code) -> None:
    """Offer a source no longer; its pictures end."""
    keeper = _keeper(visit)
    _known(keeper, code)
    await keeper.sources.remove(code)
    await _stop(visit, code)


@route("POST", "/sources/{code}/trial", role=Role.OPERATOR, problems=(404,), example=TRIAL)
async def ask(visit: Visit, code: Code) -> TrialView:
    """Ask a source of ours now what it has."""
    probed = await _keeper(visit).ask(code)
    if probed is None:
        raise _unknown(code)
    return _trial(probed)


# --- servants ----------------------------------------------------------------------------------------------------


def _keeper(visit: Visit) -> SourceKeeper:
    keeper = visit.services.sources
    if keeper is None:
        raise Problem(404, "no-sources", "This server offers no sources of its own.")
    return keeper


def _known(keeper: SourceKeeper, code: str) -> OwnSource:
    source = keeper.sources.get(code)
    if source is None:
        raise _unknown(code)
    return source


def _unknown(code: str) -> Problem:
    return Problem(404, "unknown-source", f"There is no source {code}.")


def _source(keeper: SourceKeeper, body: SourceNew, code: str) -> OwnSource:
    fields: dict[str, object] = {**msgspec.structs.asdict(body), "code": code}
    _take_credentials_out(fields)
    _check_film(keeper, body.file)
    try:
        return msgspec.convert(fields, OwnSource)
    except (ValueError, msgspec.ValidationError) as error:
        raise Problem(400, "source-malformed", f"{error}.") from None


def _take_credentials_out(fields: dict[str, object]) -> None:
    """Addresses are pasted with user and password in them; what was typed apart wins."""
    url, user, password = without_credentials(str(fields["url"]))
    fields["url"] = url
    if user and not fields.get("user"):
        fields["user"] = user
        fields["password"] = fields.get("password") or password


def _check_film(keeper: SourceKeeper, name: str) -> None:
    if name and not keeper.settings.folder:
        raise Problem(400, "no-films", "No folder of films is set.")


async def _stop(visit: Visit, code: str) -> None:
    broker = visit.services.broker
    for stream in [each for each in broker.streams() if each.channel == code]:
        await broker.stop(stream.id)


def _view(visit: Visit, source: OwnSource) -> SourceView:
    keeper = _keeper(visit)
    state, owner = keeper.sources.state(source.code), keeper.sources.owner
    streams = [each for each in visit.services.broker.streams() if (each.owner, each.channel) == (owner, source.code)]
    return SourceView(
        code=source.code,
        owner=owner,
        name=source.name,
        url=shown(source.url),
        user=source.user,
        has_password=bool(source.password),
        way=source.way,
        file=source.file,
        civil_code=source.civil_code,
        enabled=source.enabled,
        online=state.online,
        note=state.note,
        codecs=list(state.codecs),
        asked_at=state.asked_at,
        viewers=sum(len(stream.viewers) for stream in streams),
        added_at=source.added_at,
    )


def _trial(probed: Probed) -> TrialView:
    steps = [StepView(step.what, step.status, step.reason) for step in probed.steps]
    return TrialView(str(probed.failure) if probed.failure else None, probed.note, list(probed.codecs), steps)
