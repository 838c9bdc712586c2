"""A device is set by its description, and what it did not take over is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gb28181.charset import Charset
from gb28181.dialect import DIALECTS
from gb28181.edition import Edition
from gb28181.manscdp.catalog import Item
from gb28181.manscdp.config import Config, ConfigQuery, DeviceConfig, Setting
from gb28181.manscdp.message import parse, serialise, with_sn
from gb28181.peer import PeerSilent
from gb28181.settings.types import TYPES
from simulator.configuration import Configuration, ConfigurationFaults
from simulator.configured import Configured, Encoding
from tests.web.conftest import FakePeer

CAMERA = "34020000001320000001"
BASE = f"/api/v1/channels/{CAMERA}/{CAMERA}/settings"


class Device(FakePeer):
    """A simulated device behind bytes, without a network."""

    def __init__(self, edition: Edition = Edition.V2022, **faults: Any) -> None:
        super().__init__(CAMERA)
        self.edition = edition
        kept = {CAMERA: Configured("北门", streams={0: Encoding("2", "5", 25)})}
        self.device = Configuration(edition, kept, lambda *_: None, ConfigurationFaults(**faults))

    async def ask(self, query: Any, *, timeout_s: float | None = None) -> Any:
        self.asked.append(query)
        if self.failure is not None:
            raise self.failure
        heard = parse(serialise(with_sn(query, 7), Charset.GB18030, self.edition))
        answers = self.device.tell(heard) if isinstance(heard, ConfigQuery) else self.device.obey(heard)  # type: ignore[arg-type]  # one of both
        if not answers:
            raise PeerSilent(f"{CAMERA} did not answer")
        return parse(serialise(answers[0], Charset.GB18030, self.edition))


async def device(house, edition: Edition = Edition.V2022, **faults: Any) -> Device:
    await house.camera(edition=edition.value if edition.is_2022 else "")
    peer = house.neighbours.peers[CAMERA] = Device(edition, **faults)
    return peer


async def change(client, name: str, value: Any) -> tuple[int, Any]:
    return await client.ask("PUT", f"{BASE}/{name}", {"value": value})


REPORT = {"MotionDetection": True, "FieldDetection": True}


async def test_the_description_of_every_type_is_served(house):
    viewer = await house.person("viewer")
    said = (await viewer.get("/setting-types"))["items"]
    assert [kind["form"]["name"] for kind in said] == list(TYPES)
    mirror = next(kind["form"] for kind in said if kind["form"]["name"] == "FrameMirror")
    assert (mirror["kind"], mirror["choices"]) == ("choice", ["0", "1", "2", "3"])


async def test_every_type_that_is_read_can_be_given_back_unchanged(house):
    peer = await device(house)
    admin = await house.person("administrator")
    for name, kind in TYPES.items():
        status, said = await admin.ask("GET", f"{BASE}/{name}")
        assert status == 200, said
        if not kind.may_be_set("2022") or name == "SnapShotConfig":
            continue
        status, outcome = await change(admin, name, said["value"])
        assert (status, outcome["answered"], outcome["differences"]) == (200, True, []), outcome
        assert outcome["now"]["value"] == said["value"]
    assert all(len(wish.settings) == 1 for wish in peer.asked if isinstance(wish, DeviceConfig))


async def test_a_change_is_sent_awaited_and_read_again(house):
    peer = await device(house)
    admin = await house.person("administrator")
    status, said = await change(admin, "AlarmReport", REPORT)
    assert status == 200
    assert (said["answered"], said["now"]["value"], said["differences"], said["note"]) == (True, REPORT, [], "")
    assert [type(asked).__name__ for asked in peer.asked] == ["DeviceConfig", "ConfigQuery"]


async def test_what_a_device_takes_in_word_only_is_told(house):
    await device(house, ignored=frozenset(("AlarmReport",)))
    admin = await house.person("administrator")
    _, said = await change(admin, "AlarmReport", REPORT)
    assert said["answered"] is True
    assert said["differences"] == [
        {"path": "MotionDetection", "wanted": True, "told": False},
        {"path": "FieldDetection", "wanted": True, "told": False},
    ]


async def test_an_error_of_the_device_is_an_error_with_its_reason(house):
    await device(house, refused=frozenset(("AlarmReport",)))
    admin = await house.person("administrator")
    status, said = await change(admin, "AlarmReport", REPORT)
    assert (status, said["error"]["code"]) == (502, "device-refused")
    assert "AlarmReport" in said["error"]["details"]["reason"]
    assert (await admin.ask("GET", f"{BASE}/AlarmReport"))[0] == 502


async def test_a_device_that_obeys_without_a_word_is_believed_by_what_it_tells(house):
    await device(house, unanswered=frozenset(("AlarmReport",)))
    admin = await house.person("administrator")
    _, said = await change(admin, "AlarmReport", REPORT)
    assert (said["answered"], said["differences"]) == (False, [])


async def test_ctl_21_silence_is_an_error_and_no_hang(house):
    peer = await device(house)
    peer.failure = PeerSilent(f"{CAMERA} did not answer")
    admin = await house.person("administrator")
    assert (await change(admin, "AlarmReport", REPORT))[0] == 504


async def test_a_device_that_reboots_instead_is_not_asked_again(house):
    peer = await device(house, unanswered=frozenset(("BasicParam",)))
    peer.dialect = DIALECTS["uniview"]
    admin = await house.person("administrator")
    _, said = await change(admin, "BasicParam", {"Name": "x"})
    assert (said["answered"], said["now"], said["note"]) == (False, None, "reboots")
    assert len(peer.asked) == 1


@pytest.mark.parametrize(
    ("name", "value", "path", "rule"),
    [
        ("OSDConfig", {"Length": 1}, "Width", "missing"),
        ("FrameMirror", "9", "", "no-such-choice"),
        ("VideoParamOpt", {}, "", "read-only"),
        ("BasicParam", {"HeartBeatInterval": "60"}, "HeartBeatInterval", "not-a-whole-number"),
        ("BasicParam", None, "", "not-a-group"),
    ],
)
async def test_what_does_not_fit_reaches_no_device(house, name, value, path, rule):
    peer = await device(house)
    admin = await house.person("administrator")
    status, said = await change(admin, name, value)
    assert (status, said["error"]["code"]) == (400, "setting-unfit")
    assert (said["error"]["details"]["path"], said["error"]["details"]["rule"]) == (path, rule)
    assert peer.asked == []


async def test_reg_18_a_type_of_2022_is_not_asked_of_a_device_of_2016(house):
    peer = await device(house, Edition.V2016)
    admin = await house.person("administrator")
    for method, body in (("GET", None), ("PUT", {"value": "1"})):
        status, said = await admin.ask(method, f"{BASE}/FrameMirror", body)
        assert (status, said["error"]["code"], said["error"]["details"]["needs"]) == (409, "edition-too-old", "3.0")
    assert peer.asked == []
    status, said = await admin.ask("GET", f"{BASE}/BasicParam")
    assert (status, said["value"]["PositionCapability"]) == (200, "0")


async def test_a_type_nobody_knows_is_not_there(house):
    await device(house)
    admin = await house.person("administrator")
    assert (await admin.ask("GET", f"{BASE}/Colour"))[0] == 404


async def test_only_administrators_set_and_operators_read(house):
    peer = await device(house)
    operator, viewer = await house.person("operator"), await house.person("viewer")
    assert (await change(operator, "AlarmReport", REPORT))[0] == 403
    assert (await operator.ask("GET", f"{BASE}/AlarmReport"))[0] == 200
    assert (await viewer.ask("GET", f"{BASE}/AlarmReport"))[0] == 403
    assert len(peer.asked) == 1


async def test_new_keepalives_are_expected_as_they_will_come_and_the_catalog_is_asked_anew(house):
    await device(house)
    admin = await house.person("administrator")
    status, _ = await change(admin, "BasicParam", {"Name": "西门", "HeartBeatInterval": 30, "HeartBeatCount": 5})
    assert status == 200
    kept = house.directory.device(CAMERA)
    assert (kept.keepalive_interval_s, kept.keepalive_count) == (30, 5)
    assert house.resynced == [CAMERA]


async def test_basic_parameters_of_some_makers_go_to_the_device_alone(house):
    peer = await device(house)
    peer.dialect = replace(DIALECTS["dahua"])
    channel = "34020000001310000002"
    await house.directory.merge(CAMERA, [Item(code=channel, name="x")], complete=False, at=1000.0)
    admin = await house.person("administrator")
    path = f"/api/v1/channels/{CAMERA}/{channel}/settings/BasicParam"
    status, said = await admin.ask("PUT", path, {"value": {"Name": "x"}})
    assert (status, said["error"]["code"]) == (409, "device-only")
    assert peer.asked == []


async def test_an_answer_under_another_name_is_shown_and_marked(house):
    peer = await house.camera(edition="3.0")
    peer.answer = Config(1, CAMERA, settings=(Setting("Mirror", "2"),))
    operator = await house.person("operator")
    said = await operator.get(f"/channels/{CAMERA}/{CAMERA}/settings/FrameMirror")
    assert (said["value"], said["odd"]) == ("2", ["Mirror"])
    peer.answer = Config(1, CAMERA)
    status, said = await operator.ask("GET", f"{BASE}/FrameMirror")
    assert (status, said["error"]["code"]) == (502, "device-refused")


async def test_a_snapshot_order_gets_a_session_of_its_own(house):
    peer = await device(house)
    admin = await house.person("administrator")
    order = {"SnapNum": 2, "Interval": 1, "UploadURL": "http://192.0.2.10/x"}
    _, said = await change(admin, "SnapShotConfig", order)
    assert said["answered"] is True
    sent = peer.asked[0].settings[0].find("SessionID").text
    assert len(sent) == 32 and said["now"]["value"]["SessionID"] == sent
