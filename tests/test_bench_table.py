"""The table of yardsticks: what it says of figures and where it is written. The figures themselves are `make bench`."""

from __future__ import annotations

import pytest

from tests.bench import other
from tests.bench.bench_table import BEGIN, END, ROOT, ROWS, table, written_into


def test_a_row_is_the_median_of_its_runs_beside_the_floor_and_the_wish():
    lines = table({"ours udp": [0.9, 0.1, 0.7], "C udp": [0.25]})
    assert lines[0] == "|  | ours | floor in C | we want | unit |"
    assert lines[2] == f"| {ROWS[0].name} | 0.70 | 0.25 | at most 0.8 | ms CPU per stream-second |"
    assert len(lines) == 3


def test_of_losses_the_worst_run_counts():
    (line,) = table({"ours loss": [0, 0, 12]})[2:]
    assert "| 12 | – | none |" in line


def test_another_server_has_a_column_when_it_was_measured():
    lines = table({"ours tag": [3.0], "other tag": [120.5], "other memory": [5.0]})
    assert "other server" in lines[0]
    assert [line.split(" | ")[1:4] for line in lines[2:]] == [["–", "–", "5"], ["3", "–", "120.50"]]


def test_the_readme_has_a_place_for_the_table():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    changed = written_into(readme, ["| a |", "|---|"])
    assert changed.partition(BEGIN)[0] == readme.partition(BEGIN)[0]
    assert changed.partition(END)[2] == readme.partition(END)[2]
    assert f"{BEGIN}| a |\n|---|\n{END}" in changed
    with pytest.raises(ValueError, match="no place"):
        written_into("nothing", [])


def test_another_server_is_named_by_the_environment():
    assert other.named({}) is None
    name = other.GIVEN
    one = other.named({name: "http://a/{ssrc:08X}.flv", f"{name}_RTP": "30000:2", f"{name}_PID": "7"})
    assert one is not None and (one.port_of(3), one.pid) == (30006, 7)
    assert one.url_of(1) == "http://a/0BEBC202.flv"
    with pytest.raises(ValueError, match="PORT or FIRST:STEP"):
        other.named({name: "http://a/", f"{name}_RTP": "many"})
