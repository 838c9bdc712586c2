"""`make demo`: a platform, simulated cameras, and the two lines a newcomer needs to watch them."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import socket
import sys
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from app.serving import serve
from app.settings import PlatformSettings, Settings, joined
from app.simulating import TOWN_SIZE
from app.wiring import House
from sipserver.below.settings import Admission


async def demo(data: Path, *, console_port: int, sip_port: int, log_level: str) -> int:
    """Run the demonstration in a fresh data folder until Ctrl-C; the result is an exit status."""
    shutil.rmtree(data, ignore_errors=True)
    password = secrets.token_urlsafe(9)
    defaults = Settings()
    settings = joined(
        replace(
            defaults,
            platform=PlatformSettings(name="广州市视频监控中心（演示）", code="44010000002000000001"),
            sip=replace(defaults.sip, host="127.0.0.1", port=_free_port(sip_port)),
            below=replace(defaults.below, common_password=password, admission=Admission.OPEN),
            media=replace(defaults.media, host="127.0.0.1"),
            web=replace(defaults.web, host="127.0.0.1", port=_free_port(console_port)),
        )
    )

    async def ready(house: House, taken: AsyncExitStack) -> None:
        await taken.enter_async_context(Garden(house, password, log_level))
        print(_welcome(house), flush=True)

    return await serve(settings, data, ready=ready)


class Garden:
    """The simulated cameras, in a process of their own so that they take nothing from the server's loop."""

    def __init__(self, house: House, password: str, log_level: str) -> None:
        self._house = house
        self._password = password
        self._log_level = log_level
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Garden:
        platform = self._house.settings.platform
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "app",
            "--log",
            self._log_level,
            "simulate",
            "town",
            "--server",
            f"127.0.0.1:{self._house.stack.port}",
            "--server-code",
            platform.code,
            stdin=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        assert self._process.stdin is not None
        # By its standard input, because a command line can be read by anyone on the machine.
        self._process.stdin.write(f"{self._password}\n".encode())
        await self._process.stdin.drain()
        return self

    async def __aexit__(self, *_: object) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(5):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


def _welcome(house: House) -> str:
    return f"""
  联网 Lianwang 已启动 is running.

  控制台 Console    {house.console_url}
  用户名 Name       admin
  密码 Password     {house.first_password}

  {TOWN_SIZE} 路模拟摄像机正在注册 simulated cameras are registering by SIP on 127.0.0.1:{house.stack.port}.
  按 Ctrl-C 停止 Press Ctrl-C to stop.
"""


def _free_port(wanted: int) -> int:
    """`wanted` when both UDP and TCP are free there, else the next that is."""
    for port in range(wanted, wanted + 200):
        try:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                with socket.socket(socket.AF_INET, kind) as probe:
                    if kind == socket.SOCK_STREAM:
                        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return port
    raise OSError(f"no port is free from {wanted} to {wanted + 199}")
