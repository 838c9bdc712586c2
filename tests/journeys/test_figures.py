"""An operator sees how streams come, and mends one that loses packets with a click; Prometheus sees the same."""

from __future__ import annotations

import json

import pytest
from playwright.async_api import Browser, Page, Route
from prometheus_client.parser import text_string_to_metric_families

from simulator.video import VideoSettings
from tests.journeys.conftest import CAMERA, Estate, until
from tests.journeys.test_browser import browser, log_in

__all__ = ["browser"]  # a fixture

pytestmark = pytest.mark.timeout(180)


async def plays(page: Page) -> None:
    await page.get_by_test_id(f"channel:{CAMERA}/{CAMERA}").click()
    await page.wait_for_function("() => document.querySelector('video')?.currentTime > 0.5", timeout=30_000)


async def with_loss(route: Route) -> None:
    """The true answer, but for a loss of one in twenty."""
    answer = await route.fetch()
    said = json.loads(await answer.text())
    for item in said["items"]:
        if item["statistics"] is not None and item["transport"] == "udp":
            item["statistics"] |= {"loss": 0.05, "packets_per_s": 376.0}
    await route.fulfill(response=answer, body=json.dumps(said))


@pytest.mark.browser
async def test_the_pane_under_the_pointer_shows_what_the_server_gets(estate: Estate, browser: Browser):
    await estate.camera(video=VideoSettings(width=640, height=360, fps=15, gop_s=1.0))
    page = await log_in(browser, estate)
    await plays(page)
    await page.get_by_test_id("pane-0").hover()
    source = page.get_by_test_id("pane-source")
    await source.wait_for(timeout=20_000)
    await page.wait_for_function(
        "() => document.querySelector('[data-testid=pane-source]').innerText.includes('I 帧间隔 1.0 s')", timeout=20_000
    )
    told = await source.inner_text()
    assert "bit/s" in told and "fps" in told and "丢包 0" in told and "观看者 1" in told
    await page.mouse.move(5, 5)
    await source.wait_for(state="detached")
    await page.keyboard.press("Shift+I")
    await source.wait_for()
    assert await page.get_by_test_id("pane-facts").is_visible()


@pytest.mark.browser
async def test_a_stream_that_loses_packets_is_switched_to_tcp_with_a_click(estate: Estate, browser: Browser):
    await estate.camera()
    async with estate.http.patch(f"/api/v1/devices/{CAMERA}", json={"media_transport": "udp"}) as response:
        assert response.status == 200
    await plays(await log_in(browser, estate))  # and goes on, on a screen of its own
    page = await log_in(browser, estate)
    await page.route("**/api/v1/streams*", with_loss)
    await page.get_by_role("link", name="码流").click()
    row = page.get_by_test_id(f"stream-{CAMERA}")
    await row.wait_for()
    assert "5.0%" in await row.inner_text() and "UDP" in await row.inner_text()
    assert "媒体进程 1" in await page.get_by_test_id("worker-media1").inner_text()
    await row.click()
    details = page.get_by_test_id(f"stream-details-{CAMERA}")
    await details.wait_for()
    assert "改用 TCP 可避免丢包" in await details.inner_text() and "admin" in await details.inner_text()
    await page.get_by_test_id("switch-to-tcp").click()
    await page.get_by_role("button", name="改用 TCP").last.click()

    async def comes_by_tcp() -> bool:
        items = (await estate.get("/api/v1/streams"))["items"]
        return any(item["transport"] == "tcp-passive" and item["state"] == "live" for item in items)

    await until(comes_by_tcp, 30.0)
    assert (await estate.device())["media_transport"] == "tcp-passive"


async def test_prometheus_reads_a_flowing_stream_with_a_key_for_it(estate: Estate):
    await estate.camera()
    await estate.live()
    made = await estate.post("/api/v1/keys", {"name": "prometheus", "role": "scraper"}, 201)

    async def read() -> dict[str, float]:
        headers = {"Authorization": f"Bearer {made['secret']}"}
        async with estate.http.get("/metrics", headers=headers) as response:
            assert response.status == 200
            families = list(text_string_to_metric_families(await response.text()))
        samples = [sample for family in families for sample in family.samples]
        return {sample.name: sample.value for sample in samples if sample.labels.get("channel") == CAMERA}

    async def flows() -> dict[str, float] | None:
        said = await read()
        return said if said.get("lianwang_stream_gop_seconds") and said["lianwang_stream_frames_per_second"] else None

    said = await until(flows, 20.0)
    assert said["lianwang_stream_width_pixels"] == 320
    assert said["lianwang_stream_gop_seconds"] == pytest.approx(1.0, abs=0.1)
    assert said["lianwang_stream_received_bytes_total"] > 1000
    assert said["lianwang_stream_loss_ratio"] == 0.0
    (stream,) = (await estate.get(f"/api/v1/streams?channel={CAMERA}"))["items"]
    assert stream["statistics"]["gop_frames"] == pytest.approx(20, abs=2)
    assert (await estate.get("/api/v1/streams?channel=1"))["items"] == []
