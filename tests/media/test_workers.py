"""A plane in another process keeps the same promises, and when that process dies, everybody hears of it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest

from media.calls import ASKED, CALLS, EVENTS, TOLD
from media.local import PlaneSettings
from media.plane import (
    Aim,
    FirstFrame,
    MediaHost,
    MediaPlane,
    NoCapacity,
    OutletClosed,
    OutletKind,
    PlaneEvent,
    RecordingWish,
    Seating,
    SenderWish,
    StreamFailed,
    TakingWish,
    Transport,
    Verdict,
    WireForm,
)
from media.ports import slice_of
from media.process import launch
from media.remote import RemotePlane
from media.watching import watch
from media.workers import Workers, is_running

ANSWERED_HERE = {"listen", "statistics", "sender_statistics", "workers", "claim", "seat"}
"""What a plane behind a channel says without asking, or has a way of its own for."""


async def until(condition: Callable[[], Any], wait_s: float = 15.0) -> Any:
    async with asyncio.timeout(wait_s):
        while not (value := condition()):
            await asyncio.sleep(0.02)
    return value


def _framed(message: Any) -> bytes:
    body = msgspec.msgpack.encode(message)
    return len(body).to_bytes(4, "big") + body


class Yard:
    """Workers, and a ledger of what they told."""

    def __init__(self, workers: Workers) -> None:
        self.workers = workers
        self.told: list[PlaneEvent] = []
        workers.listen(self.told.append)

    @property
    def plane(self) -> MediaHost:
        return self.workers.hosts()[0]

    @property
    def pids(self) -> list[int]:
        return [each.pid for each in self.workers.workers()]

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.told if isinstance(event, kind)]

    async def flowing(self, plane: MediaPlane, cam: Any, frames: Any) -> Any:
        inlet = await plane.open(cam.packetiser.ssrc, Transport.UDP)
        await plane.aim(inlet.id, Aim("127.0.0.1", cam.address[1], None, {96: "PS"}))
        await cam.send(inlet.port, frames)
        await until(lambda: [each for each in self.of(FirstFrame) if each.inlet == inlet.id])
        return inlet


@pytest.fixture
async def yard() -> AsyncIterator[Callable[..., Any]]:
    async with AsyncExitStack() as taken:

        async def build(count: int = 1, **changes: Any) -> Yard:
            # Patience for machines that are busy with other tests.
            given = {"host": "127.0.0.1", "announce_host": "127.0.0.1", "first_port": 0, "worker_stall_s": 5.0}
            workers = Workers(PlaneSettings(**{**given, "workers": count, "worker_spare": False, **changes}))
            await workers.start()
            taken.push_async_callback(workers.stop)
            await workers.wait_ready()
            return Yard(workers)

        yield build


def test_every_promise_of_a_plane_crosses_or_is_answered_here():
    promised = {name for name in vars(MediaPlane) if not name.startswith("_")}
    assert promised - ANSWERED_HERE == {*ASKED, *TOLD}
    assert set(CALLS) == {*ASKED, *TOLD}
    assert "StreamFailed" in EVENTS and "FirstFrame" in EVENTS


async def test_a_stream_in_a_worker_is_opened_watched_sent_on_and_counted(yard, camera, h264):
    home = await yard()
    cam = camera()
    plane = home.plane
    inlet = await plane.open(cam.packetiser.ssrc, Transport.UDP)
    assert plane.statistics(inlet.id).packets == 0, "it is counted from the first moment"
    await plane.aim(inlet.id, Aim("127.0.0.1", cam.address[1], None, {96: "PS"}))
    await cam.send(inlet.port, h264)
    first = (await until(lambda: home.of(FirstFrame)))[0]
    assert first.inlet == inlet.id and (first.video.width, first.video.height) == (64, 48)
    outlet, address = await plane.attach(inlet.id, OutletKind.FMP4_WS)
    assert inlet.id in address and outlet in address
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.setblocking(False)
        sender = await plane.attach_sender(inlet.id, SenderWish(Transport.UDP, *receiver.getsockname(), 200000009))
        assert plane.sender_statistics(sender.outlet).state == "bound"
        plane.begin(sender.outlet)
        async with asyncio.timeout(5):
            assert len(await asyncio.get_running_loop().sock_recv(receiver, 2048)) > 12
    await until(lambda: plane.statistics(inlet.id).packets > 0)
    await until(lambda: home.workers.totals().get("inlets") == 1)
    await plane.detach(inlet.id, outlet)
    await until(lambda: [each for each in home.of(OutletClosed) if each.outlet == outlet])
    await plane.close(inlet.id)
    assert plane.statistics(inlet.id) is None
    await until(lambda: [each for each in home.of(OutletClosed) if each.outlet == sender.outlet])


async def test_refusals_cross_as_what_they_are(yard):
    home = await yard(first_port=43000, last_port=43001, viewers=1)
    plane = home.plane
    for asked in (plane.aim("no-such", Aim()), plane.attach("no-such", OutletKind.FLV_WS)):
        with pytest.raises(KeyError, match="no-such"):
            await asked
    inlet = await plane.open(1, Transport.UDP)
    with pytest.raises(NoCapacity, match="no media port is free"):
        await plane.open(2, Transport.UDP)
    with pytest.raises(ValueError, match="nowhere"):
        await plane.attach_sender(inlet.id, SenderWish(Transport.UDP, "nowhere", 9, 1))
    await plane.close("no-such")
    await plane.detach("no-such", "no-such")
    plane.begin("no-such")
    plane.hold("no-such", True)
    plane.seek("no-such")
    await plane.drain(inlet.id, 0.1)
    assert plane.statistics(inlet.id) is not None, "what is harmless did no harm"


async def test_a_question_that_was_given_up_leaves_nothing_open(yard):
    home = await yard()
    asking = asyncio.create_task(home.plane.open(5, Transport.UDP))
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await until(lambda: home.workers.totals().get("opened") == 1)
    await until(lambda: home.workers.totals()["inlets"] == 0)


async def test_nobody_goes_on_to_be_sent_or_written_to_who_gave_up_before_it_was_told(yard, tmp_path):
    home = await yard(recordings=str(tmp_path))
    plane = home.plane
    inlet = await plane.open(5, Transport.UDP)
    wishes = (
        lambda: plane.attach(inlet.id, OutletKind.FMP4_WS),
        lambda: plane.attach_sender(inlet.id, SenderWish(Transport.UDP, "127.0.0.1", 9, 200000009)),
        lambda: plane.attach_recording(inlet.id, RecordingWish("given-up")),
        lambda: plane.attach_taking(inlet.id, TakingWish("given-up-too")),
    )
    for number, wish in enumerate(wishes, 1):
        asking = asyncio.create_task(wish())
        await asyncio.sleep(0)
        asking.cancel()
        assert isinstance((await asyncio.gather(asking, return_exceptions=True))[0], asyncio.CancelledError)
        await until(lambda number=number: len(home.of(OutletClosed)) == number)
    await plane.detach(inlet.id, "whoever")  # news of what was said before it have come
    await until(lambda: plane.statistics(inlet.id).recorders == ())


async def test_a_killed_worker_is_replaced_and_every_stream_and_place_of_it_is_told_lost(yard, camera, h264):
    home = await yard(first_port=43100, last_port=43199)
    cam = camera()
    gone = home.plane
    inlet = await home.flowing(gone, cam, h264)
    outlet, _ = await gone.attach(inlet.id, OutletKind.FLV_HTTP)
    (before,) = home.pids
    began = time.monotonic()
    os.kill(before, signal.SIGKILL)
    (failed,) = await until(lambda: home.of(StreamFailed))
    assert failed.inlet == inlet.id and failed.seen.verdict is Verdict.LOST and "media1" in failed.seen.note
    assert [each.outlet for each in home.of(OutletClosed)] == [outlet]
    assert gone.statistics(inlet.id) is None and not gone.is_well
    with pytest.raises(NoCapacity):
        await gone.open(1, Transport.UDP)
    with pytest.raises(KeyError):
        await gone.attach(inlet.id, OutletKind.FLV_HTTP)
    await gone.close(inlet.id)
    await until(home.workers.hosts)
    print(f"replaced after {time.monotonic() - began:.2f} s")
    assert home.pids != [before]
    (seen,) = home.workers.workers()
    assert (seen.restarts, seen.state) == (1, "up") and "SIGKILL" in seen.note
    again = await home.flowing(home.plane, camera(200000002), h264)
    assert again.port != inlet.port, "late packets of the dead one's streams meet nobody"


async def test_a_post_does_not_stay_empty_whatever_befell_who_keeps_it(yard, monkeypatch):
    home = await yard()
    failures = [RuntimeError("can't start new thread"), OSError("no memory")]

    async def fails(name: str) -> Any:
        if failures:
            raise failures.pop()
        return await launch(name)

    monkeypatch.setattr("media.workers.launch", fails)
    os.kill(home.pids[0], signal.SIGKILL)
    await until(lambda: not failures and home.workers.hosts())
    assert home.workers.workers()[0].restarts == 3


async def test_a_worker_that_stands_still_is_ended_and_replaced(yard):
    home = await yard(worker_stall_s=1.0)
    inlet = await home.plane.open(7, Transport.UDP)
    (before,) = home.pids
    os.kill(before, signal.SIGSTOP)
    (failed,) = await until(lambda: home.of(StreamFailed))
    assert failed.inlet == inlet.id and "stood still" in failed.seen.note
    await until(home.workers.hosts)
    assert home.pids != [before]
    with pytest.raises(ProcessLookupError):
        os.kill(before, 0)


async def test_one_that_works_may_be_silent_for_longer_but_not_for_ever():
    ours, theirs = socket.socketpair()
    plane = RemotePlane(ours, "media1")
    theirs.send(_framed([3, 0, "news", {"is_whole": True, "inlets": [], "senders": []}]))
    asked: list[float] = []

    def is_busy() -> bool:
        asked.append(time.monotonic())
        return True

    async with asyncio.timeout(20):
        why = await watch(plane, start_s=5.0, stall_s=0.3, is_busy=is_busy)
    assert "stood still" in why and len(asked) >= 2, "it was asked again and again, and at last given up"
    theirs.close()


@pytest.mark.parametrize(("busy", "times"), [(False, 1.0), (True, 2.5)])
async def test_one_that_does_not_come_up_is_given_up_later_when_it_works_at_it(busy: bool, times: float):
    ours, theirs = socket.socketpair()
    plane = RemotePlane(ours, "media1")
    began = time.monotonic()
    async with asyncio.timeout(20):
        why = await watch(plane, start_s=0.2, stall_s=5.0, is_busy=lambda: busy)
    assert "said nothing" in why and time.monotonic() - began >= 0.2 * times - 0.01
    theirs.close()


async def test_the_system_says_whether_a_process_works_or_sleeps():
    works = await asyncio.create_subprocess_exec(sys.executable, "-c", "while True: pass")
    sleeps = await asyncio.create_subprocess_exec(sys.executable, "-c", "import time; time.sleep(60)")
    try:
        await until(lambda: is_running(works.pid) and not is_running(sleeps.pid))
        os.kill(works.pid, signal.SIGSTOP)
        await until(lambda: not is_running(works.pid))
    finally:
        for each in (works, sleeps):
            each.kill()
            await each.wait()
    assert not is_running(works.pid)


async def test_a_spare_takes_the_place_of_one_that_died(yard, monkeypatch):
    monkeypatch.setattr("media.workers.SPARE_AFTER_S", 0.0)
    home = await yard(worker_spare=True)
    spare = await until(lambda: home.workers.spare_pid)
    os.kill(home.pids[0], signal.SIGKILL)
    await until(lambda: home.pids == [spare] and home.workers.hosts())
    assert await home.plane.open(1, Transport.UDP)


async def test_workers_go_when_they_are_let_go_and_leave_no_process(yard):
    home = await yard(2)
    pids = home.pids
    await home.workers.stop()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert not home.workers.hosts()


async def test_two_workers_have_ports_of_their_own(yard):
    home = await yard(2, first_port=43200, last_port=43239)
    first, second = home.workers.hosts()
    ports = [[(await plane.open(ssrc, Transport.UDP)).port for ssrc in range(5)] for plane in (first, second)]
    assert all(43200 <= port < 43220 for port in ports[0])
    assert all(43220 <= port < 43240 for port in ports[1])


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_slices_cover_the_range_and_do_not_touch(count: int):
    slices = [slice_of(30000, 30099, number, count) for number in range(count)]
    ports = [port for first, last in slices for port in range(first, last + 1)]
    assert ports == list(range(30000, 30100))
    assert all(first % 2 == 0 for first, _ in slices)


def test_more_workers_than_ports_are_refused():
    with pytest.raises(ValueError, match="cannot share"):
        slice_of(30000, 30003, 0, 3)


async def test_what_a_killed_worker_had_counted_stays_in_the_sum(yard, camera, h264):
    yard = await yard()
    await yard.flowing(yard.plane, camera(), h264)
    counted = await until(lambda: yard.workers.totals().get("all_packets"))
    assert counted > 0 and yard.workers.totals()["opened"] == 1
    os.kill(yard.pids[0], signal.SIGKILL)
    await until(lambda: yard.workers.workers()[0].restarts == 1 and yard.workers.hosts())
    totals = await until(lambda: "inlets" in (said := yard.workers.totals()) and said)
    assert (totals["inlets"], totals["opened"]) == (0, 1)
    assert totals["all_packets"] >= counted


async def test_a_worker_that_hears_nonsense_goes_and_is_replaced(yard):
    home = await yard()
    inlet = await home.plane.open(7, Transport.UDP)
    (before,) = home.pids
    (post,) = home.workers._posts
    # On its socket, past the channel: half a frame of ours may not stand in the way.
    post.process.sock.send(b"\0\0\0\5hello")
    (failed,) = await until(lambda: home.of(StreamFailed))
    assert failed.inlet == inlet.id
    await until(home.workers.hosts)
    assert home.pids != [before]


@pytest.mark.parametrize(
    "said",
    [
        b"\0\0\0\5hello",
        _framed([3, 0, "StreamFailed", {"inlet": 5}]),
        _framed([3, 0, "news", {"is_whole": "perhaps"}]),
        _framed([3, 0, "gossip", None]),
        _framed([0, 1, "open", []]) + _framed([9, 1, "open", []]),
    ],
)
async def test_a_worker_that_talks_nonsense_is_given_up(said: bytes):
    ours, theirs = socket.socketpair()
    plane = RemotePlane(ours, "media1")
    theirs.send(said)
    async with asyncio.timeout(5):
        assert "no frame of ours" in await plane.over
    assert not plane.is_well
    with pytest.raises(NoCapacity):
        await plane.open(1, Transport.UDP)
    theirs.close()


async def test_a_viewer_s_socket_reaches_the_worker_and_gets_the_stream(yard, camera, h264):
    home = await yard()
    cam = camera()
    inlet = await home.flowing(home.plane, cam, h264)
    outlet, _ = await home.plane.attach(inlet.id, OutletKind.FLV_HTTP)
    assert home.workers.claim(inlet.id, "no-such") is None and home.workers.claim("no-such", outlet) is None
    assert home.workers.claim(inlet.id, outlet) is OutletKind.FLV_HTTP
    assert home.workers.claim(inlet.id, outlet) is None, "an address opens one door, once"
    viewer, given = socket.socketpair()
    viewer.setblocking(False)
    home.workers.seat(outlet, Seating(WireForm.PLAIN), given)
    assert given.fileno() == -1, "it is the worker's now"
    async with asyncio.timeout(5):
        assert (await asyncio.get_running_loop().sock_recv(viewer, 3)) == b"FLV"
    os.kill(home.pids[0], signal.SIGKILL)
    async with asyncio.timeout(5):
        while await asyncio.get_running_loop().sock_recv(viewer, 65536):
            pass  # and with the worker the connection goes, so that the viewer comes again
    viewer.close()


SERVER = """
import asyncio
from media.local import PlaneSettings
from media.workers import Workers

async def main():
    workers = Workers(PlaneSettings(host="127.0.0.1", first_port=0, worker_spare=False))
    await workers.start()
    await workers.wait_ready()
    print(workers.workers()[0].pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.mark.parametrize("stopped", [False, True], ids=["at work", "standing still"])
async def test_a_worker_dies_with_its_server(stopped: bool):
    server = await asyncio.create_subprocess_exec(sys.executable, "-c", SERVER, stdout=asyncio.subprocess.PIPE)
    assert server.stdout is not None
    try:
        async with asyncio.timeout(30):
            pid = int(await server.stdout.readline())
        assert Path(f"/proc/{pid}/comm").read_text().strip() == "lianwang-media1", "ps shows what it is"
        if stopped:
            os.kill(pid, signal.SIGSTOP)
    finally:
        server.kill()
        await server.wait()
    await until(lambda: _is_gone(pid))


def _is_gone(pid: int) -> bool:
    """Whether a process that is nobody's child of ours has ended; init may take its time to bury it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True
