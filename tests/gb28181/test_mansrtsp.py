"""Controls of a recording, read as far as a relay must."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gb28181.mansrtsp import Control, Method, pause, read_control, resume, scale, seek


@pytest.mark.parametrize(
    ("body", "control"),
    [
        ("PAUSE RTSP/1.0\r\nCSeq: 1\r\nPauseTime: now\r\n\r\n", Control(Method.PAUSE)),
        ("PLAY MANSRTSP/1.0\r\nCSeq: 2\r\nRange: npt=now-\r\n\r\n", Control(Method.PLAY)),
        ("PLAY RTSP/1.0\r\nCSeq: 2\r\nRange: ntp=now-", Control(Method.PLAY)),
        ("PLAY RTSP/1.0\r\nCSeq: 3\r\nScale: 2.000000\r\n\r\n", Control(Method.PLAY, 2.0)),
        ("PLAY RTSP/1.0\nCSeq: 4\nrange: npt=0-\n", Control(Method.PLAY, None, True, 0.0)),
        ("PLAY RTSP/1.0\r\nScale: 1.0\r\nRange: npt=196-\r\n", Control(Method.PLAY, 1.0, True, 196.0)),
        ("PLAY RTSP/1.0\r\nScale: -1.0\r\nRange: npt=600-120\r\n", Control(Method.PLAY, -1.0, True, 600.0)),
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


def test_what_we_write_is_what_the_standard_prints():
    assert pause(1) == b"PAUSE RTSP/1.0\r\nCSeq: 1\r\nPauseTime: now\r\n\r\n"
    assert resume(2) == b"PLAY RTSP/1.0\r\nCSeq: 2\r\nRange: npt=now-\r\n\r\n"
    assert scale(3, 2) == b"PLAY RTSP/1.0\r\nCSeq: 3\r\nScale: 2.0\r\n\r\n"
    assert scale(4, 0.125) == b"PLAY RTSP/1.0\r\nCSeq: 4\r\nScale: 0.125\r\n\r\n"
    assert scale(5, -1) == b"PLAY RTSP/1.0\r\nCSeq: 5\r\nScale: -1.0\r\n\r\n"
    assert seek(6, 100) == b"PLAY RTSP/1.0\r\nCSeq: 6\r\nRange: npt=100-\r\n\r\n"
    assert seek(7, 12.3456) == b"PLAY RTSP/1.0\r\nCSeq: 7\r\nRange: npt=12.346-\r\n\r\n"
    assert seek(8, 0) == b"PLAY RTSP/1.0\r\nCSeq: 8\r\nRange: npt=0-\r\n\r\n"


def test_what_we_write_is_what_we_read():
    assert read_control(seek(1, 100)) == Control(Method.PLAY, None, True, 100.0)
    assert read_control(scale(2, 4)) == Control(Method.PLAY, 4.0, False)
    assert read_control(resume(3)) == Control(Method.PLAY, None, False)
    assert read_control(pause(4)) == Control(Method.PAUSE)
