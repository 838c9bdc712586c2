"""The lines of records, playback and download of the conformance list (signalling reference 11), each by its name."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from gb28181.edition import Edition
from gb28181.manscdp.record_info import RecordInfo, RecordInfoQuery
from simulator.recorder import RecorderSettings
from simulator.recording import Recording
from tests.conformance.bare import CAMERA, bare
from tests.conformance.pair import Estate, Pair, house, joined

pytestmark = pytest.mark.asyncio(loop_scope="module")

OLD = "34020000001320000016"
NEW = "34020000001320000022"
DAY = 1_700_006_400  # 2023-11-15 08:00 in Beijing
KEPT = tuple(Recording(NEW, DAY + 600 * n, DAY + 600 * n + 600) for n in range(10))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def estate(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Estate]:
    async with house(Path(tmp_path_factory.mktemp("records"))) as estate:
        yield estate


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def new(estate: Estate) -> Pair:
    """A recorder of the edition 2022 with a day's files, four to a message."""
    return await joined(estate, NEW, recordings=KEPT, recorder=RecorderSettings(items_a_part=4))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def old(estate: Estate) -> Pair:
    """A device of the edition 2016."""
    return await joined(estate, OLD, edition=Edition.V2016, recordings=(Recording(OLD, DAY, DAY + 60),))


def search(code: str, start: float, end: float, **more: object) -> str:
    told = {"start": start, "end": end, **more}
    return f"/api/v1/channels/{code}/{code}/records?" + "&".join(f"{name}={value}" for name, value in told.items())


async def found(**filters: object) -> list[tuple[int, str]]:
    """What a recorder of many kinds of files lists for a search; start and kind."""
    files = (
        Recording(CAMERA, DAY, DAY + 60, stream=0),
        Recording(CAMERA, DAY + 100, DAY + 160, stream=1),
        Recording(CAMERA, DAY + 200, DAY + 260, "alarm", alarm=("5", "2")),
        Recording(CAMERA, DAY + 300, DAY + 360, "alarm", alarm=("2", "1")),
        Recording(CAMERA, DAY + 400, DAY + 460, "manual", secret=True, recorder="wang", address="disk 2"),
    )
    async with bare(recordings=files) as (platform, _):
        query = RecordInfoQuery(sn=9, device=CAMERA, start=DAY - 10, end=DAY + 1000, **filters)  # type: ignore[arg-type]
        assert await platform.say(query) == 200
        told = await platform.hear(RecordInfo)
    return [(int(item.start) - DAY, item.kind) for item in told.items]


async def test_REC_01_a_search_sends_record_info_with_start_and_end_time(new: Pair):
    new.clear()
    listed = await new.estate.get(search(NEW, DAY, DAY + 7200))
    asked = await new.ours.see(RecordInfoQuery, out=True)
    assert asked.method == "MESSAGE"
    assert asked.xml.findtext("CmdType") == "RecordInfo" and asked.xml.findtext("DeviceID") == NEW
    # A whole day is asked for, in local time, and cut to the window afterwards.
    assert asked.xml.findtext("StartTime") == "2023-11-15T00:00:00"
    assert asked.xml.findtext("EndTime") == "2023-11-15T23:59:59"
    assert listed["runs"] == [{"start": DAY, "end": DAY + 6000}]
    assert (listed["got"], listed["expected"], listed["complete"]) == (10, 10, True)


async def test_REC_02_items_have_device_name_secrecy_and_times_and_all_parts_one_sn(new: Pair):
    new.clear()
    await new.estate.get(search(NEW, DAY, DAY + 7200, fresh="true"))
    asked = await new.theirs.see(RecordInfoQuery, out=False)
    parts = new.theirs.all(RecordInfo, out=True)
    assert [len(part.xml.findall("RecordList/Item")) for part in parts] == [4, 4, 2]
    assert {part.xml.findtext("SN") for part in parts} == {asked.xml.findtext("SN")}
    assert {part.xml.findtext("SumNum") for part in parts} == {"10"}
    for item in parts[0].xml.findall("RecordList/Item"):
        assert item.findtext("DeviceID") == NEW and item.findtext("Name")
        assert item.findtext("Secrecy") == "0"
        assert item.findtext("StartTime", "").startswith("2023-11-15T")
        assert item.findtext("EndTime", "").startswith("2023-11-15T")


async def test_REC_05_stream_number_and_alarm_filters_narrow_the_list():
    assert await found() == [(0, "time"), (100, "time"), (200, "alarm"), (300, "alarm")]
    assert await found(stream_number=1) == [(100, "time")]
    assert await found(alarm_method="5") == [(200, "alarm")]
    assert await found(alarm_method="2/5", alarm_type="1") == [(300, "alarm")]
    assert await found(kind="manual") == []
    assert await found(secrecy=True, recorder="wang", address="disk 2") == [(400, "manual")]


async def test_REC_05_a_device_of_2016_is_not_asked_for_what_its_edition_has_no_word_for(old: Pair):
    old.clear()
    refused = await old.estate.get(search(OLD, DAY, DAY + 600, stream=1), 409)
    assert refused["error"]["code"] == "needs-2022" and refused["error"]["details"]["words"] == ["StreamNumber"]
    assert not old.ours.all(RecordInfoQuery, out=True)
    assert len((await old.estate.get(search(OLD, DAY, DAY + 600)))["items"]) == 1


async def test_REC_01_an_answer_of_a_moment_ago_is_not_asked_for_again(new: Pair):
    await new.estate.get(search(NEW, DAY, DAY + 7200))
    new.clear()
    again = await new.estate.get(search(NEW, DAY + 300, DAY + 900))
    assert again["runs"] == [{"start": DAY + 300, "end": DAY + 900}]
    assert not new.ours.all(RecordInfoQuery, out=True)


async def test_REC_01_a_month_is_asked_for_by_the_day(new: Pair):
    new.clear()
    month = await new.estate.get(search(NEW, DAY - 15 * 86_400, DAY + 15 * 86_400))
    assert month["seconds"] == 6000 and month["complete"]
    days = [seen.xml.findtext("StartTime") for seen in new.ours.all(RecordInfoQuery, out=True)]
    # The day in the middle was known already.
    assert len(days) == len(set(days)) == 30


async def test_REC_02_a_rolling_history_reaches_up_to_now(estate: Estate):
    code = "34020000001320000024"
    await joined(estate, code, recorder=RecorderSettings(history_s=86_400))
    now = time.time()
    listed = await estate.get(search(code, now - 86_400, now))
    assert listed["runs"][-1]["end"] > now - 60
    assert {item["kind"] for item in listed["items"]} == {"time", "alarm"}
    assert 0.95 * 86_400 < listed["seconds"] < 86_400
