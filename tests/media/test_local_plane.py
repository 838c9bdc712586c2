"""The promises of `media/plane.py`, kept in this process on real sockets."""

from __future__ import annotations

import asyncio
import json

import pytest
from aiohttp import WSMsgType

from media.frame import Codec
from media.plane import Aim, FirstFrame, OutletClosed, OutletKind, StreamFailed, TracksChanged, Transport, Verdict


async def test_a_udp_stream_becomes_a_picture_for_a_websocket_viewer(house, camera, h264, fresh):
    home, cam = await house(), camera()
    inlet, first = await home.flowing(cam, fresh(h264))
    assert (first.video.codec, first.video.width, first.video.height) == (Codec.H264, 64, 48)
    _, address = await home.plane.attach(inlet.id, OutletKind.FMP4_WS)
    async with home.client.ws_connect(home.base + address) as viewer:
        said = await viewer.receive(timeout=2)
        assert said.type is WSMsgType.TEXT
        news = json.loads(said.data)
        assert news["mime"].startswith('video/mp4; codecs="avc1.') and news["video"]["width"] == 64
        init = await viewer.receive_bytes(timeout=2)
        assert init[4:8] == b"ftyp"
        fragment = await viewer.receive_bytes(timeout=2)
        assert fragment[4:8] == b"moof"
