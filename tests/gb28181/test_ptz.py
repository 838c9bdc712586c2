"""PTZ: every vector of the signalling reference 5.5, both ways, and refusals."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gb28181.ptz import (
    Auxiliary,
    Command,
    Cruise,
    CruiseAction,
    FocusIris,
    Move,
    Preset,
    PresetAction,
    Scan,
    ScanAction,
    Stop,
    decode,
    doubled,
    encode,
)

S40, S80 = 0x40 / 255, 0x80 / 255

VECTORS: list[tuple[Command, str]] = [
    (Stop(), "A50F0000000000B4"),
    (Move(pan=S40), "A50F0001400000F5"),
    (Move(pan=-S40), "A50F0002400000F6"),
    (Move(tilt=-S40), "A50F0004004000F8"),
    (Move(tilt=S40), "A50F0008004000FC"),
    (Move(pan=S80, tilt=S80), "A50F0009808000BD"),
    (Move(pan=-S80, tilt=S80), "A50F000A808000BE"),
    (Move(pan=S80, tilt=-S80), "A50F0005808000B9"),
    (Move(pan=-S80, tilt=-S80), "A50F0006808000BA"),
    (Move(pan=1), "A50F0001FF0000B4"),
    (Move(zoom=8 / 15), "A50F001000008044"),
    (Move(zoom=-8 / 15), "A50F002000008054"),
    (Move(pan=S40, tilt=S40, zoom=-4 / 15), "A50F00294040409D"),
    (FocusIris(iris=-S40), "A50F00480040003C"),
    (FocusIris(iris=S40), "A50F004400400038"),
    (FocusIris(focus=-S40), "A50F004240000036"),
    (FocusIris(focus=S40), "A50F004140000035"),
    (FocusIris(focus=S40, iris=-S40), "A50F00494040007D"),
    (FocusIris(), "A50F0040000000F4"),
    (Preset(PresetAction.SET, 1), "A50F008100010036"),
    (Preset(PresetAction.CALL, 1), "A50F008200010037"),
    (Preset(PresetAction.DELETE, 1), "A50F008300010038"),
    (Preset(PresetAction.CALL, 255), "A50F008200FF0035"),
    (Cruise(CruiseAction.ADD, 1, 3), "A50F00840103003C"),
    (Cruise(CruiseAction.DELETE, 1, 3), "A50F00850103003D"),
    (Cruise(CruiseAction.DELETE, 1), "A50F00850100003A"),
    (Cruise(CruiseAction.SPEED, 1, 0x123), "A50F00860123106E"),
    (Cruise(CruiseAction.DWELL, 1, 15), "A50F0087010F004B"),
    (Cruise(CruiseAction.DWELL, 1, 300), "A50F0087012C1078"),
    (Cruise(CruiseAction.START, 1), "A50F00880100003D"),
    (Scan(ScanAction.START, 1), "A50F00890100003E"),
    (Scan(ScanAction.LEFT, 1), "A50F00890101003F"),
    (Scan(ScanAction.RIGHT, 1), "A50F008901020040"),
    (Scan(ScanAction.SPEED, 1, 100), "A50F008A016400A3"),
    (Scan(ScanAction.SPEED, 1, 0x234), "A50F008A01342093"),
    (Auxiliary(1, True), "A50F008C01000041"),
    (Auxiliary(1, False), "A50F008D01000042"),
    (Auxiliary(2, True), "A50F008C02000042"),
]


@pytest.mark.parametrize(("command", "digits"), VECTORS, ids=[digits for _, digits in VECTORS])
def test_every_vector_is_written_and_read(command: Command, digits: str) -> None:
    assert encode(command) == digits
    assert decode(digits) == command
    assert decode(f" {digits.lower()} ") == command


def test_an_address_is_written_and_read_over() -> None:
    assert encode(Move(zoom=1 / 15), address=0x04D) == "A50F4D1000001021"
    assert decode("A50F4D1000001021") == Move(zoom=1 / 15)
    assert decode(encode(Stop(), address=0xFFF)) == Stop()


def test_a_pan_whose_speed_stands_in_byte_6_is_understood() -> None:
    twice = encode(Move(pan=S40), doubled=True)
    assert twice[8:12] == "4040"
    assert decode(twice) == Move(pan=S40)
    misprinted = bytes.fromhex("A50F0002004000")
    assert decode((misprinted + bytes((sum(misprinted) & 0xFF,))).hex()) == Move(pan=-S40)


def test_a_command_that_came_is_doubled_as_one_of_ours_would_be() -> None:
    for command, digits in VECTORS:
        assert doubled(digits) == encode(command, doubled=True)
    assert doubled(encode(Move(pan=-S80), address=0x321)) == encode(Move(pan=-S80), address=0x321, doubled=True)
    misprinted = bytes.fromhex("A50F0002004000")
    assert doubled((misprinted + bytes((sum(misprinted) & 0xFF,))).hex()) == encode(Move(pan=-S40), doubled=True)
    with pytest.raises(ValueError):
        doubled("A50F000140000000")


def test_a_motion_of_speed_zero_is_the_slowest_and_not_rest() -> None:
    frame = bytes.fromhex("A50F0008000000")
    assert decode((frame + bytes((sum(frame) & 0xFF,))).hex()) == Move(tilt=1 / 255)
    assert encode(Move(pan=0.0001)) == encode(Move(pan=1 / 255))


@pytest.mark.parametrize(
    "digits",
    [
        "",
        "A50F",
        "A50F0000000000B5",  # check byte
        "A60F0000000000B5",  # first byte
        "A50E0000000000B3",  # check half
        "A50F0003404000F700",  # too long
        "A50F00034000 0F7",
        "G50F0000000000B4",
        "A50F000340000037",
        "A50F0081000000F5",
        "Ａ50F0000000000B4",
    ],
)
def test_what_is_no_command_is_refused(digits: str) -> None:
    with pytest.raises(ValueError):
        decode(digits)


@pytest.mark.parametrize("instruction", [0x03, 0x0C, 0x30, 0x43, 0x4C, 0x50, 0x80, 0x8B, 0x8E, 0xFF])
def test_instructions_that_mean_nothing_are_refused_though_their_check_byte_is_right(instruction: int) -> None:
    frame = bytes((0xA5, 0x0F, 0, instruction, 0x40, 0x40, 0))
    with pytest.raises(ValueError):
        decode((frame + bytes((sum(frame) & 0xFF,))).hex())


@pytest.mark.parametrize(
    "make",
    [
        lambda: Move(pan=1.01),
        lambda: FocusIris(focus=float("nan")),
        lambda: Preset(PresetAction.SET, 0),
        lambda: Preset(PresetAction.SET, 256),
        lambda: Cruise(CruiseAction.ADD, 1, 0),
        lambda: Cruise(CruiseAction.DWELL, 1, 4096),
        lambda: Scan(ScanAction.LEFT, 1, 5),
        lambda: Auxiliary(-1, True),
    ],
)
def test_commands_out_of_range_cannot_be_made(make) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError):
        make()


axis = st.integers(-255, 255).map(lambda step: step / 255)


@settings(max_examples=60)
@given(axis, axis, st.integers(-15, 15).map(lambda step: step / 15))
def test_every_move_comes_back(pan: float, tilt: float, zoom: float) -> None:
    move = Move(pan, tilt, zoom)
    assert decode(encode(move)) == (move if pan or tilt or zoom else Stop())


@settings(max_examples=200)
@given(st.one_of(st.text(max_size=20), st.binary(min_size=8, max_size=8).map(bytes.hex)))
def test_noise_is_a_command_or_a_value_error(text: str) -> None:
    try:
        command = decode(text)
    except ValueError:
        return
    assert decode(encode(command)) == command
