"""The words of RTSP: addresses, challenges, descriptions, and the bytes of a connection."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from media.aac import AacFormat
from media.frame import Codec
from media.sources.address import Address, joined
from media.sources.challenge import Challenge, answer, challenges, strongest
from media.sources.description import read
from media.sources.wire import LARGEST_BODY, LARGEST_HEAD, Answer, Asked, NotRtsp, Packet, Wire, reply, request

# --- addresses ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "host", "port", "written"),
    [
        ("rtsp://10.0.0.9/live", "10.0.0.9", 554, "rtsp://10.0.0.9/live"),
        ("RTSP://cam-1.local:8554", "cam-1.local", 8554, "rtsp://cam-1.local:8554"),
        ("rtsp://[fe80::1]/a?b=c&d=e", "fe80::1", 554, "rtsp://[fe80::1]/a?b=c&d=e"),
        ("rtsp://[2001:DB8::9]:1/", "2001:db8::9", 1, "rtsp://[2001:db8::9]:1/"),
        ("rtsp://10.0.0.9?ch=1", "10.0.0.9", 554, "rtsp://10.0.0.9/?ch=1"),
        ("rtsp://10.0.0.9/a b/北门", "10.0.0.9", 554, "rtsp://10.0.0.9/a%20b/%E5%8C%97%E9%97%A8"),
        ("rtsp://10.0.0.9/a#b", "10.0.0.9", 554, "rtsp://10.0.0.9/a"),
    ],
)
def test_an_address_is_read_and_written(text: str, host: str, port: int, written: str) -> None:
    address = Address.read(text)
    assert (address.host, address.port, str(address)) == (host, port, written)
    assert Address.read(str(address)) == address


@pytest.mark.parametrize(
    "text",
    [
        "http://10.0.0.9/live",
        "rtsps://10.0.0.9/live",
        "rtsp://",
        "rtsp:///live",
        "rtsp://10.0.0.9:0/",
        "rtsp://10.0.0.9:99999/",
        "rtsp://10.0.0.9:x/",
        "rtsp://10.0.0.256/",
        "rtsp://[::1/",
        "rtsp://[::1]x/",
        "rtsp://user:secret@10.0.0.9/",
        "rtsp://10.0.0.9/\r\nX-Header: 1",
        "rtsp://a_b c/",
        "rtsp://10.0.0.9/" + "a" * 3000,
        "file:///etc/passwd",
    ],
)
def test_what_is_no_address_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ValueError) as refused:
        Address.read(text)
    assert "secret" not in str(refused.value)


@given(st.text(max_size=60), st.text(max_size=60))
def test_whatever_is_accepted_is_one_word_of_ascii(place: str, path: str) -> None:
    try:
        written = str(Address.read(f"rtsp://{place}/{path}"))
    except ValueError:
        return
    assert written.isascii() and len(written.split()) == 1


@pytest.mark.parametrize(
    ("base", "control", "whole"),
    [
        ("rtsp://h/live/", "trackID=1", "rtsp://h/live/trackID=1"),
        ("rtsp://h/live", "trackID=1", "rtsp://h/live/trackID=1"),
        ("rtsp://h/live", "*", "rtsp://h/live"),
        ("rtsp://h/live", "", "rtsp://h/live"),
        ("rtsp://h/live", "rtsp://h/other/1", "rtsp://h/other/1"),
        ("rtsp://h/cam?channel=1&subtype=0", "trackID=0", "rtsp://h/cam?channel=1&subtype=0/trackID=0"),
        ("rtsp://h/live", "/trackID=1", "rtsp://h/live/trackID=1"),
    ],
)
def test_the_address_of_a_medium_is_put_behind_the_base(base: str, control: str, whole: str) -> None:
    assert joined(base, control) == whole


# --- challenges --------------------------------------------------------------------------------------------------


def test_the_digest_of_rfc_2069_as_rtsp_servers_ask_for_it():
    # RFC 2617 3.5's values, without qop: HA1:nonce:HA2.
    (found,) = challenges(['Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"'])
    said = answer(found, "Mufasa", "Circle Of Life", "GET", "/dir/index.html")
    assert 'response="670fd8c2df070c60b045671b8b24ff02"' in said
    assert "algorithm" not in said and "qop" not in said


def test_the_digest_of_rfc_2617_with_qop():
    header = (
        'Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
        'opaque="5ccc069c403ebaf9f0171e9517f40e41"'
    )
    said = answer(challenges([header])[0], "Mufasa", "Circle Of Life", "GET", "/dir/index.html", cnonce="0a4f113b")
    assert 'response="6629fae49393a05397450978507c4ef1"' in said
    assert 'opaque="5ccc069c403ebaf9f0171e9517f40e41"' in said and "nc=00000001" in said


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_digests_of_rfc_7616(algorithm: str, response: str) -> None:
    offered = Challenge(
        "digest",
        "http-auth@example.org",
        "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",
        algorithm,
        "auth",
    )
    said = answer(
        *(offered, "Mufasa", "Circle of Life", "GET", "/dir/index.html"),
        cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    )
    assert f'response="{response}"' in said and f"algorithm={algorithm}" in said


def test_basic_is_met_only_where_there_is_no_digest():
    basic, weak, strong = (
        'Basic realm="cam"',
        'Digest realm="cam", nonce="n1", algorithm=MD5',
        'Digest realm="cam", nonce="n2", algorithm=SHA-256',
    )
    assert strongest(challenges([basic])).scheme == "basic"  # type: ignore[union-attr]  # it is there
    assert strongest(challenges([basic, weak])).nonce == "n1"  # type: ignore[union-attr]
    assert strongest(challenges([f"{basic}, {weak}, {strong}"])).nonce == "n2"  # type: ignore[union-attr]
    assert answer(challenges([basic])[0], "Aladdin", "open sesame", "DESCRIBE", "*") == (
        "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
    )


@pytest.mark.parametrize(
    "header",
    [
        'Digest realm="cam", nonce="n", algorithm=SHA-512-256',
        'Digest realm="cam", nonce="n", qop="auth-int"',
        'Digest realm="cam"',
        "Negotiate abc",
        "",
    ],
)
def test_what_cannot_be_met_is_not_met(header: str) -> None:
    assert strongest(challenges([header])) is None


@given(st.lists(st.text(max_size=200), max_size=4), st.text(max_size=20), st.text(max_size=20))
@example(['Digest nonce="a\\"b", realm="x"'], 'u"', "p")
def test_any_challenge_is_met_or_not_but_never_fails(headers: list[str], user: str, password: str) -> None:
    found = strongest(challenges(headers))
    if found is not None:
        assert answer(found, user, password, "DESCRIBE", "rtsp://h/", cnonce="c").startswith(("Basic ", "Digest "))


# --- descriptions ------------------------------------------------------------------------------------------------

CAMERA = b"""v=0\r
o=- 1 1 IN IP4 10.0.0.9\r
s=Media\r
a=control:rtsp://10.0.0.9/live/\r
m=video 0 RTP/AVP 96\r
a=rtpmap:96 H264/90000\r
a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z2QAH6zZQFAFumoCAgKAAAH0AABhqB4wYyw=,aO+8sA==\r
a=control:trackID=1\r
m=audio 0 RTP/AVP 97 8\r
a=rtpmap:97 MPEG4-GENERIC/16000/1\r
a=fmtp:97 streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1408\r
a=control:trackID=2\r
m=application 0 RTP/AVP 107\r
a=rtpmap:107 vnd.onvif.metadata/90000\r
"""


def test_a_camera_s_description_tells_picture_and_sound():
    found = read(CAMERA)
    assert found.control == "rtsp://10.0.0.9/live/"
    assert found.video is not None and found.sound is not None
    assert (found.video.codec, found.video.payload_type, found.video.clock_hz) == (Codec.H264, 96, 90_000)
    assert [unit[0] & 0x1F for unit in found.video.sets] == [7, 8]
    assert found.video.control == "trackID=1"
    assert (found.sound.codec, found.sound.clock_hz, found.sound.aac) == (Codec.AAC, 16_000, AacFormat(2, 16_000, 1))
    assert found.names == ("H.264", "AAC", "VND.ONVIF.METADATA")


def test_of_several_types_the_one_that_we_can_take_is_taken():
    found = read(b"v=0\nm=video 0 RTP/AVP 98 96\na=rtpmap:98 VP8/90000\na=rtpmap:96 H265/90000\nm=audio 0 RTP/AVP 8\n")
    assert found.video is not None and found.video.payload_type == 96
    assert found.sound is not None and (found.sound.codec, found.sound.clock_hz) == (Codec.G711A, 8_000)


@pytest.mark.parametrize(
    "fmtp",
    ["mode=generic;config=1408", "mode=AAC-hbr;sizelength=6;config=1408", "mode=AAC-hbr;config=zz", "mode=AAC-hbr"],
)
def test_aac_of_another_kind_is_left_out(fmtp: str) -> None:
    text = f"v=0\nm=audio 0 RTP/AVP 97\na=rtpmap:97 mpeg4-generic/16000\na=fmtp:97 {fmtp}\n"
    assert read(text.encode()).sound is None


def test_a_page_of_the_web_is_no_description():
    with pytest.raises(ValueError, match="no session description"):
        read(b"<html><body>404</body></html>")


@given(st.binary(max_size=400) | st.text(alphabet="vam=:0123456789 rtpfm/;,\n", max_size=400).map(str.encode))
def test_any_description_is_read_or_refused(text: bytes) -> None:
    try:
        found = read(text)
    except ValueError:
        return
    assert len(found.names) == len(found.media) <= 16


# --- the wire ----------------------------------------------------------------------------------------------------

OK = b"RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Length: 5\r\nWWW-Authenticate: a\r\nWWW-Authenticate: b\r\n\r\nhello"


def test_answers_requests_and_media_come_apart_wherever_the_bytes_are_cut():
    stream = OK + b"$\x00\x00\x03abc" + b"\r\nOPTIONS * RTSP/1.0\r\nCSeq: 9\r\n\r\n$\x01\x00\x00"
    whole = Wire().feed(stream)
    assert [type(each) for each in whole] == [Answer, Packet, Asked, Packet]
    answered = whole[0]
    assert isinstance(answered, Answer)
    assert (answered.status, answered.body, answered.all("www-authenticate")) == (200, b"hello", ["a", "b"])
    for size in (1, 2, 3, 7):
        wire = Wire()
        assert [p for at in range(0, len(stream), size) for p in wire.feed(stream[at : at + size])] == whole


def test_garbage_between_packets_is_skipped_and_counted():
    wire = Wire()
    assert wire.feed(b"$\x00\x00\x01a" + b"\xff\xfe junk \x00" + b"$\x00\x00\x01b") == [
        Packet(0, b"a"),
        Packet(0, b"b"),
    ]
    assert wire.garbage == 9


@pytest.mark.parametrize(
    "stream",
    [
        b"\xff" * 70_000,
        b"HTTP/1.1 200 OK\r\n" * 5_000,
        b"RTSP/1.0 200 OK\r\n" + b"X: y\r\n" * (LARGEST_HEAD // 6 + 1),
        b"RTSP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % (LARGEST_BODY + 1),
    ],
)
def test_what_is_no_rtsp_or_too_large_is_given_up(stream: bytes) -> None:
    with pytest.raises(NotRtsp):
        Wire().feed(stream)


@given(
    st.lists(st.binary(max_size=200) | st.sampled_from([OK, b"$\x00\x00\x02", b"RTSP/1.0 ", b"\r\n\r\n"]), max_size=20)
)
def test_any_bytes_are_read_or_refused_and_little_is_kept(parts: list[bytes]) -> None:
    wire = Wire()
    try:
        for part in parts:
            wire.feed(part)
    except NotRtsp:
        return
    assert len(wire._waiting) <= 2 * 65_540


def test_our_own_words_are_what_the_wire_reads():
    (asked,) = Wire().feed(request("GET_PARAMETER", "rtsp://h/live", 7, (("Session", "abc"),)))
    assert asked == Asked("GET_PARAMETER", (("cseq", "7"), ("session", "abc")))
    (answered,) = Wire().feed(reply(501, "Not Implemented", "7\r\nX: y"))
    assert isinstance(answered, Answer) and answered.header("cseq") == "0"
