"""A voice on its way down: even pieces out of bursts, packets as devices want them, one clock for all."""

from __future__ import annotations

import asyncio
import random
import socket

import pytest

from media.g711 import alaw_to_linear, linear_to_ulaw
from media.ports import Ports
from media.ps.demux import Demuxer
from media.rtp import parse
from media.voice.chorus import Chorus
from media.voice.lips import SILENCE, Lips, alaw_of, peak
from media.voice.plane import MouthState, MouthWish, Road
from media.voice.reservoir import CUSHION, MOST, PIECE, Reservoir

LOUD = bytes(range(128, 256)) + bytes(32)


def test_nothing_goes_out_before_the_cushion_is_there_and_then_piece_by_piece():
    held = Reservoir()
    held.put(bytes(PIECE * (CUSHION - 1)))
    assert held.take() is None
    held.put(bytes(PIECE))
    assert [len(held.take() or b"") for _ in range(CUSHION)] == [PIECE] * CUSHION
    assert held.take() is None


def test_after_running_dry_the_cushion_is_gathered_anew():
    held = Reservoir()
    held.put(bytes(PIECE * CUSHION))
    while held.take() is not None:
        pass
    held.put(bytes(PIECE))
    assert held.take() is None


def test_what_is_too_much_is_dropped_from_its_old_end():
    held = Reservoir()
    for number in range(MOST + 1):
        held.put(bytes((number,)) * PIECE)
    assert len(held) == CUSHION * PIECE
    assert held.take() == bytes((MOST + 1 - CUSHION,)) * PIECE
    assert held.dropped == MOST + 1 - CUSHION
    held.put(bytes(1_000_000))
    assert len(held) <= MOST * PIECE


def test_a_microphone_whose_clock_runs_fast_is_caught_up_with_piece_by_piece():
    held = Reservoir()
    held.put(bytes(PIECE * (CUSHION + 10)))
    for _ in range(3000):
        held.put(bytes(PIECE))
        assert held.take() is not None
    assert len(held) <= (CUSHION + 4) * PIECE
    assert held.dropped


def test_bursts_of_200_ms_come_out_evenly():
    held = Reservoir()
    out = []
    for tick in range(500):
        if tick % 10 == 0:
            held.put(bytes(PIECE * 10))
        out.append(held.take())
    assert out.count(None) <= 1


@pytest.mark.parametrize("form, number", [("PCMA", 8), ("PCMU", 0)])
def test_packets_of_g711_are_20_ms_long_and_count_on(form: str, number: int):
    lips = Lips(77, number, form, drawn=random.Random(1))
    first, second = (parse(lips.packet(piece)) for piece in (LOUD, None))
    assert first is not None and second is not None
    assert (first.payload_type, first.ssrc, first.marker, second.marker) == (number, 77, True, False)
    assert second.sequence == (first.sequence + 1) & 0xFFFF
    assert (second.timestamp - first.timestamp) & 0xFFFFFFFF == PIECE
    expected = LOUD if form == "PCMA" else linear_to_ulaw(alaw_to_linear(LOUD))
    assert bytes(first.payload) == expected
    assert len(second.payload) == PIECE


def test_a_program_stream_of_sound_alone_is_read_back():
    lips, demuxer = Lips(77, 96, "PS"), Demuxer()
    frames = []
    for _ in range(60):
        packet = parse(lips.packet(LOUD))
        assert packet is not None
        frames += demuxer.feed(bytes(packet.payload), rtp_timestamp=packet.timestamp, marker=packet.marker)
    assert len(frames) >= 58
    assert all(frame.data == LOUD and not frame.codec.is_video for frame in frames)
    assert frames[1].pts_90k - frames[0].pts_90k == 1800


def test_pieces_left_out_move_the_clock_and_not_the_numbers():
    lips = Lips(77, 8, "PCMA")
    first = parse(lips.packet(LOUD))
    lips.skip(10)
    second = parse(lips.packet(LOUD))
    assert first is not None and second is not None
    assert (second.timestamp - first.timestamp) & 0xFFFFFFFF == 11 * PIECE
    assert second.sequence == (first.sequence + 1) & 0xFFFF


def test_an_unknown_form_is_refused():
    with pytest.raises(ValueError, match="G729"):
        Lips(77, 18, "G729")


def test_loudness_is_seen_in_a_law_and_silence_is_none():
    assert peak(SILENCE) == 0.0
    assert peak(LOUD) > 0.9
    assert abs(peak(alaw_of(linear_to_ulaw(alaw_to_linear(LOUD)), 0)) - peak(LOUD)) < 0.02


def chorus() -> Chorus:
    return Chorus(Ports("127.0.0.1", 0, 0, quarantine_s=0, receive_buffer=0), "")


async def received(opened: socket.socket, count: int) -> list[bytes]:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(10):
        return [await loop.sock_recv(opened, 2048) for _ in range(count)]


def listening() -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.setblocking(False)
    opened.bind(("127.0.0.1", 0))
    return opened


async def test_silence_goes_out_before_the_voice_begins_and_what_was_said_is_not_said_late():
    voice = chorus()
    with listening() as device:
        try:
            mouth = await voice.open(MouthWish(Road.UDP, ssrc=5, peer_host="127.0.0.1"))
            voice.aim(mouth.id, "127.0.0.1", device.getsockname()[1])
            voice.say(LOUD * 20)
            packets = await received(device, 10)
            assert {packet[12:] for packet in packets} == {SILENCE}
            voice.begin(mouth.id)
            voice.say(LOUD * 5)
            while (await received(device, 1))[0][12:] != LOUD:
                voice.say(LOUD)
        finally:
            await voice.close()


async def test_a_device_behind_a_translator_is_spoken_to_where_its_packets_come_from_and_a_stranger_is_not():
    voice = chorus()
    with listening() as device, listening() as stranger:
        stranger.close()
        stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            mouth = await voice.open(MouthWish(Road.UDP, ssrc=5, peer_host="127.0.0.1"))
            voice.aim(mouth.id, "192.0.2.77", 8000)  # private, never reached
            stranger.bind(("127.0.0.2", 0))
            stranger.sendto(Lips(9, 8, "PCMA").packet(None), ("127.0.0.1", mouth.port))
            device.sendto(Lips(9, 8, "PCMA").packet(LOUD), ("127.0.0.1", mouth.port))
            await received(device, 3)
            seen = voice.statistics(mouth.id)
            assert seen is not None
            assert seen.target == f"127.0.0.1:{device.getsockname()[1]}"
            assert (seen.heard_packets, seen.strangers) == (1, 1)
            assert seen.heard_level > 0.9
        finally:
            stranger.close()
            await voice.close()


async def test_two_devices_hear_the_same_and_each_by_numbers_of_its_own():
    voice = chorus()
    with listening() as one, listening() as other:
        try:
            for device, form in ((one, "PCMA"), (other, "PCMU")):
                wish = MouthWish(Road.UDP, form, 8 if form == "PCMA" else 0, 5, peer_host="127.0.0.1")
                mouth = await voice.open(wish)
                voice.begin(mouth.id)
                voice.aim(mouth.id, "127.0.0.1", device.getsockname()[1])
            for device, sound in ((one, LOUD), (other, linear_to_ulaw(alaw_to_linear(LOUD)))):
                while (await received(device, 1))[0][12:] != sound:
                    voice.say(LOUD)
        finally:
            await voice.close()


async def test_a_port_that_nobody_listens_at_is_noted_and_a_connection_that_is_refused_as_well():
    voice = chorus()
    gone = listening()
    port = gone.getsockname()[1]
    gone.close()
    try:
        udp = await voice.open(MouthWish(Road.UDP, ssrc=5, peer_host="127.0.0.1"))
        tcp = await voice.open(MouthWish(Road.CONNECT, ssrc=5, peer_host="127.0.0.1"))
        for mouth in (udp, tcp):
            voice.aim(mouth.id, "127.0.0.1", port)
        async with asyncio.timeout(15):
            while True:
                seen = [voice.statistics(mouth.id) for mouth in (udp, tcp)]
                if all(each is not None and each.note for each in seen):
                    break
                await asyncio.sleep(0.02)
        assert seen[1] is not None and seen[1].state is MouthState.WAITING
        assert "try 1" in seen[1].note
    finally:
        await voice.close()


async def test_an_ear_is_a_mouth_that_hears_what_the_voice_says():
    voice = chorus()
    with listening() as upper, listening() as device:
        try:
            ear = await voice.open(MouthWish(Road.UDP, peer_host="127.0.0.1", is_ear=True))
            mouth = await voice.open(MouthWish(Road.UDP, ssrc=5, peer_host="127.0.0.1"))
            voice.begin(mouth.id)
            voice.aim(mouth.id, "127.0.0.1", device.getsockname()[1])
            lips = Lips(9, 0, "PCMU")
            while peak((await received(device, 1))[0][12:]) < 0.9:
                upper.sendto(lips.packet(LOUD), ("127.0.0.1", ear.port))
        finally:
            await voice.close()
