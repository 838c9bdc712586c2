"""The lines of records, playback and download of the conformance list (signalling reference 11), each by its name."""

from __future__ import annotations

import subprocess
import time
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gb28181.edition import Edition
from gb28181.manscdp.record_info import RecordInfo, RecordInfoQuery
from gb28181.manscdp.status import MediaStatus
from simulator.recorder import RecorderSettings
from simulator.recording import Recording
from tests.conformance.bare import CAMERA, bare
from tests.conformance.pair import Estate, Pair, house, joined, until

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


# ---- playback


async def play(pair: Pair, at: float, **more: object) -> dict[str, Any]:
    """Play from a moment on; what the API says of it. Everything seen before is forgotten."""
    pair.clear()
    wish = {"channels": [{"owner": pair.code, "channel": pair.code}], "at": at, **more}
    state: dict[str, Any] = await pair.estate.post("/api/v1/playbacks", wish, 201)
    return state


async def move(pair: Pair, playback: dict[str, Any], **wish: object) -> dict[str, Any]:
    state: dict[str, Any] = await pair.estate.post(f"/api/v1/playbacks/{playback['id']}/transport", wish, 200)
    return state


async def stop(pair: Pair, playback: dict[str, Any]) -> None:
    await pair.estate.delete(f"/api/v1/playbacks/{playback['id']}")


async def looked_at(pair: Pair, playback: dict[str, Any]) -> dict[str, Any]:
    state: dict[str, Any] = await pair.estate.get(f"/api/v1/playbacks/{playback['id']}")
    return state


async def last_info(pair: Pair) -> list[str]:
    """The lines of the last INFO that we sent."""
    await pair.ours.see("INFO", out=True)
    return pair.ours.all("INFO", out=True)[-1].body.decode().split("\r\n")


async def test_PLB_01_a_playback_says_what_from_when_until_when_and_a_number_that_begins_with_1(new: Pair):
    playback = await play(new, DAY + 120)
    invite = await new.ours.see("INVITE", out=True)
    sdp = invite.body.decode().split("\r\n")
    assert "s=Playback" in sdp
    assert f"u={NEW}:0" in sdp
    assert f"t={DAY + 120} {DAY + 6000}" in sdp
    assert [line[:3] for line in sdp if line.startswith("y=")] == ["y=1"]
    subject = invite.message.headers.get("Subject") or ""
    sender = subject.split(",")[0]
    assert sender.startswith(f"{NEW}:1")
    await stop(new, playback)
    await new.ours.see("BYE", out=True)


async def test_PLB_02_and_03_a_pause_says_now_and_going_on_says_npt_now_without_a_scale(new: Pair):
    playback = await play(new, DAY)
    paused = await move(new, playback, do="pause")
    info = await new.ours.see("INFO", out=True)
    assert info.message.headers.get("Content-Type", "").lower() == "application/mansrtsp"
    lines = await last_info(new)
    assert lines[0] == "PAUSE RTSP/1.0" and "PauseTime: now" in lines
    assert new.ours.answer_to(info).status == 200
    assert paused["paused"] and paused["channels"][0]["state"] == "paused"

    going = await move(new, playback, do="resume")
    lines = await last_info(new)
    assert lines[0] == "PLAY RTSP/1.0" and "Range: npt=now-" in lines
    assert not any(line.startswith("Scale") for line in lines)
    assert not going["paused"] and going["channels"][0]["state"] == "playing"
    await stop(new, playback)


async def test_PLB_02_a_paused_recording_stands_and_is_not_taken_for_lost(new: Pair):
    playback = await play(new, DAY)
    await until(lambda: _is_beyond(new, playback, DAY + 0.5))
    paused = await move(new, playback, do="pause")
    later = await looked_at(new, playback)
    assert later["position"] == paused["position"]
    await stop(new, playback)


async def test_PLB_05_a_seek_says_npt_without_a_scale_and_the_position_goes_on_from_there(new: Pair):
    playback = await play(new, DAY)
    await move(new, playback, do="seek", at=DAY + 100)
    lines = await last_info(new)
    assert lines[0] == "PLAY RTSP/1.0" and "Range: npt=100-" in lines
    assert not any(line.startswith("Scale") for line in lines)
    await until(lambda: _is_beyond(new, playback, DAY + 101))
    assert (await looked_at(new, playback))["position"] < DAY + 160
    assert len(new.ours.all("INVITE", out=True)) == 1, "within the call a seek needs no other call"
    await stop(new, playback)


async def test_PLB_05_a_moment_before_the_call_is_had_by_another_call(new: Pair):
    playback = await play(new, DAY + 3000)
    moved = await move(new, playback, do="seek", at=DAY + 10)
    assert moved["channels"][0]["lease"] != playback["channels"][0]["lease"]
    assert moved["channels"][0]["start"] == DAY + 10
    invites = new.ours.all("INVITE", out=True)
    assert f"t={DAY + 10} {DAY + 6000}" in invites[-1].body.decode()
    await stop(new, playback)


async def test_PLB_04_every_scale_changes_the_speed_from_where_it_stands(new: Pair):
    playback = await play(new, DAY)
    player = (await until(lambda: [call.player for call in new.camera.calls if call.player]))[0]
    for speed in (0.25, 0.5, 2.0, 4.0, 8.0, 1.0):
        before = player.position_s
        await move(new, playback, do="speed", speed=speed)
        lines = await last_info(new)
        assert f"Scale: {speed}" in lines and not any(line.startswith("Range") for line in lines)
        assert player.scale == speed and before <= player.position_s < before + 30
    await stop(new, playback)


async def test_PLB_06_a_negative_scale_plays_backwards_from_where_it_stands(new: Pair):
    playback = await play(new, DAY + 600)
    await move(new, playback, do="seek", at=DAY + 900)
    await move(new, playback, do="speed", speed=-4)
    assert "Scale: -4.0" in await last_info(new)
    player = next(call.player for call in new.camera.calls if call.player)
    await until(lambda: player.position_s < 297)
    await until(lambda: _is_before(new, playback, DAY + 899))
    await stop(new, playback)


async def test_PLB_06_a_device_of_2016_is_not_asked_to_play_backwards(old: Pair):
    playback = await play(old, DAY)
    refused = await old.estate.post(f"/api/v1/playbacks/{playback['id']}/transport", {"do": "speed", "speed": -1}, 409)
    assert refused["error"]["code"] == "needs-2022"
    assert not old.ours.all("INFO", out=True)
    await stop(old, playback)


async def test_PLB_07_the_answer_to_a_seek_has_the_range_and_the_first_packet_of_it(new: Pair):
    playback = await play(new, DAY)
    await move(new, playback, do="seek", at=DAY + 200)
    info = await new.ours.see(lambda seen: seen.method == "INFO" and b"npt=200" in seen.body and not seen.status)
    answered = new.ours.answer_to(info).body.decode().split("\r\n")
    assert answered[0] == "RTSP/1.0 200 OK" and "Range: npt=200-" in answered
    (told,) = [line for line in answered if line.startswith("RTP-Info:")]
    assert f"rtptime={200 * 90_000}" in told and "seq=" in told
    await stop(new, playback)


async def test_PLB_08_and_09_at_its_end_121_comes_in_the_dialog_and_is_answered_by_200_and_bye(new: Pair):
    playback = await play(new, DAY + 5998.5)
    invite = await new.ours.see("INVITE", out=True)
    ended = await new.ours.see(MediaStatus, out=False)
    assert ended.method == "MESSAGE" and ended.xml.findtext("NotifyType") == "121"
    assert ended.message.call_id == invite.message.call_id
    await new.ours.see("BYE", out=True)
    assert new.ours.answer_to(ended).status == 200
    # What was still on its way is shown first.
    await until(lambda: _has_ended(new, playback))
    state = (await looked_at(new, playback))["channels"][0]
    assert (state["position"], state["lease"]) == (DAY + 6000, None)
    await stop(new, playback)


async def test_a_device_that_ignores_the_speed_is_noticed(estate: Estate):
    code = "34020000001320000025"
    kept = (Recording(code, DAY, DAY + 600),)
    pair = await joined(estate, code, recordings=kept, recorder=RecorderSettings(ignores_speed=True))
    playback = await play(pair, DAY)
    await move(pair, playback, do="speed", speed=4)

    async def is_noticed() -> bool:
        return bool((await looked_at(pair, playback))["channels"][0]["ignores_speed"])

    await until(is_noticed, 15)
    await stop(pair, playback)


async def test_channels_in_step_begin_at_one_moment_and_stay_together(estate: Estate, new: Pair):
    other = "34020000001320000026"
    await joined(estate, other, recordings=(Recording(other, DAY, DAY + 600),))
    channels = [{"owner": code, "channel": code} for code in (NEW, other)]
    playback = await estate.post("/api/v1/playbacks", {"channels": channels, "at": DAY + 30}, 201)
    await until(lambda: _is_beyond(new, playback, DAY + 32), 20)
    state = await looked_at(new, playback)
    assert [each["state"] for each in state["channels"]] == ["playing", "playing"]
    assert state["drift_s"] < 2.0
    await stop(new, playback)


async def test_a_playback_belongs_to_whoever_began_it(new: Pair):
    playback = await play(new, DAY)
    assert (await new.estate.get("/api/v1/playbacks/0123456789abcdef", 404))["error"]["code"] == "unknown-playback"
    await new.estate.post(f"/api/v1/playbacks/{playback['id']}/transport", {"do": "seek"}, 400)
    await new.estate.post(f"/api/v1/playbacks/{playback['id']}/transport", {"do": "speed", "speed": 3}, 400)
    await stop(new, playback)
    await new.estate.get(f"/api/v1/playbacks/{playback['id']}", 404)


async def _is_beyond(pair: Pair, playback: dict[str, Any], at: float) -> bool:
    return bool((await looked_at(pair, playback))["position"] > at)


async def _has_ended(pair: Pair, playback: dict[str, Any]) -> bool:
    return bool((await looked_at(pair, playback))["channels"][0]["state"] == "ended")


async def _is_before(pair: Pair, playback: dict[str, Any], at: float) -> bool:
    return bool((await looked_at(pair, playback))["position"] < at)


# ---- download


async def download(pair: Pair, start: float, end: float, **more: object) -> dict[str, Any]:
    pair.clear()
    wish = {"owner": pair.code, "channel": pair.code, "start": start, "end": end, **more}
    job: dict[str, Any] = await pair.estate.post("/api/v1/downloads", wish, 201)
    return job


async def over(pair: Pair, job: dict[str, Any], patience_s: float = 40.0) -> dict[str, Any]:
    """The job when it is over."""

    async def is_over() -> Any:
        told = await pair.estate.get(f"/api/v1/downloads/{job['id']}")
        return told if told["state"] in ("done", "short", "failed", "interrupted") else None

    found: dict[str, Any] = await until(is_over, patience_s)
    return found


async def fetched(pair: Pair, job: dict[str, Any], form: str, folder: Path, span: str = "") -> Path:
    url = next(file["url"] for file in job["files"] if file["form"] == form)
    async with pair.estate.http.get(url, headers={"Range": span} if span else {}) as response:
        assert response.status == (206 if span else 200)
        path = folder / f"{job['id']}.{form}"
        path.write_bytes(await response.read())
    return path


def measured(path: Path) -> tuple[float, int]:
    """Seconds from the first picture to the end of the last, and pictures, as ffprobe finds them."""
    command = ("ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "packet=pts_time", "-of", "csv=p=0")
    said = subprocess.run((*command, str(path)), capture_output=True, text=True, timeout=60, check=True).stdout
    times = sorted(float(line.strip(",")) for line in said.split("\n") if line.strip(",").strip() not in ("", "N/A"))
    step = min(later - earlier for earlier, later in pairwise(times))
    assert step > 0, "no picture stands in it twice"
    assert max(later - earlier for earlier, later in pairwise(times)) < 3 * step, "no picture is missing"
    return times[-1] - times[0] + step, len(times)


async def test_DWN_01_a_download_asks_for_its_speed(new: Pair, tmp_path: Path):
    job = await download(new, DAY + 10, DAY + 22, speed=8)
    invite = await new.ours.see("INVITE", out=True)
    sdp = invite.body.decode().split("\r\n")
    assert "s=Download" in sdp and "a=downloadspeed:8" in sdp
    assert f"u={NEW}:0" in sdp and f"t={DAY + 10} {DAY + 22}" in sdp
    done = await over(new, job)
    assert (done["state"], done["gaps"], done["listed"]) == ("done", [], True)
    assert abs(done["covered_s"] - 12) < 0.2
    for form in ("mp4", "ps"):
        seconds, pictures = measured(await fetched(new, done, form, tmp_path))
        assert abs(seconds - 12) < 0.2 and pictures == 240
    await new.estate.delete(f"/api/v1/downloads/{job['id']}")
    await new.estate.get(f"/api/v1/downloads/{job['id']}", 404)


async def test_DWN_02_a_known_size_stands_in_the_answer(new: Pair):
    job = await download(new, DAY, DAY + 4, speed=8)
    invite = await new.ours.see("INVITE", out=True)
    await over(new, job)
    answer = new.ours.answer_to(invite).body.decode().split("\r\n")
    assert "a=filesize:300000" in answer


async def test_DWN_03_without_a_size_progress_comes_from_the_time_of_the_pictures(estate: Estate):
    code = "34020000001320000027"
    kept = (Recording(code, DAY, DAY + 600),)
    pair = await joined(estate, code, recordings=kept, recorder=RecorderSettings(no_filesize=True))
    job = await download(pair, DAY, DAY + 60, speed=8)

    async def has_begun() -> Any:
        told = await estate.get(f"/api/v1/downloads/{job['id']}")
        return told if 0.02 < told["progress"] < 0.98 else None

    told = await until(has_begun, 20)
    assert told["state"] == "running" and not told["files"]
    stopped = await estate.post(f"/api/v1/downloads/{job['id']}/interrupt", {}, 200)
    assert stopped["state"] == "interrupted"
    await estate.delete(f"/api/v1/downloads/{job['id']}")


async def test_DWN_04_at_121_the_file_is_closed_and_bye_is_sent(new: Pair):
    job = await download(new, DAY, DAY + 4, speed=8)
    ended = await new.ours.see(MediaStatus, out=False, patience_s=20)
    await new.ours.see("BYE", out=True)
    assert new.ours.answer_to(ended).status == 200
    done = await over(new, job)
    assert done["state"] == "done" and {file["form"] for file in done["files"]} == {"mp4", "ps"}


async def test_a_download_whose_connection_breaks_goes_on_without_a_gap_or_a_picture_twice(
    estate: Estate, tmp_path: Path
):
    code = "34020000001320000028"
    kept = (Recording(code, DAY, DAY + 600),)
    pair = await joined(estate, code, recordings=kept, recorder=RecorderSettings(breaks_at_s=5.5))
    job = await download(pair, DAY, DAY + 12, speed=8)
    done = await over(pair, job, 60)
    assert (done["state"], done["gaps"]) == ("done", [])
    starts = [seen.body.decode().partition("t=")[2].split()[0] for seen in pair.ours.all("INVITE", out=True)]
    assert starts[0] == str(DAY) and DAY < int(starts[1]) <= DAY + 6
    for form in ("mp4", "ps"):
        seconds, pictures = measured(await fetched(pair, done, form, tmp_path))
        assert abs(seconds - 12) < 0.2 and pictures == 240


async def test_what_lies_in_a_gap_is_not_waited_for(new: Pair, estate: Estate):
    code = "34020000001320000029"
    kept = (Recording(code, DAY, DAY + 4), Recording(code, DAY + 100, DAY + 104))
    pair = await joined(estate, code, recordings=kept)
    done = await over(pair, await download(pair, DAY, DAY + 200, speed=8))
    assert done["state"] == "done" and done["expected_s"] == 8
    assert [run["start"] for run in done["runs"]] == [DAY, DAY + 100]
    assert len(pair.ours.all("INVITE", out=True)) == 2


async def test_where_nothing_was_recorded_a_download_says_so(new: Pair):
    failed = await over(new, await download(new, DAY + 7000, DAY + 7010))
    assert (failed["state"], failed["note"]) == ("failed", "nothing-recorded")


async def test_a_download_that_ends_without_121_is_measured_and_done(estate: Estate):
    code = "34020000001320000030"
    kept = (Recording(code, DAY, DAY + 600),)
    pair = await joined(estate, code, recordings=kept, recorder=RecorderSettings(no_end=True))
    done = await over(pair, await download(pair, DAY, DAY + 4, speed=8), 60)
    assert done["state"] == "done" and abs(done["covered_s"] - 4) < 0.2


async def test_a_file_is_had_in_ranges_by_id_and_no_path_leads_anywhere(new: Pair, tmp_path: Path):
    done = await over(new, await download(new, DAY, DAY + 4, speed=8))
    part = await fetched(new, done, "mp4", tmp_path, "bytes=4-7")
    assert part.read_bytes() == b"ftyp"
    for path in (f"{done['id']}/files/job.json", "..%2F..%2Fkey/files/mp4", f"{done['id']}/files/..%2Fjob.json"):
        async with new.estate.http.get(f"/api/v1/downloads/{path}") as response:
            assert response.status == 404


async def test_a_download_survives_our_restart_and_is_gone_on_with(estate: Estate, new: Pair, tmp_path: Path):
    job = await download(new, DAY, DAY + 40, speed=4)

    async def has_come_on() -> bool:
        return bool((await estate.get(f"/api/v1/downloads/{job['id']}"))["covered_s"] > 4)

    await until(has_come_on, 20)
    await estate.close()
    await estate.open()
    told = await estate.get(f"/api/v1/downloads/{job['id']}")
    assert (told["state"], told["note"]) == ("interrupted", "restart")
    await until(lambda: estate.is_ready(NEW, 1), 20)
    await estate.post(f"/api/v1/downloads/{job['id']}/resume", {}, 200)
    done = await over(new, job, 60)
    assert done["state"] == "done"
    seconds, pictures = measured(await fetched(new, done, "mp4", tmp_path))
    assert abs(seconds - 40) < 0.2 and pictures == 800
