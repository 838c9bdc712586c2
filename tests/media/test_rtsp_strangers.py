"""Our RTSP judged by a stranger: GStreamer's server, recorded and alive."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from media.aac import format_of
from media.frame import Codec, Frame
from media.plane import Aim, FirstFrame, OutletKind, Source, StreamFailed, Verdict
from media.sources.address import Address
from media.sources.rtsp import Media, Over, Playing, Rtsp, Wish
from media.sources.track import TrackReader
from tests.media.conftest import House

RECORDINGS = Path(__file__).resolve().parent.parent / "recordings"
SERVER = Path(__file__).resolve().parent / "stranger_rtsp.py"


def replayed(name: str, step: int = 1500) -> list[Frame]:
    """The frames of a recorded conversation, whose answers come in the order in which we ask."""
    data = (RECORDINGS / name).read_bytes()
    rtsp = Rtsp(Wish(Address.read("rtsp://127.0.0.1/live")))
    rtsp.begin(0.0)
    readers: list[TrackReader] = []
    frames: list[Frame] = []
    for number, at in enumerate(range(0, len(data), step)):
        now = number * 0.1
        for event in rtsp.receive(data[at : at + step], now):
            assert not isinstance(event, Over)
            if isinstance(event, Playing):
                for track in event.tracks:
                    master = readers[0] if readers else None
                    readers.append(TrackReader(track.medium, by_tcp=True, window=64, hold_s=0.2, master=master))
            elif isinstance(event, Media):
                if event.is_rtcp:
                    readers[event.track].receive_rtcp(event.data, now)
                else:
                    frames += readers[event.track].receive(event.data, now)
    assert [reader.lost for reader in readers] == [0, 0]
    return frames


def test_a_recorded_server_gives_every_picture_and_its_sound():
    frames = replayed("gst_h265_pcma.rtsp")
    pictures = [frame for frame in frames if frame.codec is Codec.H265]
    sounds = [frame for frame in frames if frame.codec is Codec.G711A]
    assert len(pictures) > 70 and pictures[0].key
    assert {later.dts_90k - earlier.dts_90k for earlier, later in itertools.pairwise(pictures)} == {3600}
    assert sum(len(frame.data) for frame in sounds) > 2.5 * 8000


def test_pictures_that_refer_to_later_ones_keep_their_times_and_their_order():
    frames = replayed("gst_h264_b_aac.rtsp")
    pictures = [frame for frame in frames if frame.codec is Codec.H264][25:]
    assert all(frame.dts_90k <= frame.pts_90k for frame in pictures)
    assert all(earlier.dts_90k < later.dts_90k for earlier, later in itertools.pairwise(pictures))
    shown = sorted(frame.pts_90k for frame in pictures)
    assert {later - earlier for earlier, later in itertools.pairwise(shown[:-4])} == {3600}
    assert shown != [frame.pts_90k for frame in pictures]
    sounds = [frame for frame in frames if frame.codec is Codec.AAC]
    form = format_of(sounds[0].data)
    assert form is not None and (form.rate_hz, form.channels) == (16000, 1)
    # Reports of both clocks have come: what was made at one moment lies at one moment.
    assert abs(sounds[-1].pts_90k - shown[-1]) < 45_000


@pytest.mark.parametrize("name", ["gst_h264_b_aac.rtsp", "gst_h265_pcma.rtsp"])
def test_it_does_not_matter_where_the_bytes_are_cut(name: str) -> None:
    whole = [(frame.codec, frame.data) for frame in replayed(name, 10_000)]
    assert [(frame.codec, frame.data) for frame in replayed(name, 97)] == whole


# --- alive -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    made = "-f lavfi -i testsrc=size=160x96:rate=25 -f lavfi -i sine=sample_rate=16000 -t 60 -c:v libx264"
    how = "-preset ultrafast -g 25 -pix_fmt yuv420p -b:v 80k -c:a aac -ac 1 -b:a 24k"
    subprocess.run(f"ffmpeg -v error {made} {how} {path}".split(), check=True, timeout=120)
    return path


@pytest.fixture
async def stranger(film: Path) -> AsyncIterator[Callable[..., Any]]:
    async with contextlib.AsyncExitStack() as taken:

        async def start(*guard: str) -> str:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
            launch = (
                f"( filesrc location={film} ! qtdemux name=d d.video_0 ! queue ! rtph264pay name=pay0 pt=96 "
                "d.audio_0 ! queue ! rtpmp4gpay name=pay1 pt=97 )"
            )
            command = ["/usr/bin/python3", str(SERVER), str(port), "127.0.0.1", launch, *guard]
            process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
            taken.push_async_callback(process.wait)
            taken.callback(process.kill)
            assert process.stdout is not None
            async with asyncio.timeout(30):
                assert (await process.stdout.readline()).strip() == b"ready"
            return f"rtsp://127.0.0.1:{port}/live"

        yield start


async def decoded(house: House, url: str, source: Source, path: Path) -> str:
    """What ffmpeg's decoder says of two seconds of what a viewer gets; "" when it is content."""
    inlet = await house.plane.pull(200000001, source)
    first = None
    for _ in range(3):  # as the hall does: whoever brings nothing on a busy machine is fetched again
        house.told.clear()
        await house.plane.aim(inlet.id, Aim())
        first = await house.until(lambda event: isinstance(event, FirstFrame | StreamFailed), 20.0)
        if isinstance(first, FirstFrame):
            break
    assert isinstance(first, FirstFrame), first
    assert (first.video.codec, first.video.width) == (Codec.H264, 160)
    assert first.audio is not None and first.audio.codec is Codec.AAC
    _, address = await house.plane.attach(inlet.id, OutletKind.FLV_HTTP)
    taken = bytearray()
    async with house.client.get(house.base + address) as answer, asyncio.timeout(20):
        async for chunk in answer.content.iter_any():
            taken += chunk
            if len(taken) > 40_000:
                break
    await asyncio.to_thread(path.write_bytes, bytes(taken))
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-f", "null", "-"]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60)
    return str(done.stderr)


@pytest.mark.gstreamer
@pytest.mark.ffmpeg
@pytest.mark.parametrize(
    ("way", "guard"),
    [
        ("tcp", ("admin", "secret", "md5", "tcp")),
        ("udp", ("admin", "secret", "basic", "udp")),
        ("auto", ("", "", "", "udp")),
    ],
)
async def test_a_stranger_s_camera_is_seen_by_a_viewer(
    house: Any, stranger: Any, tmp_path: Path, way: str, guard: tuple[str, ...]
) -> None:
    here, url = await house(), await stranger(*guard)
    source = Source(url, guard[0], guard[1], way)
    probed = await here.plane.probe(source)
    assert (probed.failure, probed.codecs) == (None, ("H.264", "AAC"))
    assert await decoded(here, url, source, tmp_path / "seen.flv") == ""


@pytest.mark.gstreamer
@pytest.mark.ffmpeg
async def test_a_stranger_s_refusals_are_told_in_its_own_words(house: Any, stranger: Any) -> None:
    here, url = await house(), await stranger("admin", "secret", "md5")
    wrong = await here.plane.probe(Source(url, "admin", "wrong"))
    assert wrong.failure is Verdict.REFUSED and "401" in wrong.note
    elsewhere = await here.plane.probe(Source(url.replace("live", "nothing"), "admin", "secret"))
    assert elsewhere.failure is Verdict.REFUSED and "404" in elsewhere.note
    inlet = await here.plane.pull(1, Source(url, "admin", "wrong"))
    await here.plane.aim(inlet.id, Aim())
    assert (await here.until(StreamFailed, 20.0)).seen.steps[-1].status == 401
