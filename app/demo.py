"""`make demo` with one tier: a platform, simulated cameras, and the two lines a newcomer needs to watch them."""

from __future__ import annotations

import secrets
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from app.garden import Garden
from app.ports import free_port
from app.serving import serve
from app.settings import PlatformSettings, Settings, joined
from app.simulating import TOWNS, Post
from app.wiring import House
from sipserver.below.following import Whom
from sipserver.below.settings import Admission

_TOWNS = ("guangzhou", "tianhe")


async def demo(data: Path, *, console_port: int, sip_port: int, log_level: str) -> int:
    """Run the demonstration in an empty data folder until Ctrl-C; the result is an exit status."""
    password = secrets.token_urlsafe(9)
    defaults = Settings()
    settings = joined(
        replace(
            defaults,
            platform=PlatformSettings(name="广州市视频监控中心（演示）", code="44010000002000000001"),
            sip=replace(defaults.sip, host="127.0.0.1", port=free_port(sip_port)),
            below=replace(
                defaults.below, common_password=password, admission=Admission.OPEN, follow_positions=Whom.ALL
            ),
            media=replace(defaults.media, host="127.0.0.1"),
            web=replace(defaults.web, host="127.0.0.1", port=free_port(console_port)),
        )
    )

    async def ready(house: House, taken: AsyncExitStack) -> None:
        posts = [Post(town, settings.platform.code, "127.0.0.1", house.stack.port) for town in _TOWNS]
        await taken.enter_async_context(Garden(posts, password, log_level))
        print(_welcome(house), flush=True)

    return await serve(settings, data, ready=ready)


def _welcome(house: House) -> str:
    cameras = sum(len(TOWNS[town]) for town in _TOWNS)
    return f"""
  联网 Lianwang 已启动 is running.

  控制台 Console    {house.console_url}
  用户名 Name       admin
  密码 Password     {house.first_password}

  {cameras} 路模拟摄像机正在注册 simulated cameras are registering by SIP on 127.0.0.1:{house.stack.port}.
  按 Ctrl-C 停止 Press Ctrl-C to stop.
"""
