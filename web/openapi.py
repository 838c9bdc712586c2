"""The book of routes, OpenAPI 3.1, written from the routes themselves."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from importlib.metadata import version as version_of
from typing import Any

import msgspec

from web.api.table import ROUTES
from web.auth import COOKIE, Proof
from web.errors import BY_STATUS, ErrorAnswer
from web.routing import Route

REF = "#/components/schemas/{name}"
Json = dict[str, Any]

TITLE = "Lianwang"
DESCRIPTION = (
    "A GB/T 28181 video surveillance platform. People log in with `POST /session` and are known by a cookie; programs "
    "send an API key as `Authorization: Bearer <key>`. Bodies are JSON. A write by cookie must come from our own page "
    "(Origin or Sec-Fetch-Site). Times are UNIX seconds. Errors have a key, a sentence and facts."
)


def document(version: str, routes: Sequence[Route] = ROUTES) -> Json:
    """The OpenAPI document of `routes`."""
    kinds = list(dict.fromkeys(kind for route in routes for kind in _kinds(route)))
    schemas, components = msgspec.json.schema_components(kinds, ref_template=REF)
    schema_of = dict(zip(kinds, schemas, strict=True))
    paths: dict[str, Json] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schema_of, components)
    book = {
        "openapi": "3.1.0",
        "info": {"title": TITLE, "version": version, "description": DESCRIPTION},
        "servers": [{"url": "/"}],
        "security": [{"session": []}, {"key": []}],
        "tags": [{"name": tag} for tag in dict.fromkeys(route.tag for route in routes)],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
                "key": {"type": "http", "scheme": "bearer"},
            },
        },
    }
    plain: Json = msgspec.json.decode(msgspec.json.encode(book))
    return plain


def _kinds(route: Route) -> Iterable[Any]:
    yield ErrorAnswer
    if route.body is not None:
        yield route.body
    if route.query is not None:
        yield route.query
    if _is_json(route):
        yield route.answer
    yield from route.path_types.values()


def _is_json(route: Route) -> bool:
    return route.answer is not type(None) and not route.streams and not route.media_type


def _operation(route: Route, schema_of: dict[Any, Json], components: Json) -> Json:
    summary, _, rest = route.summary.partition("\n\n")
    operation: Json = {
        "operationId": route.action,
        "tags": [route.tag],
        "summary": " ".join(summary.split()),
        "parameters": [*_path_parameters(route, schema_of), *_query_parameters(route, schema_of, components)],
        "responses": {str(route.status): _answer(route, schema_of), **_problems(route)},
        "security": [] if route.public else [{proof.value: []} for proof in Proof if proof in route.proofs],
    }
    if rest:
        operation["description"] = " ".join(rest.split())
    if not route.public:
        operation["x-role"] = route.role.word
    if route.body is not None:
        content: Json = {"schema": schema_of[route.body]}
        if route.body_example is not None:
            content["example"] = msgspec.to_builtins(route.body_example)
        operation["requestBody"] = {"required": True, "content": {"application/json": content}}
    return operation


def _path_parameters(route: Route, schema_of: dict[Any, Json]) -> Iterable[Json]:
    for name, kind in route.path_types.items():
        yield {"name": name, "in": "path", "required": True, "schema": schema_of[kind]}


def _query_parameters(route: Route, schema_of: dict[Any, Json], components: Json) -> Iterable[Json]:
    if route.query is None:
        return
    schema = components[schema_of[route.query]["$ref"].rpartition("/")[2]]
    for name, kind in schema["properties"].items():
        yield {"name": name, "in": "query", "required": name in schema.get("required", ()), "schema": kind}


def _answer(route: Route, schema_of: dict[Any, Json]) -> Json:
    if route.streams:
        return {"description": "Events until the session ends.", "content": {"text/event-stream": {}}}
    if route.media_type:
        return {"description": "The answer.", "content": {route.media_type: {}}}
    if not _is_json(route):
        return {"description": "Done."}
    content: Json = {"schema": schema_of[route.answer]}
    if route.example is not None:
        content["example"] = msgspec.to_builtins(route.example)
    return {"description": "The answer.", "content": {"application/json": content}}


def _problems(route: Route) -> dict[str, Json]:
    statuses = {*route.problems}
    if not route.public:
        statuses |= {401, 403}
    if route.body is not None:
        statuses |= {400, 413, 415}
    if route.query is not None or route.path_types:
        statuses.add(400)
    content = {"application/json": {"schema": {"$ref": REF.format(name=ErrorAnswer.__name__)}}}
    return {
        str(status): {"description": BY_STATUS.get(status, ("", MORE.get(status, "Refused.")))[1], "content": content}
        for status in sorted(statuses)
    }


MORE = {
    409: "Not possible in the present state.",
    502: "The device refused, or what it sent is no picture.",
    504: "The device did not answer, or no picture came in time.",
}


def main() -> None:
    """`python -m web.openapi` prints the book."""
    book = msgspec.json.format(msgspec.json.encode(document(version_of("lianwang"))))
    sys.stdout.write(book.decode() + "\n")


if __name__ == "__main__":
    main()
