"""Controls of a recording, read as far as a relay must."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gb28181.mansrtsp import Control, Method, read_control


@pytest.mark.parametrize(
    ("body", "control"),
    [
        ("PAUSE RTSP/1.0\r\nCSeq: 1\r\nPauseTime: now\r\n\r\n", Control(Method.PAUSE)),
        ("PLAY MANSRTSP/1.0\r\nCSeq: 2\r\nRange: npt=now-\r\n\r\n", Control(Method.PLAY)),
        ("PLAY RTSP/1.0\r\nCSeq: 2\r\nRange: ntp=now-", Control(Method.PLAY)),
        ("PLAY RTSP/1.0\r\nCSeq: 3\r\nScale: 2.000000\r\n\r\n", Control(Method.PLAY, 2.0)),
        ("PLAY RTSP/1.0\nCSeq: 4\nrange: npt=0-\n", Control(Method.PLAY, None, True)),
        ("PLAY RTSP/1.0\r\nScale: 1.0\r\nRange: npt=196-\r\n", Control(Method.PLAY, 1.0, True)),
        ("PLAY RTSP/1.0\r\nScale: -1.0\r\nRange: npt=600-120\r\n", Control(Method.PLAY, -1.0, True)),
        ("PLAY RTSP/1.0\r\nRange: smpte=0:10:20-\r\n", Control(Method.PLAY, None, True)),
        ("PLAY RTSP/1.0\r\nScale: nan\r\n", Control(Method.PLAY)),
        ("TEARDOWN RTSP/1.0\r\nCSeq: 5\r\n\r\n", Control(Method.TEARDOWN)),
        ("RTSP/1.0 200 OK\r\n", None),
        ("", None),
        ("PAUSE" + " " * 5000, None),
    ],
)
def test_a_control_is_read(body, control):
    assert read_control(body.encode()) == control


@given(st.binary(max_size=300))
def test_no_body_is_fatal(body):
    read_control(body)
    read_control(b"PLAY RTSP/1.0\r\n" + body)
