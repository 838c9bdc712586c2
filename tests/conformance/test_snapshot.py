"""The lines about photographs of the conformance list (signalling reference 11), each a test named by its line."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from gb28181.edition import Edition
from gb28181.manscdp.config import DeviceConfig
from gb28181.manscdp.control import ControlResponse
from gb28181.manscdp.snapshot import UploadSnapShotFinished, read_file_id
from simulator.snapshots import SnapshotSettings
from tests.conformance.bare import bare
from tests.conformance.pair import CAMERA, Estate, house, joined, until

SESSION = "0f7c2a54c1b84a2f9d1e66b0a3c4d5e6"
SET = (
    '<?xml version="1.0" encoding="GB18030"?>\r\n<Control><CmdType>DeviceConfig</CmdType><SN>60</SN>'
    f"<DeviceID>{CAMERA}</DeviceID><SnapShotConfig><SnapNum>{{number}}</SnapNum><Interval>1</Interval>"
    f"<UploadURL>{{url}}</UploadURL><SessionID>{SESSION}</SessionID></SnapShotConfig></Control>\r\n"
)
OTHERS = {"form": "34020000001320000002", "mean": "34020000001320000003", "odd": "34020000001320000004"}


@pytest.fixture
async def shelf() -> AsyncIterator[tuple[str, list[tuple[str, bytes]]]]:
    """A web server that takes whatever comes: its address, and the names and bytes of it."""
    taken: list[tuple[str, bytes]] = []

    async def take(request: web.Request) -> web.Response:
        taken.append((request.match_info["name"], await request.read()))
        return web.Response()

    app = web.Application(client_max_size=1 << 24)
    app.router.add_post("/up/{name}", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/up", taken
    await runner.cleanup()


async def test_SNP_02_a_device_lists_three_pictures_when_it_has_sent_three(shelf: Any):
    url, taken = shelf
    async with bare() as (platform, _):
        assert (await platform.send(SET.format(number=3, url=url).encode("gb18030"))).status == 200
        response = await platform.hear(ControlResponse)
        assert (response.cmd_type, response.ok) == ("DeviceConfig", True)
        told = await platform.hear(UploadSnapShotFinished, 30.0)
        assert told.session_id == SESSION and len(told.files) == 3
        assert [name for name, _ in taken] == list(told.files)
        assert all(data.startswith(b"\xff\xd8\xff") and data.endswith(b"\xff\xd9") for _, data in taken)
        assert f"<SnapShotFileID>{told.files[0]}</SnapShotFileID>" in platform.tap.messages[-1].text or any(
            told.files[0] in seen.text for seen in platform.tap.messages
        )


async def test_SNP_04_a_picture_is_named_by_its_camera_its_time_and_its_number(shelf: Any):
    url, taken = shelf
    async with bare() as (platform, _):
        await platform.send(SET.format(number=2, url=url).encode("gb18030"))
        await platform.hear(UploadSnapShotFinished, 30.0)
    for number, (name, _) in enumerate(taken, 1):
        assert len(name) == 41 and name.startswith(CAMERA + "02") and name.endswith(f"{number:02d}")
        read = read_file_id(name)
        assert read is not None and abs((read.at - datetime.now()).total_seconds()) < 120


# ---- the platform, with a house for all


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def estate(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Estate]:
    async with house(tmp_path_factory.mktemp("house")) as estate:
        yield estate


async def ordered(estate: Estate, code: str, number: int) -> str:
    body = {"number": number, "interval_s": 1}
    begun = await estate.post(f"/api/v1/channels/{code}/{code}/device-snapshots", body, 202)
    assert begun["state"] in ("ordered", "done", "partial")
    session: str = begun["session"]
    return session


async def over(estate: Estate, session: str) -> Any:
    async def look() -> Any:
        items = (await estate.get("/api/v1/device-snapshots"))["items"]
        found = next(item for item in items if item["session"] == session)
        return found if found["state"] != "ordered" else None

    return await until(look, 40.0)


@pytest.mark.asyncio(loop_scope="module")
async def test_SNP_01_three_pictures_are_ordered_with_number_interval_address_and_session(estate: Estate):
    pair = await joined(estate)
    session = await ordered(estate, CAMERA, 3)
    wish = await pair.ours.hear(DeviceConfig, out=True)
    (setting,) = wish.settings
    said = {inner.name: inner.text for inner in setting.within}
    assert setting.name == "SnapShotConfig" and said["SnapNum"] == "3" and int(said["Interval"]) >= 1
    assert said["SessionID"] == session and len(session) == 32
    assert said["UploadURL"].startswith(estate.house.console_url + "/snap/")
    done = await over(estate, session)
    assert (done["state"], len(done["received"]), len(done["listed"]), done["refused"]) == ("done", 3, 3, 0)
    shots = (await estate.get(f"/api/v1/snapshots?channel={CAMERA}"))["items"]
    assert {shot["name"] for shot in shots} == set(done["listed"])
    assert all((shot["reason"], shot["session"], shot["width"]) == ("device", session, 320) for shot in shots)
    # The address is over with its order.
    address = said["UploadURL"].removeprefix(estate.house.console_url)
    async with estate.http.post(address, data=b"\xff\xd8\xff") as response:
        assert response.status == 404


@pytest.mark.asyncio(loop_scope="module")
async def test_SNP_03_fewer_pictures_than_were_asked_for_are_shown_as_a_partial_failure(estate: Estate):
    await joined(estate, OTHERS["mean"], snapshots=SnapshotSettings(keeps_back=2))
    done = await over(estate, await ordered(estate, OTHERS["mean"], 3))
    assert (done["state"], len(done["received"]), len(done["listed"])) == ("partial", 1, 1)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_form_is_taken_as_well_as_the_bare_picture(estate: Estate):
    await joined(estate, OTHERS["form"], snapshots=SnapshotSettings(as_form=True))
    done = await over(estate, await ordered(estate, OTHERS["form"], 1))
    assert (done["state"], len(done["received"])) == ("done", 1)


@pytest.mark.asyncio(loop_scope="module")
async def test_what_is_no_picture_is_refused_and_counted(estate: Estate):
    await joined(estate, OTHERS["odd"], snapshots=SnapshotSettings(sends=b"<html>no picture</html>"))
    done = await over(estate, await ordered(estate, OTHERS["odd"], 1))
    assert (done["state"], done["received"], done["refused"]) == ("failed", [], 1)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_device_of_2016_is_asked_for_none(estate: Estate):
    code = "34020000001320000005"
    await joined(estate, code, edition=Edition.V2016)
    said = await estate.post(f"/api/v1/channels/{code}/{code}/device-snapshots", {"number": 1}, 409)
    assert said["error"]["code"] == "edition-too-old"
