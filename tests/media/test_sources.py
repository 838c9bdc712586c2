"""Streams that we fetch, through the plane: RTSP by every way and past every fault, and files."""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from media.frame import Codec
from media.plane import Aim, FirstFrame, Inlet, OutletKind, Source, StreamFailed, Transport, Verdict
from media.ps.demux import Demuxer
from media.sources.file import Film, Unusable, files_within, open_within
from simulator.rtsp_server import RtspFaults, RtspServer, RtspSettings
from simulator.video import VideoSettings
from tests.media.conftest import House

SMALL = VideoSettings(width=64, height=36, fps=10, kbps=100, gop_s=1.0)
PASSWORD = "three blue herons"

Cameras = Callable[..., Any]


@pytest.fixture
async def rtsp() -> AsyncIterator[Cameras]:
    async with AsyncExitStack() as taken:

        async def start(*faults: str, **settings: Any) -> RtspServer:
            server = RtspServer(RtspSettings(**{"video": SMALL, "faults": RtspFaults.ordered(faults), **settings}))
            await server.start()
            taken.push_async_callback(server.close)
            return server

        yield start


async def pulled(house: House, source: Source) -> Inlet:
    inlet = await house.plane.pull(200000001, source)
    await house.plane.aim(inlet.id, Aim())
    return inlet


async def failure(house: House, source: Source) -> StreamFailed:
    await pulled(house, source)
    found: StreamFailed = await house.until(StreamFailed, 15.0)
    return found


async def taken_by(house: House, inlet: Inlet, kind: OutletKind, seconds: float) -> bytes:
    """What a viewer gets."""
    _, address = await house.plane.attach(inlet.id, kind)
    taken = bytearray()
    async with house.client.get(house.base + address) as answer:
        async with asyncio.timeout(20):
            until = asyncio.get_running_loop().time() + seconds
            async for chunk in answer.content.iter_any():
                taken += chunk
                if asyncio.get_running_loop().time() > until:
                    break
    return bytes(taken)


async def watched(house: House, inlet: Inlet, path: Path, *, seconds: float = 2.0) -> dict[str, str]:
    """What ffprobe finds in the FLV that a viewer gets."""
    await asyncio.to_thread(path.write_bytes, await taken_by(house, inlet, OutletKind.FLV_HTTP, seconds))
    command = ["ffprobe", "-v", "error", "-show_entries", "stream=codec_type,codec_name", "-of", "csv=p=0", str(path)]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=30)
    assert done.stderr == ""
    return {kind: name for name, kind in (line.split(",")[:2] for line in done.stdout.split())}


# --- RTSP --------------------------------------------------------------------------------------------------------


@pytest.mark.ffmpeg
@pytest.mark.parametrize("way", ["tcp", "udp"])
async def test_a_camera_without_gb28181_is_seen_and_heard(house: Any, rtsp: Cameras, tmp_path: Path, way: str) -> None:
    here, camera = await house(), await rtsp(guard="sha256", password=PASSWORD)
    source = Source(camera.url, "admin", PASSWORD, way)
    inlet = await pulled(here, source)
    assert (inlet.transport, inlet.port) == (Transport.PULLED, 0)
    first = await here.until(FirstFrame, 15.0)
    assert (first.video.codec, first.video.width) == (Codec.H264, 64)
    assert first.audio is not None and first.audio.codec is Codec.G711A
    assert await watched(here, inlet, tmp_path / "seen.flv") == {"video": "h264", "audio": "aac"}
    program = Demuxer().feed(await taken_by(here, inlet, OutletKind.PS_HTTP, 2.0))
    assert {frame.codec for frame in program} == {Codec.H264, Codec.G711A}
    await here.plane.close(inlet.id)
    async with asyncio.timeout(5):
        while camera.asked[-1] != "TEARDOWN":
            await asyncio.sleep(0.01)
    assert here.plane.totals().ports_lent == 0


async def test_over_ipv6_and_with_h265_and_sets_that_only_the_description_has(house: Any, rtsp: Cameras) -> None:
    video = VideoSettings(codec=Codec.H265, width=64, height=36, fps=10, kbps=100, gop_s=1.0)
    here, camera = await house(), await rtsp("no-sets", host="::1", video=video)
    await pulled(here, Source(camera.url, way="udp"))
    assert (await here.until(FirstFrame, 15.0)).video.codec is Codec.H265


@pytest.mark.parametrize("guard", ["basic", "md5", "sha256"])
async def test_every_kind_of_password_is_taken_and_its_absence_told(house: Any, rtsp: Cameras, guard: str) -> None:
    here, camera = await house(), await rtsp("stale=2", guard=guard, password=PASSWORD)
    await pulled(here, Source(camera.url, "admin", PASSWORD))
    await here.until(FirstFrame, 15.0)
    other = await house()
    seen = (await failure(other, Source(camera.url, "admin", "wrong"))).seen
    assert seen.verdict is Verdict.REFUSED and "does not take our user and password" in seen.note
    assert ("DESCRIBE", 401) in [(step.what, step.status) for step in seen.steps]
    assert "wrong" not in repr(Source(camera.url, "admin", "wrong"))


async def test_a_server_that_takes_no_interleaving_is_fetched_by_udp(house: Any, rtsp: Cameras) -> None:
    here, camera = await house(), await rtsp(ways=frozenset({"udp"}))
    await pulled(here, Source(camera.url))
    await here.until(FirstFrame, 15.0)
    assert camera.asked.count("DESCRIBE") == 2
    other = await house()
    seen = (await failure(other, Source(camera.url, way="tcp"))).seen
    assert seen.verdict is Verdict.REFUSED and "461" in seen.note


async def test_a_redirection_is_followed_but_takes_no_password_along(house: Any, rtsp: Cameras) -> None:
    here, camera = await house(), await rtsp()
    guarded = await rtsp(guard="basic", password=PASSWORD)
    gate = await rtsp(f"redirect={camera.url}", guard="basic", password=PASSWORD)
    await pulled(here, Source(gate.url, "admin", PASSWORD))
    await here.until(FirstFrame, 15.0)
    other, trap = await house(), await rtsp(f"redirect={guarded.url}")
    seen = (await failure(other, Source(trap.url, "admin", PASSWORD))).seen
    assert "wants a password" in seen.note


async def test_servers_that_send_us_round_in_a_circle_are_left(house: Any, rtsp: Cameras) -> None:
    here, camera = await house(), await rtsp()
    camera.settings = RtspSettings(video=SMALL, faults=RtspFaults(redirect=camera.url))
    seen = (await failure(here, Source(camera.url))).seen
    assert seen.verdict is Verdict.REFUSED and "elsewhere" in seen.note


@pytest.mark.parametrize(
    ("fault", "verdict", "words"),
    [
        ("refuse=DESCRIBE:404", Verdict.REFUSED, "DESCRIBE was answered 404"),
        ("refuse=PLAY:455", Verdict.REFUSED, "PLAY was answered 455"),
        ("codec=JPEG", Verdict.UNSUPPORTED_CODEC, "JPEG"),
        ("silent=DESCRIBE", Verdict.REFUSED, "DESCRIBE was not answered"),
        ("silent=OPTIONS", Verdict.CONNECTED_SILENT, "OPTIONS was not answered"),
        ("silent-media", Verdict.NOTHING, ""),
    ],
)
async def test_what_goes_wrong_is_told_as_it_was_answered(
    house: Any, rtsp: Cameras, fault: str, verdict: Verdict, words: str
) -> None:
    here, camera = await house(never_came_s=8.0), await rtsp(fault)
    seen = (await failure(here, Source(camera.url))).seen
    assert seen.verdict is verdict and words in seen.note


async def test_nobody_listening_is_told_as_such(house: Any, rtsp: Cameras) -> None:
    here, camera = await house(), await rtsp()
    await camera.close()
    seen = (await failure(here, Source(camera.url))).seen
    assert seen.verdict is Verdict.CANNOT_CONNECT and "refused" in seen.note.lower()
    probed = await here.plane.probe(Source(camera.url))
    assert probed.failure is Verdict.CANNOT_CONNECT


async def test_a_server_that_dies_and_comes_back_is_fetched_again_on_the_same_inlet(house: Any, rtsp: Cameras) -> None:
    here, camera = await house(), await rtsp()
    inlet = await pulled(here, Source(camera.url))
    await here.until(FirstFrame, 15.0)
    await camera.close()
    lost = await here.until(StreamFailed, 15.0)
    assert lost.seen.verdict is Verdict.LOST
    await camera.start()
    here.told.clear()
    await here.plane.aim(inlet.id, Aim())
    assert (await here.until(FirstFrame, 15.0)).inlet == inlet.id


async def test_asking_what_it_has_takes_nothing(house: Any, rtsp: Cameras) -> None:
    here, camera = await house(), await rtsp(guard="md5", password=PASSWORD)
    found = await here.plane.probe(Source(camera.url, "admin", PASSWORD))
    assert (found.failure, found.codecs) == (None, ("H.264", "G.711A"))
    assert set(camera.asked) == {"OPTIONS", "DESCRIBE"} and camera.plays == 0


# --- files -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two-second films by ffmpeg, one of each kind."""
    folder = tmp_path_factory.mktemp("films")
    (folder / "north").mkdir()
    x264 = "-c:v libx264 -preset ultrafast -g 25 -pix_fmt yuv420p"
    kinds = {
        "b_frames.mp4": f"{x264} -bf 2 -c:a aac -ac 1",
        "north/gate.mkv": f"{x264} -c:a aac -ac 2",
        "stream.ts": f"{x264} -c:a aac -ac 1",
        "program.mpg": f"{x264} -c:a mp2",
        "flash.flv": f"{x264} -c:a aac -ar 44100 -ac 1",
        "hevc.mov": "-c:v libx265 -x265-params log-level=none:keyint=25 -preset ultrafast -c:a pcm_alaw -ar 8000 -ac 1",
        "old.avi": "-c:v mpeg4 -an",
    }
    for name, how in kinds.items():
        source = "-f lavfi -i testsrc=size=64x48:rate=25 -f lavfi -i sine=sample_rate=16000 -t 2"
        subprocess.run(f"ffmpeg -v error {source} {how} {folder / name}".split(), check=True, timeout=60)
    return folder


@pytest.mark.ffmpeg
@pytest.mark.parametrize(
    ("name", "picture", "sound"),
    [
        ("b_frames.mp4", Codec.H264, Codec.AAC),
        ("north/gate.mkv", Codec.H264, Codec.AAC),
        ("stream.ts", Codec.H264, Codec.AAC),
        ("program.mpg", Codec.H264, None),
        ("flash.flv", Codec.H264, Codec.AAC),
        ("hevc.mov", Codec.H265, Codec.G711A),
    ],
)
def test_every_kind_of_film_is_read_whole(films: Path, name: str, picture: Codec, sound: Codec | None) -> None:
    film = Film(str(films), name)
    frames = list(film.frames())
    film.close()
    pictures = [frame for frame in frames if frame.codec.is_video]
    assert {frame.codec for frame in frames} == {picture} | ({sound} if sound else set())
    assert len(pictures) == 50 and pictures[0].key and sum(frame.key for frame in pictures) == 2
    assert all(earlier.dts_90k < later.dts_90k for earlier, later in itertools.pairwise(pictures))
    assert sorted(frame.pts_90k for frame in pictures)[-1] - pictures[0].pts_90k == 49 * 3600
    assert abs(film.duration_90k - 180_000) <= 9_000


@pytest.mark.ffmpeg
async def test_a_film_is_shown_at_its_own_pace_and_begins_again(house: Any, films: Path, tmp_path: Path) -> None:
    here = await house()
    inlet = await pulled(here, Source(folder=str(films), file="b_frames.mp4"))
    await here.until(FirstFrame, 15.0)
    found = await watched(here, inlet, tmp_path / "film.flv", seconds=5.0)
    assert found == {"video": "h264", "audio": "aac"}
    command = ["ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "packet=dts_time", "-of", "csv=p=0"]
    command.append(str(tmp_path / "film.flv"))
    shown = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=30)
    times = [float(line.strip(",")) for line in shown.stdout.split()]
    steps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert len(times) > 60 and max(steps) < 0.2 and min(steps) > 0.0


@pytest.mark.ffmpeg
async def test_a_film_of_a_codec_that_nobody_shows_says_so(house: Any, films: Path) -> None:
    seen = (await failure(await house(), Source(folder=str(films), file="old.avi"))).seen
    assert seen.verdict is Verdict.UNSUPPORTED_CODEC and seen.codecs == ("mpeg4",)


@pytest.mark.ffmpeg
def test_the_films_of_a_folder_are_listed_by_their_place_in_it(films: Path) -> None:
    assert "north/gate.mkv" in files_within(str(films)) and len(files_within(str(films))) == 7
    assert files_within(str(films / "nowhere")) == ()


@pytest.mark.parametrize(
    "name",
    [
        *("../secret.mp4", "/etc/passwd.mp4", "link.mp4", "linked/secret.mp4", "a//b.mp4", "./a.mp4", "pipe.mp4"),
        *("x\0.mp4", "folder.mp4", "list.m3u8", "script.concat", ""),
    ],
)
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    inside = tmp_path / "films"
    (inside / "folder.mp4").mkdir(parents=True)
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(b"secret")
    (inside / "link.mp4").symlink_to(secret)
    (inside / "linked").symlink_to(tmp_path)
    (inside / "list.m3u8").write_text("#EXTM3U\nhttp://10.0.0.1/a.ts\n")
    os.mkfifo(inside / "pipe.mp4")
    with pytest.raises(Unusable):
        open_within(str(inside), name)
    assert files_within(str(inside)) == ()


def test_a_playlist_that_calls_itself_a_film_opens_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "list.mp4").write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n")
    (tmp_path / "noise.ts").write_bytes(os.urandom(100_000))
    (tmp_path / "empty.mkv").write_bytes(b"")
    for name in ("list.mp4", "noise.ts", "empty.mkv"):
        with pytest.raises(Unusable) as refused:
            Film(str(tmp_path), name)
        assert "127.0.0.1" not in refused.value.note
