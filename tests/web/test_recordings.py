"""Operators record by hand and take the files home; others do not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from broker.recordings import Recordings
from tests.web.conftest import CAMERA

NAME = "20261129T101500.000Z.mp4"


@pytest.fixture
def kept(house) -> Recordings:
    return house.kept


def put_segment(kept: Recordings, recording: str, data: bytes = b"0123456789") -> None:
    folder = kept._folder / recording
    (folder / NAME).write_bytes(data)
    line = {"name": NAME, "start_ms": 1_795_946_100_000, "end_ms": 1_795_946_101_000, "bytes": len(data), "frames": 25}
    (folder / "index.jsonl").write_text(json.dumps(line) + "\n")


async def begin(operator, **more: Any) -> Any:
    status, said = await operator.ask("POST", "/api/v1/recordings", {"channel": CAMERA, "owner": CAMERA, **more})
    assert status == 201, said
    return said


async def test_an_operator_records_lists_takes_and_ends(house, kept):
    await house.camera()
    operator = await house.person("operator")
    begun = await begin(operator)
    assert (begun["channel"], begun["by"], begun["state"]) == (CAMERA, "operator", "asking")
    (running,) = (await operator.get("/recordings?running=true"))["items"]
    assert running["id"] == begun["id"]
    put_segment(kept, begun["id"])
    status, ended = await operator.ask("POST", f"/api/v1/recordings/{begun['id']}/stop")
    assert (status, ended["state"]) == (200, "ended")
    (listed,) = (await operator.get(f"/recordings?channel={CAMERA}"))["items"]
    assert (listed["state"], listed["segments"], listed["bytes"], listed["seconds"]) == ("ended", 1, 10, 1.0)
    (segment,) = (await operator.get(f"/recordings/{begun['id']}/segments"))["items"]
    assert (segment["name"], segment["start"], segment["frames"]) == (NAME, 1_795_946_100.0, 25)
    taken = await operator.raw("GET", segment["url"])
    assert (taken.status, await taken.read()) == (200, b"0123456789")
    assert taken.headers["Content-Type"] == "video/mp4"
    assert NAME in taken.headers["Content-Disposition"]
    part = await operator.raw("GET", segment["url"], headers={"Range": "bytes=2-4"})
    assert (part.status, await part.read()) == (206, b"234")


async def test_a_channel_is_not_recorded_twice_and_an_unknown_one_not_at_all(house, kept):
    await house.camera()
    operator = await house.person("operator")
    assert (await begin(operator))["id"] == (await begin(operator))["id"]
    status, said = await operator.ask("POST", "/api/v1/recordings", {"channel": "34020000001320000099"})
    assert (status, said["error"]["code"]) == (404, "unknown-channel")


async def test_recordings_are_not_for_viewers(house, kept):
    await house.camera()
    begun = await begin(await house.person("operator"))
    put_segment(kept, begun["id"])
    viewer, stranger = await house.person("viewer"), house.stranger()
    for method, path in (
        ("GET", "/recordings"),
        ("POST", "/recordings"),
        ("POST", f"/recordings/{begun['id']}/stop"),
        ("GET", f"/recordings/{begun['id']}/segments"),
        ("GET", f"/recordings/{begun['id']}/segments/{NAME}"),
        ("DELETE", f"/recordings/{begun['id']}"),
    ):
        body = {"channel": CAMERA} if path == "/recordings" and method == "POST" else None
        assert (await viewer.ask(method, "/api/v1" + path, body))[0] == 403, path
        assert (await stranger.ask(method, "/api/v1" + path, body))[0] == 401, path


async def test_only_administrators_delete_and_only_what_has_ended(house, kept):
    await house.camera()
    operator, boss = await house.person("operator"), await house.person("administrator")
    path = f"/api/v1/recordings/{(await begin(operator))['id']}"
    assert (await operator.ask("DELETE", path))[0] == 403
    status, said = await boss.ask("DELETE", path)
    assert (status, said["error"]["code"]) == (409, "recording-runs")
    await operator.ask("POST", path + "/stop")
    assert (await boss.ask("DELETE", path))[0] == 204
    assert (await boss.ask("DELETE", path))[0] == 404
    lines = (await boss.get("/audit"))["items"]
    assert ("recordings.remove", "ok") in {(line["what"], line["result"]) for line in lines}
    assert ("recordings.begin", "ok") in {(line["what"], line["result"]) for line in lines}


@pytest.mark.parametrize(
    "path",
    [
        "/recordings/..%2f..%2fetc/segments",
        "/recordings/20261129T101500-00000000/segments",
        "/recordings/20261129T101500-00000000/segments/..%2fabout.json",
        "/recordings/%2e%2e/segments/%2e%2e",
    ],
)
async def test_nothing_leads_out_of_the_shelf(house, kept, tmp_path, path):
    (tmp_path / "secret").write_text("secret")
    operator = await house.person("operator")
    status, said = await operator.ask("GET", "/api/v1" + path)
    assert status == 404 and "secret" not in str(said)


class TestAHouseThatKeepsNone:
    @pytest.fixture
    def records(self) -> bool:
        return False

    async def test_says_so(self, house):
        operator = await house.person("operator")
        status, said = await operator.ask("GET", "/api/v1/recordings")
        assert (status, said["error"]["code"]) == (404, "no-recordings")
        assert "lianwang_recordings" not in await (await operator.raw("GET", "/metrics")).text()
