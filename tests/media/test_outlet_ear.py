"""What viewers say: pings, goodbyes, and what they should not."""

from __future__ import annotations

import random

import pytest

from media.outlets.ear import MESSAGES_LIMIT, NOTHING, SilentEar, WebSocketEar, goodbye

MASK = b"\x11\x22\x33\x44"


def said(opcode: int, payload: bytes = b"", *, is_last: bool = True, mask: bytes = MASK) -> bytes:
    """A frame as a client sends it."""
    size = len(payload)
    length = bytes((0x80 | size,)) if size < 126 else bytes((0x80 | 126,)) + size.to_bytes(2, "big")
    masked = bytes(byte ^ mask[number % 4] for number, byte in enumerate(payload))
    return bytes(((0x80 if is_last else 0) | opcode,)) + length + mask + masked


def test_a_ping_is_answered_with_its_own_words():
    assert WebSocketEar().hear(said(9, b"there?")).answer == b"\x8a\x06there?"


def test_a_goodbye_is_returned_with_its_code():
    heard = WebSocketEar().hear(said(8, b"\x03\xe9gone"))
    assert (heard.answer, heard.left) == (b"\x88\x02\x03\xe9", "the viewer left")


def test_other_words_are_heard_and_dropped():
    ear = WebSocketEar()
    for words in (said(1, b"hello"), said(2, bytes(4096)), said(1, b"a", is_last=False), said(0, b"b"), said(10)):
        assert ear.hear(words) is NOTHING


def test_frames_may_come_in_any_pieces():
    words = said(1, b"x" * 300) + said(9, b"one") + said(9, b"two") + said(8)
    expected = b"\x8a\x03one\x8a\x03two\x88\x00"
    for seed in range(20):
        ear, dice, answer, at = WebSocketEar(), random.Random(seed), b"", 0
        while at < len(words):
            step = dice.randrange(1, 9)
            heard = ear.hear(words[at : at + step])
            answer += heard.answer
            at += step
        assert answer == expected and heard.left == "the viewer left"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (b"\x81\x02hi", 1002),  # not masked
        (b"\xc1" + said(1)[1:], 1002),  # a reserved bit
        (said(3), 1002),  # an opcode nobody knows
        (said(9, b"x", is_last=False), 1002),  # a ping in parts
        (said(9, bytes(126)), 1002),  # a ping too long
        (said(2, bytes(4097)), 1009),
        (b"\x82\xff" + (1 << 40).to_bytes(8, "big"), 1009),
    ],
)
def test_who_breaks_the_rules_is_shut_out_with_a_code(words, code):
    heard = WebSocketEar().hear(words)
    assert heard.left and heard.answer[:1] == b"\x88" and int.from_bytes(heard.answer[2:4], "big") == code


def test_who_talks_on_is_shut_out_unless_time_passes():
    ear = WebSocketEar()
    for _ in range(MESSAGES_LIMIT):
        assert not ear.hear(said(1, b"hello")).left
    ear.forgive()
    for _ in range(MESSAGES_LIMIT):
        assert not ear.hear(said(1, b"hello")).left
    assert ear.hear(said(1, b"hello")).left == "the viewer talks"


def test_noise_is_answered_or_refused_and_never_kept():
    dice = random.Random(5)
    for _ in range(500):
        ear = WebSocketEar()
        for _ in range(20):
            if ear.hear(dice.randbytes(dice.randrange(1, 400))).left:
                break
            assert len(ear._kept) < 5000


def test_over_http_nothing_more_need_be_said():
    ear = SilentEar()
    assert ear.hear(b"GET / HTTP/1.1\r\n\r\n") is NOTHING
    assert ear.hear(bytes(5000)).left == "the viewer talks"


def test_a_reason_too_long_for_a_goodbye_is_cut_between_letters():
    frame = goodbye(1001, "这" * 100)
    assert len(frame) <= 127 and frame[1] == len(frame) - 2
    assert set(frame[4:].decode()) == {"这"}
