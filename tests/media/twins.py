"""What the format modules answer to damaged streams, a line a case: run it twice, plain and compiled, and compare.

    python -m tests.media.twins [--seed 1] [--cases 400] [--compiled FOLDER]

Each case takes a recording or noise, damages and cuts it by its own dice, and feeds one part of the house. The line is
the part's name and a digest of all that came out, an exception included.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from media import compiled

if __name__ == "__main__":
    asked = argparse.ArgumentParser()
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--cases", type=int, default=400)
    asked.add_argument("--compiled", type=Path)
    arguments = asked.parse_args()
    if arguments.compiled is not None:
        form = compiled.use(arguments.compiled)
        if not form.is_compiled:
            raise SystemExit(str(form))

from media import aac, annexb, flv, fmp4, g711, rtcp, rtp, sniff, sps
from media.clock import OutputClock
from media.frame import Codec, Frame
from media.framing import Framer
from media.ps import pack, stream_map
from media.ps.demux import Demuxer
from media.ps.mux import Muxer
from media.reorder import Reorderer
from media.run import run_of
from media.timeline import Timeline
from media.unpack import Unpacker

RECORDINGS = [path.read_bytes() for path in sorted((Path(__file__).parent.parent / "recordings").glob("ffmpeg_*.*"))]
HOUR_S = 3600.0


def damaged(dice: random.Random, data: bytes) -> bytes:
    """A few bytes changed, runs cut out, doubled or put in."""
    made = bytearray(data)
    for _ in range(dice.choice((0, 0, 1, 2, 5, 20))):
        if not made:
            break
        at = dice.randrange(len(made))
        size = dice.choice((1, 1, 1, 2, 4, 40, 1400))
        match dice.randrange(5):
            case 0:
                made[at] = dice.randrange(256)
            case 1:
                del made[at : at + size]
            case 2:
                made[at:at] = made[at : at + size]
            case 3:
                made[at:at] = dice.randbytes(size)
            case 4:
                made[at:at] = b"\0\0\1" + dice.choice((b"\xba", b"\xbb", b"\xbc", b"\xbd", b"\xc0", b"\xe0", b"\xb9"))
    return bytes(made)


def program(dice: random.Random) -> bytes:
    """Some of a program stream, damaged or not."""
    data = dice.choice(RECORDINGS)
    start = dice.choice((0, 0, dice.randrange(len(data))))
    return damaged(dice, data[start : start + dice.choice((400, 6000, 40_000))])


def cut(dice: random.Random, data: bytes) -> Iterator[bytes]:
    largest = dice.choice((3, 60, 1400, 20_000))
    at = 0
    while at < len(data):
        size = dice.randint(1, largest) if dice.random() < 0.3 else largest
        yield data[at : at + size]
        at += size


def told(frames: list[Frame]) -> list[object]:
    return [(str(each.codec), each.data, each.pts_90k, each.dts_90k, each.key) for each in frames]


def whole(data: bytes) -> list[Frame]:
    demuxer = Demuxer()
    return [frame for at in range(0, len(data), 1400) for frame in demuxer.feed(data[at : at + 1400])] + demuxer.flush()


def packets(dice: random.Random, data: bytes) -> list[bytes]:
    """RTP of it: some lost, doubled or out of order, with jumps of the clock, and across the wrap of both counters."""
    ssrc, stamp = dice.randrange(1 << 32), dice.choice((0, (1 << 32) - 5000, dice.randrange(1 << 32)))
    packetiser = rtp.Packetiser(ssrc, dice.choice((96, 97, 98, 8)), sequence=dice.choice((0, 65530)))
    made: list[bytes] = []
    for piece in cut(dice, data):
        made += packetiser.packets(piece, stamp)
        stamp += dice.choice((0, 3600, 3600, 3600, 1 << 20))
    for _ in range(dice.choice((0, 0, 1, 4))):
        if len(made) > 2:
            at = dice.randrange(len(made) - 1)
            match dice.randrange(3):
                case 0:
                    del made[at]
                case 1:
                    made[at], made[at + 1] = made[at + 1], made[at]
                case 2:
                    made.insert(at, made[at])
    return made


def demux(dice: random.Random) -> list[object]:
    demuxer, out = Demuxer(), []
    for piece in cut(dice, program(dice)):
        out += told(
            demuxer.feed(
                memoryview(piece) if dice.random() < 0.5 else piece,
                dice.random() < 0.05,
                dice.choice((None, dice.randrange(1 << 32))),
                dice.random() < 0.1,
            )
        )
    out += told(demuxer.flush())
    return [*out, repr(demuxer.tally), demuxer.need_key, str(demuxer.video_codec), str(demuxer.audio_codec)]


def unpack(dice: random.Random) -> list[object]:
    names: dict[int, str] = dice.choice(({}, {96: "PS"}, {96: "H264", 8: "PCMA"}, {96: "H265", 97: "AAC"}))
    unpacker, out = Unpacker(names), []
    for packet in packets(dice, program(dice)):
        parsed = rtp.parse(packet)
        if parsed is not None:
            out += told(unpacker.feed(parsed, dice.random() < 0.05))
    out += told(unpacker.flush())
    return [*out, repr(unpacker.tally), unpacker.need_key, unpacker.is_plain_program]


def reorder(dice: random.Random) -> list[object]:
    line: Reorderer[bytes] = Reorderer(dice.choice((1, 16, 256)), dice.choice((0.0, 0.2)))
    out: list[object] = []
    now = HOUR_S
    for packet in packets(dice, program(dice)):
        now += dice.choice((0.0, 0.001, 0.3))
        out.append(line.push(rtp.read_header(packet)[2], packet, now))
        if dice.random() < 0.1:
            out.append(line.flush(now))
    return [*out, line.flush(now + 1), line.lost, line.reordered, line.duplicates, line.late, line.restarts]


def frame_tcp(dice: random.Random) -> list[object]:
    is_dollar = dice.random() < 0.5
    data = b"".join(
        (b"$\0" if is_dollar else b"") + len(packet).to_bytes(2, "big") + packet
        for packet in packets(dice, program(dice))
    )
    framer, out = Framer(ssrc=dice.choice((None, 7))), []
    for piece in cut(dice, damaged(dice, data)):
        out += [bytes(packet) for packet in framer.feed(piece)]
    return [*out, framer.is_lost, framer.resyncs, framer.skipped_bytes, framer.packets, framer.framing]


def write(dice: random.Random) -> list[object]:
    """Demuxed, and written again in every format."""
    data = dice.choice(RECORDINGS)
    frames = whole(data)[: dice.randrange(1, 30)]
    first = frames[0]
    video = annexb.video_parameters(first.codec, first.data)
    clock, muxer = OutputClock(), Muxer(first.codec, dice.choice((None, Codec.G711A)))
    tags, fragments = flv.FlvMuxer(video, enhanced=dice.random() < 0.5), fmp4.Fmp4Muxer(video)
    out: list[object] = [repr(video), tags.header(), fragments.init_segment(), fragments.mime]
    jump = dice.choice((0, 0, 1 << 33, -90_000, 8_000_000))
    for number, frame in enumerate(frames):
        if number > 5:
            frame.pts_90k += jump
            frame.dts_90k += jump
        clock.place(frame)
        out += [told([frame]), muxer.pack(frame), tags.tag(frame), fragments.fragment(frame)]
    return out


def parse(dice: random.Random) -> list[object]:
    """The small readers, each with noise and with something like its own."""
    noise = dice.randbytes(dice.choice((0, 1, 7, 12, 13, 40, 300)))
    packet = damaged(dice, dice.choice(packets(dice, program(dice)) or [b""]))
    report = damaged(dice, rtcp.sender_report(7, dice.randrange(1 << 64), 9, 10, 11) + rtcp.source_description(7, "x"))
    picture = damaged(dice, whole(dice.choice(RECORDINGS))[0].data[:400])
    out: list[object] = []
    for each in (noise, packet, report):
        parsed = rtp.parse(each)
        out += [parsed and (parsed.sequence, parsed.timestamp, parsed.ssrc, bytes(parsed.payload), parsed.marker)]
        out += [parsed and run_of(parsed).data]
        out += [repr(rtcp.parts(each)), rtcp.sender_report_middle(each), rtcp.is_bye(each)]
        out += [str(sniff.carriage_of(each)), int(pack.begins(each)), aac.is_adts(each), g711.alaw_to_linear(each)]
        out += [stream_map.parse(each), stream_map.crc32(each), aac.raw_frames(each)]
    for codec in (Codec.H264, Codec.H265):
        out += [repr(annexb.video_parameters(codec, picture)), annexb.nal_units(picture)]
        out += [annexb.to_length_prefixed(codec, picture)]
    for read in (sps.h264_picture, sps.h265_picture, sps.h265_vps_fps):
        for nal in annexb.nal_units(picture)[:4]:
            out.append(attempt(lambda read=read, nal=nal: [repr(read(nal))]))
    line = Timeline()
    out += [line.place(dice.randrange(1 << 33), after_gap=dice.random() < 0.2) for _ in range(20)]
    return out


def attempt(do: Callable[[], list[object]]) -> list[object]:
    try:
        return do()
    except Exception as error:
        return [type(error).__name__]


PARTS: tuple[Callable[[random.Random], list[object]], ...] = (demux, unpack, reorder, frame_tcp, write, parse)


def answers(seed: int, cases: int) -> Iterator[str]:
    """A line a case."""
    for number in range(cases):
        dice = random.Random(seed * 1_000_003 + number)
        part = PARTS[number % len(PARTS)]
        out = attempt(lambda part=part, dice=dice: part(dice))
        yield f"{number} {part.__name__} {hashlib.sha256(repr(out).encode()).hexdigest()[:24]}"


if __name__ == "__main__":
    for line in answers(arguments.seed, arguments.cases):
        sys.stdout.write(line + "\n")
