"""Which packs begin key frames, told by their first bytes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.annexb import is_slice, nal_units
from media.frame import Codec, Frame
from media.ps import stream_map
from media.ps.demux import Demuxer
from media.ps.mux import Muxer, pack_header
from media.ps.pack import PACK_CODE, Begins, begins, lacks_parameter_sets

RECORDINGS = Path(__file__).parents[1] / "recordings"
HEADER = pack_header(0)
MAP = stream_map.build({0xE0: 0x1B, 0xC0: 0x90})
PES = b"\0\0\1\xe0\0\0\x84\x80\x05" + bytes(5)


def picture(text: str) -> bytes:
    return b"\0\0\0\1" + bytes.fromhex(text) + b"\x9a" * 20


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_every_pack_of_an_encoder_is_told_rightly(request, codec):
    frames = request.getfixturevalue(codec)
    muxer = Muxer(frames[0].codec, Codec.G711A)
    for frame in frames:
        expected = Begins.KEY_FRAME if frame.key else Begins.PACK
        assert begins(muxer.pack(frame)) is expected
        assert begins(memoryview(muxer.pack(frame))[:1400]) is expected
    assert begins(muxer.pack(Frame(Codec.G711A, b"\xd5" * 320, 0, 0))) is not Begins.NOTHING


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_a_key_frame_whose_parameter_sets_were_sent_before_is_told_from_one_with_its_own(request, codec):
    key = request.getfixturevalue(codec)[0]
    muxer = Muxer(key.codec, Codec.G711A)
    assert not lacks_parameter_sets(muxer.pack(key))
    sliced = [unit for unit in nal_units(key.data) if is_slice(key.codec, unit[0])]
    bare = muxer.pack(Frame(key.codec, b"\0\0\0\1" + sliced[0], 0, 0, True))
    assert lacks_parameter_sets(bare) and lacks_parameter_sets(memoryview(bare)[:200])
    assert not lacks_parameter_sets(bare[:30]) and not lacks_parameter_sets(b"")


@pytest.mark.parametrize(("name", "codec"), [("ffmpeg_h264.vob", Codec.H264), ("ffmpeg_h265.vob", Codec.H265)])
def test_packs_of_strangers_show_no_more_key_frames_than_there_are(name, codec):
    data = (RECORDINGS / name).read_bytes()
    starts = [at for at in range(len(data)) if data.startswith(PACK_CODE, at)]
    marks = sum(begins(data[at : at + 1400]) is Begins.KEY_FRAME for at in starts)
    demuxer = Demuxer()
    frames = [*demuxer.feed(data), *demuxer.flush()]
    keys = sum(frame.key for frame in frames)
    assert 1 <= marks <= keys + 1  # the first pack's heading counts, though its picture lies in the next


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"", Begins.NOTHING),
        (b"\0\0\1\xe0" + bytes(20), Begins.NOTHING),
        (b"\x9a" * 1400, Begins.NOTHING),
        (PACK_CODE, Begins.PACK),
        (HEADER, Begins.PACK),
        (HEADER + PES + picture("6742c01f"), Begins.KEY_FRAME),
        (HEADER + PES + picture("6588"), Begins.KEY_FRAME),
        (HEADER + PES + picture("419a"), Begins.PACK),
        (HEADER + PES + picture("0605") + picture("6588"), Begins.KEY_FRAME),
        (HEADER + PES + picture("09f0") + picture("0605") + picture("419a"), Begins.PACK),
        (HEADER + PES + picture("4001"), Begins.KEY_FRAME),
        (HEADER + PES + picture("2601"), Begins.KEY_FRAME),
        (HEADER + PES + picture("2a01"), Begins.KEY_FRAME),
        (HEADER + PES + picture("0201"), Begins.PACK),
        (HEADER + PES + picture("0203"), Begins.PACK),
        (HEADER + PES + picture("4601") + picture("2801"), Begins.KEY_FRAME),
        (HEADER + MAP, Begins.KEY_FRAME),
        (HEADER + MAP + PES + picture("419a"), Begins.PACK),  # a camera that puts its map before every picture
        (HEADER + MAP + PES, Begins.KEY_FRAME),
        (HEADER[:-1] + b"\xff" + b"\0\0\0\1\xff\xff\xff" + PES + picture("6588"), Begins.KEY_FRAME),
        (PACK_CODE + PES + picture("2601"), Begins.KEY_FRAME),  # a pack header without its body
        (HEADER + b"\0\0\1\xbd\0\x08\0\0\1\xba\0\0\1\xe0" + PES + picture("419a"), Begins.PACK),
        (HEADER + b"\0\0\1\xc0\0\x04\x80\0\0\x55" + PES + picture("6588"), Begins.KEY_FRAME),
    ],
)
def test_what_begins_with_a_payload(payload, expected):
    assert begins(payload) is expected
    assert begins(memoryview(payload)) is expected


@given(st.binary(max_size=200))
def test_no_bytes_are_fatal(noise):
    begins(noise)
    begins(PACK_CODE + noise)
    begins(HEADER + noise)
    begins(HEADER + PES + noise)
