"""Whatever a camera sends, however it is cut: the demultiplexer answers, never raises, and answers the same."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from hypothesis import given, settings
from hypothesis import strategies as st

from media.frame import Frame
from media.ps.demux import Demuxer


def _neighbour(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"fuzz_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


made = _neighbour("test_demux")

UNITS = [
    made.PACK,
    made.SYSTEM,
    made.MAP,
    made.VIDEO,
    made.SOUND,
    made.pes(made.KEY, 8_103_600, length=0),
    made.pes(made.inter(1, 90), 8_107_200),
    made.pes(made.inter(2, 90)),
    made.pes(made.inter(3, 30) + made.inter(4, 30), 8_110_800),
    made.pes(made.inter(5, 60)[20:], 8_114_400),
    made.pes(made.inter(6, 60), 8_118_000, length=30),
    made.pes(made.inter(7, 60), 8_121_600, length=300),
    made.pes(made.KEY5, 8_125_200),
    b"\0\0\1\xbd\0\x0c\0\0\1\xba\0\0\1\xe0\0\0\0\0",
    b"\0\0\1\xb9",
    b"\0\0\0\0",
    b"\0\0\1",
    b"noise",
    b"\xff\xf1\x6c\x40",
]
STREAM = st.lists(st.one_of(st.sampled_from(UNITS), st.binary(max_size=24)), max_size=24).map(b"".join)
CUTS = st.lists(st.integers(1, 200), min_size=1, max_size=40)


def told(frames: list[Frame]) -> list[tuple[str, bytes, int, int, bool]]:
    return [(frame.codec, frame.data, frame.pts_90k, frame.dts_90k, frame.key) for frame in frames]


def fed(data: bytes, cuts: list[int]) -> list[tuple[str, bytes, int, int, bool]]:
    demuxer = Demuxer()
    frames: list[Frame] = []
    place, turn = 0, 0
    while place < len(data):
        step = cuts[turn % len(cuts)]
        turn += 1
        piece: bytes | memoryview = data[place : place + step]
        frames += demuxer.feed(memoryview(piece) if turn & 1 else piece)
        place += step
    return told(frames + demuxer.flush())


@settings(max_examples=250, deadline=None)
@given(STREAM, CUTS)
def test_any_cutting_of_the_same_bytes_gives_the_same_frames(data: bytes, cuts: list[int]) -> None:
    data = made.EXAMPLE + data
    assert fed(data, cuts) == fed(data, [len(data)])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 3), CUTS, st.data())
def test_any_cutting_of_damaged_recordings_gives_the_same_frames(
    which: int, cuts: list[int], draw: st.DataObject
) -> None:
    recordings = sorted((Path(__file__).parent.parent / "recordings").glob("ffmpeg*"))
    data = bytearray(recordings[which % len(recordings)].read_bytes()[:12_000])
    for _ in range(draw.draw(st.integers(0, 8))):
        data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    assert fed(bytes(data), cuts) == fed(bytes(data), [len(data)])


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(UNITS) | st.binary(max_size=60),
            st.booleans(),
            st.booleans(),
            st.none() | st.integers(0, 0xFFFFFFFF),
        ),
        max_size=60,
    )
)
def test_losses_markers_and_times_of_any_kind_raise_nothing_and_keep_little(
    payloads: list[tuple[bytes, bool, bool, int | None]],
) -> None:
    demuxer = Demuxer()
    demuxer.feed(made.EXAMPLE)
    for payload, lost, marker, timestamp in payloads:
        for frame in demuxer.feed(payload, lost, timestamp, marker):
            assert frame.data
            assert frame.pts_90k >= frame.dts_90k
    demuxer.flush()
    assert len(demuxer._rest) < 2048
    assert repr(demuxer)
