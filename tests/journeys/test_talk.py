"""An operator speaks to a camera: by the API's line, by WebRTC, and in a real browser by both; the camera hears it."""

from __future__ import annotations

import asyncio
import fractions
import io
import json
import time
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import av
import pytest
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from playwright.async_api import Browser, Page

from media.g711 import alaw_to_linear
from simulator.camera import Camera
from simulator.hearing import HearingSettings
from simulator.tone import Tone
from tests.estate import CAMERA, Estate, until
from tests.journeys.chromium import chromium
from tests.journeys.clicks import Counting
from tests.journeys.test_browser import FLAGS, log_in, log_in_at

OUTPUT = "34020000001370000001"
PITCH_HZ = 500
WISH = {"targets": [{"owner": CAMERA, "channel": CAMERA}]}


async def camera_that_hears(estate: Estate, **quirks: Any) -> Camera:
    camera = await estate.camera(hearing=HearingSettings(outputs=(OUTPUT,), **quirks))
    await until(lambda: estate.house.directory.channel(CAMERA, OUTPUT))
    return camera


class Line:
    """A talk's line, as a browser would hold it."""

    def __init__(self, wire: aiohttp.ClientWebSocketResponse, talk: dict[str, Any]) -> None:
        self.wire = wire
        self.talk = talk
        self.back = bytearray()
        self.said: list[dict[str, Any]] = []
        self.reading = asyncio.create_task(self._read())

    async def speak(self, condition: Any, patience_s: float = 15.0) -> None:
        """Say a tone in uneven pieces until something holds."""
        tone = Tone(PITCH_HZ)
        began = time.monotonic()
        async with asyncio.timeout(patience_s):
            while not condition():
                sound = tone.until(int((time.monotonic() - began) * 90_000))
                if sound is not None:
                    await self.wire.send_bytes(sound.data)
                await asyncio.sleep(0.04)

    async def _read(self) -> None:
        async for message in self.wire:
            if message.type is aiohttp.WSMsgType.BINARY:
                self.back += message.data
            else:
                said = json.loads(message.data)
                self.said.append(said)
                self.talk = said.get("talk", self.talk)


@asynccontextmanager
async def line(estate: Estate, wish: dict[str, Any] = WISH) -> AsyncIterator[Line]:
    talk = await estate.post("/api/v1/voice/talks", wish, 201)
    async with estate.http.ws_connect(f"/api/v1/voice/talks/{talk['id']}/line") as wire:
        held = Line(wire, talk)
        yield held
        if not wire.closed:
            await wire.close()
        await held.reading


def hears(camera: Camera) -> bool:
    loudspeaker = camera.hearing.heard.get(OUTPUT)
    return loudspeaker is not None and loudspeaker.loudness(PITCH_HZ, 0.3) > 0.8 and loudspeaker.energy(0.3) > 0.05


async def test_what_is_said_on_the_line_is_heard_by_the_camera_and_ends_with_it(estate: Estate):
    camera = await camera_that_hears(estate, pitch_hz=700)
    async with line(estate) as held:
        await held.speak(lambda: hears(camera) and len(held.back) > 1600)
        (target,) = held.talk["targets"]
        assert (target["stage"], target["obstacle"], target["target"]) == ("talking", "", OUTPUT)
        await held.wire.send_json({"end": True})
        await until(lambda: camera.hearing.ends == ["BYE"])
    after = await estate.get(f"/api/v1/voice/talks/{held.talk['id']}")
    assert after["ended"] == "released"
    (leg,) = after["targets"][0]["legs"]
    assert leg["sound"]["packets"] > 10 and leg["sound"]["heard_packets"] > 0
    steps = [step["what"] for step in after["targets"][0]["steps"]]
    assert {"MESSAGE Broadcast", "INVITE from device", "our answer to INVITE", "ACK"} <= set(steps)
    assert (await estate.get("/api/v1/voice/talks"))["items"] == []

    async def is_written_down() -> bool:
        audits = (await estate.get("/api/v1/audit"))["items"]
        return {"voice.speak", "voice.ended"} <= {entry["what"] for entry in audits}

    await until(is_written_down)


async def test_a_browser_that_vanishes_is_silent_within_two_seconds(estate: Estate):
    camera = await camera_that_hears(estate)
    async with line(estate) as held:
        await held.speak(lambda: hears(camera))
        began = time.process_time()
        # It says nothing any more, and its connection stays.
        await until(lambda: camera.hearing.ends == ["BYE"])
        assert time.process_time() - began < 5
    assert (await estate.get(f"/api/v1/voice/talks/{held.talk['id']}"))["ended"] == "speaker-gone"


async def test_who_comes_second_learns_who_talks_and_since_when(estate: Estate):
    await camera_that_hears(estate)
    async with line(estate) as held:
        refused = await estate.post("/api/v1/voice/talks", WISH, 409)
        assert refused["error"]["code"] == "somebody-talks"
        assert refused["error"]["details"] == {"holder": "admin", "since": held.talk["since"], "channel": CAMERA}


async def test_a_line_is_for_our_own_page_alone(estate: Estate):
    await camera_that_hears(estate)
    talk = await estate.post("/api/v1/voice/talks", WISH, 201)
    path = f"/api/v1/voice/talks/{talk['id']}/line"
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await estate.http.ws_connect(path, headers={"Origin": "https://elsewhere.example"})
    assert refused.value.status == 403


async def test_noise_on_the_line_harms_nobody(estate: Estate):
    camera = await camera_that_hears(estate)
    async with line(estate) as held:
        await held.wire.send_str('{"nonsense": 1}')
        await held.reading
    await until(lambda: estate.house.voices.speeches() == ())
    async with line(estate) as held:
        await held.wire.send_json({"offer": "v=0\r\nrubbish"})
        await until(lambda: [said for said in held.said if "trouble" in said])
        await held.speak(lambda: hears(camera))


class ToneTrack(MediaStreamTrack):
    """A microphone that hears a tone, at 48 kHz as browsers have it."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._tone = Tone(PITCH_HZ)
        self._sent = 0
        self._began = time.monotonic()

    async def recv(self) -> av.AudioFrame:
        await asyncio.sleep(max(0.0, self._began + self._sent * 0.02 - time.monotonic()))
        self._sent += 1
        sound = self._tone.until(self._sent * 1800)
        assert sound is not None
        frame = av.AudioFrame(format="s16", layout="mono", samples=160)
        frame.planes[0].update(alaw_to_linear(sound.data))
        frame.sample_rate, frame.pts, frame.time_base = 8000, self._sent * 160, fractions.Fraction(1, 8000)
        return frame


async def test_a_microphone_by_webrtc_is_heard_by_the_camera(estate: Estate):
    camera = await camera_that_hears(estate)
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    try:
        connection.addTrack(ToneTrack())
        await connection.setLocalDescription(await connection.createOffer())
        async with line(estate) as held:
            await held.wire.send_json({"offer": connection.localDescription.sdp})

            async def answered() -> Any:
                await held.wire.send_json({"here": True})
                return next((said["answer"] for said in held.said if "answer" in said), None)

            await connection.setRemoteDescription(RTCSessionDescription(await until(answered), "answer"))

            async def is_heard() -> bool:
                await held.wire.send_json({"here": True})
                return hears(camera)

            await until(is_heard, 20)
    finally:
        await connection.close()


# In a real browser, whose fake microphone beeps.


FAKE_MICROPHONE = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
ELSEWHERE = "console.example"
"""A name under which our page is not of this machine, and so has no microphone without HTTPS."""


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium([*FLAGS, *FAKE_MICROPHONE, f"--host-resolver-rules=MAP {ELSEWHERE} 127.0.0.1"]) as browser:
        yield browser


def beeps(camera: Camera) -> bool:
    loudspeaker = camera.hearing.heard.get(OUTPUT)
    return loudspeaker is not None and loudspeaker.energy(2.0) > 0.01


async def at_the_camera(page: Page) -> None:
    await page.get_by_test_id(f"channel:{CAMERA}/{CAMERA}").click()
    await page.get_by_test_id("pane-0").hover()
    await page.get_by_test_id("pane-0").get_by_test_id("talk").wait_for()


@pytest.mark.browser
@pytest.mark.timeout(180)
@pytest.mark.parametrize("way", ["webrtc", "websocket"])
async def test_an_operator_holds_the_button_and_the_camera_hears_the_microphone(
    estate: Estate, browser: Browser, way: str, done: Counting, tmp_path: Path
):
    camera = await camera_that_hears(estate)
    page = await log_in(browser, estate)
    await page.evaluate(f"localStorage.setItem('lianwang.voice.way', JSON.stringify('{way}'))")
    await page.reload()
    async with done(page, "talk"):
        await at_the_camera(page)
        await page.get_by_test_id("pane-0").get_by_test_id("talk").hover()
        await page.mouse.down()
        await until(lambda: beeps(camera), 30)
    state = page.get_by_test_id("talk-state")
    assert "正在说话" in await state.inner_text()
    await page.screenshot(path=tmp_path / "talking.png")
    await page.mouse.up()
    await until(lambda: camera.hearing.ends == ["BYE"])
    await state.wait_for(state="detached")
    await page.get_by_test_id("open-voice").click()
    target = page.get_by_test_id(f"voice-target-{CAMERA}")
    await target.wait_for()
    sent = {"webrtc": "WebRTC", "websocket": "WebSocket G.711"}[way]
    assert sent in await page.get_by_test_id("voice-test").inner_text()
    assert "INVITE from device" in await target.inner_text()
    # What was sent and what came back is asked for once more when all is over.
    await page.wait_for_function("() => document.querySelector('[data-verdict]')?.dataset.verdict === 'received'")
    await page.screenshot(path=tmp_path / "self-test.png")


@pytest.mark.browser
@pytest.mark.timeout(180)
async def test_the_key_t_held_talks_and_tapped_searches(estate: Estate, browser: Browser):
    camera = await camera_that_hears(estate)
    page = await log_in(browser, estate)
    await at_the_camera(page)
    await page.keyboard.down("t")
    await page.get_by_test_id("talk-state").wait_for()
    await until(lambda: camera.hearing.calls_taken == 1, 30)
    await page.keyboard.up("t")
    await until(lambda: camera.hearing.ends == ["BYE"])
    await page.keyboard.press("t")
    assert await page.evaluate("document.activeElement.tagName") == "INPUT"


@pytest.mark.browser
@pytest.mark.timeout(180)
async def test_a_device_that_answers_and_does_not_call_says_so_on_the_picture(estate: Estate, browser: Browser):
    await camera_that_hears(estate, calls=False)
    page = await log_in(browser, estate)
    await at_the_camera(page)
    await page.get_by_test_id("pane-0").get_by_test_id("talk").hover()
    await page.mouse.down()
    trouble = page.get_by_test_id("talk-trouble")
    await trouble.wait_for(timeout=30_000)
    assert "设备已应答但未发起呼叫" in await trouble.inner_text()
    await page.mouse.up()


@pytest.mark.browser
@pytest.mark.timeout(180)
async def test_a_broadcast_to_a_branch_shows_how_it_stands_with_each(estate: Estate, browser: Browser, tmp_path: Path):
    camera = await camera_that_hears(estate)
    mute = "34020000001320000002"
    await estate.camera(mute, hearing=HearingSettings(outputs=("34020000001370000002",), calls=False))
    page = await log_in(browser, estate)
    await page.get_by_test_id("open-voice").click()
    await page.get_by_test_id("tree").get_by_text("芜湖市").click()
    await page.get_by_test_id("voice-add-branch").click()
    await page.get_by_test_id("voice-hold").hover()
    await page.mouse.down()
    await until(lambda: beeps(camera), 30)
    deaf = page.locator(f"[data-testid='voice-target-{mute}'][data-verdict='not-called']")
    await deaf.wait_for(timeout=30_000)
    assert "设备已应答但未发起呼叫" in await deaf.inner_text() and "北门" in await deaf.inner_text()
    await page.wait_for_function(
        "() => document.querySelector('[data-testid=voice-count]')?.textContent.includes('1 / 2')"
    )
    await page.screenshot(path=tmp_path / "many.png")
    await page.mouse.up()
    await until(lambda: camera.hearing.ends == ["BYE"])


def tone_file() -> bytes:
    """Two seconds of our tone as a WAV file."""
    tone, written = Tone(PITCH_HZ), io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        for second in (1, 2, 3):
            sound = tone.until(second * 90_000)
            assert sound is not None
            file.writeframes(alaw_to_linear(sound.data))
    return written.getvalue()


@pytest.mark.browser
@pytest.mark.timeout(180)
async def test_a_page_without_https_says_what_to_do_and_plays_a_sound_file_instead(
    estate: Estate, browser: Browser, tmp_path: Path
):
    camera = await camera_that_hears(estate)
    page = await log_in_at(browser, estate.house.console_url.replace("127.0.0.1", ELSEWHERE), estate.password)
    assert not await page.evaluate("window.isSecureContext")
    await at_the_camera(page)
    await page.get_by_test_id("pane-0").get_by_test_id("talk").click()
    told = await page.get_by_test_id("voice-insecure").inner_text()
    assert "HTTPS" in told and "localhost" in told and ELSEWHERE in told
    await page.screenshot(path=tmp_path / "insecure.png")
    file = {"name": "notice.wav", "mimeType": "audio/wav", "buffer": tone_file()}
    await page.get_by_test_id("voice-picker").set_input_files(file)  # type: ignore[arg-type]
    await until(lambda: hears(camera), 30)
    await until(lambda: camera.hearing.ends == ["BYE"], 30)
