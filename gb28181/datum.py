"""Two ways to say where a thing is: WGS-84, which the standard speaks and satellites mean, and GCJ-02, in which maps
published in China are drawn. Converted explicitly, never by guess.

The offset has no published formula; this is the approximation that is in general use, good to about half a metre.
Outside of China the two are the same.
"""

from __future__ import annotations

import math
from enum import StrEnum

SEMI_MAJOR_M = 6_378_245.0
ECCENTRICITY_SQUARED = 0.006_693_421_622_965_943
WEST, EAST, SOUTH, NORTH = 72.004, 137.8347, 0.8293, 55.8271
TURNS = 3
"""So often the way back is mended; after two it is exact to a millimetre."""


class Datum(StrEnum):
    WGS84 = "wgs84"
    GCJ02 = "gcj02"


def to_gcj02(longitude: float, latitude: float) -> tuple[float, float]:
    """Degrees of WGS-84 as degrees of GCJ-02.

    >>> [round(degrees, 5) for degrees in to_gcj02(116.391305, 39.907333)]
    [116.39755, 39.90873]
    """
    if not (WEST <= longitude <= EAST and SOUTH <= latitude <= NORTH):
        return longitude, latitude
    east, north = _offset(longitude, latitude)
    return longitude + east, latitude + north


def to_wgs84(longitude: float, latitude: float) -> tuple[float, float]:
    """Degrees of GCJ-02 as degrees of WGS-84."""
    guess_lon, guess_lat = longitude, latitude
    for _ in range(TURNS):
        there_lon, there_lat = to_gcj02(guess_lon, guess_lat)
        guess_lon, guess_lat = guess_lon + longitude - there_lon, guess_lat + latitude - there_lat
    return guess_lon, guess_lat


def converted(longitude: float, latitude: float, come: Datum, go: Datum) -> tuple[float, float]:
    """Degrees of one datum as degrees of another."""
    if come is go:
        return longitude, latitude
    return to_gcj02(longitude, latitude) if go is Datum.GCJ02 else to_wgs84(longitude, latitude)


def _offset(longitude: float, latitude: float) -> tuple[float, float]:
    x, y = longitude - 105.0, latitude - 35.0
    root = math.sqrt(abs(x))
    ripple = 20.0 * math.sin(6.0 * math.pi * x) + 20.0 * math.sin(2.0 * math.pi * x)
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root
    north += 2.0 / 3.0 * (ripple + _wave(y, (20.0, 1.0), (40.0, 1 / 3), (160.0, 1 / 12), (320.0, 1 / 30)))
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root
    east += 2.0 / 3.0 * (ripple + _wave(x, (20.0, 1.0), (40.0, 1 / 3), (150.0, 1 / 12), (300.0, 1 / 30)))
    phi = math.radians(latitude)
    bend = 1 - ECCENTRICITY_SQUARED * math.sin(phi) ** 2
    meridian = SEMI_MAJOR_M * (1 - ECCENTRICITY_SQUARED) / (bend * math.sqrt(bend))
    parallel = SEMI_MAJOR_M / math.sqrt(bend) * math.cos(phi)
    return math.degrees(east / parallel), math.degrees(north / meridian)


def _wave(at: float, *terms: tuple[float, float]) -> float:
    return sum(height * math.sin(turns * math.pi * at) for height, turns in terms)
