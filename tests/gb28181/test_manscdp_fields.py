"""Numbers, switches and moments as devices write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gb28181.manscdp.fields import integer, multiple, number, switch, time, wire_time
from gb28181.manscdp.writing import decimal

MAY_6 = 1714950489.0  # 2024-05-06T07:08:09 in Beijing


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2024-05-06T07:08:09", MAY_6),
        ("2024-05-06 07:08:09", MAY_6),
        ("2024-5-6T7:8:9", MAY_6),
        ("2024-05-06T07:08:09.250", MAY_6 + 0.25),
        ("2024-5-6 7:8:9.25", MAY_6 + 0.25),
        ("2024-05-05T23:08:09Z", MAY_6),
        ("2024-5-5T23:08:09Z", MAY_6),
        ("2024-05-06T07:08:09+08:00", MAY_6),
        ("2024-5-6T07:08:09+08:00", MAY_6),
        ("2024-05-05T23:08:09+00:00", MAY_6),
        ("2024-5-5T18:8:9-05:00", MAY_6),
        ("2024/05/06 07:08:09", MAY_6),
        (" 2024-05-06 T 07:08:09 ", MAY_6),
        ("2024-05-06T07:08", MAY_6 - 9),
        ("2024-05-06", MAY_6 - 7 * 3600 - 8 * 60 - 9),
        ("1970-01-01T08:00:00", 0.0),
        ("0000-00-00T00:00:00", None),
        ("2024-02-30T00:00:00", None),
        ("2024-05-06T25:00:00", None),
        ("", None),
        ("null", None),
        ("-", None),
        ("T", None),
        ("99999999999999999999", None),
        ("2024-05-06T07:08:09+99:99:99:99", MAY_6 - (99 * 3600 + 99 * 60 - 8 * 3600)),
    ],
)
def test_a_moment_is_read_however_it_is_written(text: str, at: float | None) -> None:
    assert time(text) == at


def test_a_moment_is_written_in_beijing_time_without_a_zone() -> None:
    assert wire_time(MAY_6 + 0.9) == "2024-05-06T07:08:09"
    assert wire_time(0) == "1970-01-01T08:00:00"
    assert wire_time(-1) == "1970-01-01T07:59:59"


@given(st.integers(-60_000_000_000, 250_000_000_000))
def test_every_second_comes_back(at: int) -> None:
    assert time(wire_time(at)) == at


@given(st.text(max_size=30))
def test_no_text_makes_a_field_raise(text: str) -> None:
    for read in (time, number, integer, switch, multiple):
        read(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("117.31", 117.31),
        ("-31", -31.0),
        ("117.31E", 117.31),
        ("31.86N", 31.86),
        ("70.5W", -70.5),
        ("33.4 S", -33.4),
        ("31.8°", 31.8),
        ("117,31", 117.31),
        ("1e999", None),
        ("inf", None),
        ("null", None),
        ("-", None),
        ("--5", None),
        ("1,000,000", None),
        ("1.2.3", None),
        ("", None),
    ],
)
def test_a_number_is_read_however_it_is_written(text: str, value: float | None) -> None:
    assert number(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        ("+7", 7),
        ("-7", -7),
        ("7.0", 7),
        ("7.5", None),
        ("", None),
        ("-", None),
        ("9" * 30, None),
        ("٣", None),
    ],
)
def test_a_whole_number_is_whole(text: str, value: int | None) -> None:
    assert integer(text) == value


def test_a_switch_is_on_off_or_neither() -> None:
    assert [switch(text) for text in ("ON", "online", "Ok", "1")] == [True] * 4
    assert [switch(text) for text in ("OFF", "Offline", "ERROR", "0")] == [False] * 4
    assert [switch(text) for text in ("", "perhaps")] == [None, None]


@given(st.floats(-1e6, 1e6))
def test_a_number_is_written_without_exponent(value: float) -> None:
    text = decimal(value)
    assert "e" not in text.lower()
    assert float(text) == pytest.approx(value, abs=1e-9)
