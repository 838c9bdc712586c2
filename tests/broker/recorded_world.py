"""A world in which a day passes in a second: a camera, a disk and media workers that fail when they are told to, and
recordings that are written as the media plane writes them. Only time and the media plane are not real."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from broker.recording_desk import RecordingDesk
from broker.recording_settings import RecordingSettings
from broker.recordings import Recordings
from broker.sweeper import Disk
from broker.watch import Lease, RecordTo, Watch, WatchFailed
from gb28181.manscdp.record_info import RecordInfo, RecordItem
from gb28181.peer import Gathered
from media.frame import Codec
from media.plane import RecorderStatistics, Segment, VideoTrack
from registry.archive import Archive
from registry.events import Bus, Event, RecordingChanged, StreamChanged
from registry.spans import Span, union
from registry.store.memory import MemoryStore

OWNER, CHANNEL = "34020000001180000001", "34020000001320000001"
VIDEO = VideoTrack(Codec.H264, 1920, 1080, 25.0, "avc1.64001F")
SEGMENT_S = 300.0
RATE = 1_000
"""Bytes a second."""


@dataclass
class Held:
    watch: Watch
    listener: Any = None
    opened_ms: int = 0
    written_ms: int = 0

    @property
    def to(self) -> RecordTo:
        assert isinstance(self.watch.outlet, RecordTo)
        return self.watch.outlet


@dataclass
class World:
    """`now` is UNIX seconds; `step` lets time pass. The store and the folder outlive a server that is killed."""

    folder: Path
    now: float
    settings: RecordingSettings = field(default_factory=lambda: RecordingSettings(make_room_bytes=0, fill_at_once=0))
    online: bool = True
    refuses: str = ""
    disk_full: bool = False
    silent: bool = False
    """Nothing is written, and nobody says so."""
    disk: Disk = field(default_factory=lambda: Disk(1 << 40, 1 << 39))
    on_device: list[Span] = field(default_factory=list)
    """What the camera has recorded itself, milliseconds."""
    store: MemoryStore = field(default_factory=MemoryStore)
    told: list[Event] = field(default_factory=list)
    truth: list[Span] = field(default_factory=list)
    """What was really written."""

    def __post_init__(self) -> None:
        self.held: dict[str, Held] = {}
        self.torn: list[tuple[str, int, int]] = []
        self.count = 0
        self.bus: Bus
        self.desk: RecordingDesk

    # --- the server's life

    async def open(self) -> None:
        mended = [self._write(*torn) for torn in self.torn]
        self.torn.clear()
        self.bus = Bus()
        self.bus.listen(self.told.append)
        self.archive = Archive(self.store)
        await self.archive.open()
        self.kept = Recordings(self, self.bus, self.folder, self._counted, wall=lambda: self.now, book=self.archive)
        self.desk = RecordingDesk(
            self.archive,
            self.kept,
            self,
            self,
            self.bus,
            self.folder,
            self.settings,
            wall=lambda: self.now,
            disk=lambda folder: self.disk,
        )
        await self.desk.open(mended)

    async def close(self) -> None:
        await self.desk.close()
        await self.kept.close()
        for lease in tuple(self.held):
            await self.release(lease)

    async def kill(self) -> None:
        """Signal 9: what is being written is torn, and nobody says goodbye."""
        for held in self.held.values():
            if held.opened_ms:
                self.torn.append((held.to.recording, held.opened_ms, held.written_ms))
        self.held.clear()
        # Its tasks die with it; that they notice nothing of it is what a process of its own would be.
        for running in tuple(self.kept._running.values()):
            if running.task is not None:
                running.task.cancel()
        await self.desk.filler.close()
        self.kept._deafen()

    # --- the broker, as far as recordings need it

    async def watch(self, watch: Watch) -> Lease:
        await asyncio.sleep(0)
        if self.refuses:
            raise WatchFailed(f"no: {self.refuses}", code=self.refuses, status=480)
        if not self.online:
            raise WatchFailed("the camera is away", code="device-offline", status=480)
        self.count += 1
        lease = Lease(f"l{self.count}", watch, "", "call", VIDEO, None)
        self.held[lease.id] = Held(watch)
        if self.disk_full:
            told = RecordingChanged(self.held[lease.id].to.recording, OWNER, CHANNEL, "troubled", "disk-full")
            asyncio.get_running_loop().call_soon(self.bus.tell, told)
        if not watch.kind.is_live:
            asyncio.get_running_loop().call_soon(self._send_all, lease.id)
        return lease

    async def release(self, lease_id: str) -> None:
        held = self.held.pop(lease_id, None)
        if held is not None:
            self._close_file(held)

    def on_lease_end(self, lease_id: str, listener: Any) -> None:
        if lease_id in self.held:
            self.held[lease_id].listener = listener
        else:
            listener("finished")

    # --- the neighbours, too

    def peer(self, code: str) -> World:
        return self

    @property
    def is_online(self) -> bool:
        return self.online

    async def ask(self, query: Any, *, timeout_s: float | None = None) -> Gathered:
        found = [
            RecordItem(CHANNEL, start=start / 1000, end=end / 1000)
            for start, end in self.on_device
            if start < query.end * 1000 and end > query.start * 1000
        ]
        return Gathered((RecordInfo(1, CHANNEL, sum_num=len(found), items=tuple(found)),), len(found), len(found), True)

    # --- what befalls it

    def lose_camera(self) -> None:
        self.online = False
        for held in self.held.values():
            self._close_file(held)
        self.bus.tell(StreamChanged("s1", OWNER, CHANNEL, "retrying", "hung-up"))

    def find_camera(self) -> None:
        self.online = True
        self.bus.tell(StreamChanged("s1", OWNER, CHANNEL, "live"))

    def kill_worker(self) -> None:
        """The media process dies: the file it wrote is torn, and mended by whoever goes on with the recording."""
        for lease_id, held in tuple(self.held.items()):
            del self.held[lease_id]
            if held.opened_ms:
                self.torn.append((held.to.recording, held.opened_ms, held.written_ms))
            if held.listener is not None:
                held.listener("media host worker-1: it was killed")

    def be_silent(self) -> None:
        self.silent = True
        for held in self.held.values():
            self._close_file(held)

    def fill_disk(self) -> None:
        self.disk_full = True
        for held in self.held.values():
            self._close_file(held)
            self.bus.tell(RecordingChanged(held.to.recording, OWNER, CHANNEL, "troubled", "disk-full"))

    def empty_disk(self) -> None:
        self.disk_full = False
        for held in self.held.values():
            self.bus.tell(RecordingChanged(held.to.recording, OWNER, CHANNEL, "recording"))

    async def step(self, seconds: float, *, turns: bool = True) -> None:
        """The desk turns, then time passes and pictures are written."""
        if turns:
            await self.desk.turn()
        for _ in range(6):
            await asyncio.sleep(0)
        for held in tuple(self.held.values()):
            if self.online and not self.disk_full and not self.silent and held.watch.kind.is_live:
                self._record(held, seconds)
        self.now += seconds

    # --- files

    def _record(self, held: Held, seconds: float) -> None:
        for recording, start, end in [torn for torn in self.torn if torn[0] == held.to.recording]:
            self._write(recording, start, end)
            self.torn.remove((recording, start, end))
        if not held.opened_ms:
            held.opened_ms = held.written_ms = int(self.now * 1000)
        held.written_ms = int((self.now + seconds) * 1000)
        if held.written_ms - held.opened_ms >= SEGMENT_S * 1000:
            self._close_file(held)

    def _close_file(self, held: Held) -> None:
        if held.opened_ms:
            self._write(held.to.recording, held.opened_ms, held.written_ms)
            held.opened_ms = 0

    def _send_all(self, lease_id: str) -> None:
        """What was asked for of a download, at once."""
        held = self.held.pop(lease_id, None)
        if held is None:
            return
        wanted = held.watch.start * 1000, held.watch.stop * 1000
        for start, end in self.on_device:
            if start < wanted[1] and end > wanted[0]:
                self._write(held.to.recording, max(start, wanted[0]), min(end, wanted[1]))
        if held.listener is not None:
            held.listener("finished")

    def _write(self, recording: str, start_ms: int, end_ms: int) -> str:
        folder = self.folder / recording
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{start_ms}.mp4"
        size = max(1, (end_ms - start_ms) // 1000 * RATE)
        (folder / name).write_bytes(b"x")
        segment = Segment(name, start_ms, end_ms, size, 25)
        line = {"name": name, "start_ms": start_ms, "end_ms": end_ms, "bytes": size, "frames": 25}
        with (folder / "index.jsonl").open("a") as opened:
            opened.write(json.dumps(line) + "\n")
        self.truth = union([*self.truth, (start_ms, end_ms)])
        self.bus.tell(RecordingChanged(recording, OWNER, CHANNEL, "segment", name, segment))
        return recording

    def _counted(self, recording: str) -> RecorderStatistics | None:
        for held in self.held.values():
            if held.to.recording == recording:
                size = (held.written_ms - held.opened_ms) * RATE // 1000
                span = held.opened_ms, held.written_ms
                file = f"{held.opened_ms}.mp4" if held.opened_ms else ""
                return RecorderStatistics("o", recording, "recording", None, 0, size, 9, 0, 0, 0, *span, file)
        return None
