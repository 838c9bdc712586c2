"""The book of routes tells every route, refers to nothing that is not in it, and its examples are true."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from web.openapi import document
from web.server import ROUTES

BOOK = document("0.1.0")
OPERATIONS = [
    (path, method, operation) for path, methods in BOOK["paths"].items() for method, operation in methods.items()
]


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "$ref":
                yield inner
            else:
                yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_it_is_openapi_3_1_and_plain_json():
    assert BOOK["openapi"] == "3.1.0"
    assert set(BOOK) == {"openapi", "info", "servers", "security", "tags", "paths", "components"}
    assert msgspec.json.decode(msgspec.json.encode(BOOK)) == BOOK


def test_every_route_is_in_it_and_nothing_else():
    assert {(path, method) for path, method, _ in OPERATIONS} == {(r.path, r.method.lower()) for r in ROUTES}


def test_every_reference_leads_somewhere():
    for reference in references(BOOK):
        place: Any = BOOK
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]
        assert isinstance(place, dict)


def test_every_schema_is_referred_to():
    used = set(references(BOOK))
    assert {f"#/components/schemas/{name}" for name in BOOK["components"]["schemas"]} <= used | {
        f"#/components/schemas/{route.query.__name__}" for route in ROUTES if route.query
    }


def test_every_operation_has_a_name_of_its_own_a_summary_and_a_known_tag():
    names = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(set(names)) == len(names)
    tags = {tag["name"] for tag in BOOK["tags"]}
    for path, method, operation in OPERATIONS:
        assert operation["summary"], (path, method)
        assert set(operation["tags"]) <= tags


def test_every_operation_but_logging_in_needs_a_credential_and_says_which_role():
    open_ones = [operation["operationId"] for _, _, operation in OPERATIONS if not operation["security"]]
    # A phone's own player and a camera send no credential: the secret stands in the address.
    uploads = [f"device_snapshots.{name}" for name in ("upload", "put", "upload_named", "put_named")]
    assert sorted(open_ones) == sorted(["sessions.log_in", "hls.part", *uploads])
    known = set(BOOK["components"]["securitySchemes"])
    for _, _, operation in OPERATIONS:
        assert {name for choice in operation["security"] for name in choice} <= known
        if operation["security"]:
            assert operation["x-role"] in ("scraper", "viewer", "operator", "administrator")
            assert {"401", "403"} <= set(operation["responses"])


def test_every_part_of_a_path_is_declared_once_and_required():
    for path, method, operation in OPERATIONS:
        in_path = [segment[1:-1] for segment in path.split("/") if segment.startswith("{")]
        declared = [p for p in operation["parameters"] if p["in"] == "path"]
        assert sorted(p["name"] for p in declared) == sorted(in_path), (path, method)
        assert all(p["required"] is True for p in declared)
        keys = [(p["in"], p["name"]) for p in operation["parameters"]]
        assert len(set(keys)) == len(keys)
        assert all(p["schema"] for p in operation["parameters"])


def test_every_operation_has_a_good_answer_and_its_errors_in_one_shape():
    for path, method, operation in OPERATIONS:
        good = [status for status in operation["responses"] if status < "300"]
        assert len(good) == 1, (path, method)
        for status, response in operation["responses"].items():
            assert response["description"]
            if status >= "400":
                schema = response["content"]["application/json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/ErrorAnswer"}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.action)
def test_every_body_and_answer_has_an_example_that_is_true(route):
    if route.body is not None:
        assert route.body_example is not None
        said = msgspec.json.decode(msgspec.json.encode(route.body_example))
        assert msgspec.convert(said, route.body) == route.body_example
    if (
        route.answer is not type(None)
        and not route.streams
        and not route.media_type
        and route.action != "system.openapi"
    ):
        assert route.example is not None
        said = msgspec.json.decode(msgspec.json.encode(route.example))
        assert msgspec.convert(said, route.answer) == route.example


async def test_it_is_served_to_those_who_may_come_in(house):
    viewer = await house.program("viewer")
    assert await viewer.get("/openapi.json") == BOOK
