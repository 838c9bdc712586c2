"""WebRTC in a real browser: pictures move and sound comes, nothing is encoded anew, and leaving ends it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page

from tests.journeys.conftest import CAMERA, Estate, opened, until
from tests.journeys.test_browser import browser, log_in

__all__ = ["browser"]  # a fixture

pytestmark = [pytest.mark.timeout(180), pytest.mark.browser]

PLAY = """async (address) => {
  const pc = new RTCPeerConnection()
  const video = document.createElement('video')
  video.muted = true
  video.autoplay = true
  document.body.append(video)
  pc.addTransceiver('video', { direction: 'recvonly' })
  pc.addTransceiver('audio', { direction: 'recvonly' })
  const stream = new MediaStream()
  pc.ontrack = (event) => { stream.addTrack(event.track); video.srcObject = stream }
  await pc.setLocalDescription(await pc.createOffer())
  await new Promise((done) => {
    if (pc.iceGatheringState === 'complete') done()
    pc.onicegatheringstatechange = () => pc.iceGatheringState === 'complete' && done()
    setTimeout(done, 2000)
  })
  const answer = await fetch(address, {
    method: 'POST', headers: { 'Content-Type': 'application/sdp' }, body: pc.localDescription.sdp,
  })
  if (answer.status !== 201) return { status: answer.status, said: await answer.text() }
  await pc.setRemoteDescription({ type: 'answer', sdp: await answer.text() })
  window.seen = { pc, video }
  return { status: 201, location: answer.headers.get('Location') }
}"""

SEEN = """async () => {
  const { pc, video } = window.seen
  const found = { state: pc.connectionState, width: video.videoWidth, time: video.currentTime }
  for (const one of (await pc.getStats()).values()) {
    if (one.type !== 'inbound-rtp') continue
    found[one.kind] = {
      frames: one.framesDecoded ?? 0, packets: one.packetsReceived, lost: one.packetsLost,
      samples: one.totalSamplesReceived ?? 0, plis: one.pliCount ?? 0, codec: one.codecId,
    }
  }
  return found
}"""


async def page_of(browser: Browser, estate: Estate) -> Page:
    """A page of our own origin, logged in."""
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(estate.house.console_url + "/healthz")
    said = await page.evaluate(
        """async (password) => (await fetch('/api/v1/session', {
          method: 'POST', headers: { 'Content-Type': 'application/json' },
          body: JSON.stringify({ name: 'admin', password }),
        })).status""",
        estate.password,
    )
    assert said in (200, 201)
    return page


async def seen(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = await page.evaluate(SEEN)
    return found


async def test_a_browser_sees_and_hears_a_camera_by_webrtc(tmp_path: Path, browser: Browser):
    async with opened(tmp_path) as estate:
        await estate.camera()
        page = await page_of(browser, estate)
        begun = await page.evaluate(PLAY, f"/api/v1/whep/{CAMERA}/{CAMERA}")
        assert begun["status"] == 201, begun

        async def moves() -> dict[str, Any] | None:
            found = await seen(page)
            video = found.get("video", {})
            return found if video.get("frames", 0) >= 30 and found["width"] == 320 else None

        found = await until(moves, 60.0)
        # The camera's own sound (PCMA, payload 8) and pictures (H.264), not encoded anew.
        assert found["state"] == "connected"
        assert found["audio"]["codec"].startswith("CIT01_8") and found["video"]["lost"] == 0

        async def goes_on() -> bool:
            later = await seen(page)
            return bool(
                later["video"]["frames"] >= found["video"]["frames"] + 40
                and later["time"] > found["time"]
                and later["audio"]["samples"] > 8000
            )

        await until(goes_on, 60.0)

        # One stream with two viewers: the browser, and the kitchen that serves it.
        (stream,) = (await estate.get("/api/v1/streams"))["items"]
        assert sorted(stream["viewers"]) == ["admin", "kitchen"]

        # Whoever deletes it is served no more, and the call ends a little later.
        status = await page.evaluate("async (at) => (await fetch(at, { method: 'DELETE' })).status", begun["location"])
        assert status == 204

        async def is_over() -> bool:
            return (await estate.get("/api/v1/streams"))["items"] == []

        await until(is_over, 30.0)


async def test_a_browser_that_vanishes_is_noticed_and_two_share_a_feed(tmp_path: Path, browser: Browser):
    async with opened(tmp_path) as estate:
        await estate.camera()
        pages = [await page_of(browser, estate) for _ in range(2)]
        for page in pages:
            assert (await page.evaluate(PLAY, f"/api/v1/whep/-/{CAMERA}"))["status"] == 201

        async def all_move() -> bool:
            return all([(await seen(page)).get("video", {}).get("frames", 0) >= 20 for page in pages])

        await until(all_move, 60.0)
        (stream,) = (await estate.get("/api/v1/streams"))["items"]
        assert sorted(stream["viewers"]) == ["admin", "admin", "kitchen"]
        await pages[0].evaluate("() => window.seen.pc.close()")

        async def one_is_left() -> bool:
            (left,) = (await estate.get("/api/v1/streams"))["items"]
            return sorted(left["viewers"]) == ["admin", "kitchen"]

        await until(one_is_left, 60.0)


async def test_an_offer_that_cannot_be_met_is_refused_with_words(estate: Estate):
    await estate.camera()
    path = f"/api/v1/whep/{CAMERA}/{CAMERA}"
    for body, kind, status in (
        ("v=0\r\n", "application/json", 415),
        ("no offer", "application/sdp", 406),
        ("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video 9 X\r\n", "application/sdp", 406),
    ):
        async with estate.http.post(path, data=body, headers={"Content-Type": kind}) as response:
            assert response.status == status, await response.text()
    async with estate.http.post(
        "/api/v1/whep/-/340200000013299", data="v=0", headers={"Content-Type": "application/sdp"}
    ) as r:
        assert r.status == 404
    live = await estate.live()
    await estate.post(f"/api/v1/live/{live['lease']}/whep", {}, 404)

    async def is_over() -> bool:
        (stream,) = (await estate.get("/api/v1/streams"))["items"]
        return "kitchen" not in stream["viewers"]

    await until(is_over, 20.0)


async def test_an_operator_turns_to_low_delay_and_sees_which_way_it_is_played(estate: Estate, browser: Browser):
    await estate.camera()
    page = await log_in(browser, estate)
    await page.get_by_test_id(f"channel:{CAMERA}/{CAMERA}").click()
    await page.wait_for_function("() => document.querySelector('video')?.currentTime > 0.5", timeout=20_000)
    pane = page.get_by_test_id("pane-0")
    await pane.hover()
    assert await page.get_by_test_id("pane-format").inner_text() == "fMP4"
    await pane.get_by_role("button", name="更多操作").click()
    await page.get_by_text("优先低延迟").click()
    way = "document.querySelector('[data-testid=pane-format]')?.innerText"
    await page.wait_for_function(f"() => {way} === 'WebRTC'", timeout=30_000)
    await page.wait_for_function("() => document.querySelector('video')?.currentTime > 1", timeout=20_000)


async def test_a_browser_without_media_sources_is_served_by_webrtc_by_itself(estate: Estate, browser: Browser):
    await estate.camera()
    context = await browser.new_context(locale="zh-CN")
    await context.add_init_script("delete window.MediaSource; delete window.ManagedMediaSource")
    page = await context.new_page()
    await page.goto(estate.house.console_url)
    await enter(page, estate)
    await page.get_by_test_id(f"channel:{CAMERA}/{CAMERA}").click()
    await page.wait_for_function("() => document.querySelector('video')?.currentTime > 1", timeout=30_000)
    await page.get_by_test_id("pane-0").hover()
    assert await page.get_by_test_id("pane-format").inner_text() == "WebRTC"


async def enter(page: Page, estate: Estate) -> None:
    await page.get_by_test_id("login-name").locator("input").fill("admin")
    await page.get_by_test_id("login-password").locator("input").fill(estate.password)
    await page.get_by_test_id("login-submit").click()
    await page.get_by_test_id("tree").wait_for()


async def test_a_browser_plays_hls_by_itself(estate: Estate, browser: Browser):
    await estate.camera()
    page = await log_in(browser, estate)
    if not await page.evaluate("() => document.createElement('video').canPlayType('application/vnd.apple.mpegurl')"):
        # Only browsers that play playlists by themselves are offered it.
        await page.get_by_test_id(f"channel:{CAMERA}/{CAMERA}").click()
        await page.wait_for_function("() => document.querySelector('video')?.currentTime > 0.5", timeout=30_000)
        return
    await page.get_by_test_id(f"channel:{CAMERA}/{CAMERA}").click()
    pane = page.get_by_test_id("pane-0")
    await pane.hover()
    await pane.get_by_role("button", name="更多操作").click()
    await page.get_by_text("HLS", exact=True).click()
    playing = (
        "document.querySelector('video')?.src.endsWith('.m3u8') && document.querySelector('video').currentTime > 3"
    )
    await page.wait_for_function(f"() => {playing}", timeout=60_000)
