"""The line between a speaker's browser and a voice: a WebSocket that carries sound, news, and the speaker's life.

Binary messages are A-law at 8 kHz: up, what the microphone hears; down, what the device says back. Text is JSON. Up:
`{"here": true}` at least every second, `{"offer": sdp}` for a microphone by WebRTC, `{"end": true}`. Down:
`{"talk": ...}` whenever it changed and twice a second, `{"answer": sdp}`, `{"trouble": ...}`. Whoever closes it, or
goes silent, has ended the voice.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging

import msgspec
from aiohttp import WSMsgType, web

from broker.voice import Speech, Voices
from web.errors import translate
from web.voices import talk_view

log = logging.getLogger(__name__)

TELL_EVERY_S = 0.5
NEWS_GAP_S = 0.05
LONGEST_MESSAGE = 64 * 1024
MOST_SOUND = 8000
"""Bytes in one message: a second. Nobody speaks faster."""
MOST_BACK = 50
"""Pieces of the device's own sound that may wait for a slow browser."""
GOODBYE_S = 1.0


class Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a browser may say."""

    here: bool = False
    end: bool = False
    offer: str = ""


async def serve(request: web.Request, voices: Voices, speech: Speech, client: str) -> web.WebSocketResponse:
    """Until either side ends; afterwards the voice is over. `client` is the browser's address."""
    line = web.WebSocketResponse(max_msg_size=LONGEST_MESSAGE, compress=False, timeout=GOODBYE_S)
    reason = "speaker-gone"
    back: asyncio.Queue[bytes] = asyncio.Queue(MOST_BACK)
    changed = asyncio.Event()
    unhear = speech.listen(changed.set)

    def hear_back(sound: bytes) -> None:
        if not back.full():
            back.put_nowait(sound)

    speech.voice.on_heard(hear_back)
    telling: list[asyncio.Task[None]] = []
    try:
        await line.prepare(request)
        telling = [
            asyncio.create_task(_tell(line, speech, changed), name=f"news of voice {speech.id}"),
            asyncio.create_task(_tell_back(line, back), name=f"sound back to {speech.id}"),
        ]
        reason = await _hear(line, voices, speech, client)
    except ConnectionError:
        pass  # the browser was closed
    finally:
        unhear()
        for task in telling:
            task.cancel()
        await asyncio.gather(*telling, return_exceptions=True)
        await voices.end(speech.id, reason)
        with contextlib.suppress(ConnectionError, RuntimeError):
            await line.send_str(_talk(speech).decode())
            await line.close()
    return line


async def _hear(line: web.WebSocketResponse, voices: Voices, speech: Speech, client: str) -> str:
    """What the browser says, until it ends; the reason why."""
    async for message in line:
        if speech.ended:
            return speech.ended
        if message.type is WSMsgType.BINARY:
            speech.say(message.data[:MOST_SOUND])
        elif message.type is WSMsgType.TEXT:
            speech.touch()
            said = msgspec.json.decode(message.data, type=Said)
            if said.end:
                return "released"
            if said.offer:
                await _take_microphone(line, voices, speech, said.offer, client)
        else:
            break
    return speech.ended or "speaker-gone"


async def _take_microphone(
    line: web.WebSocketResponse, voices: Voices, speech: Speech, offer: str, client: str
) -> None:
    try:
        answer = await voices.microphone(speech, offer, client)
    except Exception as error:
        problem = translate(error)
        await line.send_json({"trouble": {"code": "no-webrtc", "message": problem.message}})
    else:
        await line.send_json({"answer": answer})


async def _tell(line: web.WebSocketResponse, speech: Speech, changed: asyncio.Event) -> None:
    """How it stands, when that has changed, and now and then because levels move. Ends with the voice."""
    while True:
        changed.clear()
        await line.send_str(_talk(speech).decode())
        if speech.ended:
            await line.close()
            return
        await asyncio.sleep(NEWS_GAP_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TELL_EVERY_S):
                await changed.wait()


async def _tell_back(line: web.WebSocketResponse, back: asyncio.Queue[bytes]) -> None:
    while True:
        await line.send_bytes(await back.get())


def _talk(speech: Speech) -> bytes:
    return b'{"talk":' + msgspec.json.encode(talk_view(speech.view())) + b"}"
