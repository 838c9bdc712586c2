"""Administrators offer RTSP cameras and films as channels; what is secret stays in."""

from __future__ import annotations

from typing import Any

import pytest

from media.plane import Probed, Source, Step, Verdict

API = "/api/v1/sources"
URL = "rtsp://10.0.0.9/live"
CAMERA = {"name": "北门", "url": URL, "user": "admin", "password": "three blue herons", "civil_code": "340202"}


async def added(boss: Any, **more: Any) -> dict[str, Any]:
    status, said = await boss.ask("POST", API, {**CAMERA, **more})
    assert status == 201, said
    found: dict[str, Any] = said
    return found


async def test_a_camera_is_added_and_its_password_is_never_shown(house: Any) -> None:
    boss = await house.person("administrator")
    said = await added(boss)
    assert (said["code"], said["online"], said["has_password"]) == ("34020000001320900001", None, True)
    listed = await boss.get("/sources")
    assert listed == {"items": [said], "has_films": True}
    assert "herons" not in str(listed) and "herons" not in str(await boss.get("/audit"))
    channel = await house.directory.channel(said["owner"], said["code"])
    assert channel is not None and channel.name == "北门"


async def test_what_is_pasted_with_a_password_is_taken_apart(house: Any) -> None:
    boss = await house.person("administrator")
    status, said = await boss.ask("POST", API, {"url": "rtsp://root:p@ss@10.0.0.9:8554/h264?ch=1"})
    assert (status, said["url"], said["user"], said["has_password"]) == (
        201,
        "rtsp://10.0.0.9:8554/h264?ch=1",
        "root",
        True,
    )
    assert house.app_services.sources.sources.get(said["code"]).password == "p@ss"


@pytest.mark.parametrize("role", ["viewer", "operator"])
async def test_only_administrators_may_add_change_and_remove(house: Any, role: str) -> None:
    boss, other = await house.person("administrator"), await house.person(role)
    code = (await added(boss))["code"]
    assert (await other.ask("POST", API, CAMERA))[0] == 403
    assert (await other.ask("PATCH", f"{API}/{code}", {"name": "x"}))[0] == 403
    assert (await other.ask("DELETE", f"{API}/{code}"))[0] == 403
    assert (await other.ask("POST", f"{API}/trial", CAMERA))[0] == 403
    assert (await other.ask("GET", f"{API}/films"))[0] == 403
    assert (await other.ask("GET", API))[0] == (200 if role == "operator" else 403)
    assert (await house.stranger().ask("GET", API))[0] == 401


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"url": "http://10.0.0.9/"},
        {"url": URL, "file": "a.mp4"},
        {"url": URL, "way": "multicast"},
        {"url": URL, "civil_code": "x"},
        {"url": URL, "code": "12"},
        {"url": URL, "folder": "/etc"},
        {"url": "rtsp://admin:herons@10.0.0.9/\r\nX: y"},
    ],
)
async def test_what_makes_no_sense_is_refused_without_repeating_a_password(house: Any, body: dict[str, str]) -> None:
    boss = await house.person("administrator")
    status, said = await boss.ask("POST", API, body)
    assert status == 400 and "herons" not in str(said)
    assert (await boss.get("/sources"))["items"] == []


async def test_a_code_that_is_taken_is_refused(house: Any) -> None:
    boss = await house.person("administrator")
    await house.camera()
    assert (await boss.ask("POST", API, {**CAMERA, "code": "34020000001320000001"}))[0] == 409


async def test_a_password_does_not_go_along_to_another_host(house: Any) -> None:
    boss = await house.person("administrator")
    code = (await added(boss))["code"]
    status, said = await boss.ask("PATCH", f"{API}/{code}", {"url": "rtsp://10.66.6.6/steal"})
    assert (status, said["error"]["code"]) == (409, "password-again")
    assert (await boss.ask("PATCH", f"{API}/{code}", {"url": "rtsp://10.0.0.9/other"}))[0] == 200
    new = {"url": "rtsp://10.0.0.10/", "password": "another"}
    assert (await boss.ask("PATCH", f"{API}/{code}", new))[0] == 200
    assert house.app_services.sources.sources.get(code).password == "another"


async def test_trying_says_what_the_other_side_answered(house: Any) -> None:
    boss, operator = await house.person("administrator"), await house.person("operator")
    steps = (Step("OPTIONS", 200, "OK"), Step("DESCRIBE", 404, "Not Found"))
    house.plane.probes[URL] = Probed(Verdict.REFUSED, "DESCRIBE was answered 404 Not Found", (), steps)
    status, said = await boss.ask("POST", f"{API}/trial", CAMERA)
    assert status == 200 and said == {
        "verdict": "refused",
        "note": "DESCRIBE was answered 404 Not Found",
        "codecs": [],
        "steps": [
            {"what": "OPTIONS", "status": 200, "reason": "OK"},
            {"what": "DESCRIBE", "status": 404, "reason": "Not Found"},
        ],
    }
    assert house.plane.probed == [Source(URL, "admin", "three blue herons")]
    code = (await added(boss))["code"]
    assert (await operator.ask("POST", f"{API}/{code}/trial"))[1]["verdict"] == "refused"
    (listed,) = (await boss.get("/sources"))["items"]
    assert (listed["online"], listed["note"]) == (False, "DESCRIBE was answered 404 Not Found")
    assert (await operator.ask("POST", f"{API}/34020000001320999999/trial"))[0] == 404


async def test_a_film_of_the_folder_is_offered(house: Any) -> None:
    boss = await house.person("administrator")
    assert await boss.get("/sources/films") == {"items": ["/films/a.mp4"]}
    status, said = await boss.ask("POST", API, {"name": "film", "file": "north/a.mp4"})
    assert (status, said["file"], said["url"]) == (201, "north/a.mp4", "")


async def test_a_source_that_is_gone_is_gone(house: Any) -> None:
    boss = await house.person("administrator")
    said = await added(boss)
    assert (await boss.ask("DELETE", f"{API}/{said['code']}"))[0] == 204
    assert (await boss.ask("DELETE", f"{API}/{said['code']}"))[0] == 404
    assert (await boss.ask("PATCH", f"{API}/{said['code']}", {"name": "x"}))[0] == 404
    assert await house.directory.channel(said["owner"], said["code"]) is None


async def test_ourselves_are_not_edited_as_a_device(house: Any) -> None:
    boss = await house.person("administrator")
    owner = (await added(boss))["owner"]
    assert (await boss.ask("PATCH", f"/api/v1/devices/{owner}", {"enabled": False}))[0] == 409
    assert (await boss.ask("DELETE", f"/api/v1/devices/{owner}"))[0] == 409
    new = {"code": "34020000001110000077", "name": "x", "kind": "own", "password": "four red lanterns"}
    assert (await boss.ask("POST", "/api/v1/devices", new))[0] == 400


async def test_a_password_within_the_path_is_not_shown_and_survives_an_edit(house: Any) -> None:
    boss = await house.person("administrator")
    whole = "rtsp://10.0.0.9:554/user=admin_password=herons_channel=1_stream=0.sdp?real_stream"
    masked = whole.replace("herons", "***")
    said = await added(boss, url=whole, user="", password="")
    assert said["url"] == masked
    await boss.ask("POST", f"{API}/trial", {"url": whole})
    assert house.plane.probed[-1].url == whole
    code = said["code"]
    status, said = await boss.ask("PATCH", f"{API}/{code}", {"name": "south", "url": masked})
    assert (status, said["name"], said["url"]) == (200, "south", masked)
    assert house.app_services.sources.sources.get(code).url == whole
    assert "herons" not in str(await boss.get("/audit")) and "herons" not in repr(house.plane.probed)
