"""What the formats cost: RTP and program stream per packet, FLV and MP4 per picture, beside yardsticks of this run.

    python tests/bench/bench_formats.py [seconds of video]

Yardsticks: copying the same bytes in a loop of the same length, and PyAV (libavformat, C) on the same bytes.
"""

from __future__ import annotations

import io
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import av

from media import rtp
from media.annexb import video_parameters
from media.flv import FlvMuxer
from media.fmp4 import Fmp4Muxer
from media.frame import Codec, Frame
from media.framing import Framer
from media.ps.demux import Demuxer
from media.ps.mux import Muxer
from media.reorder import Reorderer
from media.rtp import RtpPacket
from media.unpack import Unpacker

SPS = bytes.fromhex("67640028acd940780227e5c05a808080a0000003002000000781e30632c0")
PPS = bytes.fromhex("68ebe3cb22c0")
SC = b"\0\0\0\1"


def film(seconds: int) -> list[Frame]:
    """H.264-like pictures of a 4 Mbit/s camera: 25 a second, one key of 100 kB among them."""
    noise = random.Random(7).randbytes(1 << 20).replace(b"\0\0", b"\1\2")
    frames = []
    for n in range(seconds * 25):
        key = n % 25 == 0
        size = 100_000 if key else 16_000
        at = n * 7919 % (len(noise) - size)
        slice_ = (b"\x65\x88" if key else b"\x41\x9a") + noise[at : at + size]
        data = SC + SPS + SC + PPS + SC + slice_ if key else SC + slice_
        frames.append(Frame(Codec.H264, data, 90_000 + 3600 * n, 90_000 + 3600 * n, key))
    return frames


def took(work: Callable[[], object], turns: int = 5) -> float:
    best = float("inf")
    for _ in range(turns):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def main() -> None:
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    frames = film(seconds)
    muxer, packetiser = Muxer(Codec.H264, Codec.G711A), rtp.Packetiser(200000001)
    sound = bytes(b"\xd5" * 320)
    packs = [muxer.pack(f, [Frame(Codec.G711A, sound, f.pts_90k, f.pts_90k)]) for f in frames]
    wire = [p for pack, f in zip(packs, frames, strict=True) for p in packetiser.packets(pack, f.dts_90k)]
    count, size = len(wire), sum(map(len, wire))
    print(f"{seconds} s of video: {len(frames)} pictures, {count} packets, {size / 1e6:.1f} MB")

    def copy() -> None:
        kept = []
        for packet in wire:
            kept.append(packet[12:])
            if len(kept) == 12:
                b"".join(kept)
                kept.clear()

    def demux_fast() -> None:
        demuxer = Demuxer()
        feed, read = demuxer.feed, rtp.read_header
        for packet in wire:
            _, kind, _, timestamp, _ = read(packet)
            feed(packet[12:], False, timestamp, kind >= 128)

    def demux_whole() -> None:
        unpacker = Unpacker({96: "PS"})
        parse, feed = rtp.parse, unpacker.feed
        for packet in wire:
            parsed = parse(packet)
            if parsed is not None:
                feed(parsed)

    def reorder() -> None:
        order: Reorderer[RtpPacket] = Reorderer()
        unpacker = Unpacker({96: "PS"})
        for packet in wire:
            parsed = rtp.parse(packet)
            if parsed is not None:
                for ready, lost in order.push(parsed.sequence, parsed, 0.0):
                    unpacker.feed(ready, lost)

    stream = b"".join(len(packet).to_bytes(2, "big") + packet for packet in wire)

    def frame_tcp() -> None:
        framer = Framer()
        for place in range(0, len(stream), 65536):
            framer.feed(stream[place : place + 65536])

    program = b"".join(packs)

    def pyav_demux() -> None:
        with av.open(io.BytesIO(program), format="mpeg") as container:
            for _ in container.demux(video=0):
                pass

    yardstick = took(copy)
    rows = [
        ("copying the bytes", yardstick),
        ("RTP header and Demuxer", took(demux_fast)),
        ("parse and Unpacker", took(demux_whole)),
        ("parse, Reorderer and Unpacker", took(reorder)),
        ("RFC 4571 framing alone", took(frame_tcp)),
        ("PyAV, demux of the program stream alone", took(pyav_demux, 2)),
    ]
    for name, cost in rows:
        print(
            f"  {name:40} {cost / count * 1e9:7.0f} ns/packet {size / cost / 1e6:7.0f} MB/s  x{cost / yardstick:5.1f}"
        )

    parameters = video_parameters(Codec.H264, frames[0].data)

    def copy_pictures() -> None:
        for frame in frames:
            bytearray(frame.data)

    def scan_pictures() -> None:
        for frame in frames:
            frame.data.split(b"\0\0\1")

    def flv() -> None:
        tag = FlvMuxer(parameters).tag
        for frame in frames:
            tag(frame)

    def fmp4() -> None:
        fragment = Fmp4Muxer(parameters).fragment
        for frame in frames:
            fragment(frame)

    def ps() -> None:
        pack = Muxer(Codec.H264).pack
        for frame in frames:
            pack(frame)

    yardstick = took(copy_pictures)
    rows = [
        ("copying the bytes", yardstick),
        ("searching start codes (bytes.split)", took(scan_pictures)),
        ("FLV tags", took(flv)),
        ("MP4 fragments", took(fmp4)),
        ("program-stream packs", took(ps)),
        ("PyAV, FLV", took(lambda: pyav_mux(frames, "flv"), 2)),
        ("PyAV, fragmented MP4", took(lambda: pyav_mux(frames, "mp4"), 2)),
    ]
    for name, cost in rows:
        print(f"  {name:40} {cost / len(frames) * 1e6:7.1f} us/picture  x{cost / yardstick:5.1f}")


def pyav_mux(frames: list[Frame], form: str) -> None:
    source = io.BytesIO(b"".join(frame.data for frame in frames[:2]))
    with av.open(source, format="h264") as template:
        options = {"movflags": "frag_every_frame+empty_moov+default_base_moof"} if form == "mp4" else {}
        with av.open(io.BytesIO(), "w", format=form, options=options) as out:
            track = out.add_stream_from_template(template.streams.video[0])
            for number, frame in enumerate(frames):
                packet = av.Packet(frame.data)
                packet.stream = track
                packet.pts = packet.dts = number * 40
                packet.time_base = track.time_base
                packet.is_keyframe = frame.key
                out.mux(packet)


if __name__ == "__main__":
    main()
