"""`lianwang simulate camera` and `simulate nvr` as a product: what they are made of, and how they refuse."""

from __future__ import annotations

from typing import Any

import click
import pytest
from click.testing import CliRunner

from app.cli import main
from app.cli_device import QUIRKS, camera_command, nvr_command, settings_of
from gb28181.code import Kind, kind_of
from simulator.camera import CameraSettings
from sipserver.sip.note import Seal

WHERE = ("--server", "127.0.0.1:5060", "--server-code", "34020000002000000001", "--password", "x")


def made(command: click.Command, *words: str) -> CameraSettings:
    """The device that a command line means."""
    context = command.make_context("it", [*WHERE, *words])
    given: dict[str, Any] = dict(context.params)
    return settings_of(given)


def test_a_recorder_has_channels_recordings_disks_and_a_loudspeaker_of_its_own():
    nvr = made(nvr_command)
    assert len(nvr.channels) == 8 and nvr.recorder.history_s == 48 * 3600 and nvr.hardware.storage.cards
    assert {kind_of(channel.code) for channel in nvr.channels} == {Kind.NETWORK_CAMERA}
    assert [kind_of(code) for code in nvr.hearing.outputs] == [Kind.VOICE_OUTPUT]
    assert kind_of(nvr.speaker.code) is Kind.NVR
    codes = [nvr.speaker.code, *(channel.code for channel in nvr.channels), *nvr.hearing.outputs]
    assert len(set(codes)) == len(codes)


def test_a_camera_is_its_own_channel():
    camera = made(camera_command, "--edition", "2016")
    assert [channel.code for channel in camera.channels] == [camera.speaker.code]
    assert not camera.speaker.edition.is_2022


@pytest.mark.parametrize("quirk", QUIRKS)
def test_every_quirk_of_the_help_changes_the_device(quirk: str):
    assert made(nvr_command, "--quirk", quirk) != made(nvr_command)
    assert made(nvr_command, "--quirk", quirk, "--quirk", quirk) == made(nvr_command, "--quirk", quirk)


def test_a_seal_is_read_as_algorithm_and_seed():
    assert made(camera_command, "--seal", "SM3:a:seed").speaker.seal == Seal("a:seed", "SM3")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--quirk", "dance"), "dance"),
        (("--seal", "seed"), "ALGORITHM:SEED"),
        (("--seal", "CRC32:seed"), "CRC32"),
        (("--size", "big"), "WIDTHxHEIGHT"),
        (("--expires", "60"), "3600"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(words: tuple[str, ...], says: str):
    said = CliRunner().invoke(main, ["simulate", "nvr", *WHERE, *words])
    assert said.exit_code != 0 and says in said.output
