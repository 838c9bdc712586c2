"""The program-stream demultiplexer: annex C's worked example, and what cameras make of it."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from media.aac import AacFormat, with_header
from media.frame import Codec, Frame
from media.ps import stream_map
from media.ps.demux import Demuxer

PACK = bytes.fromhex("000001BA4407BC548401005F6BF8")
SYSTEM = bytes.fromhex("000001BB000C80CCF504E17FE0E190C0C020")
MAP = bytes.fromhex("000001BC0012E1FF000000081BE0000090C00000B9287F16")
SPS = bytes.fromhex("6742C00ADA7B011000000300100000030320F1226A")
PPS = bytes.fromhex("68CE0FC8")
IDR = bytes.fromhex("6588843A26280E")
SC = b"\0\0\0\1"
KEY = SC + SPS + SC + PPS + b"\0\0\1" + IDR
PTS = bytes.fromhex("2101EF3141")
SILENCE = b"\xd5" * 320
VIDEO = b"\0\0\1\xe0\x00\x33\x84\x80\x05" + PTS + KEY
SOUND = b"\0\0\1\xc0\x01\x48\x84\x80\x05" + PTS + SILENCE
EXAMPLE = PACK + SYSTEM + MAP + VIDEO + SOUND

VPS5 = bytes.fromhex("40010c01ffff016000000300900000030000030078959809")
SPS5 = bytes.fromhex("420101016000000300900000030000030078a003c08010e596566924cae0100000030010000003019080")
PPS5 = bytes.fromhex("4401c172b46240")
KEY5 = SC + VPS5 + SC + SPS5 + SC + PPS5 + SC + bytes.fromhex("2601af0102030405")


def pts(time: int, prefix: int = 2) -> bytes:
    time &= 0x1FFFFFFFF
    word = (
        prefix << 36 | (time >> 30) << 33 | 1 << 32 | (time >> 15 & 0x7FFF) << 17 | 1 << 16 | (time & 0x7FFF) << 1 | 1
    )
    return word.to_bytes(5, "big")


def pes(data: bytes, time: int | None = None, *, sid: int = 0xE0, length: int | None = None) -> bytes:
    head = b"\x84\x00\x00" if time is None else b"\x84\x80\x05" + pts(time)
    size = len(head) + len(data) if length is None else length
    return b"\0\0\1" + bytes((sid,)) + (size & 0xFFFF).to_bytes(2, "big") + head + data


def inter(number: int, size: int = 40) -> bytes:
    """A P slice that tells its number."""
    return SC + b"\x41\x9a" + bytes((number & 0x7F | 0x80,)) * size


def key_pack(time: int = 8_100_000) -> bytes:
    return PACK + SYSTEM + MAP + pes(KEY, time)


def inter_pack(number: int, time: int, size: int = 40) -> bytes:
    return PACK + pes(inter(number, size), time)


def programme(count: int = 5, start: int = 8_100_000) -> bytes:
    """A key picture and `count - 1` others, 40 ms apart."""
    return key_pack(start) + b"".join(inter_pack(n, start + 3600 * n) for n in range(1, count))


def play(data: bytes, step: int = 0, demuxer: Demuxer | None = None) -> list[Frame]:
    demuxer = demuxer or Demuxer()
    step = step or len(data) or 1
    frames = []
    for place in range(0, len(data), step):
        frames += demuxer.feed(data[place : place + step])
    return frames + demuxer.flush()


def pictures(frames: list[Frame]) -> list[Frame]:
    return [frame for frame in frames if frame.codec.is_video]


def sounds(frames: list[Frame]) -> list[Frame]:
    return [frame for frame in frames if not frame.codec.is_video]


@pytest.mark.parametrize("step", [0, 1, 7, 113, 1400])
def test_the_worked_example_gives_one_picture_and_one_sound_however_it_is_cut(step: int) -> None:
    frames = play(EXAMPLE, step)
    assert [(f.codec, len(f.data), f.pts_90k, f.key) for f in pictures(frames)] == [(Codec.H264, 43, 8_100_000, True)]
    assert pictures(frames)[0].data == KEY
    assert [(f.codec, f.data, f.pts_90k) for f in sounds(frames)] == [(Codec.G711A, SILENCE, 8_100_000)]


def test_five_pictures_come_whole_and_in_time() -> None:
    frames = play(programme(5))
    assert [f.pts_90k for f in frames] == [8_100_000 + 3600 * n for n in range(5)]
    assert [f.key for f in frames] == [True, False, False, False, False]
    assert frames[3].data == inter(3)


# ---- the order and lengths of units


def test_the_map_may_lie_about_its_check_sum() -> None:
    for crc in (b"\0\0\0\0", b"\x45\xbd\xdc\xf4"):
        frames = play(EXAMPLE.replace(MAP, MAP[:-4] + crc))
        assert len(pictures(frames)) == 1 and len(sounds(frames)) == 1


def test_h264_is_recognised_without_a_map() -> None:
    demuxer = Demuxer()
    frames = play(EXAMPLE.replace(MAP, b""), demuxer=demuxer)
    assert demuxer.video_codec is Codec.H264
    assert pictures(frames)[0].data == KEY
    assert all(frame.codec is not Codec.AAC for frame in frames)


def test_g711_without_a_map_is_guessed_from_its_rate_and_never_as_aac() -> None:
    data = key_pack().replace(MAP, b"")
    data += b"".join(PACK + pes(SILENCE, 8_100_000 + 3600 * n, sid=0xC0) for n in range(60))
    found = sounds(play(data))
    assert {frame.codec for frame in found} == {Codec.G711A}
    assert len(found) > 20


def test_mu_law_silence_is_told_from_a_law() -> None:
    data = key_pack().replace(MAP, b"")
    data += b"".join(PACK + pes(b"\xff" * 320, 8_100_000 + 3600 * n, sid=0xC0) for n in range(60))
    assert {frame.codec for frame in sounds(play(data))} == {Codec.G711U}


def test_sound_of_another_rate_stays_mute_without_a_map() -> None:
    data = key_pack().replace(MAP, b"")
    data += b"".join(PACK + pes(b"\x12\x34" * 80, 8_100_000 + 3600 * n, sid=0xC0) for n in range(200))
    assert sounds(play(data)) == []


def test_a_video_pes_of_length_zero_ends_at_the_next_unit() -> None:
    data = PACK + SYSTEM + MAP + pes(KEY, 8_100_000, length=0) + SOUND + inter_pack(1, 8_103_600)
    for step in (0, 1, 7, 50):
        frames = play(data, step)
        assert [f.data for f in pictures(frames)] == [KEY, inter(1)]
        assert len(sounds(frames)) == 1


@pytest.mark.parametrize("step", [0, 1400])
def test_a_frame_of_200_kb_in_four_pes_is_one_frame(step: int) -> None:
    big = KEY + b"\x5a" * 200_000
    data = PACK + SYSTEM + MAP + pes(big[:60_000], 8_100_000)
    data += b"".join(pes(big[start : start + 60_000]) for start in range(60_000, len(big), 60_000))
    data += inter_pack(1, 8_103_600)
    found = pictures(play(data, step))
    assert [f.data for f in found] == [big, inter(1)]


@pytest.mark.parametrize("step", [0, 1, 1400])
def test_a_length_taken_modulo_65536_does_not_cut_the_frame(step: int) -> None:
    big = KEY + b"\x5a" * (200_000 if step != 1 else 70_000)
    data = PACK + SYSTEM + MAP + pes(big, 8_100_000) + inter_pack(1, 8_103_600)
    demuxer = Demuxer()
    found = pictures(play(data, step, demuxer))
    assert [f.data for f in found] == [big, inter(1)]
    assert demuxer.tally.pes_errors == 1


def test_a_length_beyond_the_frame_costs_that_frame_and_not_the_next_key() -> None:
    wrong = PACK + pes(inter(1), 8_103_600, length=500)
    data = key_pack() + wrong + key_pack(8_107_200) + inter_pack(3, 8_110_800, 600)
    for step in (0, 1, 99):
        demuxer = Demuxer()
        found = pictures(play(data, step, demuxer))
        assert [f.pts_90k - 8_100_000 for f in found] == [0, 7200, 10800]
        assert demuxer.tally.damaged == 1


def test_private_data_is_passed_over_by_its_length_though_it_holds_start_codes() -> None:
    evil = b"\0\0\0\1\0\0\1\xba" + b"\0\0\1\xe0\0\x10" + b"x" * 30
    for sid in (0xBD, 0xBF, 0xBE, 0xF0, 0xFF):
        unit = b"\0\0\1" + bytes((sid,)) + len(evil).to_bytes(2, "big") + evil
        data = PACK + SYSTEM + MAP + unit + VIDEO + unit + inter_pack(1, 8_103_600)
        demuxer = Demuxer()
        found = pictures(play(data, 11, demuxer))
        assert [f.data for f in found] == [KEY, inter(1)]
        assert demuxer.tally.resyncs == 0 and demuxer.tally.private_bytes >= 2 * len(evil)


def test_a_frame_counter_in_the_stuffing_of_a_pack_header_is_no_start_code() -> None:
    pack = bytes.fromhex("000001BA4407BC548401000003FE") + bytes.fromhex("FFFF000001AF")
    counter = bytes.fromhex("000001BA4407BC548401000003FE") + bytes.fromhex("FFFF00000001")
    data = pack + SYSTEM + MAP + VIDEO + counter + pes(inter(1), 8_103_600)
    for step in (0, 1, 3):
        assert [f.data for f in pictures(play(data, step))] == [KEY, inter(1)]


def test_a_pack_header_cut_down_to_its_start_code_is_taken_as_one() -> None:
    data = key_pack() + b"\0\0\1\xba" + pes(inter(1), 8_103_600) + inter_pack(2, 8_107_200)
    assert [f.data for f in pictures(play(data, 5))] == [KEY, inter(1), inter(2)]


def test_an_mpeg1_pack_header_and_pes_header_are_read() -> None:
    pack = b"\0\0\1\xba" + pts(8_096_400) + b"\x80\x10\x01"
    one = b"\0\0\1\xe0" + (len(KEY) + 5 + 2 + 2).to_bytes(2, "big") + b"\xff\xff\x60\x20" + pts(8_100_000) + KEY
    two = b"\0\0\1\xe0" + (len(inter(1)) + 1).to_bytes(2, "big") + b"\x0f" + inter(1)
    found = pictures(play(pack + one + pack + two, 9))
    assert [f.data for f in found] == [KEY, inter(1)]
    assert found[0].pts_90k == 8_100_000


def test_zeros_between_units_are_passed_over() -> None:
    data = (
        PACK
        + b"\0"
        + SYSTEM
        + b"\0\0\0\0"
        + MAP
        + b"\0" * 500
        + VIDEO
        + b"\0\0\0\1\0\0\1\xba"[:1]
        + inter_pack(1, 8_103_600)
    )
    demuxer = Demuxer()
    assert [f.data for f in pictures(play(data, 7, demuxer))] == [KEY, inter(1)]
    assert demuxer.tally.resyncs == 0


def test_an_end_code_changes_nothing() -> None:
    data = key_pack() + b"\0\0\1\xb9" + inter_pack(1, 8_103_600) + b"\0\0\1\xb9"
    assert len(play(data, 3)) == 2


def test_system_header_and_map_may_come_in_any_order_or_after_the_picture() -> None:
    for heads in (MAP + SYSTEM + VIDEO, VIDEO + MAP, VIDEO + SYSTEM + MAP, VIDEO):
        assert len(pictures(play(PACK + heads + inter_pack(1, 8_103_600)))) == 2


def test_a_pes_whose_header_is_longer_than_itself_is_dropped() -> None:
    bad = b"\0\0\1\xe0\x00\x08\x84\x80\x40" + b"\xff" * 5
    demuxer = Demuxer()
    found = pictures(play(key_pack() + PACK + bad + inter_pack(1, 8_103_600), demuxer=demuxer))
    assert [f.data for f in found] == [KEY, inter(1)]
    assert demuxer.tally.pes_errors == 1


def test_header_data_length_rules_over_the_time_flags() -> None:
    long_head = b"\x84\x80\x0c" + pts(8_103_600) + b"\xff" * 7
    unit = b"\0\0\1\xe0" + (len(long_head) + len(inter(1))).to_bytes(2, "big") + long_head + inter(1)
    found = pictures(play(key_pack() + PACK + unit))
    assert found[1].data == inter(1) and found[1].pts_90k == 8_103_600


# ---- pictures


def test_parameter_sets_and_slices_in_pes_of_their_own_are_one_picture() -> None:
    # Hikvision: SPS with a time, PPS and slices of 5 kB at most without.
    slices = [SC + b"\x65\x88" + b"\x11" * 3000, SC + b"\x65\x10" + b"\x22" * 3000]
    data = PACK + SYSTEM + MAP + pes(SC + SPS, 8_100_000) + pes(SC + PPS) + b"".join(pes(part) for part in slices)
    data += inter_pack(1, 8_103_600)
    for step in (0, 1400, 13):
        found = pictures(play(data, step))
        assert [f.data for f in found] == [SC + SPS + SC + PPS + b"".join(slices), inter(1)]


def test_the_same_time_on_each_pes_of_a_picture_does_not_cut_it() -> None:
    whole = SC + b"\x65\x88" + b"\x11" * 100
    later = SC + b"\x65\x10" + b"\x22" * 100
    data = key_pack()[: len(PACK + SYSTEM + MAP)] + b"".join(
        pes(part, 8_100_000) for part in (SC + SPS, SC + PPS, whole, later)
    )
    assert [f.data for f in pictures(play(data + inter_pack(1, 8_103_600)))] == [
        SC + SPS + SC + PPS + whole + later,
        inter(1),
    ]


def test_a_later_slice_under_another_time_still_belongs_to_its_picture() -> None:
    later = SC + b"\x41\x1a" + b"\x22" * 50
    data = key_pack() + PACK + pes(inter(1), 8_103_600) + pes(later, 8_103_700) + inter_pack(2, 8_107_200)
    assert [f.data for f in pictures(play(data))] == [KEY, inter(1) + later, inter(2)]


def test_pictures_are_told_apart_by_their_first_slices_when_the_time_stands_still() -> None:
    data = b"".join(key_pack(0) if n % 10 == 0 else inter_pack(n, 0) for n in range(30))
    found = pictures(play(data))
    assert len(found) == 30
    steps = {b.dts_90k - a.dts_90k for a, b in pairwise(found)}
    assert steps == {3600}


def test_two_pictures_in_one_pes_come_out_as_two() -> None:
    data = key_pack() + PACK + pes(inter(1) + inter(2), 8_103_600) + inter_pack(3, 8_110_800)
    found = pictures(play(data))
    assert [f.data for f in found] == [KEY, inter(1), inter(2), inter(3)]
    assert [f.dts_90k - 8_100_000 for f in found] == [0, 3600, 7200, 10800]


def test_the_time_of_a_pes_that_begins_in_mid_picture_is_that_of_the_picture_beginning_in_it() -> None:
    stream = inter(1, 100) + inter(2, 100)
    data = key_pack() + pes(stream[:60], 8_103_600) + pes(stream[60:], 8_107_200) + inter_pack(3, 8_110_800)
    found = pictures(play(data, 17))
    assert [(f.data, f.pts_90k - 8_100_000) for f in found] == [
        (KEY, 0),
        (inter(1, 100), 3600),
        (inter(2, 100), 7200),
        (inter(3), 10800),
    ]


def test_a_picture_goes_out_with_the_first_bytes_of_the_next() -> None:
    demuxer = Demuxer()
    assert demuxer.feed(key_pack()) == []
    assert len(demuxer.feed(inter_pack(1, 8_103_600)[:40])) == 1


def test_markers_that_proved_right_let_a_picture_out_at_once() -> None:
    demuxer = Demuxer()
    for n in range(40):
        pack = key_pack() if n == 0 else inter_pack(n, 8_100_000 + 3600 * n)
        got = demuxer.feed(pack, rtp_timestamp=3600 * n, marker=True)
        assert len(got) == (n > 0) if n < 30 else True
    assert len(demuxer.feed(inter_pack(40, 8_244_000), rtp_timestamp=144_000, marker=True)) == 1
    assert demuxer.pictures.frames == 41


def test_markers_that_end_no_picture_are_not_believed() -> None:
    demuxer = Demuxer()
    count = 0
    for n in range(80):
        pack = key_pack() if n == 0 else inter_pack(n, 8_100_000 + 3600 * n, 90)
        for place in range(0, len(pack), 40):
            count += len(demuxer.feed(pack[place : place + 40], rtp_timestamp=n, marker=True))
    assert count + len(demuxer.flush()) == 80
    assert demuxer.tally.damaged == 0


def test_markers_that_stop_telling_the_truth_cost_one_picture() -> None:
    demuxer = Demuxer(freeze_after_loss=False)
    for n in range(40):
        demuxer.feed(key_pack() if n == 0 else inter_pack(n, 8_100_000 + 3600 * n), rtp_timestamp=n, marker=True)
    second = SC + b"\x41\x1a" + b"\x22" * 50
    for n in range(40, 50):
        demuxer.feed(inter_pack(n, 8_100_000 + 3600 * n), rtp_timestamp=n, marker=True)
        demuxer.feed(pes(second), rtp_timestamp=n, marker=True)
    demuxer.flush()
    assert demuxer.tally.damaged <= 1
    assert demuxer.pictures.frames >= 49


def test_a_pack_header_with_another_rtp_time_ends_the_picture_once_those_proved_steady() -> None:
    demuxer = Demuxer()
    for n in range(12):
        pack = key_pack() if n == 0 else inter_pack(n, 8_100_000 + 3600 * n)
        demuxer.feed(pack, rtp_timestamp=3600 * n)
    sound = PACK + pes(SILENCE, 8_140_000, sid=0xC0)
    assert [f.codec for f in demuxer.feed(sound, rtp_timestamp=41_000)] == [Codec.H264, Codec.G711A]


def test_rtp_times_that_differ_within_a_picture_cut_nothing() -> None:
    demuxer = Demuxer()
    clock, found = 0, 0
    for n in range(40):
        pack = key_pack() if n == 0 else inter_pack(n, 8_100_000 + 3600 * n, 300)
        for place in range(0, len(pack), 100):
            clock += 7
            found += len(demuxer.feed(pack[place : place + 100], rtp_timestamp=clock))
    assert found + len(demuxer.flush()) == 40


def test_parameter_sets_sent_once_are_put_before_every_key_frame() -> None:
    data = key_pack() + inter_pack(1, 8_103_600) + PACK + pes(SC + IDR, 8_107_200) + inter_pack(3, 8_110_800)
    found = pictures(play(data))
    assert found[2].key
    assert found[2].data == SC + SPS + SC + PPS + SC + IDR


def test_nothing_comes_before_the_first_key_frame() -> None:
    demuxer = Demuxer()
    data = b"".join(inter_pack(n, 8_000_000 + 3600 * n) for n in range(20)) + key_pack(8_072_000)
    found = pictures(play(data, demuxer=demuxer))
    assert [f.key for f in found] == [True]


def test_b_pictures_keep_both_their_times() -> None:
    head = b"\x84\xc0\x0a" + pts(8_110_800, 3) + pts(8_103_600, 1)
    unit = b"\0\0\1\xe0" + (len(head) + len(inter(1))).to_bytes(2, "big") + head + inter(1)
    found = pictures(play(key_pack() + PACK + unit))
    assert (found[1].pts_90k, found[1].dts_90k) == (8_110_800, 8_103_600)


def test_a_stream_without_idr_starts_at_an_intra_picture_after_ten_seconds() -> None:
    intra = SC + SPS + SC + PPS + SC + b"\x61\x88" + b"\x33" * 30  # first_mb 0, slice_type 7
    data = key_pack() + b"".join(inter_pack(n, 8_100_000 + 3600 * n) for n in range(1, 3))
    demuxer = Demuxer()
    demuxer.feed(data)
    demuxer.feed(inter_pack(3, 8_110_800)[:20], lost_before=False)
    demuxer.feed(inter_pack(4, 8_114_400), lost_before=True)
    keys = []
    for n in range(5, 400):
        pack = PACK + pes(intra, 8_100_000 + 3600 * n) if n % 50 == 0 else inter_pack(n, 8_100_000 + 3600 * n)
        keys += [(f.dts_90k - 8_100_000) // 3600 for f in demuxer.feed(pack) if f.key]
    assert keys and keys[0] >= 250


# ---- codecs


def test_h265_under_a_map_that_says_h264_is_h265() -> None:
    demuxer = Demuxer()
    data = (PACK + SYSTEM + MAP + pes(KEY5, 8_100_000)) * 1 + PACK + pes(SC + b"\x02\x01\xd0" + b"\x55" * 30, 8_103_600)
    found = pictures(play(data, demuxer=demuxer))
    assert [(f.codec, f.key) for f in found] == [(Codec.H265, True), (Codec.H265, False)]


def test_h264_under_a_map_that_says_h265_is_h264() -> None:
    wrong = stream_map.build({0xE0: 0x24})
    assert pictures(play(PACK + wrong + VIDEO + inter_pack(1, 8_103_600)))[0].codec is Codec.H264


def test_a_map_that_alternates_between_codecs_does_not_switch_the_track() -> None:
    data = b"".join(
        PACK + stream_map.build({0xE0: 0x24 if n % 2 else 0x1B}) + pes(KEY, 8_100_000 + 3600 * n) for n in range(10)
    )
    assert {f.codec for f in play(data)} == {Codec.H264} and len(play(data)) == 10


def test_a_camera_that_changes_its_codec_is_followed_at_the_next_key_frame() -> None:
    data = programme(4) + PACK + pes(KEY5, 8_114_400) + PACK + pes(SC + b"\x02\x01\xd0\x11", 8_118_000)
    data += key_pack(8_121_600)
    assert [f.codec for f in pictures(play(data))] == [Codec.H264] * 4 + [Codec.H265] * 2 + [Codec.H264]


def test_stream_type_zero_is_passed_over() -> None:
    demuxer = Demuxer()
    play(PACK + stream_map.build({0xE0: 0, 0xC0: 0x90}) + VIDEO + SOUND, demuxer=demuxer)
    assert demuxer.stream_types == {0xC0: 0x90}
    assert demuxer.video_codec is Codec.H264


def test_private_entries_of_a_hikvision_map_are_harmless() -> None:
    hikvision = bytes.fromhex(
        "000001BC005AE0FF0024400E484B0000000000000000000000004112484B0000"
        "0000000000000000000000000000002C1BE00010420E0000000007800438121C"
        "3F001C2190C0000C430A0000FE007D0303E803FFBDBD0000BFBF000000000000"
    )
    demuxer = Demuxer()
    private = b"\0\0\1\xbd\x00\x10\x8c\x00\x00" + b"\0\0\1\xba" * 3 + b"z"
    frames = play(PACK + SYSTEM + hikvision + private + VIDEO + SOUND, 17, demuxer)
    assert demuxer.stream_types == {0xE0: 0x1B, 0xC0: 0x90, 0xBD: 0xBD, 0xBF: 0xBF}
    assert demuxer.tally.psm_errors == 0
    assert len(pictures(frames)) == 1 and len(sounds(frames)) == 1


@pytest.mark.parametrize("at", range(6, 20))
def test_a_map_with_any_wrong_length_in_it_harms_nothing(at: int) -> None:
    for value in (0, 1, 0x7F, 0xFF):
        bad = bytearray(MAP)
        bad[at] = value
        assert pictures(play(PACK + SYSTEM + bytes(bad) + VIDEO + inter_pack(1, 8_103_600)))[0].data == KEY


# ---- sound


def test_adts_under_a_map_that_says_g711_is_aac() -> None:
    adts = bytes.fromhex("FFF16C4019FFFC") + b"\x21" * 200
    frames = sounds(play(PACK + SYSTEM + MAP + VIDEO + pes(adts * 2, 8_100_000, sid=0xC0)))
    assert [(f.codec, len(f.data)) for f in frames] == [(Codec.AAC, 414)]


@pytest.mark.parametrize(("first", "then"), [(0x0F, 0x90), (0x90, 0x91), (0x90, 0x0F), (0x91, 0x92)])
def test_a_map_that_names_another_sound_in_mid_stream_is_followed(first: int, then: int) -> None:
    data = {0x0F: with_header(AacFormat(2, 8000, 1), bytes(40)), 0x90: SILENCE, 0x91: b"\x7f" * 320, 0x92: b"\x11" * 60}
    stream, kinds = b"", [first] * 4 + [then] * 4
    for number, kind in enumerate(kinds):
        time = 8_100_000 + 3600 * number
        stream += PACK + stream_map.build({0xE0: 0x1B, 0xC0: kind}) + pes(KEY, time) + pes(data[kind], time, sid=0xC0)
    demuxer = Demuxer()
    frames = sounds(play(stream, demuxer=demuxer))
    assert [frame.codec for frame in frames] == [stream_map.CODECS[kind] for kind in kinds]
    assert [frame.data for frame in frames] == [data[kind] for kind in kinds] and demuxer.tally.damaged == 0


def test_an_aac_frame_cut_by_a_pes_border_is_put_together() -> None:
    adts = bytes.fromhex("FFF16C4019FFFC") + b"\x21" * 200
    aac_map = stream_map.build({0xE0: 0x1B, 0xC0: 0x0F})
    data = PACK + aac_map + VIDEO + pes(adts + adts[:50], 8_100_000, sid=0xC0) + pes(adts[50:], 8_111_520, sid=0xC0)
    assert b"".join(f.data for f in sounds(play(data))) == adts * 2


def test_a_map_that_promises_aac_is_not_believed_before_adts_is_seen() -> None:
    aac_map = stream_map.build({0xE0: 0x1B, 0xC0: 0x0F})
    demuxer = Demuxer()
    assert sounds(play(PACK + aac_map + VIDEO + SOUND, demuxer=demuxer)) == []
    assert demuxer.audio_codec is None


def test_sound_promised_by_the_map_that_never_comes_hinders_no_picture() -> None:
    assert len(pictures(play(programme(10)))) == 10


def test_sound_may_come_long_before_the_picture_and_in_packets_of_its_own() -> None:
    demuxer = Demuxer()
    frames = demuxer.feed(PACK + MAP)
    for n in range(50):
        frames += demuxer.feed(pes(SILENCE, 8_000_000 + 3600 * n, sid=0xC0))
    frames += demuxer.feed(key_pack(8_180_000)) + demuxer.flush()
    assert len(sounds(frames)) == 50
    assert [f.pts_90k for f in pictures(frames)] == [8_180_000]


@pytest.mark.parametrize("sid", [0xBD, 0xE1, 0xC1])
def test_sound_under_an_odd_stream_id_is_found_by_the_map(sid: int) -> None:
    odd = stream_map.build({0xE0: 0x1B, sid: 0x90})
    frames = play(PACK + odd + VIDEO + pes(SILENCE, 8_100_000, sid=sid) + inter_pack(1, 8_103_600))
    assert [f.data for f in sounds(frames)] == [SILENCE]
    assert len(pictures(frames)) == 2


def test_sound_times_counted_in_samples_are_brought_to_90_khz() -> None:
    data = key_pack() + b"".join(PACK + pes(SILENCE, 320 * n, sid=0xC0) for n in range(200))
    found = sounds(play(data))
    last = [b.dts_90k - a.dts_90k for a, b in pairwise(found[100:])]
    assert set(last[10:]) == {3600}


def test_sound_that_strays_from_the_picture_is_put_back_beside_it() -> None:
    data = b""
    for n in range(100):
        time = 8_100_000 + 3600 * n
        stray = 20_000_000 if n >= 50 else 0
        data += key_pack(time) + PACK + pes(SILENCE, time + stray, sid=0xC0)
    frames = play(data)
    picture, sound = pictures(frames)[-1], sounds(frames)[-1]
    assert abs(picture.dts_90k - sound.dts_90k) <= 90_000


# ---- clocks


@pytest.mark.parametrize("jump", [180_000, 800_000, 3600 * 90_000, -450_000])
@pytest.mark.parametrize("sound_first", [False, True])
def test_a_jump_of_the_sender_clock_takes_the_sound_along(jump: int, sound_first: bool) -> None:
    stream = key_pack()
    for number in range(1, 60):
        time = 8_100_000 + 3600 * number + (jump if number >= 30 else 0)
        both = [pes(inter(number), time), pes(SILENCE, time, sid=0xC0)]
        stream += PACK + b"".join(reversed(both) if sound_first else both)
    frames = play(stream)
    heard, shown = sounds(frames), pictures(frames)
    assert len(heard) == 59 and len(shown) == 60
    assert all(0 < later.dts_90k - each.dts_90k <= 7200 for each, later in pairwise(heard))
    assert abs(heard[-1].dts_90k - shown[-1].dts_90k) <= 7200


def test_decoding_times_run_on_when_pts_wraps_at_33_bits() -> None:
    start = (1 << 33) - 3 * 3600
    found = pictures(play(programme(8, start)))
    assert [f.dts_90k - start for f in found] == [3600 * n for n in range(8)]


def test_a_dts_that_wraps_at_32_bits_beside_a_pts_of_33_keeps_its_lead() -> None:
    def unit(n: int) -> bytes:
        time = (1 << 32) - 7200 + 3600 * n
        head = b"\x84\xc0\x0a" + pts(time + 3600, 3) + pts(time & 0xFFFFFFFF, 1)
        data = KEY if n == 0 else inter(n)
        return PACK + b"\0\0\1\xe0" + (len(head) + len(data)).to_bytes(2, "big") + head + data

    found = pictures(play(b"".join(unit(n) for n in range(8))))
    assert {f.pts_90k - f.dts_90k for f in found} == {3600}
    assert {b.dts_90k - a.dts_90k for a, b in pairwise(found)} == {3600}


def test_a_jump_of_the_sender_clock_is_no_jump_of_ours() -> None:
    times = [8_100_000 + 3600 * n for n in range(20)] + [5_000 + 3600 * n for n in range(20)]
    found = pictures(play(b"".join(key_pack(time) for time in times)))
    assert {b.dts_90k - a.dts_90k for a, b in pairwise(found)} == {3600}


def test_a_camera_of_one_picture_a_second_keeps_its_pace() -> None:
    found = pictures(play(b"".join(key_pack(90_000 * n) for n in range(1, 20))))
    assert {b.dts_90k - a.dts_90k for a, b in pairwise(found)} == {90_000}


def test_rtp_time_serves_when_the_pes_has_none() -> None:
    demuxer = Demuxer()
    frames = []
    for n in range(10):
        data = PACK + MAP + pes(KEY) if n == 0 else PACK + pes(inter(n))
        frames += demuxer.feed(data, rtp_timestamp=(0xFFFFFFFF - 9000 + 3000 * n) & 0xFFFFFFFF)
    steps = {b.dts_90k - a.dts_90k for a, b in pairwise(frames)}
    assert steps == {3000}


def test_rtp_time_takes_over_when_pts_stands_still() -> None:
    demuxer = Demuxer()
    frames = []
    for n in range(60):
        frames += demuxer.feed(key_pack(777) if n % 25 == 0 else inter_pack(n, 777), rtp_timestamp=6000 * n)
    steps = [b.dts_90k - a.dts_90k for a, b in pairwise(frames)]
    assert set(steps[30:]) == {6000}


# ---- loss


def packets(data: bytes, size: int = 100) -> list[bytes]:
    return [data[place : place + size] for place in range(0, len(data), size)]


def test_a_packet_lost_in_a_key_frame_costs_the_pictures_up_to_the_next_one() -> None:
    demuxer = Demuxer()
    big = PACK + SYSTEM + MAP + pes(KEY + b"\x5a" * 1000, 8_100_000)
    frames = []
    for number, payload in enumerate(packets(big)):
        if number != 4:
            frames += demuxer.feed(payload, lost_before=number == 5)
    frames += demuxer.feed(inter_pack(1, 8_103_600)) + demuxer.feed(inter_pack(2, 8_107_200))
    assert frames == [] and demuxer.need_key
    frames += demuxer.feed(key_pack(8_110_800)) + demuxer.feed(inter_pack(4, 8_114_400)) + demuxer.flush()
    assert [f.data for f in frames] == [KEY, inter(4)]
    assert demuxer.tally.damaged == 1 and demuxer.tally.resyncs == 1


def test_pictures_after_a_loss_are_shown_at_once_if_that_is_the_policy() -> None:
    demuxer = Demuxer(freeze_after_loss=False)
    frames = demuxer.feed(programme(3))
    frames += demuxer.feed(inter_pack(4, 8_114_400), lost_before=True) + demuxer.flush()
    assert [f.data for f in frames] == [KEY, inter(1), inter(4)]
    assert frames[-1].dts_90k == 8_114_400


def test_the_time_lost_with_packets_is_not_lost_to_the_clock() -> None:
    demuxer = Demuxer()
    frames = demuxer.feed(programme(3))
    frames += demuxer.feed(key_pack(8_100_000 + 180_000), lost_before=True) + demuxer.flush()
    assert frames[-1].dts_90k == 8_280_000


def test_a_picture_whose_marker_came_survives_a_loss_behind_it() -> None:
    demuxer = Demuxer()
    for n in range(35):
        demuxer.feed(key_pack() if n == 0 else inter_pack(n, 8_100_000 + 3600 * n), marker=True)
    before = demuxer.pictures.frames
    demuxer.feed(key_pack(8_500_000), lost_before=True, marker=True)
    assert demuxer.pictures.frames == before + 1
    assert demuxer.tally.damaged == 0


def test_noise_between_packs_costs_a_resync_and_no_more() -> None:
    demuxer = Demuxer(freeze_after_loss=False)
    data = programme(3) + b"\0\0\1\xb9" + b"\x99noise" * 50 + programme(3, 8_200_000)
    assert len(pictures(play(data, 31, demuxer))) >= 5
    assert demuxer.tally.resyncs == 1


def test_what_is_no_program_stream_is_called_stuck_after_two_megabytes() -> None:
    demuxer = Demuxer()
    noise = random.Random(1).randbytes(60_000).replace(b"\0\0\1", b"abc")
    for _ in range(36):
        assert demuxer.feed(noise) == []
    assert demuxer.is_stuck


def test_a_picture_that_never_ends_is_given_up_at_ten_megabytes() -> None:
    demuxer = Demuxer()
    demuxer.feed(PACK + MAP + pes(KEY, 1, length=0))
    for _ in range(200):
        demuxer.feed(b"\x77" * 60_000)
    held = sum(len(part) for part in demuxer._picture) + len(demuxer._rest)
    assert held <= 10 << 20
    assert demuxer.tally.damaged >= 1


def test_many_tiny_payloads_are_not_hoarded_as_many_objects() -> None:
    demuxer = Demuxer()
    demuxer.feed(PACK + MAP + pes(KEY, 1))
    for _ in range(20):
        unit = pes(b"\x66" * 5000)
        for place in range(0, len(unit), 2):
            demuxer.feed(unit[place : place + 2])
    assert len(demuxer._picture) < 3000


def test_empty_payloads_are_not_hoarded() -> None:
    demuxer = Demuxer()
    demuxer.feed((PACK + MAP + pes(KEY, 1))[:80])
    for _ in range(1000):
        assert demuxer.feed(b"") == []
    assert len(demuxer._parts) < 10
