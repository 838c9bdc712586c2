"""What a route declares of itself, and how its function is called.

A route is a function; its signature is its contract: `body` and `query` are msgspec Structs, other arguments are
taken from the path, the result is the answer. `web.guard` lets in whom the declaration lets in.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Generic, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from aiohttp import web

from web.auth import Proof, Role
from web.desk import DESK, WHO, Visit
from web.errors import Problem, denied, translate

PREFIX = "/api/v1"
SAFE = frozenset({"GET", "HEAD"})

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


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
    media_type: str = ""
    """Of an answer that is not JSON."""
    by_address: bool = False
    """Whether the addresses named in the settings need show nothing else."""

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
    media_type: str = "",
    at_root: bool = False,
    by_address: bool = False,
) -> Callable[[Callable[..., Awaitable[Any]]], Route]:
    """Declare a function a route. Unless said otherwise, only administrators may, and `path` is below `PREFIX`."""

    def declare(handler: Callable[..., Awaitable[Any]]) -> Route:
        hints = get_type_hints(handler, include_extras=True)
        names = list(inspect.signature(handler).parameters)[1:]
        returned = hints.get("return")
        if get_origin(returned) is Reply:
            (returned,) = get_args(returned)
        return Route(
            method=method,
            path=path if at_root else PREFIX + path,
            handler=handler,
            role=role,
            public=public,
            proofs=frozenset(proofs),
            summary=(inspect.getdoc(handler) or "").strip(),
            status=204 if returned is type(None) and status == 200 and not media_type else status,
            path_types={name: hints[name] for name in names if name not in ("query", "body")},
            query=hints.get("query"),
            body=hints.get("body"),
            answer=returned,
            example=example,
            body_example=body_example,
            problems=problems,
            audit_every_s=audit_every_s,
            streams=streams,
            media_type=media_type,
            by_address=by_address,
        )

    return declare


def routes_of(*modules: ModuleType) -> tuple[Route, ...]:
    """The routes that modules declare, in the order they stand there."""
    return tuple(value for module in modules for value in vars(module).values() if isinstance(value, Route))


def handler_of(declared: Route) -> Handler:
    """The function the HTTP server calls for a declared route; the guard has let the request in by then."""

    async def handle(request: web.Request) -> web.StreamResponse:
        desk = request.app[DESK]
        visit = Visit(request, desk, request.get(WHO))
        if not declared.is_write:
            return await _heard_out(declared, visit)
        result = "unfinished"
        try:
            response = await _heard_out(declared, visit)
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


async def _heard_out(declared: Route, visit: Visit) -> web.StreamResponse:
    try:
        return await _carry_out(declared, visit)
    except (ConnectionError, web.RequestPayloadError):
        if visit.request.transport is not None:
            raise
        # Whoever asked hung up in the middle of his request. It is no fault of ours, and nobody hears the answer.
        raise Problem(400, "hung-up", "The connection ended before the request did.") from None


async def _carry_out(declared: Route, visit: Visit) -> web.StreamResponse:
    arguments: dict[str, Any] = {
        name: msgspec.convert(visit.request.match_info[name], kind, strict=False)
        for name, kind in declared.path_types.items()
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
        if "Content-Type" not in response.headers:
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
