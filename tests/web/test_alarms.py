"""Alarms by HTTP: who may read and who may act, every step of a life, and words for all numbers."""

from __future__ import annotations

import asyncio
from typing import Any

from gb28181.manscdp.catalog import Item
from gb28181.manscdp.control import ControlResponse
from registry.events import AlarmRaised
from tests.web.conftest import CAMERA

NOON = 1_795_945_700.0


def raised(house: Any, **said: Any) -> None:
    fields = {"owner": CAMERA, "channel": CAMERA, "priority": 1, "method": 5, "alarm_type": "6", "at": NOON}
    house.bus.tell(AlarmRaised(**{"description": ""} | fields | said))


async def test_a_viewer_reads_alarms_newest_first_and_page_by_page(house):
    await house.camera()
    for kind in ("1", "2", "6"):
        raised(house, alarm_type=kind)
    viewer = await house.person("viewer")
    page = await viewer.get("/alarms?limit=2")
    assert [each["type"] for each in page["items"]] == ["6", "2"]
    assert (page["total"], page["next"]) == (3, page["items"][1]["id"])
    rest = await viewer.get(f"/alarms?limit=2&before={page['next']}")
    assert [each["type"] for each in rest["items"]] == ["1"] and rest["next"] is None
    first = page["items"][0]
    assert first["title"] == {"zh": "入侵检测", "en": "Intrusion"}
    assert (first["name"], first["video"], first["state"]) == ("北门", CAMERA, "open")
    assert await viewer.get("/alarms/counts") == {"open": {"1": 3}, "unclosed": 3}


async def test_filters_are_joined_by_commas_and_a_wrong_state_is_refused(house):
    await house.camera()
    raised(house)
    raised(house, priority=4, method=2, alarm_type="2")
    viewer = await house.person("viewer")
    for query, count in (
        ("state=open,closed", 2),
        ("state=closed", 0),
        ("priority=1,2", 1),
        ("method=2", 1),
        ("q=北门", 2),
        ("q=nobody", 0),
        (f"channel={CAMERA}&since={NOON - 1}", 2),
        (f"until={NOON}", 0),
    ):
        assert (await viewer.get(f"/alarms?{query}"))["total"] == count, query
    status, said = await viewer.ask("GET", "/api/v1/alarms?state=lost")
    assert (status, said["error"]["code"]) == (400, "invalid")


async def test_only_operators_act_and_each_step_says_who(house):
    await house.camera()
    raised(house)
    viewer, wang = await house.person("viewer"), await house.person("operator", "wang")
    await house.user("operator", "li")
    (alarm,) = (await viewer.get("/alarms"))["items"]
    base = f"/api/v1/alarms/{alarm['id']}"
    assert (await viewer.ask("POST", f"{base}/acknowledge", {}))[0] == 403
    assert (await viewer.ask("GET", "/api/v1/alarms/people"))[0] == 403
    status, said = await wang.ask("POST", f"{base}/acknowledge", {"note": "看到了"})
    assert (status, said["state"], said["acknowledged_by"]) == (200, "acknowledged", "wang")
    status, said = await wang.ask("POST", f"{base}/acknowledge", {})
    assert (status, said["error"]["code"]) == (409, "alarm-state")
    assert (await wang.get("/alarms/people"))["names"] == ["li", "wang"]
    status, said = await wang.ask("POST", f"{base}/assign", {"to": "viewer"})
    assert (status, said["error"]["code"]) == (409, "nobody-to-assign")
    assert (await wang.ask("POST", f"{base}/assign", {"to": "li"}))[1]["assigned_to"] == "li"
    assert (await wang.ask("POST", f"{base}/comment", {"note": "已派人"}))[0] == 200
    status, said = await wang.ask("POST", f"{base}/close", {"verdict": "drill", "note": "演练"})
    assert (status, said["state"], said["verdict"]) == (200, "closed", "drill")
    assert (await wang.ask("POST", f"{base}/reopen", {}))[1]["state"] == "acknowledged"
    detail = await viewer.get(f"/alarms/{alarm['id']}")
    assert [(step["who"], step["deed"]) for step in detail["steps"]] == [
        ("wang", deed) for deed in ("acknowledge", "assign", "comment", "close", "reopen")
    ]
    assert (detail["alarm"]["snapshot"], detail["from_s"]) == ("", 10.0)
    audited = await (await house.person("administrator")).get("/audit")
    assert {"alarms.acknowledge", "alarms.assign", "alarms.close"} <= {line["what"] for line in audited["items"]}


async def test_many_are_acknowledged_at_once_and_those_that_were_stay_so(house):
    await house.camera()
    for kind in ("1", "2", "3"):
        raised(house, alarm_type=kind)
    wang = await house.person("operator", "wang")
    ids = [each["id"] for each in (await wang.get("/alarms"))["items"]]
    assert len((await wang.ask("POST", "/api/v1/alarms/many", {"ids": ids[:1]}))[1]["items"]) == 1
    status, said = await wang.ask("POST", "/api/v1/alarms/many", {"ids": ids})
    assert (status, {each["id"] for each in said["items"]}) == (200, set(ids[1:]))
    assert (await wang.ask("POST", "/api/v1/alarms/many", {"ids": ids[:1]}))[1] == {"items": []}
    closing = {"ids": ids, "deed": "close", "verdict": "false"}
    assert len((await wang.ask("POST", "/api/v1/alarms/many", closing))[1]["items"]) == 3
    assert (await wang.ask("POST", "/api/v1/alarms/many", {"ids": ids, "deed": "close"}))[0] == 400
    assert await wang.get("/alarms/counts") == {"open": {}, "unclosed": 0}


async def test_an_alarm_nobody_knows_and_a_picture_nobody_took_are_told_so(house):
    await house.camera()
    raised(house)
    wang = await house.person("operator", "wang")
    for method, path in (("GET", "/alarms/99"), ("POST", "/alarms/99/acknowledge"), ("GET", "/alarms/99/snapshot")):
        status, said = await wang.ask(method, "/api/v1" + path, {} if method == "POST" else None)
        assert (status, said["error"]["code"]) == (404, "unknown-alarm")
    (alarm,) = (await wang.get("/alarms"))["items"]
    status, said = await wang.ask("GET", f"/api/v1/alarms/{alarm['id']}/snapshot")
    assert (status, said["error"]["code"]) == (404, "no-snapshot")


async def test_the_words_of_all_numbers_are_told_in_both_languages(house):
    words = await (await house.person("viewer")).get("/alarms/words")
    assert [each["number"] for each in words["methods"]] == [1, 2, 3, 4, 5, 6, 7]
    covered = next(each for each in words["types"] if (each["method"], each["type"]) == (5, 13))
    assert covered == {"method": 5, "type": 13, "name": {"zh": "图像遮挡", "en": "Picture covered"}, "only_2022": True}
    assert [each["name"]["en"] for each in words["events"]] == ["entered", "left"]


async def test_closing_an_alarm_devices_alarm_resets_it_and_its_answer_is_shown(house):
    peer = await house.camera()
    peer.answer = ControlResponse(1, CAMERA)
    raised(house, method=2, alarm_type="")
    wang = await house.person("operator", "wang")
    (alarm,) = (await wang.get("/alarms"))["items"]
    await wang.ask("POST", f"/api/v1/alarms/{alarm['id']}/close", {"verdict": "real"})
    async with asyncio.timeout(10):
        while (shown := (await wang.get(f"/alarms/{alarm['id']}"))["alarm"])["reset"] != "ok":
            await asyncio.sleep(0.01)
    (control,) = peer.asked
    assert (control.alarm_reset, control.alarm_method, control.device) == (True, "2", CAMERA)
    assert shown["state"] == "closed"
    peer.answer = ControlResponse(1, CAMERA, ok=False, reason="busy")
    status, said = await wang.ask("POST", f"/api/v1/alarms/{alarm['id']}/reset")
    assert (status, said["reset"], said["reset_note"]) == (200, "refused", "busy")


async def test_rules_are_made_changed_and_dropped_by_administrators(house):
    admin, wang = await house.person("administrator"), await house.person("operator", "wang")
    wish = {"name": "入侵录像", "methods": [5], "record_s": 30}
    assert (await wang.ask("POST", "/api/v1/alarm-rules", wish))[0] == 403
    status, made = await admin.ask("POST", "/api/v1/alarm-rules", wish)
    assert (status, made["methods"], made["lowest_priority"]) == (201, [5], 4)
    status, changed = await admin.ask("PUT", f"/api/v1/alarm-rules/{made['id']}", wish | {"popup": True})
    assert (status, changed["popup"]) == (200, True)
    assert (await wang.get("/alarm-rules"))["items"] == [changed]
    status, said = await admin.ask("POST", "/api/v1/alarm-rules", {"name": "nothing"})
    assert (status, said["error"]["code"]) == (409, "rule-unclear")
    assert (await admin.ask("DELETE", f"/api/v1/alarm-rules/{made['id']}"))[0] == 204
    assert (await admin.ask("PUT", f"/api/v1/alarm-rules/{made['id']}", wish))[0] == 404


async def test_a_house_without_a_book_of_alarms_says_so(house):
    wang = await house.person("operator", "wang")
    object.__setattr__(house.app_services, "alarms", None)
    object.__setattr__(house.app_services, "alarm_deeds", None)
    for path in ("/alarms", "/alarms/counts", "/alarm-rules"):
        status, said = await wang.ask("GET", "/api/v1" + path)
        assert (status, said["error"]["code"]) == (404, "no-alarms")


async def test_an_operator_links_an_alarm_input_to_a_camera_of_the_same_device(house):
    recorder, gate, alarm_input = "34020000001180000001", "34020000001320000011", "34020000001340000001"
    await house.camera(recorder)
    items = [Item(gate, "东门"), Item(gate[:-1] + "2", "操场"), Item(alarm_input, "报警输入 1")]
    await house.directory.merge(recorder, items, complete=True, at=1000.0)
    operator = await house.person("operator")
    path = f"/devices/{recorder}/alarm-links"
    unlinked = {"input": alarm_input, "name": "报警输入 1", "camera": "", "camera_name": "", "known": True}
    assert await operator.get(path) == {"items": [unlinked], "complete": True}

    for wrong, camera, code in (
        (404, "34020000001320000099", "unknown-channel"),
        (409, alarm_input, "not-a-camera"),
    ):
        status, said = await operator.ask("PUT", f"/api/v1{path}/{alarm_input}", {"camera": camera})
        assert (status, said["error"]["code"]) == (wrong, code)
    status, said = await operator.ask("PUT", f"/api/v1{path}/{alarm_input}", {"camera": gate})
    assert (status, said["camera"], said["camera_name"]) == (200, gate, "东门")
    raised(house, owner=recorder, channel=alarm_input, method=2)
    (alarm,) = (await operator.get("/alarms"))["items"]
    assert (alarm["name"], alarm["video"]) == ("报警输入 1", gate)

    # Of an input that no catalog knows, too: it has alarmed, so it is there.
    stranger = alarm_input[:-1] + "9"
    await operator.ask("PUT", f"/api/v1{path}/{stranger}", {"camera": gate})
    assert [(each["input"], each["known"]) for each in (await operator.get(path))["items"]] == [
        (alarm_input, True),
        (stranger, False),
    ]
    assert (await operator.ask("DELETE", f"/api/v1{path}/{stranger}"))[0] == 204
    assert (await operator.ask("DELETE", f"/api/v1{path}/{stranger}"))[0] == 404
    viewer = await house.person("viewer")
    assert (await viewer.ask("PUT", f"/api/v1{path}/{alarm_input}", {"camera": gate}))[0] == 403
    assert (await operator.ask("GET", "/api/v1/devices/34020000001180000099/alarm-links"))[0] == 404
