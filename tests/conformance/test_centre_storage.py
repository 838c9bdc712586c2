"""Our own recordings offered upward: listed by where the question goes, played and downloaded from our files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gb28181 import mansrtsp
from gb28181.edition import Edition
from gb28181.manscdp.record_info import RecordInfo, RecordInfoQuery, RecordItem
from media.frame import Codec
from media.outlets.recording import Habits
from media.outlets.segment import read_index
from media.plane import RecordingForm
from registry.store.promise import SegmentRow
from simulator.platform_above import Upper
from simulator.platform_below import Lower
from simulator.recording import Recording
from tests.conformance.middle import ALSO_ABOVE, BELOW, CAMERA, OWN, Middle, opened, until
from tests.media.conftest import encode
from tests.media.test_recording import Desk, long

AT = 1_795_881_600
"""When our recording begins; that of the device begins an hour later."""
THEIRS = Recording(CAMERA, AT + 3_600, AT + 7_200)
DAY = {"start": float(AT - 3_600), "end": float(AT + 82_800)}
RECORDING = "20261129T000000-5e0c91aa"
TURNS = 4
LENGTH_S = TURNS * 40 / 25

pytestmark = pytest.mark.timeout(120)


@dataclass
class Estate:
    """A house in the middle that has recorded a camera; one above of each edition, one below with its own records."""

    middle: Middle
    above: Upper
    above_2016: Upper
    below: Lower

    @property
    def called_below(self) -> bool:
        """Whether an INVITE went down."""
        return any(each.method == "INVITE" for each in self.middle.house.below.ladder.of_peer(BELOW, 100))


async def recorded(middle: Middle, folder: Path, form: RecordingForm) -> None:
    """A recording of ours, written as the media plane writes it and in the book as the desk writes it down."""
    desk = Desk(folder / "recordings" / RECORDING, Habits(2.0, 1 << 30, 1 << 24, 0, 0), form)
    desk.wall = float(AT)
    frames = long(await asyncio.to_thread(encode, Codec.H264), TURNS)
    for frame in frames:
        now = 100.0 + (frame.dts_90k - frames[0].dts_90k) / 90_000
        desk.wall = AT + now - 100.0
        desk.recorder.frame(frame, now)
        desk.recorder.tick(now)
    desk.recorder.close()
    rows = [
        SegmentRow(
            *(RECORDING, each.name, BELOW, CAMERA, 0),
            *(each.start_ms, each.end_ms, each.bytes, each.frames, "time", False),
        )
        for each in read_index(folder / "recordings" / RECORDING)
    ]
    assert len(rows) >= 3
    await middle.house.directory.archive.add(rows)


@pytest.fixture(params=RecordingForm)
async def estate(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Estate]:
    async with opened(tmp_path) as middle:
        below = await middle.below(recordings=(THEIRS,))
        above = await middle.above()
        above_2016 = await middle.above(ALSO_ABOVE, edition=Edition.V2016)
        await recorded(middle, tmp_path, request.param)
        yield Estate(middle, above, above_2016, below)


async def asked(upper: Upper, *, device: str = CAMERA, to: str = "", **words: object) -> list[RecordItem]:
    query = RecordInfoQuery(0, device, **(DAY | words))  # type: ignore[arg-type]  # the tests know the fields
    got = await upper.ask(OWN, query, to=to)
    parts = [part for part in got.parts if isinstance(part, RecordInfo)]
    assert {part.sum_num for part in parts} == {sum(len(part.items) for part in parts)}, "one SumNum over all parts"
    return [item for part in parts for item in part.items]


async def test_REC_03_a_question_to_our_own_code_searches_the_centre_and_one_to_the_camera_the_device(estate: Estate):
    (ours,) = await asked(estate.above)
    assert (ours.device, ours.start, ours.kind, ours.location) == (CAMERA, float(AT), "time", OWN)
    assert ours.end is not None and ours.end == pytest.approx(AT + LENGTH_S, abs=1.5)
    files = await estate.middle.house.directory.archive.files_of(RECORDING)
    assert ours.file_size == sum(row.bytes for row in files), "and how long it is"
    (theirs,) = await asked(estate.above, to=CAMERA)
    assert (theirs.start, theirs.file_path) == (float(THEIRS.start), THEIRS.path)
    (whole,) = await asked(estate.above, device=OWN)
    assert (whole.device, whole.start) == (CAMERA, float(AT)), "of the whole system as of the channel"
    assert await asked(estate.above, kind="alarm", to=OWN) == []
    # What the centre has nothing of is asked of the device, for many platforms address all to the platform.
    (later,) = await asked(estate.above, start=float(AT + 3_600))
    assert later.start == float(THEIRS.start)


async def test_REC_04_an_indistinct_question_has_the_records_of_centre_and_device_each_with_its_location(
    estate: Estate,
):
    both = await asked(estate.above, indistinct=True)
    assert [(item.start, item.location) for item in both] == [(float(AT), OWN), (float(THEIRS.start), BELOW)]
    assert all(item.device == CAMERA for item in both)
    both = await asked(estate.above_2016, indistinct=True)
    assert [item.start for item in both] == [float(AT), float(THEIRS.start)]
    assert {item.location for item in both} == {""}, "2016 knows no RecordLocation"


async def test_what_we_recorded_is_played_from_our_files_steered_and_ended_with_121(estate: Estate):
    call = await estate.above.invite(OWN, CAMERA, session="Playback", start=AT, stop=AT + int(LENGTH_S) + 1)
    await call.wait_frames(5)
    assert (await call.inform(mansrtsp.pause(1))).status == 200
    assert await call.receiver.is_quiet(0.3)
    assert (await call.inform(mansrtsp.scale(2, -64.0))).status == 488, "nobody could show that"
    assert (await call.inform(mansrtsp.scale(3, 4.0))).status == 200
    assert (await call.inform(mansrtsp.seek(4, LENGTH_S - 1.5))).status == 200
    await until(lambda: call.media_status, 20.0)
    assert call.media_status[0].is_end_of_file and call.media_status[0].device == CAMERA
    assert not estate.called_below, "nobody below was called"
    assert call.receiver.codecs and call.receiver.key_frames >= 2
    await call.bye()


async def test_what_we_recorded_is_played_backwards_by_its_key_frames(estate: Estate):
    call = await estate.above.invite(OWN, CAMERA, session="Playback", start=AT, stop=AT + int(LENGTH_S) + 1)
    await call.wait_frames(40)
    assert (await call.inform(mansrtsp.scale(1, -1.0))).status == 200
    await until(lambda: call.media_status, 20.0)
    assert call.media_status[0].is_end_of_file, "which is the beginning"
    await call.bye()


async def test_what_we_recorded_is_downloaded_whole(estate: Estate):
    call = await estate.above_2016.invite(
        OWN, CAMERA, session="Download", start=AT, stop=AT + int(LENGTH_S) + 1, speed=8, transport="tcp-passive"
    )
    recorded_bytes = sum(row.bytes for row in await estate.middle.house.directory.archive.files_of(RECORDING))
    assert call.answer.filesize is not None and call.answer.filesize == pytest.approx(recorded_bytes, rel=0.05)
    await until(lambda: call.media_status, 30.0)
    assert call.receiver.frames >= TURNS * 40 - 1, "the last picture ends where the next would begin"
    assert not estate.called_below
    await call.bye()


async def test_what_we_have_nothing_of_is_played_by_the_device(estate: Estate):
    call = await estate.above.invite(OWN, CAMERA, session="Playback", start=THEIRS.start, stop=THEIRS.start + 60)
    await call.wait_frames(5)
    assert estate.called_below
    await call.bye()
