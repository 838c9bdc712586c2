"""Photographs of a real simulated camera: of a running stream without a call, of none by a short one, and by plan."""

from __future__ import annotations

from pathlib import Path

import av

from tests.journeys.conftest import CAMERA, Estate, opened, until


def size_of(jpeg: bytes) -> tuple[int, int]:
    decoder = av.CodecContext.create("mjpeg", "r")
    (picture,) = [*decoder.decode(av.Packet(jpeg)), *decoder.decode(None)]
    return picture.width, picture.height


async def photograph(estate: Estate, query: str = "") -> bytes:
    async with estate.http.get(f"/api/v1/channels/{CAMERA}/{CAMERA}/snapshot{query}") as response:
        body = await response.read()
        assert response.status == 200, body
        assert response.content_type == "image/jpeg"
        return body


async def test_photographs_are_taken_kept_and_leafed_through(tmp_path: Path):
    async with opened(tmp_path, broker={"linger_s": 0.1}, snapshots={"fresh_s": 0.0}) as estate:
        camera = await estate.camera()

        async def is_quiet() -> bool:
            return (await estate.get("/api/v1/streams"))["items"] == []

        # Nothing runs: a short call, which is over soon.
        assert size_of(await photograph(estate)) == (320, 180)
        assert camera.calls_taken >= 1
        await until(is_quiet)

        # Somebody watches: no call of its own.
        live = await estate.live()
        before = camera.calls_taken
        assert size_of(await photograph(estate, "?width=160&quality=50")) == (160, 90)
        kept = await estate.post("/api/v1/snapshots", {"owner": CAMERA, "channel": CAMERA}, 201)
        assert camera.calls_taken == before
        await estate.delete(f"/api/v1/live/{live['lease']}")

        assert (kept["reason"], kept["by"], kept["width"], kept["height"]) == ("manual", "admin", 320, 180)
        (listed,) = (await estate.get(f"/api/v1/snapshots?channel={CAMERA}"))["items"]
        assert listed == kept
        for url in (kept["url"], kept["small_url"]):
            async with estate.http.get(url) as response:
                assert response.status == 200 and size_of(await response.read()) == (320, 180)

        # By the clock, and what its plan says of itself.
        async with estate.http.put(
            f"/api/v1/channels/{CAMERA}/{CAMERA}/snapshot-plan", json={"every_min": 1}
        ) as response:
            assert response.status == 200, await response.text()
        (plan,) = (await estate.get("/api/v1/snapshot-plans"))["items"]
        assert (plan["channel"], plan["every_min"], plan["failure"]) == (CAMERA, 1, "")
        await estate.delete(f"/api/v1/channels/{CAMERA}/{CAMERA}/snapshot-plan")

        await estate.delete(f"/api/v1/snapshots/{kept['id']}")
        assert (await estate.get("/api/v1/snapshots"))["items"] == []
        await estate.get(kept["url"], 404)


async def test_a_camera_that_is_gone_is_told_hop_by_hop(estate: Estate):
    camera = await estate.camera()
    await estate.take_away(camera, deregister=True)
    said = await estate.get(f"/api/v1/channels/{CAMERA}/{CAMERA}/snapshot", 409)
    assert said["error"]["code"] == "device-offline" and said["error"]["details"]["hops"]
    await estate.get("/api/v1/channels/-/34020000001320009999/snapshot", 404)
