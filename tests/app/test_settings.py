"""Settings: read once, told plainly, and the same in the file as in the code."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from app import settings_file
from app.settings import DERIVED, Settings, WrongSetting, joined, load

HOUSE = Path(__file__).resolve().parent.parent.parent


def wrong(tmp_path: Path, text: str) -> str:
    file = tmp_path / "server.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(WrongSetting) as caught:
        load(file)
    return str(caught.value)


def test_the_file_in_the_repository_says_what_the_code_says():
    assert (HOUSE / "conf/server.toml").read_text(encoding="utf-8") == settings_file.text()


def test_every_default_in_the_file_read_back_is_the_default_of_the_code(tmp_path: Path):
    file = tmp_path / "server.toml"
    file.write_text(settings_file.uncommented(), encoding="utf-8")
    assert load(file) == joined(Settings())


def test_every_setting_has_its_reason():
    silent = []
    for section in fields(Settings):
        room = getattr(Settings(), section.name)
        reasons = settings_file.reasons(type(room))
        silent += [
            f"[{section.name}] {each.name}"
            for each in fields(room)
            if each.name not in DERIVED.get(section.name, frozenset()) and not reasons.get(each.name)
        ]
    assert not silent


def test_without_a_file_our_own_code_is_in_every_room():
    settings = load(None)
    assert settings.below.code == settings.platform.code == settings.broker.domain
    assert settings.below.domain == settings.platform.code[:10]


def test_a_setting_that_is_not_there_is_told_with_its_neighbour(tmp_path: Path):
    assert "did you mean port?" in wrong(tmp_path, "[sip]\nprt = 5061\n")
    assert "did you mean media?" in wrong(tmp_path, "[medai]\n")


def test_a_wrong_value_is_told_with_file_key_value_and_cure(tmp_path: Path):
    told = wrong(tmp_path, '[sip]\nport = "five"\n')
    assert "server.toml" in told and "[sip] port = 'five'" in told and "Expected `int`" in told
    assert "20 digits" in wrong(tmp_path, '[platform]\ncode = "12"\n')


def test_what_is_no_toml_is_told_with_its_line(tmp_path: Path):
    assert "line 1" in wrong(tmp_path, "this is not toml")


def test_a_file_that_is_not_there_is_told(tmp_path: Path):
    with pytest.raises(WrongSetting, match="cannot be read"):
        load(tmp_path / "nowhere.toml")
