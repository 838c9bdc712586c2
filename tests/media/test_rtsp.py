"""The conversation with an RTSP server, told by what it answers: no sockets, and time is a number."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.plane import Verdict
from media.sources.address import Address
from media.sources.rtsp import Described, Event, Media, Moved, Over, Phase, Playing, Rtsp, Wish

URL = "rtsp://10.0.0.9/live"
SDP = (
    b"v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=1\r\n"
    b"m=audio 0 RTP/AVP 8\r\na=control:trackID=2\r\n"
)
DIGEST = 'Digest realm="cam", nonce="{nonce}", algorithm=MD5, qop="auth"'


class Server:
    """Answers what was asked, with what the story says."""

    def __init__(self, **wish: Any) -> None:
        self.rtsp = Rtsp(Wish(Address.read(URL), **wish), cnonce=lambda: "c")
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.now = 0.0
        self.events: list[Event] = []
        self.rtsp.begin(0.0)
        self._take()

    def _take(self) -> None:
        for text in self.rtsp.take_out().decode().split("\r\n\r\n")[:-1]:
            line, *headers = text.split("\r\n")
            method, uri, _ = line.split(" ")
            self.asked.append((method, uri, dict(each.split(": ", 1) for each in headers)))

    def say(self, data: bytes) -> list[Event]:
        events = self.rtsp.receive(data, self.now)
        self.events += events
        self._take()
        return events

    def answer(self, status: int, *headers: str, reason: str = "OK", body: bytes = b"") -> list[Event]:
        """To the last request."""
        lines = [f"RTSP/1.0 {status} {reason}", f"CSeq: {self.asked[-1][2]['CSeq']}", *headers]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        return self.say(("\r\n".join(lines) + "\r\n\r\n").encode() + body)

    def tick(self, now: float) -> list[Event]:
        self.now = now
        events = self.rtsp.tick(now)
        self.events += events
        self._take()
        return events

    @property
    def methods(self) -> list[str]:
        return [method for method, _, _ in self.asked]

    def play(self, transport: str = "RTP/AVP/TCP;unicast;interleaved=0-1", session: str = "77;timeout=20") -> Playing:
        self.answer(200, "Public: OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN")
        self.answer(200, "Content-Base: rtsp://192.168.1.64/live/", body=SDP)
        self.answer(200, f"Session: {session}", f"Transport: {transport}")
        self.answer(200, f"Session: {session}", f"Transport: {transport.replace('0-1', '2-3')}")
        events = self.answer(200, f"Session: {session}")
        (playing,) = [each for each in events if isinstance(each, Playing)]
        return playing


def over(server: Server) -> Over:
    (found,) = [each for each in server.events if isinstance(each, Over)]
    return found


def test_from_options_to_media_in_five_answers():
    server = Server()
    playing = server.play()
    assert server.methods == ["OPTIONS", "DESCRIBE", "SETUP", "SETUP", "PLAY"]
    # What a server calls itself behind a NAT is not where we ask on.
    assert [uri for _, uri, _ in server.asked[2:]] == [
        "rtsp://10.0.0.9/live/trackID=1",
        "rtsp://10.0.0.9/live/trackID=2",
        "rtsp://10.0.0.9/live/",
    ]
    assert server.asked[2][2]["Transport"] == "RTP/AVP/TCP;unicast;interleaved=0-1"
    assert "Session" not in server.asked[2][2] and server.asked[3][2]["Session"] == "77"
    assert [track.channel for track in playing.tracks] == [0, 2]
    assert server.say(b"$\x00\x00\x02ab$\x03\x00\x01c$\x09\x00\x01x") == [Media(0, False, b"ab"), Media(1, True, b"c")]
    assert server.rtsp.packets_of_nobody == 1


def test_over_udp_our_ports_are_named_and_its_ports_are_learnt():
    server = Server(ports=(30000, 30002))
    playing = server.play("RTP/AVP;unicast;client_port=30000-30001;server_port=6970-6971;source=10.0.0.10")
    assert server.asked[3][2]["Transport"] == "RTP/AVP;unicast;client_port=30002-30003"
    track = playing.tracks[0]
    assert (track.channel, track.host, track.port, track.rtcp_port) == (None, "10.0.0.10", 6970, 6971)


def test_the_session_is_kept_alive_twice_within_its_time_by_what_the_server_knows():
    server = Server()
    server.play()
    server.tick(9.9)
    assert server.methods[-1] == "PLAY"
    server.tick(10.0)
    assert server.methods[-1] == "GET_PARAMETER" and server.asked[-1][2]["Session"] == "77"
    server.answer(501, reason="Not Implemented")
    server.tick(20.0)
    assert server.methods[-1] == "OPTIONS"
    server.answer(200)
    assert server.rtsp.phase is Phase.PLAYING


def test_a_keepalive_without_an_answer_ends_it():
    server = Server(answer_s=5.0)
    server.play()
    server.tick(10.0)
    assert server.tick(14.9) == []
    server.tick(15.1)
    assert over(server).verdict is Verdict.LOST
    assert server.methods[-1] == "TEARDOWN"


def test_leaving_is_said_where_a_session_was_given():
    server = Server()
    server.play()
    server.rtsp.leave()
    server._take()
    assert server.asked[-1][:2] == ("TEARDOWN", "rtsp://10.0.0.9/live/")
    early = Server()
    early.rtsp.leave()
    early._take()
    assert early.methods == ["OPTIONS"]


def test_a_challenge_is_met_once_and_its_nonce_used_on():
    server = Server(user="admin", password="secret")
    server.answer(401, "WWW-Authenticate: " + DIGEST.format(nonce="n1"), reason="Unauthorized")
    assert server.methods == ["OPTIONS", "OPTIONS"]
    server.answer(200)
    assert (
        'nonce="n1"' in server.asked[-1][2]["Authorization"] and "nc=00000002" in server.asked[-1][2]["Authorization"]
    )
    server.answer(200, body=SDP)
    # Staleness in the middle: the same request once more with the new nonce.
    server.answer(401, "WWW-Authenticate: " + DIGEST.format(nonce="n2") + ", stale=true", reason="Unauthorized")
    assert server.methods[-2:] == ["SETUP", "SETUP"] and 'nonce="n2"' in server.asked[-1][2]["Authorization"]
    assert "secret" not in repr(server.rtsp._wish) + repr(server.rtsp)


@pytest.mark.parametrize(
    ("user", "words"),
    [("admin", "does not take our user and password"), ("", "wants a password")],
)
def test_a_password_that_is_wrong_or_missing_is_told_as_such(user: str, words: str) -> None:
    server = Server(user=user, password="x" if user else "")
    server.answer(200)
    for _ in range(3):
        if server.rtsp.is_over:
            break
        server.answer(401, "WWW-Authenticate: " + DIGEST.format(nonce="n1"), reason="Unauthorized")
    assert server.methods.count("DESCRIBE") == (2 if user else 1)
    assert over(server).verdict is Verdict.REFUSED and words in over(server).note


def test_a_server_that_changes_its_nonce_for_ever_is_not_followed_for_ever():
    server = Server(user="admin", password="x")
    for number in range(20):
        if server.rtsp.is_over:
            break
        header = "WWW-Authenticate: " + DIGEST.format(nonce=f"n{number}") + ", stale=true"
        server.answer(401, header, reason="Unauthorized")
    assert server.rtsp.is_over and len(server.asked) <= 4


@pytest.mark.parametrize(
    ("status", "reason", "words"),
    [(404, "Not Found", "DESCRIBE was answered 404 Not Found"), (503, "Busy", "DESCRIBE was answered 503 Busy")],
)
def test_a_refusal_is_told_in_the_server_s_own_words(status: int, reason: str, words: str) -> None:
    server = Server()
    server.answer(200)
    server.answer(status, reason=reason)
    assert over(server) == Over(Verdict.REFUSED, words, status)
    assert [(step.what, step.status) for step in server.rtsp.steps] == [("OPTIONS", 200), ("DESCRIBE", status)]


def test_options_that_nobody_knows_are_no_hindrance():
    server = Server()
    server.answer(501, reason="Not Implemented")
    assert server.methods[-1] == "DESCRIBE"


def test_a_camera_without_pictures_for_us_says_what_it_has():
    server = Server()
    server.answer(200)
    server.answer(200, body=b"v=0\r\nm=video 0 RTP/AVP 26\r\n")
    assert over(server).verdict is Verdict.UNSUPPORTED_CODEC and "JPEG" in over(server).note


def test_a_transport_that_the_server_does_not_take_is_told_by_its_number():
    server = Server()
    server.answer(200)
    server.answer(200, body=SDP)
    server.answer(461, reason="Unsupported Transport")
    assert over(server).status == 461


def test_a_server_that_would_send_otherwise_than_asked_is_not_let():
    for transport in ("RTP/AVP;multicast;destination=224.2.0.1;port=5000-5001", "RTP/AVP;unicast;server_port=1-2"):
        server = Server()
        server.answer(200)
        server.answer(200, body=SDP)
        server.answer(200, "Session: 1", f"Transport: {transport}")
        assert over(server).verdict is Verdict.REFUSED and server.methods[-1] == "TEARDOWN"


def test_sound_that_is_refused_leaves_the_picture():
    server = Server()
    server.answer(200)
    server.answer(200, body=SDP)
    server.answer(200, "Session: 1", "Transport: RTP/AVP/TCP;interleaved=4-5")
    server.answer(500, reason="Internal Server Error")
    (playing,) = [each for each in server.answer(200) if isinstance(each, Playing)]
    assert [track.channel for track in playing.tracks] == [4]


def test_a_redirection_is_told_and_one_to_another_world_refused():
    server = Server()
    server.answer(200)
    assert server.answer(302, "Location: rtsp://10.0.0.10:8554/x", reason="Moved") == [
        Moved(Address("10.0.0.10", 8554, "/x"))
    ]
    other = Server()
    other.answer(200)
    other.answer(302, "Location: http://10.0.0.10/", reason="Moved")
    assert over(other).verdict is Verdict.REFUSED


def test_requests_of_the_server_are_answered_and_its_good_bye_heeded():
    server = Server()
    server.play()
    server.rtsp.receive(b"GET_PARAMETER * RTSP/1.0\r\nCSeq: 5\r\n\r\nRECORD * RTSP/1.0\r\nCSeq: 6\r\n\r\n", 1.0)
    out = server.rtsp.take_out()
    assert re.findall(rb"RTSP/1.0 (\d+)[^\r]*\r\nCSeq: (\d)", out) == [(b"200", b"5"), (b"501", b"6")]
    server.events += server.rtsp.receive(b"TEARDOWN * RTSP/1.0\r\nCSeq: 7\r\n\r\n", 1.0)
    assert over(server).verdict is Verdict.LOST


def test_silence_is_told_by_how_far_it_came():
    silent = Server(answer_s=5.0)
    silent.tick(5.1)
    assert over(silent).verdict is Verdict.CONNECTED_SILENT
    halfway = Server(answer_s=5.0)
    halfway.answer(200)
    halfway.tick(5.1)
    assert over(halfway).verdict is Verdict.REFUSED and "DESCRIBE was not answered" in over(halfway).note


def test_only_describing_ends_with_the_description():
    server = Server(only_describe=True)
    server.answer(200)
    (told,) = server.answer(200, body=SDP)
    assert isinstance(told, Described) and server.rtsp.is_over and server.methods == ["OPTIONS", "DESCRIBE"]


def test_an_answer_without_a_number_is_taken_for_the_one_that_is_awaited():
    server = Server()
    server.say(b"RTSP/1.0 200 OK\r\n\r\n")
    assert server.methods[-1] == "DESCRIBE"
    server.say(b"RTSP/1.0 200 OK\r\nCSeq: 99\r\n\r\n")
    assert server.methods[-1] == "DESCRIBE"


ANSWERS = st.sampled_from(
    [
        b"RTSP/1.0 200 OK\r\nCSeq: %d\r\n\r\n",
        b"RTSP/1.0 200 OK\r\nCSeq: %d\r\nContent-Length: " + str(len(SDP)).encode() + b"\r\n\r\n" + SDP,
        b'RTSP/1.0 401 No\r\nCSeq: %d\r\nWWW-Authenticate: Digest nonce="x"\r\n\r\n',
        b"RTSP/1.0 200 OK\r\nCSeq: %d\r\nSession: 5;timeout=0\r\nTransport: RTP/AVP/TCP;interleaved=9\r\n\r\n",
        b"RTSP/1.0 200 OK\r\nCSeq: %d\r\nSession: ;;;\r\nTransport: ;;=;interleaved=999-1,\r\n\r\n",
        b"RTSP/1.0 302 No\r\nCSeq: %d\r\nLocation: rtsp://\xff\r\n\r\n",
        b"RTSP/1.0 200 OK\r\nCSeq: %d\r\nContent-Base: rtsp://x y\r\n\r\n",
        b"$\x00\x00\x01%d",
        b"REDIRECT * RTSP/1.0\r\nCSeq: %d\r\n\r\n",
    ]
)


@given(st.lists(st.tuples(ANSWERS, st.integers(0, 8), st.binary(max_size=8), st.floats(0, 30)), max_size=12))
def test_whatever_a_server_says_the_conversation_goes_on_or_ends_once(
    said: list[tuple[bytes, int, bytes, float]],
) -> None:
    rtsp = Rtsp(Wish(Address.read(URL), "admin", "x"))
    rtsp.begin(0.0)
    now, events = 0.0, []
    for text, number, noise, pause_s in said:
        now += pause_s
        events += rtsp.receive((text % number) + noise, now)
        events += rtsp.tick(now)
        sent = rtsp.take_out()
        assert len(sent) < 4_000
    assert sum(isinstance(each, Over | Moved) for each in events) == (rtsp.phase is Phase.OVER)
