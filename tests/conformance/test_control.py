"""The control lines of the conformance list (signalling reference 11), each a test named by its line."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gb28181.edition import Edition
from gb28181.manscdp.control import ControlResponse, DeviceControl, HomePosition
from gb28181.manscdp.device_status import DeviceStatus, DeviceStatusQuery
from simulator.aim import MAX_ZOOM, Aim
from simulator.camera import Hardware
from simulator.storage import StorageSettings
from tests.conformance.bare import CAMERA, bare
from tests.conformance.pair import Estate, Pair, house, joined, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

OLD = "34020000001320000016"
NEW = "34020000001320000022"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def estate(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Estate]:
    async with house(Path(tmp_path_factory.mktemp("control")), below={"ask_patience_s": 3.0}) as estate:
        yield estate


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def old(estate: Estate) -> Pair:
    """A device of the edition 2016."""
    return await joined(estate, OLD, edition=Edition.V2016)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def new(estate: Estate) -> Pair:
    """A device of the edition 2022."""
    return await joined(estate, NEW, edition=Edition.V2022)


DRAWN = {"window_width": 800, "window_height": 600, "left": 400, "top": 150, "width": 400, "height": 300}


def ptz_of(pair: Pair) -> str:
    return f"/api/v1/channels/{pair.code}/{pair.code}/ptz"


async def control(pair: Pair, what: str, wish: object, status: int = 204) -> Any:
    """A control by the API; what it answered."""
    pair.clear()
    return await pair.estate.post(f"/api/v1/channels/{pair.code}/{pair.code}/{what}", wish, status)


async def steer(pair: Pair, **wish: object) -> str:
    """Steer by the API; the digits that went out on the wire."""
    pair.clear()
    await pair.estate.post(ptz_of(pair), wish, 204)
    seen = await pair.ours.see(DeviceControl, out=True)
    return seen.xml.findtext("PTZCmd") or ""


async def test_CTL_01_a_ptz_request_goes_out_as_sixteen_hex_digits_with_a_right_checksum(new: Pair):
    digits = await steer(new, pan=0.5, tilt=0.25)
    seen = await new.theirs.see(DeviceControl, out=False)
    assert seen.method == "MESSAGE"
    assert seen.message.content_type == "application/manscdp+xml"
    data = bytes.fromhex(digits)
    assert len(digits) == 16 and digits == digits.upper()
    assert sum(data[:7]) % 256 == data[7]


BOX = "<Length>800</Length><Width>600</Width><MidPointX>600</MidPointX><MidPointY>300</MidPointY>"
BOX += "<LengthX>400</LengthX><LengthY>300</LengthY>"


async def told_nothing_but_200(order: str) -> None:
    """What is said to an order that has no Response: a later one is answered, it has not been."""
    async with bare() as (platform, _):
        response = await platform.order(order, sn=77)
        assert (response.status, response.body) == (200, b"")
        await platform.registered(2 if "TeleBoot" in order else 1)
        await platform.order("<GuardCmd>SetGuard</GuardCmd>", sn=78)
        assert (await platform.hear(ControlResponse)).sn == 78


@pytest.mark.parametrize(
    "order",
    [
        "<PTZCmd>A50F0001400000F5</PTZCmd>",
        "<IFameCmd>Send</IFameCmd>",
        "<IFrameCmd>Send</IFrameCmd>",
        f"<DragZoomIn>{BOX}</DragZoomIn>",
        f"<DragZoomOut>{BOX}</DragZoomOut>",
        "<TeleBoot>Boot</TeleBoot>",
    ],
)
async def test_CTL_02_ptz_reboot_key_frame_and_drag_zoom_are_answered_with_200_alone(order: str):
    await told_nothing_but_200(order)


@pytest.mark.parametrize(
    "order",
    [
        "<PTZPreciseCtrl><Pan>90.00</Pan><Tilt>12.50</Tilt><Zoom>2.00</Zoom></PTZPreciseCtrl>",
        "<FormatSDCard>1</FormatSDCard>",
        f"<TargetTrack>Manual</TargetTrack><DeviceID2>34020000001320000009</DeviceID2><TargetArea>{BOX}</TargetArea>",
    ],
)
async def test_CTL_03_precise_position_format_and_tracking_are_answered_with_200_alone(order: str):
    await told_nothing_but_200(order)


@pytest.mark.parametrize("edition", [Edition.V2016, Edition.V2022])
async def test_CTL_04_record_guard_reset_and_home_have_200_at_once_and_a_response_with_their_sn(edition: Edition):
    orders = [
        "<RecordCmd>Record</RecordCmd>",
        "<GuardCmd>SetGuard</GuardCmd>",
        "<AlarmCmd>ResetAlarm</AlarmCmd>",
        "<HomePosition><Enabled>1</Enabled><ResetTime>120</ResetTime><PresetIndex>0</PresetIndex></HomePosition>",
    ]
    async with bare(edition) as (platform, camera):
        for sn, order in enumerate(orders, 41):
            assert (await platform.order(order, sn=sn)).status == 200
            answer = await platform.hear(ControlResponse)
            assert (answer.sn, answer.device, answer.ok, answer.cmd_type) == (sn, CAMERA, True, "DeviceControl")
        # And it did so: what it says of itself has changed.
        assert await platform.say(DeviceStatusQuery(50, CAMERA)) == 200
        status = await platform.hear(DeviceStatus)
        assert status.recording and [each.duty for each in status.duties] == ["ONDUTY"]
        assert camera.duties.resets == 1 and camera.heads[CAMERA].home == HomePosition(True, 120, 0)


async def test_CTL_05_the_response_goes_to_whom_the_request_came_from():
    async with bare() as (platform, _):
        await platform.order("<AlarmCmd>ResetAlarm</AlarmCmd>", sn=5)
        request = await platform.tap.see(DeviceControl, out=True)
        response = await platform.tap.see(ControlResponse, out=False)
        assert response.message.to.uri.user == request.message.from_.uri.user
        assert response.message.from_.uri.user == CAMERA


async def test_CTL_06_a_response_of_a_device_has_200_without_a_body(new: Pair):
    new.clear()
    assert await control(new, "guard", {"on": True}, 200) == {"answered": True}
    response = await new.ours.see(ControlResponse, out=False)
    answer = await new.ours.see(lambda seen: seen.out and seen.message.call_id == response.message.call_id)
    assert (answer.status, answer.body) == (200, b"")


async def test_CTL_07_letting_go_says_stop(new: Pair):
    await steer(new, pan=1.0)
    assert await steer(new, stop=True) == "A50F0000000000B4"


async def test_CTL_08_presets_are_set_called_and_deleted_by_their_number_in_byte_6(old: Pair):
    for action, instruction in (("set", 0x81), ("call", 0x82), ("delete", 0x83)):
        for number in (1, 255):
            data = bytes.fromhex(await steer(old, preset={"action": action, "number": number}))
            assert (data[3], data[4], data[5]) == (instruction, 0, number)


async def test_CTL_09_preset_0_is_refused(old: Pair):
    old.clear()
    await old.estate.post(ptz_of(old), {"preset": {"action": "call", "number": 0}}, 400)
    assert old.ours.all(DeviceControl) == []


async def test_CTL_10_a_dwell_of_300_s_is_2C_in_byte_6_and_1_in_the_high_half_of_byte_7(old: Pair):
    await control(old, "cruise", {"action": "dwell", "group": 1, "value": 300})
    seen = await old.ours.see(DeviceControl, out=True)
    assert seen.xml.findtext("PTZCmd") == "A50F0087012C1078"


async def test_CTL_11_a_device_of_2016_is_told_IFameCmd(old: Pair):
    await control(old, "key-frame", None)
    seen = await old.ours.see(DeviceControl, out=True)
    assert seen.xml.findtext("IFameCmd") == "Send" and seen.xml.find("IFrameCmd") is None


async def test_CTL_12_a_device_of_2022_is_told_IFrameCmd(new: Pair):
    await control(new, "key-frame", None)
    seen = await new.ours.see(DeviceControl, out=True)
    assert seen.xml.findtext("IFrameCmd") == "Send" and seen.xml.find("IFameCmd") is None


async def test_CTL_13_recording_a_sub_stream_says_its_number_beside_RecordCmd(new: Pair):
    assert await control(new, "device-record", {"on": True, "stream": 1}, 200) == {"answered": True}
    seen = await new.ours.see(DeviceControl, out=True)
    names = [element.tag for element in seen.xml]
    assert names[names.index("RecordCmd") + 1] == "StreamNumber" and seen.xml.findtext("StreamNumber") == "1"
    assert new.camera.duties.recording == {(new.code, 1)}


@pytest.mark.parametrize("direction", ["in", "out"])
async def test_CTL_14_drag_zoom_has_all_six_integers(old: Pair, direction: str):
    await control(old, "zoom-box", {"direction": direction, "box": DRAWN})
    seen = await old.ours.see(DeviceControl, out=True)
    box = seen.xml.find("DragZoomIn" if direction == "in" else "DragZoomOut")
    assert box is not None
    assert [(side.tag, side.text) for side in box] == [
        ("Length", "800"),
        ("Width", "600"),
        ("MidPointX", "600"),
        ("MidPointY", "300"),
        ("LengthX", "400"),
        ("LengthY", "300"),
    ]


async def test_CTL_15_tracking_by_hand_names_dome_panorama_and_area(new: Pair):
    panorama = "34020000001320000099"
    await control(new, "track", {"mode": "manual", "panorama": panorama, "box": DRAWN})
    # What moved before may be stopped first: the order itself is the one that names tracking.
    seen = await new.ours.see(lambda seen: not seen.status and "<TargetTrack>" in seen.text, out=True)
    said = {element.tag: element.text for element in seen.xml}
    assert (said["DeviceID"], said["TargetTrack"], said["DeviceID2"]) == (new.code, "Manual", panorama)
    area = seen.xml.find("TargetArea")
    assert area is not None and len(area) == 6
    await until(lambda: new.camera.heads[new.code].tracking == "Manual")


async def test_CTL_16_a_position_beyond_the_limits_is_the_limit():
    async with bare() as (platform, camera):
        order = "<PTZPreciseCtrl><Pan>359.00</Pan><Tilt>-80</Tilt><Zoom>72</Zoom></PTZPreciseCtrl>"
        assert (await platform.order(order)).status == 200
        assert camera.heads[CAMERA].at(time.monotonic()) == Aim(1.0, 0.0, MAX_ZOOM)


async def test_CTL_17_card_zero_formats_all_cards():
    hardware = Hardware(storage=StorageSettings(format_s=3600))
    async with bare(hardware=hardware) as (platform, camera):
        assert (await platform.order("<FormatSDCard>2</FormatSDCard>")).status == 200
        assert [card.state for card in camera.storage.cards] == ["ok", "formatting"]
        assert (await platform.order("<FormatSDCard>0</FormatSDCard>")).status == 200
        assert [card.state for card in camera.storage.cards] == ["formatting"] * 2


async def test_CTL_21_a_control_that_nobody_answers_ends_with_a_timeout(estate: Estate):
    silent = await joined(estate, "34020000001320000021")
    silent.camera.answer = lambda asked: ()  # type: ignore[method-assign]  # it hears, and says nothing
    said = await control(silent, "guard", {"on": True}, 504)
    assert said["error"]["code"] == "device-silent"


async def test_the_words_of_a_refusal_reach_the_operator(new: Pair):
    said = await control(new, "home-position", {"enabled": True, "preset": 77}, 502)
    assert (said["error"]["code"], said["error"]["details"]["reason"]) == ("device-refused", "no preset 77")


async def test_what_only_2022_knows_is_not_sent_to_a_device_of_2016(old: Pair):
    said = await control(old, "precise", {"pan": 10}, 409)
    assert said["error"]["code"] == "edition-too-old"
    assert old.ours.all(DeviceControl) == []
