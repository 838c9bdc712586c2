"""A house that cannot open says why in one sentence, twice, and leaves with status 1."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from app.premises import CannotStart, move_in
from app.settings import Settings, StoreSettings, joined
from app.wiring import open_house
from media.local import PlaneSettings
from sipserver.stack import StackSettings
from web.settings import WebSettings

ANYWHERE = joined(
    Settings(
        sip=StackSettings(host="127.0.0.1", port=0),
        web=WebSettings(host="127.0.0.1", port=0),
        media=PlaneSettings(host="127.0.0.1", first_port=0),
    )
)


async def refusal(settings: Settings, data: Path) -> CannotStart:
    async with AsyncExitStack() as taken:
        with pytest.raises(CannotStart) as caught:
            await open_house(settings, data, taken)
    said = caught.value
    assert "\n" not in said.chinese + said.english and "Errno" not in said.english
    assert any("\u4e00" <= letter <= "\u9fff" for letter in said.chinese)
    return said


async def test_a_taken_sip_port_is_named_with_its_cure(tmp_path: Path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        said = await refusal(replace(ANYWHERE, sip=replace(ANYWHERE.sip, port=port)), tmp_path)
    assert said.english == (
        f"the SIP address 127.0.0.1:{port} is taken by another program; change host or port in [sip]."
    )


async def test_a_taken_console_port_is_named_with_its_cure(tmp_path: Path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        said = await refusal(replace(ANYWHERE, web=replace(ANYWHERE.web, port=port)), tmp_path)
    assert said.english.startswith(f"the console's address 127.0.0.1:{port} is taken") and "[web]" in said.chinese


async def test_a_database_that_is_not_there_is_named_without_its_password(tmp_path: Path):
    url = "postgresql://wang:three-herons@127.0.0.1:1/estate"
    said = await refusal(replace(ANYWHERE, store=StoreSettings(url)), tmp_path)
    assert "127.0.0.1:1/estate" in said.english and "PostgreSQL" in said.english
    assert "three-herons" not in said.english + said.chinese


async def test_a_database_that_is_none_is_not_overwritten(tmp_path: Path):
    noise = b"not a database " * 500
    (tmp_path / "lianwang.db").write_bytes(noise)
    assert "lianwang.db" in (await refusal(ANYWHERE, tmp_path)).english
    assert (tmp_path / "lianwang.db").read_bytes() == noise


async def test_a_second_house_stays_out_of_the_first_ones_data_and_may_have_it_afterwards(tmp_path: Path):
    async with AsyncExitStack() as first:
        await open_house(ANYWHERE, tmp_path, first)
        said = await refusal(ANYWHERE, tmp_path)
        assert f"process {os.getpid()}" in said.english and "--data" in said.chinese
    async with AsyncExitStack() as second:
        await open_house(ANYWHERE, tmp_path, second)


@pytest.mark.parametrize("below", ["file", "file/deeper"])
def test_a_file_is_no_data_folder(tmp_path: Path, below: str):
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotStart, match=r"file and no folder|below a file"):
        move_in(tmp_path / below)


def test_a_folder_nobody_can_write_to_is_named():
    with pytest.raises(CannotStart, match="the data folder /proc/lianwang cannot be made there"):
        move_in(Path("/proc/lianwang"))


async def test_what_the_house_writes_is_closed_to_other_users(tmp_path: Path):
    data = tmp_path / "new"
    before = os.umask(0o022)
    try:
        async with AsyncExitStack() as taken:
            await open_house(ANYWHERE, data, taken)
            modes = {path.name: oct(path.stat().st_mode & 0o777) for path in data.iterdir()}
            assert "lianwang.db-wal" in modes
    finally:
        os.umask(before)
    assert set(modes.values()) == {"0o600"} and data.stat().st_mode & 0o777 == 0o700


async def test_a_database_from_before_is_closed_too(tmp_path: Path):
    (tmp_path / "lianwang.db").touch(mode=0o644)
    os.close(await asyncio.to_thread(move_in, tmp_path))
    assert (tmp_path / "lianwang.db").stat().st_mode & 0o777 == 0o600


def serve(tmp_path: Path, settings: str, data: str = "data") -> subprocess.CompletedProcess[str]:
    file = tmp_path / "server.toml"
    file.write_text(settings, encoding="utf-8")
    command = [sys.executable, "-m", "app", "serve", "--config", str(file), "--data", str(tmp_path / data)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_the_command_ends_with_status_1_and_two_lines(tmp_path: Path):
    (tmp_path / "file").write_text("")
    ended = serve(tmp_path, "", "file")
    assert ended.returncode == 1
    lines = ended.stderr.splitlines()
    assert [line.partition(" ")[0].partition("：")[0] for line in lines] == ["启动失败", "Cannot"]


@pytest.mark.parametrize("wrong", ['[store]\nurl = "mysql://host/name"\n', "[web\n", "[sip]\nprot = 1\n"])
def test_a_wrong_setting_ends_with_status_1_and_no_traceback(tmp_path: Path, wrong: str):
    ended = serve(tmp_path, wrong)
    assert ended.returncode == 1
    assert "server.toml" in ended.stderr and "设置有误" in ended.stderr and "Traceback" not in ended.stderr
