"""The demonstration empties its own folder and nobody else's."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.fresh import fresh_folder


def test_a_folder_of_a_former_demonstration_is_emptied(tmp_path: Path):
    folder = tmp_path / "demo"
    fresh_folder(folder)
    (folder / "lianwang.db").write_text("old")
    fresh_folder(folder)
    assert not (folder / "lianwang.db").exists()


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path):
    (tmp_path / "thesis.odt").write_text("three years")
    with pytest.raises(FileExistsError, match="not emptied"):
        fresh_folder(tmp_path)
    assert (tmp_path / "thesis.odt").read_text() == "three years"


def test_an_empty_folder_may_become_a_demonstration_s(tmp_path: Path):
    fresh_folder(tmp_path)
    fresh_folder(tmp_path)
