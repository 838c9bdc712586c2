"""The ladder of hops in Warning headers, and the path headers of annex H."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gb28181.hops import MOST_HOPS, read_warnings, write_warnings
from gb28181.peer import Hop
from gb28181.routepath import read_route, route_downward, route_upward, write_route

PROVINCE = "34000000002000000001"
CITY = "34010000002000000001"
COUNTY = "34010200002000000001"
CAMERA = "34010200001320000001"


def test_a_ladder_is_read_as_it_was_written() -> None:
    hops = (Hop(COUNTY, "INVITE", 480, "Temporarily Unavailable"), Hop(CAMERA, "INVITE", 0, "no answer in 15 s"))
    written = write_warnings(CITY, hops)
    assert written[0] == f'399 {CITY} "480 Temporarily Unavailable at {COUNTY}"'
    assert read_warnings(written, "INVITE") == hops


@pytest.mark.parametrize(
    "value",
    [
        "",
        "399",
        '399 x "',
        '399 x "480"',
        '301 isi.edu "480 gone at home"',
        '399 x "four gone at home"',
        '399 x "480 a at "',
    ],
)
def test_a_warning_that_is_no_hop_is_passed_over(value: str) -> None:
    assert read_warnings([value]) == ()


@given(st.lists(st.builds(Hop, st.text(), st.just("INVITE"), st.integers(0, 699), st.text()), max_size=30))
def test_no_hop_breaks_out_of_its_header(hops: list[Hop]) -> None:
    written = write_warnings(CITY, hops)
    assert len(written) <= MOST_HOPS
    for value in written:
        assert value.count('"') == 2 and value.isprintable()
    assert [hop.status for hop in read_warnings(written)] == [hop.status for hop in hops[:MOST_HOPS]]


@given(st.text())
def test_any_text_is_read_or_passed_over(text: str) -> None:
    assert len(read_warnings([text, f'399 x "{text}"'])) <= 2
    assert isinstance(read_route(text), tuple)


def test_cas_11_the_own_code_is_put_before_the_path_and_a_missing_one_is_made() -> None:
    assert route_upward(CITY, COUNTY, None) == (CITY, COUNTY)
    assert route_upward(PROVINCE, CITY, f"{CITY}-{COUNTY}") == (PROVINCE, CITY, COUNTY)
    assert write_route((PROVINCE, CITY)) == f"{PROVINCE}-{CITY}"


def test_cas_12_a_platform_takes_itself_out_of_the_wished_path() -> None:
    assert route_downward(CITY, read_route(f"{CITY}-{COUNTY}")) == (COUNTY,)
    assert route_downward(COUNTY, (COUNTY,)) == ()
    assert route_downward(PROVINCE, (CITY, COUNTY)) == ()


def test_a_path_that_is_no_path_is_none() -> None:
    assert read_route(" - ") == ()
    assert read_route("a b-c") == ()
    assert read_route("-".join([CITY] * 40)) == ()
