"""The map: its ground, what moves on it and what stands."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from gb28181.datum import to_gcj02
from gb28181.manscdp.catalog import Item
from registry.events import PositionReported
from registry.tracks import Tracks
from web.desk import DESK
from web.headers import page_policy
from web.settings import MapSettings

CAR = "34020000001320000001"
NOON = 1_795_000_000.0


@pytest.fixture
async def tracks(house):
    tracks = Tracks(house.directory)
    await tracks.open()
    grant(house, tracks=tracks)
    yield tracks
    await tracks.close()


def grant(house, **services):
    """Other services on the desk of a running house."""
    desk = house.app[DESK]
    object.__setattr__(desk, "services", replace(desk.services, **services))


async def test_a_thing_that_moves_is_told_with_its_name_and_by_either_datum(house, tracks):
    await house.camera(CAR)
    house.bus.tell(PositionReported(CAR, CAR, NOON, 118.37, 31.32, 30.0, 90.0))
    someone = await house.person("viewer")
    said = await someone.get("/places")
    (thing,) = said["items"]
    assert (thing["name"], thing["longitude"], thing["latitude"], thing["at"]) == ("北门", 118.37, 31.32, NOON)
    assert (await someone.get(f"/places?since={said['next']}"))["items"] == []
    (thing,) = (await someone.get("/places?datum=gcj02"))["items"]
    assert [thing["longitude"], thing["latitude"]] == pytest.approx(to_gcj02(118.37, 31.32), abs=1e-6)


async def test_its_way_is_told_oldest_first_with_its_length(house, tracks):
    await house.camera(CAR)
    for minute in range(4):
        house.bus.tell(PositionReported(CAR, CAR, NOON + minute * 60, 118.37, 31.32 + minute / 1000, 30.0, 0.0))
    someone = await house.person("viewer")
    said = await someone.get(f"/channels/{CAR}/{CAR}/track?start={NOON - 1}&end={NOON + 3600}")
    assert said["heard"] == 4 and [fix[0] for fix in said["fixes"]][:: len(said["fixes"]) - 1] == [NOON, NOON + 180]
    assert said["metres"] == pytest.approx(334, abs=2)
    short = await someone.get(f"/channels/{CAR}/{CAR}/track?start={NOON - 1}&end={NOON + 3600}&most=2")
    assert len(short["fixes"]) == 2


@pytest.mark.parametrize(("start", "end"), [(10, 10), (20, 10), (0, 32 * 86_400)])
async def test_a_span_that_makes_no_sense_is_refused(house, tracks, start, end):
    someone = await house.person("viewer")
    got, said = await someone.ask("GET", f"/api/v1/channels/{CAR}/{CAR}/track?start={start}&end={end}")
    assert (got, said["error"]["code"]) == (400, "track-span")


async def test_cameras_of_a_branch_are_told_and_those_without_a_place_are_counted(house):
    await house.camera(CAR)
    items = [
        Item(CAR[:-1] + "2", name="东门", civil_code="340202", longitude=118.1, latitude=31.1),
        Item(CAR[:-1] + "3", name="西门", civil_code="340202"),
    ]
    await house.directory.merge(CAR, items, complete=True, at=NOON)
    someone = await house.person("viewer")
    roots = await someone.get("/tree")
    said = await someone.get(f"/places/cameras?node={roots['children'][0]['id']}")
    assert [(item["name"], item["longitude"]) for item in said["items"]] == [("东门", 118.1)]
    assert said["without"] == 1 and said["complete"]
    assert (await someone.ask("GET", "/api/v1/places/cameras?node=nowhere"))[0] == 404


async def test_the_ground_is_what_the_settings_say_and_an_outline_must_be_geojson(house, tmp_path: Path):
    someone = await house.person("viewer")
    assert (await someone.get("/map"))["tiles"] == "" and (await someone.get("/map"))["datum"] == "wgs84"
    assert (await someone.ask("GET", "/api/v1/map/outline"))[0] == 404
    drawn = tmp_path / "outline.json"
    drawn.write_text(json.dumps({"type": "FeatureCollection", "features": []}), encoding="utf-8")
    grant(house, map=MapSettings(tiles="https://tiles.example.cn/{z}/{x}/{y}.png", outline=str(drawn)))
    said = await someone.get("/map")
    assert said["has_outline"] and said["datum"] == "gcj02"
    answer = await someone.raw("GET", "/api/v1/map/outline")
    assert answer.status == 200 and answer.content_type == "application/geo+json"
    line = {"type": "MultiLineString", "coordinates": [[[118.37, 31.32], [118.38, 31.33, 5]]]}
    drawn.write_text(
        json.dumps({"type": "Feature", "properties": {"code": [1, 2]}, "geometry": line}), encoding="utf-8"
    )
    moved = json.loads(await (await someone.raw("GET", "/api/v1/map/outline")).text())
    assert moved["geometry"]["coordinates"][0][0] == pytest.approx(to_gcj02(118.37, 31.32))
    assert moved["geometry"]["coordinates"][0][1][2] == 5 and moved["properties"] == {"code": [1, 2]}
    drawn.write_text("root:x:0:0", encoding="utf-8")
    assert (await someone.ask("GET", "/api/v1/map/outline"))[0] == 404
    drawn.write_text('{"type": "something"}', encoding="utf-8")
    assert (await someone.ask("GET", "/api/v1/map/outline"))[0] == 404


def test_only_the_host_of_the_tiles_may_be_asked_by_the_page():
    assert "tiles.example.cn" not in page_policy("video.example.cn")
    origin = MapSettings(tiles="https://tiles.example.cn:8443/{z}/{x}/{y}.png").origin
    policy = page_policy("video.example.cn", (), origin)
    assert "img-src 'self' data: blob: https://tiles.example.cn:8443;" in policy
    assert policy.partition("connect-src")[2].partition(";")[0].endswith("https://tiles.example.cn:8443")
    assert MapSettings(tiles="/tiles/{z}/{x}/{y}.png").origin == ""


@pytest.mark.parametrize(
    "wrong",
    [
        {"tiles": "ftp://x/{z}/{x}/{y}"},
        {"tiles": "https://x/{z}/{x}.png"},
        {"tiles": "https://x; script-src *//{z}/{x}/{y}"},
        {"latitude": 91.0},
        {"zoom": 21.0},
    ],
)
def test_a_ground_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError):
        MapSettings(**wrong)


async def test_strangers_see_no_map(house, tracks):
    nobody = house.stranger()
    for path in (
        "/map",
        "/map/outline",
        "/places",
        "/places/cameras?node=x",
        f"/channels/{CAR}/{CAR}/track?start=0&end=1",
    ):
        assert (await nobody.ask("GET", "/api/v1" + path))[0] == 401
