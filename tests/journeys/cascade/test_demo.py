"""`make demo`: three tiers come up by themselves, the province watches a county's camera, Ctrl-C leaves nothing."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import aiohttp

from tests.journeys.cascade.tiers import HOUSE, free_port
from tests.journeys.viewer import is_a_picture, watch


async def test_the_demonstration_shows_a_county_at_the_province_and_stops_cleanly(tmp_path: Path):
    demo = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app", "demo", "--data", str(tmp_path / "demo")),
        *("--port", str(free_port()), "--sip-port", str(free_port())),
        cwd=HOUSE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        said = await _welcome(demo)
        # The province comes first, with what one needs to get in; the others stand below it.
        order = [
            said.index(name) for name in ("广东省视频监控中心 4400", "控制台 Console", "密码 Password", "下级平台")
        ]
        assert order == sorted(order)
        assert all(name in said for name in ("广州市", "深圳市", "天河区", "南山区"))
        assert "29/29" in said
        url, password = _word(said, "控制台 Console"), _word(said, "密码 Password")
        async with aiohttp.ClientSession(
            url, headers={"Origin": url}, cookie_jar=aiohttp.CookieJar(unsafe=True)
        ) as http:
            async with http.post("/api/v1/session", json={"name": "admin", "password": password}) as response:
                assert response.status < 300
            async with http.get("/api/v1/search?q=tiyu") as response:
                (hit, *_) = (await response.json())["hits"]
            assert hit["path"][:2] == ["广东省", "广州市"]
            wish = {"owner": "", "channel": hit["channel"]["code"]}
            async with http.post("/api/v1/live", json=wish) as response:
                live = await response.json()
                assert response.status == 201, live
            assert len(live["path"]) == 3
            pictures = (await watch(http, live, 2.0)).pictures()
            assert len(pictures) > 15 and is_a_picture(pictures[-1])
    finally:
        demo.send_signal(signal.SIGINT)
        async with asyncio.timeout(20):
            assert await demo.wait() == 0
    assert not _left_behind(tmp_path)


async def _welcome(demo: asyncio.subprocess.Process) -> str:
    assert demo.stdout is not None
    said = ""
    async with asyncio.timeout(90):
        while "Press Ctrl-C" not in said:
            line = await demo.stdout.readline()
            assert line, said
            said += line.decode("utf-8")
    return said


def _word(said: str, label: str) -> str:
    return next(line for line in said.splitlines() if label in line).split()[-1]


def _left_behind(folder: Path) -> list[str]:
    """Processes that still work in the demonstration's folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = process.read_bytes()
        except OSError:
            continue
        if str(folder).encode() in words:
            found.append(words.decode("utf-8", "replace"))
    return found
