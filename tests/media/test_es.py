"""Elementary streams in RTP: RFC 6184, RFC 7798, RFC 3640, RFC 3551."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.aac import AacFormat, with_header
from media.es import AacDepacketiser, H264Depacketiser, H265Depacketiser, NalDepacketiser, SoundDepacketiser
from media.frame import Codec, Frame
from media.rtp import MARKER, Packetiser
from media.run import packets_of, run_at_head
from media.unpack import Unpacker

SC = b"\0\0\0\1"
SPS = bytes.fromhex("6742C00ADA7B011000000300100000030320F1226A")
PPS = bytes.fromhex("68CE0FC8")
IDR = b"\x65\x88" + bytes(range(1, 200))
INTER = b"\x41\x9a" + bytes(range(1, 100))
VPS5 = bytes.fromhex("40010c01ffff016000000300900000030000030078959809")
SPS5 = bytes.fromhex("420101016000000300900000030000030078a003c08010e596566924cae0100000030010000003019080")
PPS5 = bytes.fromhex("4401c172b46240")
IDR5 = b"\x26\x01\xaf" + bytes(range(1, 200))
INTER5 = b"\x02\x01\xd0" + bytes(range(1, 100))


def fu_a(nal: bytes, size: int) -> list[bytes]:
    pieces = [nal[at : at + size] for at in range(1, len(nal), size)]
    last = len(pieces) - 1
    flags = [(0x80 if n == 0 else 0) | (0x40 if n == last else 0) | nal[0] & 0x1F for n in range(len(pieces))]
    return [bytes((nal[0] & 0xE0 | 28, flag)) + piece for flag, piece in zip(flags, pieces, strict=True)]


def fu(nal: bytes, size: int) -> list[bytes]:
    pieces = [nal[at : at + size] for at in range(2, len(nal), size)]
    last = len(pieces) - 1
    flags = [(0x80 if n == 0 else 0) | (0x40 if n == last else 0) | nal[0] >> 1 & 0x3F for n in range(len(pieces))]
    return [b"\x62\x01" + bytes((flag,)) + piece for flag, piece in zip(flags, pieces, strict=True)]


def play(es: NalDepacketiser, pictures: list[list[bytes]], *, markers: bool = False) -> list[Frame]:
    frames: list[Frame] = []
    for n, payloads in enumerate(pictures):
        for place, payload in enumerate(payloads):
            frames += es.feed(payload, False, 3600 * n, markers and place == len(payloads) - 1)
    return frames + es.flush()


def test_h264_in_fragments_and_aggregates_plays() -> None:
    stap = b"\x78" + b"".join(len(nal).to_bytes(2, "big") + nal for nal in (SPS, PPS))
    found = play(H264Depacketiser(), [[stap, *fu_a(IDR, 50)], [INTER], fu_a(INTER, 30)])
    key = SC + SPS + SC + PPS + SC + IDR
    assert [(f.data, f.key) for f in found] == [(key, True), (SC + INTER, False), (SC + INTER, False)]
    assert [b.dts_90k - a.dts_90k for a, b in pairwise(found)] == [3600, 3600]


def test_h265_in_fragments_and_aggregates_plays() -> None:
    ap = b"\x60\x01" + b"".join(len(nal).to_bytes(2, "big") + nal for nal in (VPS5, SPS5, PPS5))
    found = play(H265Depacketiser(), [[ap, *fu(IDR5, 50)], [INTER5], fu(INTER5, 30)])
    assert [(f.codec, f.key) for f in found] == [(Codec.H265, True), (Codec.H265, False), (Codec.H265, False)]
    assert found[0].data.endswith(SC + IDR5) and found[2].data == SC + INTER5


def test_a_picture_of_several_slices_is_one_though_each_has_a_time_and_a_marker() -> None:
    es = H264Depacketiser()
    frames = []
    slices = [b"\x41\x9a\x11\x11", b"\x41\x1a\x22\x22", b"\x41\x0a\x33\x33"]
    for nal in (SPS, PPS, IDR):
        frames += es.feed(nal, False, 0, True)
    for n in range(1, 60):
        for place, nal in enumerate(slices):
            frames += es.feed(nal, False, 3600 * n + place, True)
    frames += es.flush()
    assert len(frames) == 60
    assert frames[5].data == b"".join(SC + nal for nal in slices)


def test_proven_markers_let_pictures_out_at_once() -> None:
    es = H264Depacketiser()
    play(es, [[SPS, PPS, IDR]] + [[INTER]] * 40, markers=True)
    assert len(es.feed(INTER, False, 200_000, True)) == 1


def test_a_lost_fragment_costs_its_picture_and_those_up_to_the_next_key() -> None:
    es = H264Depacketiser()
    frames = play(es, [[SPS, PPS, IDR], [INTER]])
    broken = fu_a(INTER, 30)
    for n, payload in enumerate(broken):
        if n != 1:
            frames += es.feed(payload, n == 2, 7200)
    frames += es.feed(INTER, False, 10_800) + es.feed(SPS, False, 14_400) + es.feed(IDR, False, 14_400) + es.flush()
    assert [f.key for f in frames] == [True, False, True]
    assert es.pictures.damaged == 1
    assert frames[-1].data == SC + SPS + SC + IDR or frames[-1].data.startswith(SC + SPS + SC + PPS)


def test_annex_b_put_into_packets_unpacked_is_read() -> None:
    whole = SC + SPS + SC + PPS + b"\0\0\1" + IDR
    assert [f.key for f in play(H264Depacketiser(), [[whole], [SC + INTER]])] == [True, False]


@pytest.mark.parametrize("codec", [Codec.G711A, Codec.G711U])
def test_g711_packets_are_frames_and_their_clock_is_brought_to_90_khz(codec: Codec) -> None:
    es = SoundDepacketiser(codec)
    frames = [f for n in range(5) for f in es.feed(b"\xd5" * 160, False, (0xFFFFFF00 + 160 * n) & 0xFFFFFFFF)]
    assert {f.codec for f in frames} == {codec}
    assert [b.dts_90k - a.dts_90k for a, b in pairwise(frames)] == [1800] * 4


def test_aac_hbr_gives_adts_with_the_format_of_the_fmtp_line() -> None:
    form = AacFormat(2, 16000, 1)
    one, two = b"\x21" * 100, b"\x22" * 90
    payload = b"\x00\x20" + (100 << 3).to_bytes(2, "big") + (90 << 3).to_bytes(2, "big") + one + two
    frames = AacDepacketiser(form).feed(payload, False, 1024)
    assert [f.data for f in frames] == [with_header(form, one) + with_header(form, two)]
    assert AacDepacketiser().feed(with_header(form, one), False, 0)[0].data == with_header(form, one)


def test_an_aac_frame_over_two_packets_is_put_together() -> None:
    es = AacDepacketiser()
    head = b"\x00\x10" + (100 << 3).to_bytes(2, "big")
    assert es.feed(head + b"\x21" * 60, False, 0) == []
    assert es.feed(head + b"\x22" * 40, False, 0)[0].data[7:] == b"\x21" * 60 + b"\x22" * 40


@given(
    st.lists(
        st.tuples(
            st.binary(max_size=40),
            st.booleans(),
            st.booleans(),
            st.sampled_from(
                [
                    b"",
                    b"\x7c\x85",
                    b"\x7c\x45",
                    b"\x78\0\4",
                    b"\x62\x01\x93",
                    b"\x60\x01\0\5",
                    SPS,
                    SPS5,
                    IDR,
                    IDR5,
                    b"\0\x10",
                ]
            ),
        )
    )
)
def test_noise_never_raises(payloads: list[tuple[bytes, bool, bool, bytes]]) -> None:
    for es in (H264Depacketiser(), H265Depacketiser(), AacDepacketiser(), SoundDepacketiser(Codec.G711A)):
        for n, (noise, lost, marker, head) in enumerate(payloads):
            es.feed(head + noise, lost, n, marker)
        es.flush()


# ---- runs of packets at once


@given(st.sampled_from(["H264", "H265"]), st.randoms(), st.integers(0, 3))
def test_a_run_gives_the_frames_that_its_packets_give_one_by_one(name: str, dice, damage: int) -> None:
    h264 = name == "H264"
    cut = fu_a if h264 else fu
    key, inter = ([SPS, PPS, IDR], INTER) if h264 else ([VPS5, SPS5, PPS5, IDR5], INTER5)
    packets: list[bytes] = []
    for n in range(12):
        packetiser = Packetiser(7, 98, sequence=len(packets))
        payloads = [p for nal in (key if n % 5 == 0 else [inter]) for p in (cut(nal, 40) if len(nal) > 60 else [nal])]
        for number, payload in enumerate(payloads):
            packet = bytearray(packetiser.packets(payload, 3600 * n)[0])
            packet[1] = 98 | (MARKER if number == len(payloads) - 1 else 0)
            packets.append(bytes(packet))
    for _ in range(damage):
        at = dice.randrange(len(packets))
        if dice.random() < 0.5:
            del packets[at]
        else:
            packets[at] = packets[at][:12] + dice.randbytes(len(packets[at]) - 12)
    one, many = Unpacker({98: name}), Unpacker({98: name})
    lone, together = [], []
    at, expected = 0, 0
    while at < len(packets):
        size = len(packets[at])
        count = 1
        while at + count < len(packets) and len(packets[at + count - 1]) == size >= len(packets[at + count]):
            count += 1
        run = run_at_head(b"".join(packets[at : at + count]), size, 98, 7)
        run.lost_before = run.sequence != expected
        expected = run.sequence + run.count
        for number, packet in enumerate(packets_of(run)):
            lone += one.feed(packet, run.lost_before and number == 0)
        together += many.feed_run(run)
        at += run.count
    assert together + many.flush() == lone + one.flush()
    assert many.tally == one.tally
