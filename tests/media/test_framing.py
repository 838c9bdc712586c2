"""RTP out of a TCP stream: two framings, found and found again."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.framing import Framer
from media.rtp import Packetiser

SSRC = 200_000_001


def packets(count: int = 10, ssrc: int = SSRC, size: int = 600) -> list[bytes]:
    packetiser = Packetiser(ssrc)
    body = b"\0\0\1\xba" + bytes(n * 7 & 0x7F | 1 for n in range(size))
    return [packet for n in range(count) for packet in packetiser.packets(body, n * 3600)]


def plain(sent: list[bytes]) -> bytes:
    return b"".join(len(packet).to_bytes(2, "big") + packet for packet in sent)


def dollar(sent: list[bytes]) -> bytes:
    return b"".join(b"$\0" + len(packet).to_bytes(2, "big") + packet for packet in sent)


def got(framer: Framer, data: bytes, step: int = 0) -> list[bytes]:
    step = step or len(data) or 1
    return [bytes(p) for at in range(0, len(data), step) for p in framer.feed(data[at : at + step])]


@pytest.mark.parametrize("frame", [plain, dollar])
@pytest.mark.parametrize("step", [0, 1, 7, 1400])
def test_both_framings_are_found_however_the_bytes_are_cut(frame, step: int) -> None:
    framer = Framer()
    assert got(framer, frame(packets()), step) == packets()
    assert framer.resyncs == 0 and framer.skipped_bytes == 0
    assert framer.framing == ("RFC 4571" if frame is plain else "'$'")


def test_the_worked_examples_of_both_framings_are_read() -> None:
    packet = bytes.fromhex("80E003E8007B98A00BEBC201") + bytes(113)
    assert got(Framer(), b"\x00\x7d" + packet) == [packet]
    assert got(Framer(), b"\x24\x00\x00\x7d" + packet) == [packet]


def test_the_first_packet_is_given_at_once() -> None:
    assert len(got(Framer(), plain(packets(1)))) == 1


@pytest.mark.parametrize("frame", [plain, dollar])
@pytest.mark.parametrize("step", [0, 1, 1400])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_junk_of_3000_bytes_costs_two_packets_at_most(frame, step: int, seed: int) -> None:
    junk = random.Random(seed).randbytes(3000)
    framer = Framer()
    found = got(framer, frame(packets(10)) + junk + frame(packets(10)), step)
    assert len(found) >= 18
    assert set(found) <= set(packets(10))
    assert framer.resyncs >= 1 and not framer.is_lost


def test_a_prologue_and_a_stray_byte_before_the_first_packet_are_skipped() -> None:
    for prologue in (b"\x01\x00" + bytes(254), b"\r"):
        framer = Framer()
        assert got(framer, prologue + plain(packets(5))) == packets(5)
        assert framer.skipped_bytes == len(prologue)


def test_another_ssrc_in_mid_stream_is_believed_when_its_packets_chain() -> None:
    second = packets(5, ssrc=77)
    framer = Framer(ssrc=SSRC)
    assert got(framer, plain(packets(5)) + plain(second), 100) == packets(5) + second
    assert framer.resyncs == 0


def test_an_ssrc_other_than_announced_is_no_reason_to_refuse() -> None:
    assert got(Framer(ssrc=1), plain(packets(5))) == packets(5)


def test_ssrc_zero_is_found_again_too() -> None:
    sent = packets(6, ssrc=0)
    framer = Framer(ssrc=0)
    assert len(got(framer, plain(sent[:3]) + b"\xfe\xfe" * 700 + plain(sent[3:]))) >= 5


def test_rtcp_in_the_connection_comes_out_as_a_packet_of_its_own() -> None:
    report = bytes.fromhex("80C80006") + bytes(24)
    sent = [*packets(2), report, *packets(2)]
    assert got(Framer(), plain(sent), 50) == sent


def test_empty_packets_are_passed_over() -> None:
    assert got(Framer(), plain(packets(1)) + b"\0\0" + plain(packets(1))) == packets(1) * 2


def test_a_connection_of_nothing_but_junk_is_lost_after_two_megabytes() -> None:
    framer = Framer()
    noise = random.Random(5)
    for _ in range(60):
        assert sum(map(len, framer.feed(noise.randbytes(50_000)))) < 50_000
    assert framer.is_lost
    assert framer.feed(plain(packets())) == []


def test_endless_zeros_are_lost_as_well() -> None:
    framer = Framer()
    for _ in range(60):
        framer.feed(bytes(50_000))
    assert framer.is_lost


@given(st.binary(max_size=400), st.lists(st.integers(1, 90), min_size=1, max_size=20))
def test_noise_and_cuts_never_raise_and_little_is_kept(noise: bytes, cuts: list[int]) -> None:
    framer = Framer()
    data = noise + plain(packets(2)) + noise + dollar(packets(2)) + noise
    at = turn = 0
    while at < len(data):
        step = cuts[turn % len(cuts)]
        framer.feed(data[at : at + step])
        at += step
        turn += 1
    assert len(framer._rest) < 40_000


@given(st.binary(max_size=60), st.integers(1, 50))
def test_any_cutting_gives_the_same_packets(noise: bytes, step: int) -> None:
    data = plain(packets(3)) + noise + plain(packets(3))
    assert got(Framer(), data, step) == got(Framer(), data, step + 13)


# ---- neighbours of one size together


def together(framer: Framer, data: bytes, step: int = 0) -> list[bytes]:
    """Through `pieces`, each taken apart again."""
    step = step or len(data) or 1
    return [
        piece[start : start + size]
        for at in range(0, len(data), step)
        for piece, size in framer.pieces(data[at : at + step])
        for start in range(0, len(piece), size)
    ]


def film(count: int = 12) -> list[bytes]:
    """Pictures of a few packets each, the last of each shorter."""
    packetiser = Packetiser(SSRC, payload_limit=200)
    dice = random.Random(3)
    return [p for n in range(count) for p in packetiser.packets(dice.randbytes(150 + 170 * n), n * 3600)]


@pytest.mark.parametrize("frame", [plain, dollar])
def test_a_picture_comes_as_one_piece_and_its_shorter_end_with_it(frame) -> None:
    framer, sent = Framer(), film()
    assert together(framer, frame(sent[:3])) == sent[:3]
    picture = Packetiser(SSRC, payload_limit=200).packets(bytes(1100), 7)
    assert framer.pieces(frame(picture)) == [(b"".join(picture), 212)]
    assert framer.packets == 3 + 6


@pytest.mark.parametrize("frame", [plain, dollar])
@given(st.integers(1, 3000), st.integers(0, 5000))
def test_pieces_hold_the_packets_that_feeding_gives(frame, step: int, seed: int) -> None:
    dice = random.Random(seed)
    sent = film()
    report = bytes.fromhex("81c90007") + bytes(28)
    for _ in range(dice.randrange(3)):
        sent.insert(dice.randrange(len(sent)), report)
    at = dice.randrange(len(sent))
    junk = dice.choice([b"", b"", b"\0\0" if frame is plain else b"$\0\0\0", dice.randbytes(dice.randrange(700))])
    anew = [p[:8] + b"ANEW" + p[12:] for p in film()] if dice.random() < 0.3 else []
    data = frame(sent[:at]) + junk + frame(sent[at:] + anew)
    one, many = Framer(), Framer()
    assert together(many, data, step) == got(one, data, step)
    assert (many.packets, many.resyncs, many.skipped_bytes) == (one.packets, one.resyncs, one.skipped_bytes)


@given(st.binary(max_size=400), st.lists(st.integers(1, 90), min_size=1, max_size=20))
def test_pieces_of_noise_never_raise_and_little_is_kept(noise: bytes, cuts: list[int]) -> None:
    framer = Framer()
    data = plain(packets(2)) + noise + dollar(packets(2)) + noise + plain(packets(2, size=20)) + noise
    at = turn = 0
    while at < len(data):
        step = cuts[turn % len(cuts)]
        assert all(piece and size for piece, size in framer.pieces(data[at : at + step]))
        at += step
        turn += 1
    assert len(framer._rest) < 40_000
