"""A camera that speaks RTSP and a film are watched like any camera, and come back when they were gone."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from simulator.rtsp_server import RtspFaults, RtspServer, RtspSettings
from simulator.video import VideoSettings
from tests.journeys.conftest import Estate, opened, until
from tests.journeys.viewer import is_a_picture, watch

VIDEO = VideoSettings(width=320, height=180, fps=20, gop_s=1.0, kbps=400)
PASSWORD = "three blue herons"


@pytest.fixture
async def camera() -> AsyncIterator[RtspServer]:
    server = RtspServer(RtspSettings(password=PASSWORD, guard="md5", video=VIDEO))
    await server.start()
    yield server
    await server.close()


async def offered(estate: Estate, **source: Any) -> dict[str, Any]:
    found: dict[str, Any] = await estate.post("/api/v1/sources", source)
    return found


async def live(estate: Estate, source: dict[str, Any], form: str = "http-flv") -> Any:
    return await estate.live(source["code"], source["owner"], format=form)


async def state(estate: Estate) -> Any:
    (stream,) = (await estate.get("/api/v1/streams"))["items"]
    return stream["state"]


@pytest.mark.parametrize("way", ["tcp", "udp"])
async def test_a_camera_without_gb28181_is_watched_by_many_and_fetched_once(
    estate: Estate, camera: RtspServer, way: str
):
    source = await offered(estate, name="地下车库", url=camera.url, user="admin", password=PASSWORD, way=way)
    one, two = await asyncio.gather(live(estate, source), live(estate, source, "ws-fmp4"))
    seen = await asyncio.gather(watch(estate.http, one, 2.0), watch(estate.http, two, 2.0))
    for each in seen:
        pictures = each.pictures()
        assert len(pictures) > 15 and all(is_a_picture(picture) for picture in pictures)
        assert each.sounds()
    assert camera.plays == 1
    for lease in (one, two):
        await estate.delete(f"/api/v1/live/{lease['lease']}")
    await until(lambda: camera.asked[-1] == "TEARDOWN")
    hit = (await estate.get("/api/v1/search?q=dxck"))["hits"][0]
    assert hit["channel"]["code"] == source["code"] and hit["channel"]["online"]


async def test_viewers_keep_their_places_while_the_camera_is_gone(estate: Estate, camera: RtspServer):
    source = await offered(estate, url=camera.url, user="admin", password=PASSWORD)
    lease = await live(estate, source)
    watching = asyncio.create_task(watch(estate.http, lease, 14.0))
    await until(lambda: camera.plays == 1)
    await asyncio.sleep(1.0)
    await camera.close()
    await until(lambda: is_in(estate, "retrying", "inviting"))
    await camera.start()
    await until(lambda: camera.plays == 2, 20)
    await until(lambda: is_in(estate, "live"))
    seen = await watching
    assert len(seen.pictures()) > 40


async def is_in(estate: Estate, *states: str) -> bool:
    return await state(estate) in states


async def test_a_media_worker_that_dies_takes_no_source_with_it(estate: Estate, camera: RtspServer):
    source = await offered(estate, url=camera.url, user="admin", password=PASSWORD)
    await live(estate, source)
    await until(lambda: camera.plays == 1)
    (worker,) = estate.house.plane.workers()
    os.kill(worker.pid, signal.SIGKILL)
    # Whoever watched asks for a place anew; the source is fetched by the worker that took the dead one's place.
    await until(lambda: camera.plays == 2, 20)
    await until(lambda: is_in(estate, "live", "lingering"), 20)


async def test_whether_it_is_there_is_seen_without_watching(estate: Estate, camera: RtspServer):
    source = await offered(estate, url=camera.url, user="admin", password="wrong")

    async def answered() -> Any:
        (found,) = (await estate.get("/api/v1/sources"))["items"]
        return found if found["online"] is False else None

    found = await until(answered)
    assert "401" in found["note"]
    refused = await estate.post("/api/v1/live", {"owner": source["owner"], "channel": source["code"]}, 502)
    assert [(hop["what"], hop["status"]) for hop in refused["error"]["details"]["hops"]][-1] == ("DESCRIBE", 401)
    async with estate.http.patch(f"/api/v1/sources/{source['code']}", json={"password": PASSWORD}) as response:
        assert response.status == 200
    trial = await estate.post(f"/api/v1/sources/{source['code']}/trial", None)
    assert (trial["verdict"], trial["codecs"]) == (None, ["H.264", "G.711A"])
    assert len((await watch(estate.http, await live(estate, source), 1.0)).pictures()) > 5


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    made = "-f lavfi -i testsrc=size=320x180:rate=25 -f lavfi -i sine=sample_rate=16000 -t 3 -c:v libx264 -g 25"
    how = f"-preset ultrafast -bf 2 -pix_fmt yuv420p -c:a aac -ac 1 {folder / 'drill.mp4'}"
    subprocess.run(f"ffmpeg -v error {made} {how}".split(), check=True, timeout=60)
    return folder


@pytest.mark.ffmpeg
async def test_a_film_of_the_folder_is_watched_over_its_end(tmp_path: Path, films: Path):
    async with opened(tmp_path, sources={"folder": str(films)}) as estate:
        assert await estate.get("/api/v1/sources/films") == {"items": ["drill.mp4"]}
        source = await offered(estate, name="演练", file="drill.mp4")
        seen = await watch(estate.http, await live(estate, source), 5.0)
        assert len(seen.pictures()) > 90 and seen.sounds()
        outside = await offered(estate, file="../lianwang.db.mp4")
        await estate.post("/api/v1/live", {"owner": outside["owner"], "channel": outside["code"]}, 502)


async def test_a_faulty_camera_is_told_of_by_what_it_did(estate: Estate):
    async with AsyncExitStack() as taken:
        for fault, status, word in (("refuse=SETUP:453", 480, "453"), ("codec=MP4V-ES", 488, "MP4V-ES")):
            server = RtspServer(RtspSettings(video=VIDEO, faults=RtspFaults.ordered([fault])))
            await server.start()
            taken.push_async_callback(server.close)
            source = await offered(estate, url=server.url)
            refused = await estate.post("/api/v1/live", {"owner": source["owner"], "channel": source["code"]}, 502)
            assert word in refused["error"]["message"] and refused["error"]["details"]["status"] == status
