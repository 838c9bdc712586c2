"""What a route declares of itself, and the one guard that every request passes.

A route is a function; its signature is its contract: `body` and `query` are msgspec Structs, other arguments are
taken from the path, the result is the answer. What a declaration does not allow is denied.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Generic, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from aiohttp import web

from web.auth import Gate, Proof, Role, Who
from web.errors import Problem, answer, denied, translate
from web.feed import Feed
from web.leases import Leases
from web.passwords import Passwords
from web.settings import WebSettings
from web.throttle import Throttle
from web.views import Catalogs
from web.wishes import Services

log = logging.getLogger(__name__)

PREFIX = "/api/v1"
SAFE = frozenset({"GET", "HEAD"})

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Desk:
    """What lies on this room's desk: the other rooms' services and our own instruments."""

    services: Services
    settings: WebSettings
    gate: Gate
    passwords: Passwords
    throttle: Throttle
    feed: Feed
    leases: Leases
    openapi: bytes
    routes: Mapping[Handler, Route]
    signed: frozenset[object]
    """Handlers that check a signed address themselves (media)."""
    open: frozenset[object]
    """Handlers anybody may ask: the console's files."""
    catalogs: Catalogs
    spoken: dict[tuple[str, str, str], float]
    """When a repeated write (a hand on the PTZ stick) was last audited, see `Route.audit_every_s`."""

    async def show_out(self, user: str, *, keep: str | None = None) -> None:
        """End every session of a user: cookies, news and pictures. `keep` holds on to its pictures."""
        await self.services.accounts.end_sessions_of(user)
        self.feed.end_user(user)
        await self.leases.end_user(user, keep=keep)


DESK: web.AppKey[Desk] = web.AppKey("desk")
WHO: web.RequestKey[Who] = web.RequestKey("who")


class Visit:
    """One request, as a route's function sees it: the desk, who asks, and from where."""

    def __init__(self, request: web.Request, desk: Desk, who: Who | None) -> None:
        self.request = request
        self.desk = desk
        self.services = desk.services
        self._who = who
        self.target = ""
        """What a write is done to, for the audit; the path's arguments unless the function knows better."""

    @property
    def who(self) -> Who:
        """Who asks. Only public routes may find nobody here, and get a 401 problem."""
        if self._who is None:
            raise denied(401)
        return self._who

    @property
    def address(self) -> str:
        return self.desk.gate.address_of(self.request)

    @property
    def has_left(self) -> bool:
        """Whether the asker has hung up and nobody will read the answer."""
        transport = self.request.transport
        return transport is None or transport.is_closing()

    async def audit(self, what: str, target: str, result: str, *, who: str | None = None) -> None:
        """Write down what was done. A log that cannot be written does not undo the deed; it is logged instead."""
        name = who if who is not None else (self._who.shown if self._who else "")
        try:
            await self.services.accounts.audit(name[:64], what, target[:256], result, self.address)
        except Exception:
            log.exception("the audit line %s %s %s of %s could not be written", what, target, result, name)


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reply(Generic[T]):
    """An answer with more to say than a value: a cookie, headers, or bytes that are JSON already."""

    value: T | None = None
    status: int | None = None
    headers: Mapping[str, str] | None = None
    cookie: Callable[[web.Response], None] | None = None
    encoded: bytes | None = None
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Route:
    """A declaration: where, who may, what goes in and what comes out."""

    method: str
    path: str
    handler: Callable[..., Awaitable[Any]]
    role: Role
    public: bool
    proofs: frozenset[Proof]
    summary: str
    status: int
    path_types: Mapping[str, Any]
    query: type[msgspec.Struct] | None
    body: type[msgspec.Struct] | None
    answer: Any
    example: Any
    body_example: Any
    problems: tuple[int, ...]
    audit_every_s: float
    streams: bool

    @property
    def tag(self) -> str:
        return self.handler.__module__.rsplit(".", 1)[-1]

    @property
    def action(self) -> str:
        """The name of what is done, as the audit and OpenAPI have it: devices.change."""
        return f"{self.tag}.{self.handler.__name__}"

    @property
    def is_write(self) -> bool:
        return self.method not in SAFE


def route(
    method: str,
    path: str,
    *,
    role: Role = Role.ADMINISTRATOR,
    public: bool = False,
    proofs: Iterable[Proof] = tuple(Proof),
    status: int = 200,
    example: Any = None,
    body_example: Any = None,
    problems: tuple[int, ...] = (),
    audit_every_s: float = 0.0,
    streams: bool = False,
) -> Callable[[Callable[..., Awaitable[Any]]], Route]:
    """Declare a function a route. Unless said otherwise, only administrators may."""

    def declare(handler: Callable[..., Awaitable[Any]]) -> Route:
        hints = get_type_hints(handler, include_extras=True)
        names = list(inspect.signature(handler).parameters)[1:]
        returned = hints.get("return")
        if get_origin(returned) is Reply:
            (returned,) = get_args(returned)
        return Route(
            method=method,
            path=PREFIX + path,
            handler=handler,
            role=role,
            public=public,
            proofs=frozenset(proofs),
            summary=(inspect.getdoc(handler) or "").strip(),
            status=204 if returned is type(None) and status == 200 else status,
            path_types={name: hints[name] for name in names if name not in ("query", "body")},
            query=hints.get("query"),
            body=hints.get("body"),
            answer=returned,
            example=example,
            body_example=body_example,
            problems=problems,
            audit_every_s=audit_every_s,
            streams=streams,
        )

    return declare


def routes_of(*modules: ModuleType) -> tuple[Route, ...]:
    """The routes that modules declare, in the order they stand there."""
    return tuple(value for module in modules for value in vars(module).values() if isinstance(value, Route))


def handler_of(declared: Route) -> Handler:
    """The function the HTTP server calls for a declared route; `guard` has let the request in by then."""

    async def handle(request: web.Request) -> web.StreamResponse:
        desk = request.app[DESK]
        visit = Visit(request, desk, request.get(WHO))
        if not declared.is_write:
            return await _carry_out(declared, visit)
        result = "unfinished"
        try:
            response = await _carry_out(declared, visit)
            result = "ok"
            return response
        except Exception as error:
            problem = translate(error)
            result = problem.code
            raise problem from error
        finally:
            if request.get(WHO) is not None:
                await _note_write(declared, visit, result)

    handle.__name__ = declared.action
    return handle


async def _carry_out(declared: Route, visit: Visit) -> web.StreamResponse:
    arguments: dict[str, Any] = {
        name: msgspec.convert(visit.request.match_info[name], kind) for name, kind in declared.path_types.items()
    }
    visit.target = "/".join(str(value) for value in arguments.values())
    if declared.query is not None:
        arguments["query"] = _read_query(visit.request, declared.query)
    if declared.body is not None:
        arguments["body"] = await _read_body(visit.request, declared.body, visit.desk.settings.body_patience_s)
    result = await declared.handler(visit, **arguments)
    if isinstance(result, web.StreamResponse):
        return result
    return _respond(declared, result if isinstance(result, Reply) else Reply(result))


def _read_query(request: web.Request, kind: type[msgspec.Struct]) -> msgspec.Struct:
    given = dict(request.query)
    if len(given) != len(request.query):
        raise Problem(400, "invalid", "A query parameter is given twice.")
    return msgspec.convert(given, kind, strict=False)


async def _read_body(request: web.Request, kind: type[msgspec.Struct], patience_s: float) -> msgspec.Struct:
    if request.content_type != "application/json":
        raise denied(415)
    try:
        async with asyncio.timeout(patience_s):
            data = await request.read()
    except TimeoutError:
        raise Problem(408, "body-too-slow", f"The body did not come in {patience_s:g} s.") from None
    return msgspec.json.decode(data, type=kind)


def _respond(declared: Route, reply: Reply[Any]) -> web.Response:
    status = reply.status or declared.status
    empty = reply.encoded is None and reply.value is None
    response = web.Response(status=status, headers=reply.headers)
    if not empty:
        response.body = reply.encoded if reply.encoded is not None else msgspec.json.encode(reply.value)
        response.content_type = reply.content_type
    if reply.cookie is not None:
        reply.cookie(response)
    return response


async def _note_write(declared: Route, visit: Visit, result: str) -> None:
    key = (visit.who.id, declared.action, visit.target)
    now = time.monotonic()
    spoken = visit.desk.spoken
    if declared.audit_every_s:
        if result == "ok" and now - spoken.get(key, -1e9) < declared.audit_every_s:
            return
        spoken.pop(key, None)
        spoken[key] = now
        while len(spoken) > 1000:
            del spoken[next(iter(spoken))]
    await visit.audit(declared.action, visit.target, result)


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let in whom a declaration lets in, and tell every failure in the one way."""
    try:
        await _admit(request)
        return await handler(request)
    except web.HTTPException as said:
        if said.status < 400:
            raise
        return answer(translate(said))
    except Exception as error:
        return answer(translate(error))


async def _admit(request: web.Request) -> None:
    desk = request.app[DESK]
    asked = request.match_info.handler
    if asked in desk.open:
        return
    if asked in desk.signed:
        # The plane checks the signature; without one nobody need ask it.
        if not (request.query.get("s") and request.query.get("e")):
            raise denied(401)
        return
    declared = desk.routes.get(asked)
    if declared is not None and declared.public:
        if declared.is_write and desk.gate.is_same_origin(request) is False:
            raise Problem(403, "foreign-origin", "This request came from another site's page.")
        return
    who = await desk.gate.identify(request)
    if who is None:
        raise denied(401)
    request[WHO] = who
    desk.leases.touch(who.id, time.monotonic())
    if declared is None:
        return  # no such address: the router's 404 or 405 follows
    await _may(request, desk, declared, who)


async def _may(request: web.Request, desk: Desk, declared: Route, who: Who) -> None:
    problem: Problem | None = None
    if declared.is_write and who.proof is Proof.SESSION and desk.gate.is_same_origin(request) is not True:
        problem = Problem(
            403, "foreign-origin", "A write by cookie must come from our own page; programs use an API key."
        )
    elif who.role < declared.role:
        problem = denied(403, needs=declared.role.word, has=who.role.word)
    elif who.proof not in declared.proofs:
        problem = Problem(403, "wrong-proof", "This is for people who are logged in, not for API keys.")
    if problem is None:
        return
    if declared.is_write:
        target = "/".join(request.match_info.values())
        await Visit(request, desk, who).audit(declared.action, target, problem.code)
    raise problem
