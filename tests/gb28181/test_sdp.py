"""Session descriptions: the normative order out, everything devices write in."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gb28181.dialect import DIALECTS, STANDARD, dialect_for
from gb28181.edition import Edition
from gb28181.sdp import (
    AUDIO_G711A,
    MAX_BYTES,
    PAYLOADS,
    Answer,
    Description,
    MediaFormat,
    Offer,
    answer_to,
    live_offer,
    parse_answer,
    parse_offer,
    parse_sdp,
    serialise,
)

CHANNEL = "34020000001320000001"


def crlf(text: str) -> bytes:
    return "".join(f"{line.strip()}\r\n" for line in text.strip().splitlines()).encode("gb18030")


LIVE = crlf(
    """
    v=0
    o=34020000001320000001 0 0 IN IP4 192.0.2.20
    s=Play
    c=IN IP4 192.0.2.20
    t=0 0
    m=video 30000 RTP/AVP 96 98 100
    a=recvonly
    a=rtpmap:96 PS/90000
    a=rtpmap:98 H264/90000
    a=rtpmap:100 H265/90000
    a=streamnumber:1
    y=0200000001
    f=v/////a///
    """
)
ANSWER = crlf(
    """
    v=0
    o=34020000001320000001 0 0 IN IP4 198.51.100.7
    s=Embedded Net DVR
    c=IN IP4 198.51.100.7
    t=0 0
    m=video 15060 RTP/AVP 96
    a=sendonly
    a=rtpmap:96 PS/90000
    y=0200000001
    f=v/5/6/25/2/2048a/1/8/1
    """
)
PLAYBACK = crlf(
    """
    v=0
    o=34020000001320000001 0 0 IN IP4 192.0.2.20
    s=Playback
    u=34020000001320000001:0
    c=IN IP4 192.0.2.20
    t=1767225600 1767229200
    m=video 30002 TCP/RTP/AVP 96
    a=recvonly
    a=rtpmap:96 PS/90000
    a=setup:passive
    a=connection:new
    y=1200000001
    """
)
AUDIO = crlf(
    """
    v=0
    o=34020000001370000001 0 0 IN IP4 198.51.100.7
    s=Play
    c=IN IP4 198.51.100.7
    t=0 0
    m=audio 40000 RTP/AVP 8
    a=recvonly
    a=rtpmap:8 PCMA/8000
    y=0200000002
    f=v/////a/1/8/1
    """
)


def test_a_live_offer_is_the_sample_of_the_reference() -> None:
    offer = live_offer(
        CHANNEL, "192.0.2.20", 30000, 200000001, "udp", dialect=STANDARD, edition=Edition.V2022, stream_number=1
    )
    assert serialise(replace(offer, f=MediaFormat())) == LIVE
    assert parse_offer(LIVE) == offer


def test_a_live_offer_of_2016_names_no_stream() -> None:
    text = serialise(live_offer(CHANNEL, "h", 30000, 1, "udp", edition=Edition.V2016, stream_number=1)).decode()
    assert "stream" not in text
    assert "m=video 30000 RTP/AVP 96 98 97\r\n" in text
    assert "y=0000000001\r\n" in text
    assert text.endswith("\r\n")


@pytest.mark.parametrize(
    ("dialect", "number", "line"),
    [
        ("dahua", 0, "a=streamprofile:0"),
        ("dahua", 1, "a=streamprofile:1"),
        ("tp-link", 0, "a=streamMode:MAIN"),
        ("tp-link", 2, "a=streamMode:SUB"),
        ("stream-attribute", 1, "a=stream:1"),
    ],
)
def test_a_dialect_picks_a_stream_in_its_own_words_and_only_in_them(dialect: str, number: int, line: str) -> None:
    offer = live_offer(
        CHANNEL, "h", 9, 1, "udp", dialect=DIALECTS[dialect], edition=Edition.V2022, stream_number=number
    )
    lines = serialise(offer).decode().split("\r\n")
    assert [each for each in lines if "stream" in each] == [line]
    assert parse_offer(serialise(offer)).stream_number == min(number, 1)


def test_the_ps_rtpmap_follows_the_direction_at_once() -> None:
    for transport in ("udp", "tcp-passive", "tcp-active"):
        lines = serialise(live_offer(CHANNEL, "h", 9, 1, transport)).decode().split("\r\n")
        at = lines.index("a=recvonly")
        assert lines[at + 1] == "a=rtpmap:96 PS/90000"


@pytest.mark.parametrize(("transport", "setup"), [("tcp-passive", "passive"), ("tcp-active", "active")])
def test_the_receiver_names_its_role_and_the_sender_the_other(transport: str, setup: str) -> None:
    offer = live_offer(CHANNEL, "192.0.2.20", 30000, 1, transport)
    text = serialise(offer).decode()
    assert "TCP/RTP/AVP 96 98 97\r\n" in text and f"a=setup:{setup}\r\na=connection:new\r\n" in text
    assert parse_offer(text.encode()) == offer
    answer = answer_to(offer, owner=CHANNEL, host="198.51.100.7", port=20000)
    assert answer.setup != setup
    assert parse_answer(serialise(answer)).transport == transport
    assert parse_answer(serialise(answer), offer) == answer


def test_an_answer_that_repeats_our_role_or_forgets_tcp_means_as_we_asked() -> None:
    offer = live_offer(CHANNEL, "h", 9, 1, "tcp-passive")
    both_passive = ANSWER.replace(b"RTP/AVP", b"TCP/RTP/AVP").replace(b"y=", b"a=setup:passive\r\ny=")
    assert parse_answer(both_passive, offer).transport == "tcp-passive"
    assert parse_answer(ANSWER, offer).transport == "tcp-passive"
    assert parse_answer(both_passive).transport == "tcp-active"


def test_an_unknown_transport_is_refused() -> None:
    with pytest.raises(ValueError):
        live_offer(CHANNEL, "h", 9, 1, "sctp")


def test_an_answer_says_where_media_comes_from() -> None:
    answer = parse_answer(ANSWER)
    assert (answer.host, answer.port, answer.ssrc, answer.transport) == ("198.51.100.7", 15060, 200000001, "udp")
    assert answer.payload_map() == {96: "PS"}
    assert answer.f == MediaFormat("5", "6", "25", "2", "2048", "1", "8", "1")


def test_a_playback_offer_is_read_and_written_as_it_was() -> None:
    offer = parse_offer(PLAYBACK)
    assert (offer.uri, offer.start, offer.stop) == (f"{CHANNEL}:0", 1767225600, 1767229200)
    assert not offer.is_live
    assert serialise(offer) == PLAYBACK
    download = replace(offer, session="Download", downloadspeed=4)
    assert b"a=connection:new\r\na=downloadspeed:4\r\ny=" in serialise(download)
    assert parse_offer(serialise(download)) == download
    answer = answer_to(download, owner=CHANNEL, host="198.51.100.7", port=15060, filesize=734003200)
    assert b"a=filesize:734003200\r\n" in serialise(answer)
    assert parse_answer(serialise(answer), download) == answer


def test_a_broadcast_offer_of_a_device_is_audio_that_the_device_receives() -> None:
    offer = parse_offer(AUDIO)
    assert (offer.media, offer.payload_map(), offer.f) == ("audio", {8: "PCMA"}, AUDIO_G711A)
    assert serialise(offer) == AUDIO
    assert answer_to(offer, owner="p", host="h", port=30004).direction == "sendonly"


def changed(old: bytes, new: bytes, body: bytes = ANSWER) -> Answer:
    assert old in body
    return parse_answer(body.replace(old, new))


@pytest.mark.parametrize(
    "body",
    [
        ANSWER.replace(b"\r\n", b"\n"),
        ANSWER.replace(b"\r\n", b"\r"),
        ANSWER[:-2],
        ANSWER + b"\x00\x00",
        ANSWER + b"\r\n\r\n",
        ANSWER.replace(b"\r\n", b"  \r\n"),
        ANSWER.replace(b"a=", b"A="),
        ANSWER.replace(b"sendonly", b"SENDONLY"),
        ANSWER.replace(b"s=", b"i=VCam Live Video\r\nb=AS:4096\r\ns="),
        ANSWER.replace(b"c=IN IP4 198.51.100.7\r\nt=0 0\r\n", b"t=0 0\r\n").replace(
            b"a=sendonly", b"c=IN IP4 198.51.100.7\r\na=sendonly"
        ),
        ANSWER.replace(b"c=IN IP4 198.51.100.7\r\n", b""),
        ANSWER.replace(b"m=video", b"m=audio 0 RTP/AVP 8\r\nm=video"),
        ANSWER.replace(b"m=video", b"m=application 9 UDP/BFCP *\r\nm=video"),
        ANSWER + b"m=audio 15062 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n",
        ANSWER.replace(b"t=0 0\r\n", b""),
        ANSWER.replace(b"y=0200000001", b"y=200000001"),
        ANSWER.replace(b"a=sendonly", b"a=unknown:1\r\na=sendonly"),
        ANSWER.replace(b"rtpmap:96 PS/90000", b"rtpmap: 96  ps/90000/1"),
    ],
)
def test_field_habits_change_nothing_that_matters(body: bytes) -> None:
    read, plain = parse_answer(body), parse_answer(ANSWER)
    for attribute in ("host", "port", "ssrc", "transport", "media", "start", "stop"):
        assert getattr(read, attribute) == getattr(plain, attribute)
    assert read.payload_map() == plain.payload_map()


def test_hints_are_never_a_reason_to_refuse() -> None:
    for said, codec in (
        (b"", ""),
        (b"v/a/1/8/1", ""),
        (b"v/0/0/0/0/0a/0/0/0", "0"),
        (b"v/2", "2"),
        (b"v/2/6/25a", "2"),
    ):
        answer = changed(b"v/5/6/25/2/2048a/1/8/1", said)
        assert (answer.f.video_codec if answer.f else "") == codec


@pytest.mark.parametrize(("y", "ssrc"), [(b"0", None), (b"", None), (b"abc", None), (b"99999999999", None), (b"7", 7)])
def test_a_y_line_that_says_nothing_is_none(y: bytes, ssrc: int | None) -> None:
    assert changed(b"y=0200000001", b"y=" + y).ssrc == ssrc
    assert changed(b"y=0200000001\r\n", b"").ssrc is None


def test_payloads_are_named_by_rtpmap_then_by_the_table_and_vendor_names_stay() -> None:
    answer = changed(b"96\r\na=sendonly\r\na=rtpmap:96 PS/90000", b"96 8 111 126\r\na=rtpmap:126 DAHUA/90000")
    assert answer.payload_map() == {96: "PS", 8: "PCMA", 111: "", 126: "DAHUA"}
    assert changed(b"a=rtpmap:96 PS/90000", b"a=rtpmap:96 H265/90000").payload_map() == {96: "H265"}
    assert PAYLOADS[8] == (8, "PCMA", 8000)


def test_an_unknown_size_of_a_download_is_none() -> None:
    assert changed(b"a=sendonly", b"a=sendonly\r\na=filesize:-1").filesize is None
    assert changed(b"a=sendonly", b"a=sendonly\r\na=filesize:5").filesize == 5


def test_an_active_sender_need_not_name_a_port() -> None:
    body = ANSWER.replace(b"video 15060 RTP/AVP", b"video 0 TCP/RTP/AVP").replace(b"y=", b"a=setup:active\r\ny=")
    assert (parse_answer(body).transport, parse_answer(body).port) == ("tcp-passive", 0)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"v=0\r\n",
        ANSWER.replace(b"m=video", b"x=video"),
        ANSWER.replace(b"15060", b"0"),
        ANSWER.replace(b"15060", b"70000"),
        ANSWER.replace(b"15060", b"-1"),
        ANSWER.replace(b"m=video 15060 RTP/AVP 96", b"m=video"),
        ANSWER.replace(b"m=video", b"m=text"),
        ANSWER.replace(b"RTP/AVP", b"UDP/TLS"),
        b"a=x\r\n" * 600 + ANSWER,
        b"a=" + b"x" * MAX_BYTES + b"\r\n" + ANSWER,
    ],
    ids=lambda body: repr(body[:30]),
)
def test_what_offers_no_media_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError):
        parse_answer(body)


def test_no_text_breaks_out_of_its_line() -> None:
    text = serialise(Offer(owner="x\r\ny=1", session="Play\nm=video 1 RTP/AVP 96", host="h", port=9)).decode()
    assert text.count("\r\n") == len(text.split("\r\n")) - 1 == 6
    assert "\r\ny=" not in text


LINES = [line + b"\r\n" for line in (LIVE + PLAYBACK + AUDIO).split(b"\r\n") if line] + [
    b"m=", b"m=video 1 RTP/AVP 999999 x", b"a=rtpmap:", b"a=rtpmap:96", b"a=fmtp:x y", b"y=", b"f=v", b"c=IN", b"o=",
    b"t=x y", b"=", b"\n", b"a=setup:actpass\r\n", b"\xd6\r\n", b"m=video 9 TCP/RTP/AVP 96\r\n",
]  # fmt: skip


@settings(max_examples=300)
@given(st.lists(st.sampled_from(LINES), max_size=20).map(b"".join))
def test_lines_in_disorder_are_read_or_refused(body: bytes) -> None:
    for read in (parse_sdp, parse_offer, parse_answer):
        try:
            said: Description = read(body)
        except ValueError:
            continue
        assert said.transport in ("udp", "tcp-passive", "tcp-active")
        assert 0 <= said.port <= 65535


@settings(max_examples=200)
@given(st.binary(max_size=300))
def test_noise_is_read_or_refused(noise: bytes) -> None:
    for body in (noise, ANSWER + noise, LIVE[:60] + noise + LIVE[60:]):
        try:
            parse_sdp(body)
        except ValueError:
            pass


name = st.text("ABCXYZ019", min_size=1, max_size=6)
payload = st.tuples(st.integers(96, 127), name, st.integers(1, 90000))
field = st.text("0123456789", max_size=4)


@settings(max_examples=150)
@given(
    st.builds(
        Offer,
        owner=st.text("0123456789", min_size=1, max_size=20),
        session=st.sampled_from(["Play", "Playback", "Download", "Talk"]),
        host=st.sampled_from(["192.0.2.20", "2001:db8::1", "media.example"]),
        port=st.integers(1, 65535),
        media=st.sampled_from(["video", "audio"]),
        payloads=st.lists(payload, min_size=1, max_size=5, unique_by=lambda one: one[0]).map(tuple),
        direction=st.sampled_from(["", "recvonly"]),
        ssrc=st.none() | st.integers(1, 2**32 - 1),
        stream_selector=st.sampled_from([(), ("streamnumber:1",), ("streamMode:SUB",), ("streamprofile:0",)]),
        start=st.integers(0, 2**33),
        stop=st.integers(0, 2**33),
        uri=st.sampled_from(["", f"{CHANNEL}:0", f"http://{CHANNEL}/d/1.ps"]),
        downloadspeed=st.none() | st.integers(0, 32),
        filesize=st.none() | st.integers(0, 10**15),
        f=st.none() | st.builds(MediaFormat, video_codec=field.filter(bool), video_kbps=field, audio_rate=field),
        transport=st.just("udp"),
    ),
    st.sampled_from(["udp", "tcp-passive", "tcp-active"]),
)
def test_every_offer_comes_back(offer: Offer, transport: str) -> None:
    setup = {"udp": "", "tcp-passive": "passive", "tcp-active": "active"}[transport]
    sent = replace(offer, transport=transport, setup=setup)
    assert parse_offer(serialise(sent)) == sent


def test_a_dialect_is_found_by_name_then_by_maker_then_by_user_agent() -> None:
    assert dialect_for("dahua", "HIKVISION", "").name == "dahua"
    assert dialect_for("", "HIKVISION", "Dahua").name == "hikvision"
    assert dialect_for("", " 海康威视", "").name == "hikvision"
    assert dialect_for("", "", "Dahua SIP UAS V1.0").name == "dahua"
    assert dialect_for("no such", "ACME", "eXosip/4.1.0") is STANDARD
    assert dialect_for("", "", "") is STANDARD
    assert all(name == dialect.name for name, dialect in DIALECTS.items())
