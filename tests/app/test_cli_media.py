"""`lianwang media`: what it is told on its command line, and the key that lets it in."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.cli import main
from app.premises import MEDIA_KEY, CannotStart, media_key
from app.settings import Settings, joined
from app.wiring import open_house
from media.gatehouse import MediaHostsSettings
from media.local import PlaneSettings


def said(*words: str) -> str:
    answer = CliRunner().invoke(main, ["media", *words])
    assert answer.exit_code == 2
    return answer.output


@pytest.mark.parametrize("ports", ["", "30000", "40000-30000", "0-10", "1-70000", "a-b"])
def test_ports_that_are_none_are_refused(tmp_path: Path, ports: str):
    key = tmp_path / "key"
    key.write_text("ab" * 32)
    assert "FIRST-LAST" in said("--server", "127.0.0.1:5070", "--key-file", str(key), "--ports", ports)


@pytest.mark.parametrize("text", ["", "secret", "ab" * 16])
def test_a_file_without_a_key_is_refused(tmp_path: Path, text: str):
    key = tmp_path / "key"
    key.write_text(text)
    assert "media key" in said("--server", "127.0.0.1:5070", "--key-file", str(key))


def test_a_certificate_that_is_none_is_refused(tmp_path: Path):
    key = tmp_path / "key"
    key.write_text("ab" * 32)
    told = said("--server", "127.0.0.1:5070", "--key-file", str(key), "--tls-cert", str(key))
    assert "cannot be used" in told


def test_the_key_is_made_once_for_our_eyes_only_and_read_ever_after(tmp_path: Path):
    key = media_key(tmp_path)
    assert len(key) == 32 and media_key(tmp_path) == key
    assert (tmp_path / MEDIA_KEY).stat().st_mode & 0o777 == 0o600
    (tmp_path / MEDIA_KEY).write_text("something else")
    with pytest.raises(ValueError, match="media key"):
        media_key(tmp_path)


async def test_a_house_that_does_media_itself_lets_no_hosts_in_and_says_so(tmp_path: Path):
    settings = joined(Settings(media=PlaneSettings(workers=0), media_hosts=MediaHostsSettings(port=5070)))
    async with AsyncExitStack() as taken:
        with pytest.raises(CannotStart, match="set workers to 1") as refused:
            await open_house(settings, tmp_path, taken)
    assert "workers" in refused.value.chinese
