"""What we fetch goes upward as RTP/PS: a platform above sees RTSP cameras and films as channels like any other."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from simulator.rtsp_server import RtspServer, RtspSettings
from simulator.video import VideoSettings
from tests.journeys.cascade.tiers import CITY, Tier, running, until

pytestmark = pytest.mark.ffmpeg
VIDEO = VideoSettings(width=320, height=180, fps=20, gop_s=1.0, kbps=400)


def film(folder: Path) -> None:
    made = "-f lavfi -i testsrc=size=320x180:rate=25 -f lavfi -i sine=sample_rate=16000 -t 4 -c:v libx265"
    how = "-x265-params log-level=none:keyint=25 -preset ultrafast -c:a aac -ac 1 drill.mkv"
    subprocess.run(f"ffmpeg -v error {made} {how}".split(), check=True, timeout=60, cwd=folder)


async def test_sources_are_shared_called_and_lost_like_cameras(tmp_path: Path):
    films = tmp_path / "films"
    films.mkdir()
    film(films)
    server = RtspServer(RtspSettings(video=VIDEO))
    await server.start()
    city = Tier(*CITY, tmp_path / "city", more={"sources": {"folder": str(films), "ask_every_s": 1.0}})
    try:
        async with running(city) as ground:
            gate = await city.post("/api/v1/sources", {"name": "北门", "url": server.url, "civil_code": "440103"})
            drill = await city.post("/api/v1/sources", {"name": "演练", "file": "drill.mkv"})
            judge = await ground.judge(city)
            items = {item.code: item for item in (await judge.ask_catalog(city.code)).parts[0].items}
            items |= {each.code: each for part in (await judge.ask_catalog(city.code)).parts for each in part.items}
            assert (items[gate["code"]].name, items[gate["code"]].status_on) == ("北门", True)
            assert items[gate["code"]].civil_code == "440103" and drill["code"] in items
            for code, codec, sound in ((gate["code"], "H.264", "G.711A"), (drill["code"], "H.265", "AAC")):
                for transport in ("udp", "tcp-passive"):
                    call = await judge.invite(city.code, code, transport=transport)
                    await call.wait_frames(40)
                    assert set(call.receiver.codecs) == {codec, sound}
                    assert set(call.receiver.ssrcs) == {call.answer.ssrc} and set(call.receiver.payload_types) == {96}
                    await call.bye()
            await server.close()
            await until(lambda: city.sees(gate["code"], online=False), 30)
    finally:
        await server.close()
