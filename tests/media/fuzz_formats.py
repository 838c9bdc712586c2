"""Coverage-guided noise for everything that reads what cameras send: `python -m tests.media.fuzz_formats [-runs=N]`.

The first bytes choose the reader and how the rest is cut. Readers answer or count; an exception that their promise does
not name ends the run with the input that made it. All words of libFuzzer may follow.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["media"]):
    from media import aac, annexb, rtcp, rtp, sniff, sps
    from media.frame import Codec
    from media.framing import Framer
    from media.ps import pack, stream_map
    from media.ps.demux import Demuxer
    from media.reorder import Reorderer
    from media.sources.address import Address
    from media.sources.rtsp import Media, Playing, Rtsp, Wish
    from media.sources.track import TrackReader
    from media.unpack import Unpacker

RECORDINGS = Path(__file__).parent.parent / "recordings"
NAMES: tuple[dict[int, str], ...] = ({}, {96: "PS"}, {96: "H264"}, {96: "H265"}, {96: "AAC"}, {8: "PCMA"})
MOST_FRAME_BYTES = 1 << 26


def pieces(data: bytes, cut: int) -> list[bytes]:
    step = 1 + cut * 7
    return [data[at : at + step] for at in range(0, len(data), step)]


def demux(data: bytes, cut: int) -> None:
    demuxer = Demuxer()
    frames = [frame for piece in pieces(data, cut) for frame in demuxer.feed(piece, False, cut, len(piece) < 3)]
    frames += demuxer.flush()
    assert sum(len(frame.data) for frame in frames) <= 2 * len(data) + 4096 * len(frames) + MOST_FRAME_BYTES


def unpack(data: bytes, cut: int) -> None:
    unpacker = Unpacker(NAMES[cut % len(NAMES)])
    for number, piece in enumerate(pieces(data, cut)):
        packet = rtp.RtpPacket(96, cut & 1 == 0, number, 3600 * (number >> 2), 7, piece)
        unpacker.feed(packet, number % 17 == 16)
    unpacker.flush()


def frame_tcp(data: bytes, cut: int) -> None:
    framer = Framer(ssrc=7)
    taken = sum(len(packet) for piece in pieces(data, cut) for packet in framer.feed(piece))
    assert taken <= len(data)


def reorder(data: bytes, cut: int) -> None:
    line: Reorderer[int] = Reorderer(1 + cut, 0.2)
    given = 0
    for at in range(0, len(data) - 1, 2):
        given += len(line.push(data[at] << 8 | data[at + 1], at, at / 100))
    given += len(line.flush(1e9))
    assert given <= len(data)


def small(data: bytes, cut: int) -> None:
    rtp.parse(data)
    rtcp.parts(data)
    rtcp.sender_report_middle(data)
    sniff.carriage_of(data)
    pack.begins(data)
    stream_map.parse(data)
    aac.raw_frames(data)
    for codec in (Codec.H264, Codec.H265):
        annexb.video_parameters(codec, data)
        annexb.to_length_prefixed(codec, data)
    for read in (sps.h264_picture, sps.h265_picture):
        try:
            read(data)
        except ValueError:
            pass  # its promise


def converse(data: bytes, cut: int) -> None:
    """An RTSP server that says whatever it likes; what it sends as media is unpacked."""
    rtsp = Rtsp(Wish(Address("h", 554, "/live"), "user", "word"), cnonce=lambda: "c")
    rtsp.begin(0.0)
    tracks: list[TrackReader] = []
    for number, piece in enumerate(pieces(data, cut)):
        for event in rtsp.receive(piece, number / 10):
            if isinstance(event, Playing):
                for track in event.tracks:
                    master = tracks[0] if tracks else None
                    tracks.append(TrackReader(track.medium, by_tcp=cut & 1 == 0, window=64, hold_s=0.2, master=master))
            elif not isinstance(event, Media) or event.track >= len(tracks):
                continue  # before it plays nobody listens
            elif event.is_rtcp:
                tracks[event.track].receive_rtcp(event.data, number / 10)
            else:
                tracks[event.track].receive(event.data, number / 10)
        rtsp.tick(number / 10)
        assert len(rtsp.take_out()) < 1 << 16
    for reader in tracks:
        reader.flush(1e9)
        reader.give_out()


READERS = (demux, unpack, frame_tcp, reorder, small, converse)


def one_input(data: bytes) -> None:
    if len(data) > 2:
        READERS[data[0] % len(READERS)](data[2:], data[1])


def seeds(folder: Path) -> None:
    """Something to begin with: the recordings, for each reader."""
    for recording in (*RECORDINGS.glob("ffmpeg_*.*"), *RECORDINGS.glob("gst_*.rtsp")):
        for number in range(len(READERS)):
            (folder / f"{recording.name}-{number}").write_bytes(bytes((number, 200)) + recording.read_bytes()[:6000])


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory(prefix="lianwang-fuzz-") as made:
        seeds(Path(made))
        atheris.Setup([sys.argv[0], *sys.argv[1:], made], one_input)
        atheris.Fuzz()
