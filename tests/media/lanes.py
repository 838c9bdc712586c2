"""The lane in C and the Python way on the same datagrams, to find where they part.

    python -m tests.media.lanes [--seed 1] [--cases 40]

Each case is a camera by its own dice: ordinary for a while, then with all that happens on a network and in a house. Two
inlets hear it, one with a lane and one without, and have to say the same of it whenever they are asked.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import select
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from media.fanout import Fanout, KeepLimits
from media.frame import Codec, Frame
from media.inlets.express import lanes
from media.inlets.rtp_receiver import RtpReceiver
from media.inlets.scoop import Room, best_scoop
from media.inlets.session import Patience, Session
from media.inlets.tcp import TcpConnection
from media.inlets.udp import WideDoor
from media.outlets.road import Trying
from media.outlets.rtp_sender import RtpSender
from media.outlets.viewer import Tolerance
from media.passage import Passage
from media.plane import Aim, SenderWish, Transport
from media.ports import Ports, bind_udp
from media.ps.demux import Demuxer
from media.ps.mux import Muxer
from media.rtp import Packetiser
from media.run import Run

SSRC = 200000001
RECORDINGS = Path(__file__).parent.parent / "recordings"
SPS = bytes.fromhex("6742c01fda014016e840000003004000000ca3c60ca8")
PPS = bytes.fromhex("68ce0fc8")
KEY = b"\0\0\0\1" + SPS + b"\0\0\0\1" + PPS
LANES: Any = lanes()  # an extension without types


class HandRounds:
    """As much of `Rounds` as a door needs; what it serves is served by hand."""

    def __init__(self, has_lanes: bool) -> None:
        self.room = Room()
        self.scoop = best_scoop(self.room)
        self._served: dict[int, Callable[[float], int]] = {}
        self._room = LANES.Room() if has_lanes else None
        self._poll = select.epoll()

    def add(self, number: int, serve: Callable[[float], int]) -> None:
        self._served[number] = serve
        self._poll.register(number, select.EPOLLIN)

    def remove(self, number: int) -> None:
        if self._served.pop(number, None) is not None:
            self._poll.unregister(number)

    def serve(self, now: float) -> int:
        """A round, as `Rounds` has it with a lane and without; how many bytes came."""
        if self._room is not None:
            taken: int = self._room.round(self._poll.fileno(), self._served, now, failed)
            return taken
        return sum(self._served[number](now) for number, _ in self._poll.poll(0) if number in self._served)

    @property
    def waits(self) -> bool:
        return self._room is not None and self._room.waits

    def close(self) -> None:
        self._poll.close()

    def lane(
        self, express: Any, number: int, fallback: Callable[[float], int], stream: Any = None
    ) -> Callable[[float], int]:
        if self._room is None:
            return fallback
        serve: Callable[[float], int] = express.lane(LANES, self._room, number, fallback, stream).serve
        return serve


def failed(number: int, error: Exception) -> None:
    raise error


class Taker:
    """A sender, as far as a passage knows one."""

    is_congested = False

    def __init__(self) -> None:
        self.got: list[bytes] = []

    def take(self, run: Run, is_key: bool, now: float) -> None:
        self.got += run.packets()

    def rejoin(self) -> None:
        self.got.append(b"rejoin")

    def lend(self) -> None:
        return None


class Side:
    """One inlet, and all that may be said of it."""

    def __init__(self, has_lane: bool, is_stream: bool, rounds: Any = None) -> None:
        self.now = 1000.0
        self.rounds = HandRounds(has_lane) if rounds is None else rounds
        self.followed: list[object] = []
        self.is_followed = False
        self.taker = Taker()
        self.events: list[str] = []
        transport = Transport.TCP_PASSIVE if is_stream else Transport.UDP
        fanout = Fanout(KeepLimits(60, 1 << 20, 5.0, 0.0), lambda video, audio: self.session.tracks_ready(video, audio))
        self.passage = Passage(keep_bytes=1 << 20, keep_s=5.0)
        self.receiver = RtpReceiver(
            SSRC, transport, window=16, hold_s=0.2, on_frame=self.frame_came, passage=self.passage
        )
        patience = Patience(1e9, 1e9, 1e9, 1e9, 1.0, 1, 1.0)
        self.session = Session(
            "it", self.receiver, fanout, self.passage, patience, self.told, lambda: self.now, self.rounds
        )
        self.session.is_recorded = lambda: self.is_followed
        self.opened = bind_udp("127.0.0.1", 0, 1 << 20)
        self.door = WideDoor(self.opened, self.rounds, self.receiver.take, self.session.express)
        self.address = self.opened.getsockname()
        self.far: socket.socket | None = None
        if is_stream:
            near, self.far = socket.socketpair()
            self.far.setblocking(False)
            express, rounds = self.session.express, self.rounds
            connection = TcpConnection(near, ("127.0.0.1", 5555), None, self.session, rounds, self.now, express)
            self.session.connection_came(connection)
        self.above = self.sender = None
        self.arrived: list[bytes] = []
        self.session.aim(Aim())

    def send_on(self) -> None:
        """A platform above is there from now on."""
        self.above = bind_udp("127.0.0.1", 0, 1 << 22)
        port = self.above.getsockname()[1]
        ports = Ports("127.0.0.1", 0, 0, quarantine_s=1.0, receive_buffer=1 << 18)
        self.sender = RtpSender(
            "it",
            "it",
            SenderWish(Transport.UDP, "127.0.0.1", port, 7),
            ports.lend(self.now),
            self.passage,
            scratch=bytearray(1 << 16),
            tolerance=Tolerance(1 << 20, 1e9, 5, 1e9),
            trying=Trying(1.0, 1, 1.0, 1e9),
            ended=lambda sender, why: self.events.append(why),
            want_key=self.events.append,
            clock=lambda: self.now,
        )
        self.sender._numbering.sequence = 65_000
        self.sender.begin()

    @property
    def waits(self) -> bool:
        """Whether the pace holds anything back."""
        return self.rounds.waits or (self.sender is not None and self.sender.queued_bytes > 0)

    def pump(self) -> None:
        """What the pace held back until now, and what has arrived above."""
        if self.sender is None or self.above is None:
            return
        self.now += 0.006
        if self.sender.queued_bytes:
            self.sender._road._pump()
        self.serve()
        self.hear()

    def hear(self) -> None:
        """What has arrived above."""
        with contextlib.suppress(BlockingIOError):
            while self.above is not None:
                self.arrived.append(self.above.recv(4096))

    def close(self) -> None:
        if self.sender is not None and self.above is not None:
            self.sender.close()
            self.sender.pair.rtp.close()
            self.above.close()
        if self.far is not None:
            self.far.close()
        for connection in tuple(self.session._connections):
            connection.close()
        self.door.close()
        self.rounds.close()

    def send(self, packets: list[bytes], sending: socket.socket, dice: random.Random) -> None:
        """As they are, or framed and cut anywhere."""
        if self.far is None:
            for packet in packets:
                sending.sendto(packet, self.address)
            return
        data = b"".join(len(packet).to_bytes(2, "big") + packet for packet in packets)
        cut = dice.randrange(len(data) + 1) if dice.random() < 0.3 else len(data)
        for some in (data[:cut], data[cut:]):
            if some:
                with contextlib.suppress(BrokenPipeError):
                    self.far.send(some)
            self.serve()

    def told(self, event: object) -> None:
        self.events.append(type(event).__name__)

    def frame_came(self, frame: Frame, now: float) -> None:
        self.session.frame_came(frame, now)
        if self.is_followed:
            self.followed.append(said(frame))

    def serve(self) -> None:
        while self.rounds.serve(self.now):
            pass

    def report(self) -> list[object]:
        """Everything there is to say, without disturbing more than it must."""
        receiver, session = self.receiver, self.session
        counted = session.statistics(self.now)
        session.express.catch_up()
        witness = receiver.witness
        return [
            repr(replace(counted, frames=0)),  # the sound of a picture that has not come whole is not counted yet
            receiver.frames,
            (witness.not_rtp, witness.strangers, list(witness._sources), list(witness._ssrcs)),
            (receiver.packet_at, receiver.frame_at, receiver.refused, receiver.need_key, receiver.is_awake),
            repr(receiver._unpacker.tally),
            (receiver.reports._highest, receiver.reports.jitter, receiver.lock.heard_at),
            (session.gauge._pictures, session.gauge._unseen, session.gauge._since_key, session.gauge.leg_90k),
            [said(frame) for frame in session.fanout.kept],
            [packet for run in self.passage.kept for packet in run.packets()],
            (self.passage.foreign, self.passage.overflows, str(self.passage.carry)),
            self.taker.got,
            self.arrived,
            self.sender.statistics().packets if self.sender is not None else 0,
            self.sender._numbering.timestamp if self.sender is not None else 0,
            self.followed,
            self.events,
        ]


def said(frame: Frame) -> object:
    return str(frame.codec), frame.data, frame.pts_90k, frame.dts_90k, frame.key


# --- what cameras send -------------------------------------------------------------------------------------------


def recorded(name: str) -> list[Frame]:
    data, demuxer = (RECORDINGS / name).read_bytes(), Demuxer()
    found = [each for at in range(0, len(data), 1400) for each in demuxer.feed(data[at : at + 1400])]
    return [each for each in found + demuxer.flush() if each.codec.is_video]


def pictures(dice: random.Random) -> Iterator[tuple[Codec, bytes, bool]]:
    """Without end, most of them ordinary."""
    kind = dice.randrange(6)
    if kind < 2:
        found = recorded(("ffmpeg_h265.vob", "ffmpeg_h264.vob")[kind])
        while True:
            for each in found:
                yield each.codec, each.data, each.key
    gop = dice.choice((8, 25, 50))
    noise = bytes(dice.randrange(1, 256) for _ in range(5000))
    heads = (b"\0\0\0\1", b"\0\0\1", b"\0\0\0\1\x09\xf0\0\0\0\1", b"\0\0\0\1\x06\x05\x04abcd\x80\0\0\0\1")
    head = dice.choice(heads)
    number = 0
    while True:
        size = dice.choice((3, 40, 1300, 2000, dice.randrange(5000)))
        body = noise[:size] * (40 if dice.random() < 0.02 else 1)
        if number % gop == 0:
            yield Codec.H264, KEY + b"\0\0\0\1\x65\x88\x84" + body, True
        else:
            second = b"\0\0\1\x41\x20" + body if dice.random() < 0.02 else b""
            odd = b"\0\0\1\x41\x9a" + body if dice.random() < 0.003 else b""
            yield (
                Codec.H264,
                (dice.choice(heads) if dice.random() < 0.01 else head) + b"\x41\x9a" + body + second + odd,
                False,
            )
        number += 1


def as_it_is(pack: bytes, number: int) -> bytes:
    return pack


def with_counter(pack: bytes, number: int) -> bytes:
    """Stuffing in the pack header that may look like a start code."""
    counter = b"\xff\xff" + number.to_bytes(4, "big")
    return pack[:13] + bytes((pack[13] | 6,)) + counter + pack[14:]


def without_map(pack: bytes, number: int) -> bytes:
    at = pack.find(b"\0\0\1\xbb", 0, 32)
    for _ in range(2 if at > 0 else 0):
        pack = pack[:at] + pack[at + 6 + int.from_bytes(pack[at + 4 : at + 6], "big") :]
    return pack


def endless(pack: bytes, number: int) -> bytes:
    """The picture's length is not told."""
    at = pack.find(b"\0\0\1\xe0")
    return pack[: at + 4] + b"\0\0" + pack[at + 6 :] if at > 0 else pack


def in_pieces(pack: bytes, number: int) -> bytes:
    """The picture in many PES, the time on the first one only."""
    at = pack.find(b"\0\0\1\xe0")
    if at < 0:
        return pack
    body, end = at + 9 + pack[at + 8], at + 6 + int.from_bytes(pack[at + 4 : at + 6], "big")
    made, piece = pack[:at], (700, 5000, 64)[number % 3]
    for start in range(body, end, piece):
        data = pack[start : min(start + piece, end)]
        head = pack[at + 6 : body] if start == body else b"\x84\0\0"
        made += b"\0\0\1\xe0" + (len(head) + len(data)).to_bytes(2, "big") + head + data
    return made + pack[end:]


def padded(pack: bytes, number: int) -> bytes:
    return pack + b"\0\0\1\xbe\0\x08" + b"\xff" * 8


WRITERS = (as_it_is, as_it_is, as_it_is, as_it_is, with_counter, without_map, endless, in_pieces, padded)


class Camera:
    """Packets of one picture at a time."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self._write = dice.choice(WRITERS)
        self._changes = dice.choice((0.0, 0.0, 0.01, 0.03))
        self._step = dice.choice((3600, 3600, 3600, 3600, 1500, 7200, 90_000))
        self._ssrc = SSRC
        self._bare = 0
        self._number = 0
        self._codec: Codec | None = None
        self._pictures = pictures(dice)
        self._limit = dice.choice((200, 900, 1400, 1400, 1460, 1500))
        self._packetiser = Packetiser(SSRC, 96, payload_limit=self._limit, sequence=dice.choice((0, 65000)))
        self._sound = dice.choice((None, Codec.G711A, Codec.G711A, Codec.G711U, Codec.AAC))
        self._at = dice.choice((900_000, (1 << 33) - 200_000, (1 << 32) - 200_000))
        self._is_apart = dice.random() < 0.2
        self._leads = dice.random() < 0.3
        self._private = dice.random() < 0.2
        self._muxer: Muxer | None = None

    def picture(self) -> list[bytes]:
        dice = self.dice
        codec, data, is_key = next(self._pictures)
        self._number += 1
        if self._number > 40 and dice.random() < self._changes:
            self._change()
        if self._muxer is None or self._codec is not codec:
            self._muxer, self._codec = Muxer(codec, self._sound), codec
        self._at += self._step + (dice.randrange(-400, 400) if dice.random() < 0.3 else 0)
        if dice.random() < 0.002:
            self._at += dice.choice((-90_000, 60_000, 9_000_000))
        shown = self._at + (dice.choice((0, 3600, 7200)) if self._leads else 0)
        sounds = []
        if self._sound is Codec.AAC:
            sounds = [Frame(Codec.AAC, b"\xff\xf1\x6c\x40\x02\x7f\xfc" + bytes(12), self._at, self._at)]
        elif self._sound is not None:
            size = dice.choice((320, 320, 320, 160, 0)) if dice.random() < 0.1 else 320
            fill = dice.choice((b"\xd5", b"\xff", b"\x00"))
            sounds = [Frame(self._sound, fill * size, self._at, self._at)] if size else []
        is_beside = self._is_apart or self._bare
        pack = self._muxer.pack(Frame(codec, data, shown, self._at, is_key), () if is_beside else sounds)
        pack = self._write(pack, self._number)
        if self._private:
            pack = pack[:14] + b"\0\0\1\xbd\0\x06\0\0\1\xba\1\2" + pack[14:]
        packets = self._packetiser.packets(pack, self._at)
        if self._bare:
            for each in sounds:
                kind, ssrc = (96 | 8, self._ssrc) if self._bare == 1 else (8, self._ssrc + 1)
                packets += Packetiser(ssrc, kind, sequence=self._number).packets(each.data, self._number * 320)
        elif self._is_apart:
            for each in sounds:
                packets += self._packetiser.packets(self._muxer.pack(each), self._at)
        return packets

    def _change(self) -> None:
        """The camera is set otherwise, or begins anew."""
        dice = self.dice
        match dice.randrange(8):
            case 0:
                self._sound = dice.choice((None, Codec.G711A, Codec.G711U, Codec.AAC))
                self._muxer = None
            case 1:
                self._pictures = pictures(dice)
            case 2:
                self._ssrc += 2
                self._packetiser = Packetiser(self._ssrc, 96, payload_limit=self._limit, sequence=dice.randrange(65536))
            case 3:
                self._packetiser = Packetiser(
                    self._ssrc, 96, payload_limit=self._limit, sequence=dice.choice((0, 65530))
                )
            case 4:
                self._step = dice.choice((1500, 3600, 3600, 9000, 90_000))
            case 5:
                self._at = dice.choice((900_000, self._at + (1 << 32), self._at - 3600 * 90_000, self._at + 300_000))
            case 6:
                self._write = dice.choice(WRITERS)
            case 7:
                self._bare = dice.choice((0, 1, 2))


def trouble(dice: random.Random, packets: list[bytes]) -> list[bytes]:
    """What becomes of the packets of a picture on a bad day."""
    at = dice.randrange(len(packets))
    packet = bytearray(packets[at])
    match dice.randrange(16):
        case 0:
            del packets[at]
        case 1 if len(packets) > 1:
            other = dice.randrange(len(packets))
            packets[at], packets[other] = packets[other], packets[at]
        case 2:
            packets.insert(at, packets[at])
        case 3:
            packet[dice.randrange(len(packet))] ^= 1 << dice.randrange(8)
            packets[at] = bytes(packet)
        case 4:
            packet[1] ^= 0x80
            packets[at] = bytes(packet)
        case 5:
            packet[0] |= 0x10
            packets[at] = bytes(packet[:12]) + b"\0\0\0\1abcd" + bytes(packet[12:])
        case 6:
            packets.insert(at, b"")
        case 7:
            packets.insert(at, b"\x80\xc8\0\6" + bytes(24))
        case 8:
            packets.insert(at, dice.randbytes(dice.choice((1, 11, 12, 13, 60, 1500))))
        case 9:
            packets.insert(at, bytes(packet[:12]))
        case 10:
            packets.insert(at, bytes((0x80, 8)) + bytes(packet[2:40]))
        case 11:
            packets[at] = bytes(packet[: 12 + dice.randrange(len(packet) - 12 or 1)])
        case 12:
            packets[at] = bytes(packet[:4]) + dice.randbytes(4) + bytes(packet[8:])
        case 13:
            packets[at] = bytes(packet) + b"\0" * dice.randrange(60)
        case 14:
            for number, each in enumerate(packets):
                packets[number] = each[:8] + b"\0\0\0\7" + each[12:]
        case 15:
            packets[at] = bytes(packet[:12]) + b"\0\0\1" + dice.choice((b"\xba", b"\xe0", b"\xbc")) + bytes(packet[16:])
    return packets


def drain(sides: tuple[Side, Side]) -> None:
    """Time goes by until no packet waits for the pace any more."""
    for _ in range(1000):
        for side in sides:
            side.pump()
        if not any(side.waits for side in sides):
            return
    raise AssertionError("what waits does not go on")


def happening(dice: random.Random, sides: tuple[Side, Side]) -> None:
    """What people do, to both alike."""
    what = dice.randrange(10)
    for side in sides:
        session = side.session
        match what:
            case 0:
                side.is_followed = not side.is_followed
                session.look()
            case 1:
                side.passage.leave(side.taker)
            case 2:
                side.passage.join(side.taker)
            case 3:
                side.receiver.sleep()
                session.fanout.doze()
                session.gauge.sleep(side.receiver.frames)
            case 4:
                session.look()
            case 5:
                side.now += 0.3
                session.watch(side.now)
                side.receiver.tick(side.now)
            case 6:
                session.seek()
            case 7:
                session.express.publish()
                side.events.append(side.receiver.report(side.now).hex())
            case 9 if side.sender is None and not side.session._connections:
                side.send_on()
            case 8:
                assert session.fanout.kept is not None


def story(number: int, dice: random.Random, ahead: list[bool]) -> str:
    """One case; where the two part, in words. `ahead` hears of every picture whether the lane went by itself."""
    is_stream = number % 3 == 2
    sides = Side(True, is_stream), Side(False, is_stream)
    camera = Camera(dice)
    calm = dice.choice((0.0, 0.002, 0.02))
    with (
        contextlib.closing(sides[0]),
        contextlib.closing(sides[1]),
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sending,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger,
    ):
        waiting: list[bytes] = []
        for picture in range(dice.choice((120, 200, 300))):
            packets = camera.picture()
            if picture > 45 and dice.random() < calm:
                packets = trouble(dice, packets)
            waiting += packets
            split = dice.random() < 0.2
            some = waiting[: dice.randrange(len(waiting) + 1)] if split else waiting
            waiting = waiting[len(some) :] if split else []
            from_whom = stranger if picture > 45 and dice.random() < calm / 4 else sending
            step = 0.04 + dice.random() / 100
            for at in range(0, len(some), 100):
                cuts = dice.random()
                for side in sides:
                    side.send(some[at : at + 100], from_whom, random.Random(cuts))
                    side.serve()
            if dice.random() < 0.02:
                for side in sides:
                    side.session.express.catch_up()  # while packets wait
            if dice.random() < 0.8:
                drain(sides)
            for side in sides:
                side.now += step
            ahead.append(sides[0].session.express.is_ahead)
            if picture > 45 and dice.random() < 0.03:
                happening(dice, sides)
            if picture % 6 == 0:
                for side in sides:
                    side.session.watch(side.now)
                    side.receiver.tick(side.now)
            if picture % 50 == 49 or dice.random() < 0.01:
                drain(sides)
                ours, theirs = sides[0].report(), sides[1].report()
                for part, (one, other) in enumerate(zip(ours, theirs, strict=True)):
                    if one != other:
                        return (
                            f"case {number}, picture {picture}, part {part}:\n{cut(one)}\nand in Python\n{cut(other)}"
                        )
    return ""


def cut(value: object) -> str:
    words = repr(value)
    return words if len(words) < 3000 else words[:1500] + " ... " + words[-1500:]


async def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--cases", type=int, default=40)
    asked.add_argument("--only", type=int)
    arguments = asked.parse_args()
    if LANES is None:
        sys.exit("the lane is not built")
    ahead: list[bool] = []
    for number in range(arguments.cases) if arguments.only is None else (arguments.only,):
        parted = story(number, random.Random(arguments.seed * 1_000_003 + number), ahead)
        if parted:
            sys.exit(parted)
    print(f"the same of both, the lane ahead in {100 * sum(ahead) // len(ahead)} of 100 pictures")


if __name__ == "__main__":
    asyncio.run(main())
