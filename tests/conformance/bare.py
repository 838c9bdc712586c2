"""A bare platform: our SIP stack and nothing else, to which simulated devices register; for lines of devices.

What it says is raw: a body goes out as it is given, and every message of both sides is kept in a `Tap`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from gb28181.charset import charset_for
from gb28181.edition import Edition
from gb28181.manscdp.keepalive import Keepalive
from gb28181.manscdp.message import parse
from gb28181.manscdp.message import serialise as write
from gb28181.sdp import serialise
from simulator.camera import Camera, CameraSettings, ChannelSettings
from simulator.speaker import SpeakerSettings
from simulator.video import VideoSettings
from sipserver.sip.digest import Challenge, Credentials
from sipserver.sip.message import Response
from sipserver.stack import Dialog, Incoming, Path, Stack, StackSettings
from tests.conformance.tap import Tap

SERVER = "34020000002000000001"
CAMERA = "34020000001320000001"
PASSWORD = "secret"


class Platform:
    """Registers whoever knows the password and keeps what it is told."""

    def __init__(self, edition: Edition = Edition.V2022) -> None:
        self.edition = edition
        self.stack = Stack(StackSettings(host="127.0.0.1", port=0))
        self.tap = Tap(self.stack)
        self.stack.on_request = self.take
        self.path: Path | None = None
        self.registers: list[Any] = []
        self.heard: asyncio.Queue[Any] = asyncio.Queue()
        self.refuse_keepalives = False
        self.granted_s = 3600

    def take(self, incoming: Incoming) -> None:
        request = incoming.request
        if request.method == "REGISTER":
            self._register(incoming)
            return
        value = parse(request.body) if request.body else None
        incoming.respond(403 if self.refuse_keepalives and isinstance(value, Keepalive) else 200)
        if value is not None:
            self.heard.put_nowait(value)

    async def registered(self, times: int = 1) -> None:
        async with asyncio.timeout(10):
            while self.path is None or self._registrations < times:
                await asyncio.sleep(0.01)

    _registrations = 0

    def _register(self, incoming: Incoming) -> None:
        self.registers.append(incoming.request)
        credentials = incoming.request.headers.get("Authorization")
        if credentials is None:
            challenge = Challenge(realm="3402000000", nonce="n1")
            incoming.respond(401, headers=[("WWW-Authenticate", str(challenge))])
        elif Credentials.parse(credentials).is_right(PASSWORD, "REGISTER"):
            self.path = incoming.path
            self._registrations += bool(incoming.request.expires)
            incoming.respond(200, headers=[("Expires", str(self.granted_s)), ("Date", "2024-05-06T07:08:09.123")])
        else:
            incoming.respond(403)

    async def hear(self, kind: type, patience_s: float = 5.0) -> Any:
        """The next value of a kind; what comes before it is passed over."""
        async with asyncio.timeout(patience_s):
            while True:
                value = await self.heard.get()
                if isinstance(value, kind):
                    return value

    async def say(self, value: Any, to: str = CAMERA) -> int:
        """A MANSCDP value as MESSAGE; the status of its answer."""
        return (await self.send(write(value, charset_for(self.edition), self.edition), to)).status

    async def send(self, body: bytes, to: str = CAMERA, content_type: str = "Application/MANSCDP+xml") -> Response:
        """A MESSAGE with just these bytes; its answer."""
        path = self._way()
        request = self.stack.new_request(
            "MESSAGE", **self._names(to), path=path, contact_user=SERVER, body=body, content_type=content_type
        )
        return await self.stack.ask(request, path, timeout_s=5)

    async def order(self, inside: str, sn: int = 1, to: str = CAMERA, device: str = "") -> Response:
        """A DeviceControl with just this inside, as text; the answer to its MESSAGE."""
        text = (
            '<?xml version="1.0" encoding="GB18030"?>\r\n<Control>\r\n<CmdType>DeviceControl</CmdType>\r\n'
            f"<SN>{sn}</SN>\r\n<DeviceID>{device or to}</DeviceID>\r\n{inside}\r\n</Control>\r\n"
        )
        return await self.send(text.encode("gb18030"), to)

    async def invite(self, channel: str, offer: Any) -> tuple[Response, Dialog | None]:
        """A call; the dialog is yours to `ack` and to end."""
        return await self.invite_raw(channel, serialise(offer))

    async def invite_raw(
        self, channel: str, body: bytes, headers: tuple[tuple[str, str], ...] = ()
    ) -> tuple[Response, Dialog | None]:
        path = self._way()
        request = self.stack.new_request(
            "INVITE",
            **self._names(channel),
            path=path,
            contact_user=SERVER,
            headers=headers,
            body=body,
            content_type="application/sdp",
        )
        return await self.stack.invite(request, path, timeout_s=5)

    def _names(self, code: str) -> dict[str, str]:
        return {
            "uri": f"sip:{code}@127.0.0.1",
            "from_uri": f"sip:{SERVER}@3402000000",
            "to_uri": f"sip:{code}@3402000000",
        }

    def _way(self) -> Path:
        assert self.path is not None, "nobody has registered"
        return self.path


def settings(platform: Platform, **changes: Any) -> CameraSettings:
    """A camera for that platform; `speaker` changes its speaker."""
    speaker = SpeakerSettings(
        code=CAMERA,
        password=PASSWORD,
        server_host="127.0.0.1",
        server_port=platform.stack.port,
        server_code=SERVER,
        edition=platform.edition,
        keepalive_s=0.2,
        retry_s=0.05,
    )
    made = CameraSettings(
        speaker=replace(speaker, **changes.pop("speaker", {})),
        name="北门",
        channels=(ChannelSettings(CAMERA, "北门"),),
        video=VideoSettings(width=320, height=180, fps=20, gop_s=1.0),
    )
    return replace(made, **changes)


@asynccontextmanager
async def at_work(platform: Platform, made: CameraSettings) -> AsyncIterator[Camera]:
    """A camera that has registered."""
    camera = Camera(made)
    running = asyncio.create_task(camera.run())
    try:
        await platform.registered()
        yield camera
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await camera.close()


@asynccontextmanager
async def bare(edition: Edition = Edition.V2022, **changes: Any) -> AsyncIterator[tuple[Platform, Camera]]:
    """A bare platform and one camera that has registered with it; `platform.tap` has every message between them."""
    platform = Platform(edition)
    await platform.stack.start()
    try:
        async with at_work(platform, settings(platform, **changes)) as camera:
            yield platform, camera
    finally:
        await platform.stack.close()
