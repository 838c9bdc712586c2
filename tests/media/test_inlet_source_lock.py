"""Whose packets an inlet takes."""

from __future__ import annotations

from media.inlets.source_lock import SourceLock

CAMERA, MOVED, STRANGER = ("10.0.0.7", 15060), ("10.0.0.7", 20000), ("10.9.9.9", 1)
SSRC, PS = 200000001, 96


def test_the_first_valid_sender_is_kept():
    lock = SourceLock()
    assert lock.admits(CAMERA, SSRC, PS, 0.0)
    assert not lock.admits(STRANGER, SSRC, PS, 0.1)
    assert lock.source == CAMERA


def test_a_sender_behind_a_nat_may_change_its_port_after_silence():
    lock = SourceLock()
    lock.admits(CAMERA, SSRC, PS, 0.0)
    assert not lock.admits(MOVED, SSRC, PS, 1.9)
    assert lock.admits(MOVED, SSRC, PS, 2.0)
    assert lock.switches == 1


def test_after_silence_a_stranger_with_another_ssrc_or_payload_is_still_a_stranger():
    lock = SourceLock()
    lock.admits(CAMERA, SSRC, PS, 0.0)
    assert not lock.admits(STRANGER, 7, PS, 9.0)
    assert not lock.admits(STRANGER, SSRC, 33, 9.0)


def test_who_was_answered_takes_over_from_who_was_first():
    lock = SourceLock()
    lock.admits(STRANGER, SSRC, PS, 0.0)
    lock.expect("10.0.0.7", SSRC)
    assert lock.admits(CAMERA, SSRC, PS, 0.1)
    assert not lock.admits(STRANGER, SSRC, PS, 9.0)


def test_of_two_strangers_the_one_with_the_agreed_ssrc_is_believed():
    lock = SourceLock()
    lock.expect("192.0.2.1", SSRC)  # a private address: the camera is behind a NAT
    lock.admits(STRANGER, 7, PS, 0.0)
    assert lock.admits(CAMERA, SSRC, PS, 0.1)
    assert not lock.admits(STRANGER, 7, PS, 0.2)


def test_the_same_sender_may_change_its_ssrc():
    lock = SourceLock()
    lock.admits(CAMERA, SSRC, PS, 0.0)
    assert lock.admits(CAMERA, 42, PS, 0.1)


def test_after_a_reset_it_learns_anew():
    lock = SourceLock()
    lock.admits(CAMERA, SSRC, PS, 0.0)
    lock.reset()
    assert lock.admits(STRANGER, 7, PS, 0.1) and lock.source == STRANGER
