"""Our reading and writing judged by strangers: ffmpeg's program streams, ffprobe and PyAV on what we write."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import av
import pytest

from media.aac import AacFormat, with_header
from media.annexb import nal_units, video_parameters
from media.flv import FlvMuxer
from media.fmp4 import Fmp4Muxer
from media.frame import Codec, Frame
from media.ps.demux import Demuxer
from media.ps.mux import Muxer

RECORDINGS = Path(__file__).resolve().parent.parent / "recordings"
ALL = ["ffmpeg_h264.vob", "ffmpeg_h264_b_mp2.mpg", "ffmpeg_h265.vob"]
STEADY = ["ffmpeg_h264.vob", "ffmpeg_h265.vob"]


def frames_of(name: str, step: int = 1400) -> list[Frame]:
    data, demuxer = (RECORDINGS / name).read_bytes(), Demuxer()
    frames = [f for at in range(0, len(data), step) for f in demuxer.feed(data[at : at + step])]
    frames += demuxer.flush()
    assert demuxer.tally.damaged == demuxer.tally.resyncs == demuxer.tally.pes_errors == 0
    return frames


def decoded(data: bytes, form: str | None = None) -> list[av.VideoFrame]:
    with av.open(io.BytesIO(data), format=form) as container:
        return list(container.decode(video=0))


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("step", [1400, 1 << 20, 61])
def test_the_pictures_of_ffmpegs_program_streams_are_those_that_ffmpeg_reads(name: str, step: int) -> None:
    with av.open(str(RECORDINGS / name)) as container:
        theirs = [nal_units(bytes(packet)) for packet in container.demux(video=0) if packet.size]
    ours = [nal_units(frame.data) for frame in frames_of(name, step)]
    assert len(ours) == len(theirs) == 30
    assert [nals[-1] for nals in ours] == [nals[-1] for nals in theirs]


def test_mpeg_audio_is_no_g711_and_stays_mute() -> None:
    assert {frame.codec for frame in frames_of("ffmpeg_h264_b_mp2.mpg")} == {Codec.H264}


@pytest.mark.parametrize("name", ALL)
def test_what_the_parameter_sets_say_is_what_ffmpeg_says(name: str) -> None:
    first = frames_of(name)[0]
    found = video_parameters(first.codec, first.data)
    with av.open(str(RECORDINGS / name)) as container:
        theirs = container.streams.video[0]
        assert found is not None
        assert (found.width, found.height) == (theirs.width, theirs.height) == (352, 288)
        assert found.fps == 25.0


@pytest.mark.parametrize("name", STEADY)
def test_our_fragmented_mp4_is_decoded_whole_by_a_stranger(name: str) -> None:
    frames = frames_of(name)
    muxer = Fmp4Muxer(video_parameters(frames[0].codec, frames[0].data))
    data = b"".join([muxer.init_segment(), *(muxer.fragment(frame) for frame in frames)])
    pictures = decoded(data, "mp4")
    assert len(pictures) == 30 and {(p.width, p.height) for p in pictures} == {(352, 288)}
    assert [p.pts for p in pictures] == [frame.pts_90k for frame in frames]


def test_a_viewer_who_starts_at_a_later_key_frame_sees_all_from_there() -> None:
    frames = frames_of("ffmpeg_h264.vob")
    muxer = Fmp4Muxer(video_parameters(frames[0].codec, frames[0].data))
    fragments = [muxer.fragment(frame) for frame in frames]
    start = next(n for n, frame in enumerate(frames) if frame.key and n)
    assert len(decoded(muxer.init_segment() + b"".join(fragments[start:]), "mp4")) == 30 - start


@pytest.mark.parametrize(("name", "enhanced"), [("ffmpeg_h264.vob", True), ("ffmpeg_h264.vob", False)])
def test_our_flv_is_decoded_whole_by_a_stranger(name: str, enhanced: bool) -> None:
    frames = frames_of(name)
    muxer = FlvMuxer(video_parameters(frames[0].codec, frames[0].data), enhanced=enhanced)
    pictures = decoded(b"".join([muxer.header(), *(muxer.tag(frame) for frame in frames)]), "flv")
    assert len(pictures) == 30
    assert [round((p.time or 0) * 1000) for p in pictures] == [40 * n for n in range(30)]


def test_our_enhanced_flv_of_h265_is_decoded_whole_by_a_stranger() -> None:
    frames = frames_of("ffmpeg_h265.vob")
    muxer = FlvMuxer(video_parameters(Codec.H265, frames[0].data))
    assert len(decoded(b"".join([muxer.header(), *(muxer.tag(frame) for frame in frames)]), "flv")) == 30


@pytest.mark.parametrize("name", ALL)
def test_our_program_stream_is_decoded_whole_by_a_stranger(name: str) -> None:
    frames = frames_of(name)
    muxer = Muxer(frames[0].codec)
    assert len(decoded(b"".join(muxer.pack(frame) for frame in frames), "mpeg")) == 30


def tone() -> tuple[AacFormat, list[bytes]]:
    """Half a second of AAC by a stranger's encoder."""
    encoder = av.CodecContext.create("aac", "w")
    encoder.sample_rate, encoder.layout, encoder.format = 16000, "mono", "fltp"
    packets = []
    for n in range(8):
        frame = av.AudioFrame(format="fltp", layout="mono", samples=1024)
        frame.sample_rate, frame.pts = 16000, 1024 * n
        frame.planes[0].update(bytes(4096))
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    return AacFormat(2, 16000, 1), [bytes(packet) for packet in packets]


@pytest.mark.parametrize("form", ["flv", "mp4"])
def test_sound_and_picture_together_are_decoded_by_a_stranger(form: str) -> None:
    frames = frames_of("ffmpeg_h264.vob")
    audio, raws = tone()
    parameters = video_parameters(Codec.H264, frames[0].data)
    start = frames[0].dts_90k
    for n, raw in enumerate(raws):
        frames.append(Frame(Codec.AAC, with_header(audio, raw), start + 5760 * n, start + 5760 * n))
    frames.sort(key=lambda frame: frame.dts_90k)
    if form == "flv":
        flv = FlvMuxer(parameters, audio)
        data = b"".join([flv.header(), *(flv.tag(frame) for frame in frames)])
    else:
        mp4 = Fmp4Muxer(parameters, audio)
        data = b"".join([mp4.init_segment(), *(mp4.fragment(frame) for frame in frames)])
    with av.open(io.BytesIO(data), format=form) as container:
        sounds = sum(frame.samples for frame in container.decode(audio=0))
    assert len(decoded(data, form)) == 30
    assert sounds >= 1024 * (len(raws) - 1)


@pytest.mark.ffmpeg
@pytest.mark.parametrize("form", ["flv", "mp4", "mpeg"])
def test_ffprobe_finds_nothing_wrong(form: str, tmp_path: Path) -> None:
    frames = frames_of("ffmpeg_h264.vob")
    parameters = video_parameters(Codec.H264, frames[0].data)
    if form == "flv":
        flv = FlvMuxer(parameters)
        data = b"".join([flv.header(), *(flv.tag(frame) for frame in frames)])
    elif form == "mp4":
        mp4 = Fmp4Muxer(parameters)
        data = b"".join([mp4.init_segment(), *(mp4.fragment(frame) for frame in frames)])
    else:
        program = Muxer(Codec.H264)
        data = b"".join(program.pack(frame) for frame in frames)
    path = tmp_path / f"ours.{form}"
    path.write_bytes(data)
    entries = "stream=codec_name,width,height,nb_read_frames"
    probe = ["ffprobe", "-v", "error", "-count_frames", "-show_entries", entries, "-of", "csv=p=0", str(path)]
    result = subprocess.run(probe, capture_output=True, text=True, timeout=30, check=True)
    assert result.stdout.strip() == "h264,352,288,30"
    assert result.stderr.strip() == ""
