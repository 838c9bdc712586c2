"""Recordings by hand: kept up until somebody ends them, and on a shelf that nothing leads out of."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from broker.kept import KeptShelf
from broker.recordings import AGAIN_S, Recordings, TooMany, row_of
from broker.watch import Lease, RecordTo, Watch, WatchFailed
from media.frame import Codec
from media.plane import RecorderStatistics, RecordingForm, Segment, VideoTrack
from registry.archive import Archive
from registry.events import Bus, RecordingChanged
from registry.store.memory import MemoryStore

OWNER = "34020000001180000001"
CHANNEL = "34020000001320000001"
VIDEO = VideoTrack(Codec.H264, 1920, 1080, 25.0, "avc1.64001F")


class Leases:
    """Grants leases, unless told to fail; `lose` ends one as the broker would."""

    def __init__(self) -> None:
        self.asked: list[Watch] = []
        self.held: dict[str, Any] = {}
        self.fails = 0

    async def watch(self, watch: Watch) -> Lease:
        self.asked.append(watch)
        await asyncio.sleep(0)
        if self.fails:
            self.fails -= 1
            raise WatchFailed("the camera is away", code="device-offline", status=480)
        lease = Lease(f"l{len(self.asked)}", watch, "", "call", VIDEO, None)
        self.held[lease.id] = None
        return lease

    async def release(self, lease_id: str) -> None:
        self.held.pop(lease_id, None)

    def on_lease_end(self, lease_id: str, listener: Any) -> None:
        self.held[lease_id] = listener

    def lose(self, why: str) -> None:
        for lease_id, listener in tuple(self.held.items()):
            del self.held[lease_id]
            listener(why)


async def until(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("broker.recordings.AGAIN_S", tuple(each / 1000 for each in AGAIN_S))

    bus, broker, folder = Bus(), Leases(), tmp_path / "recordings"
    desk = SimpleNamespace(bus=bus, broker=broker, folder=folder, told=[], kept=Recordings(broker, bus, folder))
    desk.bus.listen(lambda event: desk.told.append(event) if isinstance(event, RecordingChanged) else None)
    yield desk
    await desk.kept.close()


def written(folder: Path, name: str, start_ms: int, frames: int = 25) -> Segment:
    """A segment on disk, as the media plane leaves it."""
    (folder / name).write_bytes(b"pictures")
    segment = Segment(name, start_ms, start_ms + 1000, 8, frames)
    line = {"name": name, "start_ms": start_ms, "end_ms": start_ms + 1000, "bytes": 8, "frames": frames}
    with (folder / "index.jsonl").open("a") as opened:
        opened.write(json.dumps(line) + "\n")
    return segment


async def test_a_recording_is_a_lease_until_somebody_ends_it(desk):
    begun = await desk.kept.start(OWNER, CHANNEL, 0, "wang")
    await until(lambda: desk.broker.held)
    (watch,) = desk.broker.asked
    assert watch.outlet == RecordTo(begun.about.id, RecordingForm.MP4)
    assert (watch.owner, watch.channel, watch.viewer) == (OWNER, CHANNEL, "recording:wang")
    await until(lambda: desk.kept.running()[0].state == "recording")
    ended = await desk.kept.stop(begun.about.id)
    assert (ended.state, desk.broker.held, desk.kept.running()) == ("ended", {}, [])
    assert [event.state for event in desk.told] == ["asking", "asking", "recording", "ended"]
    assert await desk.kept.stop(begun.about.id) is None


async def test_who_records_what_is_recorded_gets_that_one(desk):
    one, two = await asyncio.gather(*(desk.kept.start(OWNER, CHANNEL, 0, name) for name in ("wang", "li")))
    assert one.about.id == two.about.id
    other = await desk.kept.start(OWNER, CHANNEL, 1, "li")
    assert other.about.id != one.about.id


class SlowBook:
    """Writes down what is open when it is let."""

    def __init__(self) -> None:
        self.may_write = asyncio.Event()
        self.open: list[str] = []

    def open_recordings(self) -> list[Any]:
        return []

    async def opened(self, row: dict[str, object]) -> None:
        await self.may_write.wait()
        self.open.append(str(row["id"]))

    async def ended(self, recording: str) -> None:
        if recording in self.open:
            self.open.remove(recording)


async def test_one_that_is_ended_before_it_has_begun_does_not_run_on_unseen(desk):
    book = desk.kept._book = SlowBook()
    beginning = asyncio.create_task(desk.kept.start(OWNER, CHANNEL, 0, "wang"))
    await until(desk.kept.running)
    joined = await desk.kept.start(OWNER, CHANNEL, 0, "li")
    assert (await desk.kept.stop(joined.about.id)).state == "ended"
    book.may_write.set()
    assert (await beginning).state == "ended"
    assert (desk.kept.running(), book.open) == ([], [])
    await asyncio.sleep(0.01)
    assert (desk.broker.asked, desk.broker.held) == ([], {})


async def test_one_that_cannot_be_written_down_leaves_nothing_on_the_shelf(desk, monkeypatch):
    book = desk.kept._book = SlowBook()

    async def opened(row: dict[str, object]) -> None:
        raise OSError("the database is gone")

    monkeypatch.setattr(book, "opened", opened)
    with pytest.raises(OSError, match="the database"):
        await desk.kept.start(OWNER, CHANNEL, 0, "wang")
    assert (desk.kept.running(), await desk.kept.shelf()) == ([], [])


async def test_who_is_cancelled_while_he_ends_one_leaves_none_that_only_seems_to_run(desk, monkeypatch):
    begun = await desk.kept.start(OWNER, CHANNEL, 0, "wang")
    await until(lambda: desk.broker.held)
    given_back = asyncio.Event()

    async def release(lease_id: str) -> None:
        await given_back.wait()

    monkeypatch.setattr(desk.broker, "release", release)
    ending = asyncio.create_task(desk.kept.stop(begun.about.id))
    await asyncio.sleep(0.01)
    ending.cancel()
    given_back.set()
    assert isinstance((await asyncio.gather(ending, return_exceptions=True))[0], asyncio.CancelledError)
    assert desk.kept.running() == []


async def test_a_lease_that_ends_by_itself_is_taken_anew_into_the_same_folder(desk):
    begun = await desk.kept.start(OWNER, CHANNEL, 0, "wang")
    for turn in range(1, 4):
        await until(lambda turn=turn: len(desk.broker.asked) == turn and desk.broker.held)
        desk.broker.lose("the media host died")
    await until(lambda: len(desk.broker.asked) == 4)
    assert {watch.outlet.recording for watch in desk.broker.asked} == {begun.about.id}
    assert ("waiting", "the media host died") in [(event.state, event.note) for event in desk.told]


async def test_a_camera_that_is_away_is_asked_for_again(desk):
    desk.broker.fails = 3
    await desk.kept.start(OWNER, CHANNEL, 0, "wang")
    await until(lambda: desk.broker.held)
    assert len(desk.broker.asked) == 4
    assert "the camera is away" in [event.note for event in desk.told]


async def test_trouble_of_the_disk_shows_until_it_is_over(desk):
    begun = await desk.kept.start(OWNER, CHANNEL, 0, "wang")
    await until(lambda: desk.kept.running()[0].state == "recording")
    desk.bus.tell(RecordingChanged(begun.about.id, OWNER, CHANNEL, "troubled", "disk-full"))
    assert (desk.kept.running()[0].state, desk.kept.running()[0].note) == ("troubled", "disk-full")
    desk.bus.tell(RecordingChanged(begun.about.id, OWNER, CHANNEL, "recording"))
    assert desk.kept.running()[0].state == "recording"


async def test_what_was_recorded_is_on_the_shelf(desk):
    begun = await desk.kept.start(OWNER, CHANNEL, 0, "wang")
    folder = desk.folder / begun.about.id
    later = written(folder, "20261129T101600.000Z.mp4", 1_795_946_160_000)
    first = written(folder, "20261129T101500.000Z.mp4", 1_795_946_100_000)
    with (folder / "index.jsonl").open("a") as opened:
        opened.write('{"name":"2026')  # a crash cut it off
    await desk.kept.stop(begun.about.id)
    (seen,) = await desk.kept.shelf(CHANNEL)
    assert (seen.state, seen.segments, seen.bytes, seen.seconds) == ("ended", 2, 16, 2.0)
    assert (seen.about.by, seen.about.channel) == ("wang", CHANNEL) and seen.about.ended_at is not None
    assert await desk.kept.segments(begun.about.id) == [first, later]
    assert await desk.kept.file(begun.about.id, first.name) == folder / first.name
    assert await desk.kept.shelf("34020000001320000009") == []


async def test_segments_that_are_told_are_counted_while_it_runs(desk):
    counted = RecorderStatistics("o1", "", "recording", None, 0, 500, 9, 0, 0, 0)
    kept = Recordings(desk.broker, desk.bus, desk.folder, lambda recording: counted)
    begun = await kept.start(OWNER, CHANNEL, 0, "wang")
    segment = Segment("a.mp4", 1, 2, 900, 25)
    desk.bus.tell(RecordingChanged(begun.about.id, OWNER, CHANNEL, "segment", "a.mp4", segment))
    (seen,) = kept.running()
    assert (seen.segments, seen.bytes) == (1, 900)
    await kept.close()


async def test_what_is_being_written_is_on_the_shelf_before_the_book_knows_of_it(desk):
    store = MemoryStore()
    await store.open()
    archive = Archive(store)
    await archive.open()
    counted = RecorderStatistics("o1", "", "recording", None, 0, 500, 9, 0, 0, 0, 60_000, 75_000, "b.mp4")
    kept = Recordings(desk.broker, desk.bus, desk.folder, lambda recording: counted)
    begun = await kept.start(OWNER, CHANNEL, 0, "wang")
    shelf = KeptShelf(archive, desk.folder)
    assert await shelf.source(OWNER, CHANNEL, 0, 50, 100) is None
    shelf.opened = kept.open_files
    folder = begun.about.id

    async def clips(start: int, stop: int) -> list[Any]:
        found = await shelf.source(OWNER, CHANNEL, 0, start, stop)
        return [] if found is None else [(each.file, each.end_ms, each.is_open) for each in found.clips]

    assert await clips(50, 100) == [(f"{folder}/b.mp4", 75_000, True)]
    assert await clips(76, 100) == await clips(10, 59) == []
    assert kept.open_files(OWNER, "34020000001320000002") == []
    run = await shelf.run(OWNER, CHANNEL, 0, 62.0, 100.0)
    assert run is not None and (run.start, run.end) == (60.0, 75.0)
    (band,) = await archive.records(OWNER, CHANNEL, 0, 100_000, 0, kept.open_files(OWNER, CHANNEL))
    assert (band.start_ms, band.end_ms, band.kind) == (60_000, 75_000, "manual")
    # Before it: they are one; and once it is whole the book alone tells of it.
    await archive.add([row_of(begun.about, Segment("a.mp4", 30_000, 60_000, 900, 25))])
    (band,) = await archive.records(OWNER, CHANNEL, 0, 100_000, 0, kept.open_files(OWNER, CHANNEL))
    assert (band.start_ms, band.end_ms, band.files) == (30_000, 75_000, 2)
    await archive.add([row_of(begun.about, Segment("b.mp4", 60_000, 90_000, 900, 25))])
    assert await clips(50, 100) == [(f"{folder}/a.mp4", 60_000, False), (f"{folder}/b.mp4", 90_000, False)]
    (band,) = await archive.records(OWNER, CHANNEL, 0, 100_000, 0, kept.open_files(OWNER, CHANNEL))
    assert (band.end_ms, band.files) == (90_000, 2)
    await kept.close()


@pytest.mark.parametrize(
    "recording", ["", "..", "../secret", "/etc", "20261129T101500-../../x", "20261129T101500-a/b", "x" * 200, "２0-a"]
)
async def test_an_id_that_could_lead_elsewhere_is_unknown(desk, tmp_path, recording):
    (tmp_path / "secret").mkdir()
    written(tmp_path / "secret", "20261129T101500.000Z.mp4", 1)
    assert await desk.kept.segments(recording) is None
    assert await desk.kept.file(recording, "20261129T101500.000Z.mp4") is None
    assert not await desk.kept.remove(recording)


async def test_only_what_stands_in_the_index_is_given(desk, tmp_path):
    begun = await desk.kept.start(OWNER, CHANNEL, 0, "wang")
    folder = desk.folder / begun.about.id
    written(folder, "a.mp4", 1)
    (tmp_path / "secret.mp4").write_text("secret")
    for name in ("about.json", "index.jsonl", "../a.mp4", "../../secret.mp4", "", "b.mp4"):
        assert await desk.kept.file(begun.about.id, name) is None
    (folder / "a.mp4").unlink()
    (folder / "a.mp4").symlink_to(tmp_path / "secret.mp4")
    assert await desk.kept.file(begun.about.id, "a.mp4") is None


async def test_only_what_has_ended_is_removed(desk):
    begun = await desk.kept.start(OWNER, CHANNEL, 0, "wang")
    with pytest.raises(ValueError, match="being recorded"):
        await desk.kept.remove(begun.about.id)
    await desk.kept.stop(begun.about.id)
    assert await desk.kept.remove(begun.about.id)
    assert await desk.kept.shelf() == [] and not await desk.kept.remove(begun.about.id)


async def test_there_is_an_end_to_recordings(desk, monkeypatch):
    monkeypatch.setattr("broker.recordings.MOST_RUNNING", 2)
    for number in range(2):
        await desk.kept.start(OWNER, f"3402000000132000000{number}", 0, "wang")
    with pytest.raises(TooMany, match="all 2"):
        await desk.kept.start(OWNER, "34020000001320000009", 0, "wang")


async def test_a_folder_that_cannot_be_made_is_said_and_leaves_nothing_running(desk):
    desk.folder.write_text("in the way")
    with pytest.raises(OSError):
        await desk.kept.start(OWNER, CHANNEL, 0, "wang")
    assert desk.kept.running() == [] and desk.broker.asked == []


async def test_folders_of_others_are_passed_over(desk):
    desk.folder.mkdir()
    (desk.folder / "lost+found").mkdir()
    (desk.folder / "notes.txt").write_text("hello")
    (desk.folder / "20261129T101500-abcd").mkdir()
    (desk.folder / "20261129T101500-abcd" / "about.json").write_text('{"id": "another"}')
    assert await desk.kept.shelf() == []
