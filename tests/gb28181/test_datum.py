"""Degrees of one datum as degrees of the other, against pairs that are in general circulation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gb28181.datum import Datum, converted, to_gcj02, to_wgs84

PAIRS = [
    ((121.5272106, 31.1774276), (121.531541859215, 31.17530398364597)),
    ((113.912316, 22.543847), (113.9171764808363, 22.540796131694766)),
]


@pytest.mark.parametrize(("wgs", "gcj"), PAIRS)
def test_known_pairs_come_out(wgs: tuple[float, float], gcj: tuple[float, float]):
    assert to_gcj02(*wgs) == pytest.approx(gcj, abs=1e-5)
    assert to_wgs84(*gcj) == pytest.approx(wgs, abs=1e-5)


@given(st.floats(75, 135), st.floats(4, 53))
def test_there_and_back_is_where_one_was_to_a_centimetre(longitude: float, latitude: float):
    assert to_wgs84(*to_gcj02(longitude, latitude)) == pytest.approx((longitude, latitude), abs=1e-7)


@pytest.mark.parametrize("place", [(2.35, 48.86), (-74.0, 40.7), (139.7, 35.7), (151.2, -33.9)])
def test_outside_of_china_both_are_the_same(place: tuple[float, float]):
    assert to_gcj02(*place) == place and to_wgs84(*place) == place


def test_nothing_is_converted_that_is_there_already():
    place = (113.3245, 23.1065)
    assert converted(*place, Datum.WGS84, Datum.WGS84) == place
    assert converted(*place, Datum.GCJ02, Datum.GCJ02) == place
    assert converted(*place, Datum.WGS84, Datum.GCJ02) == to_gcj02(*place)
    assert converted(*place, Datum.GCJ02, Datum.WGS84) == to_wgs84(*place)
