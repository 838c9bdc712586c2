"""Who has the key is known, who has not learns nothing, and no frame can be forged, dropped, repeated or moved."""

from __future__ import annotations

import asyncio
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.greeting import greet_host, greet_server
from media.seal import GREETING_BYTES, PROOF_BYTES, TAG_BYTES, Handshake, Seal, WrongKey, make_key, read_key
from media.turnstile import MOST_ADDRESSES, SHUT_S, TRIES, Turnstile

KEY, OTHER = bytes(range(32)), bytes(32)


def shaken(host_key: bytes = KEY, server_key: bytes = KEY) -> tuple[Seal, Seal]:
    host, server = Handshake(host_key, is_host=True), Handshake(server_key, is_host=False)
    host.read_greeting(server.greeting)
    server.read_greeting(host.greeting)
    server.check(host.proof)
    host.check(server.proof)
    return host.seal(), server.seal()


def test_two_who_have_the_key_understand_each_other_both_ways():
    host, server = shaken()
    for body in (b"", b"one", b"two" * 1000):
        assert server.open(host.close(body)) == body
        assert host.open(server.close(body)) == body


def test_another_key_is_found_out_by_whoever_hears_the_proof():
    with pytest.raises(WrongKey, match="does not have our key"):
        shaken(host_key=OTHER)
    host, server = Handshake(KEY, is_host=True), Handshake(OTHER, is_host=False)
    host.read_greeting(server.greeting)
    server.read_greeting(host.greeting)
    with pytest.raises(WrongKey):
        host.check(server.proof)


def test_a_proof_cannot_be_handed_back_to_its_maker_or_used_again():
    host, server = Handshake(KEY, is_host=True), Handshake(KEY, is_host=False)
    host.read_greeting(server.greeting)
    server.read_greeting(host.greeting)
    with pytest.raises(WrongKey):
        host.check(host.proof)
    later = Handshake(KEY, is_host=False)
    later.read_greeting(host.greeting)
    with pytest.raises(WrongKey):
        later.check(host.proof)


@pytest.mark.parametrize("noise", [b"", b"GET / HTTP/1.1\r\n\r\n", b"x" * GREETING_BYTES])
def test_what_is_no_greeting_is_refused(noise: bytes):
    with pytest.raises(WrongKey, match="our protocol"):
        Handshake(KEY, is_host=False).read_greeting(noise)


def test_a_frame_fits_once_in_its_place_on_its_way_and_on_its_connection():
    host, server = shaken()
    first, second = host.close(b"first"), host.close(b"second")
    with pytest.raises(ValueError, match="out of turn"):
        server.open(second)
    assert server.open(first) == b"first"
    with pytest.raises(ValueError, match="repeated"):
        server.open(first)
    with pytest.raises(ValueError):
        host.open(host.close(b"my own words"))
    _, elsewhere = shaken()
    with pytest.raises(ValueError):
        elsewhere.open(first)


def test_what_is_in_a_frame_cannot_be_read_and_equal_words_look_different():
    host, _ = shaken()
    frames = [host.close(b"rtsp://admin:secret@10.0.0.7/") for _ in range(2)]
    assert frames[0] != frames[1] and not any(b"secret" in frame for frame in frames)


@given(st.binary(max_size=100), st.integers(0, 800))
def test_a_frame_of_which_one_bit_was_turned_is_refused(body: bytes, at: int):
    host, server = shaken()
    frame = bytearray(host.close(body))
    frame[at // 8 % len(frame)] ^= 1 << at % 8
    with pytest.raises(ValueError, match="forged"):
        server.open(bytes(frame))


@given(st.binary(max_size=TAG_BYTES * 2))
def test_noise_is_no_frame(noise: bytes):
    with pytest.raises(ValueError):
        shaken()[1].open(noise)


@pytest.mark.parametrize("text", ["", "abc", "zz" * 32, "ab" * 31])
def test_a_key_that_is_none_or_too_short_is_refused(text: str):
    with pytest.raises(ValueError, match="media key"):
        read_key(text)


def test_a_made_key_is_read_back_and_no_two_are_alike():
    made = make_key()
    assert len(read_key(made + "\n")) == 32 and made != make_key()
    with pytest.raises(ValueError, match="32 bytes"):
        Handshake(b"short", is_host=True)


async def test_the_handshake_on_sockets_leaves_what_comes_after_it_unread():
    ours, theirs = socket.socketpair()
    for each in (ours, theirs):
        each.setblocking(False)
    server, host = await asyncio.gather(greet_host(ours, KEY), greet_server(theirs, KEY))
    theirs.send(host.close(b"hello"))
    assert server.open(ours.recv(100)) == b"hello"
    ours.close()
    theirs.close()


async def test_a_host_without_the_key_hears_only_that_it_is_not_taken():
    ours, theirs = socket.socketpair()
    for each in (ours, theirs):
        each.setblocking(False)

    async def server() -> None:
        try:
            await greet_host(ours, KEY)
        finally:
            ours.close()

    results = await asyncio.gather(server(), greet_server(theirs, OTHER), return_exceptions=True)
    assert [type(each) for each in results] == [WrongKey, WrongKey]
    assert "does not take our key" in str(results[1])
    theirs.close()


async def test_a_stranger_gets_a_nonce_and_nothing_made_with_the_key():
    ours, theirs = socket.socketpair()
    for each in (ours, theirs):
        each.setblocking(False)
    serving = asyncio.create_task(greet_host(ours, KEY))
    loop = asyncio.get_running_loop()
    assert len(await loop.sock_recv(theirs, 1000)) == GREETING_BYTES
    await loop.sock_sendall(theirs, Handshake(OTHER, is_host=True).greeting + bytes(PROOF_BYTES))
    with pytest.raises(WrongKey):
        await serving
    with pytest.raises(BlockingIOError):
        theirs.recv(1)
    ours.close()
    theirs.close()


def test_who_fails_too_often_is_shut_out_for_a_while_and_others_are_not():
    gate = Turnstile()
    loud = [gate.turn_away("10.0.0.1", float(number)) for number in range(TRIES + 2)]
    assert loud == [True, *[False] * (TRIES - 2), True, False, False], "a line at the first and when it is shut out"
    assert gate.is_shut("10.0.0.1", TRIES + 2.0) and not gate.is_shut("10.0.0.2", TRIES + 2.0)
    assert not gate.is_shut("10.0.0.1", TRIES + 2 + SHUT_S)
    assert gate.refused == TRIES + 2


def test_who_is_let_in_begins_anew_and_no_number_of_addresses_fills_the_memory():
    gate = Turnstile()
    for number in range(TRIES - 1):
        gate.turn_away("10.0.0.1", float(number))
    gate.let_in("10.0.0.1")
    gate.turn_away("10.0.0.1", 9.0)
    assert not gate.is_shut("10.0.0.1", 9.0)
    for number in range(MOST_ADDRESSES * 2):
        gate.turn_away(f"address {number}", 10.0)
    assert len(gate._failures) == MOST_ADDRESSES
