"""One session, several payload types, and what they really carry."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from media.aac import AacFormat, with_header
from media.frame import Codec, Frame
from media.ps.mux import Muxer
from media.rtp import Packetiser, RtpPacket
from media.run import packets_of, run_at_head
from media.sniff import Carriage
from media.unpack import Unpacker

SC = b"\0\0\0\1"
SPS = bytes.fromhex("6742C00ADA7B011000000300100000030320F1226A")
PPS = bytes.fromhex("68CE0FC8")
IDR = b"\x65\x88" + bytes(range(1, 90))
KEY = SC + SPS + SC + PPS + SC + IDR
VPS5 = bytes.fromhex("40010c01ffff016000000300900000030000030078959809")
SPS5 = bytes.fromhex("420101016000000300900000030000030078a003c08010e596566924cae0100000030010000003019080")
PPS5 = bytes.fromhex("4401c172b46240")


def packet(payload: bytes, kind: int = 96, timestamp: int = 0, *, marker: bool = False, sequence: int = 0) -> RtpPacket:
    return RtpPacket(kind, marker, sequence, timestamp, 0, memoryview(payload))


def key_pack(time: int) -> bytes:
    return Muxer(Codec.H264).pack(Frame(Codec.H264, KEY, time, time, True))


def test_ps_video_and_bare_pcma_on_one_session_both_play_and_lie_together() -> None:
    unpacker = Unpacker({96: "PS", 8: "PCMA"})
    frames: list[Frame] = []
    for n in range(100):
        frames += unpacker.feed(packet(key_pack(8_100_000 + 3600 * n), timestamp=3600 * n))
        frames += unpacker.feed(packet(b"\xd5" * 320, 8, 77 + 320 * n))
    frames += unpacker.flush()
    pictures = [f for f in frames if f.codec is Codec.H264]
    sounds = [f for f in frames if f.codec is Codec.G711A]
    assert (len(pictures), len(sounds)) == (100, 100)
    assert abs(pictures[-1].dts_90k - sounds[-1].dts_90k) <= 90_000
    assert {b.dts_90k - a.dts_90k for a, b in pairwise(sounds[10:])} == {3600}
    assert (unpacker.video_codec, unpacker.audio_codec) == (Codec.H264, Codec.G711A)
    assert unpacker.tally.frames == 100 and unpacker.tally.audio_frames == 100


def test_raw_h264_under_the_name_of_ps_is_found_out() -> None:
    unpacker = Unpacker({96: "PS"})
    frames = [f for nal in (SPS, PPS, IDR, b"\x41\x9a\x11\x11") for f in unpacker.feed(packet(nal))] + unpacker.flush()
    assert [f.key for f in frames] == [True, False]
    assert unpacker.carriages == {96: Carriage.H264}


def test_ps_under_the_name_of_h264_is_found_out() -> None:
    unpacker = Unpacker({98: "H264"})
    frames = unpacker.feed(packet(key_pack(90_000), 98)) + unpacker.flush()
    assert [f.data for f in frames] == [KEY]


def test_h265_under_a_number_of_another_meaning_is_found_out() -> None:
    for kind in (96, 99, 100):
        unpacker = Unpacker()
        nals = (VPS5, SPS5, PPS5, b"\x26\x01\xaf\x11\x22")
        frames = [f for nal in nals for f in unpacker.feed(packet(nal, kind))] + unpacker.flush()
        assert [(f.codec, f.key) for f in frames] == [(Codec.H265, True)]


def test_a_transport_stream_is_named_as_unsupported() -> None:
    unpacker = Unpacker({96: "PS"})
    assert unpacker.feed(packet((b"\x47" + bytes(187)) * 7)) == []
    assert unpacker.unsupported == {"TS"}


def test_static_payload_numbers_need_no_rtpmap() -> None:
    unpacker = Unpacker()
    frames = unpacker.feed(packet(b"\xff" * 160, 0)) + unpacker.feed(packet(b"\xd5" * 160, 8))
    assert [f.codec for f in frames] == [Codec.G711U, Codec.G711A]


def test_aac_takes_the_format_of_its_fmtp_line() -> None:
    form = AacFormat(2, 16000, 1)
    unpacker = Unpacker({102: "AAC"}, aac=form)
    payload = b"\x00\x10" + (20 << 3).to_bytes(2, "big") + b"\x21" * 20
    assert [f.data for f in unpacker.feed(packet(payload, 102))] == [with_header(form, b"\x21" * 20)]


def test_many_payload_types_are_not_remembered_for_ever() -> None:
    unpacker = Unpacker()
    for kind in range(128):
        unpacker.feed(packet(b"x" * 20, kind))
    assert len(unpacker.carriages) == 8


@given(
    st.lists(
        st.tuples(
            st.binary(max_size=60), st.integers(0, 127), st.integers(0, 0xFFFFFFFF), st.booleans(), st.booleans()
        ),
        max_size=40,
    )
)
def test_noise_never_raises(packets: list[tuple[bytes, int, int, bool, bool]]) -> None:
    unpacker = Unpacker({8: "PCMA", 98: "H264", 100: "H265", 102: "AAC", 97: "SVAC"})
    for payload, kind, timestamp, marker, lost in packets:
        unpacker.feed(packet(payload, kind, timestamp, marker=marker), lost)
    unpacker.flush()
    assert unpacker.tally.key_frames >= 0 and unpacker.need_key in (True, False)


@given(st.randoms(), st.integers(0, 3), st.booleans())
def test_a_run_of_program_stream_gives_what_its_packets_give_one_by_one(dice, damage: int, marked: bool) -> None:
    muxer, packetiser = Muxer(Codec.H264, Codec.G711A), Packetiser(7, 96, payload_limit=30)
    packets: list[bytes] = []
    for n in range(40):
        at = 900_000 + 3600 * n
        data = KEY if n % 10 == 0 else SC + b"\x41\x9a" + bytes(range(1, 80))
        sound = Frame(Codec.G711A, b"\xd5" * 320, at, at)
        packets += packetiser.packets(muxer.pack(Frame(Codec.H264, data, at, at, n % 10 == 0), (sound,)), at)
    if not marked:
        packets = [packet[:1] + bytes((96,)) + packet[2:] for packet in packets]
    for _ in range(damage):
        at = dice.randrange(len(packets))
        if dice.random() < 0.5:
            del packets[at]
        else:
            # Noise without start codes: where one seems to stand in noise, it matters how the bytes were cut.
            packets[at] = packets[at][:12] + bytes(dice.randrange(2, 256) for _ in packets[at][12:])
    one, many = Unpacker({96: "PS"}), Unpacker({96: "PS"})
    lone: list[Frame] = []
    together: list[Frame] = []
    data, expected = b"".join(packet.ljust(42, b"\0") for packet in packets), 0
    while data:
        run = run_at_head(data, 42, 96, 7)
        assert run is not None
        run.lost_before = run.sequence != expected
        expected = run.sequence + run.count & 0xFFFF
        for number, each in enumerate(packets_of(run)):
            lone += one.feed(each, run.lost_before and number == 0)
        together += many.feed_run(run)
        data = data[run.count * 42 :]
    assert together + many.flush() == lone + one.flush()
    assert many.tally == one.tally
