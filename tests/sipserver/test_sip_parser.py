"""What the parser forgives, what it refuses, and that it stays within its bounds."""

from __future__ import annotations

import time

import pytest

from sipserver.sip.limits import Limits
from sipserver.sip.message import Headers, Request, Response, response_to, serialise
from sipserver.sip.parser import BadMessage, KeepAlive, StreamParser, parse_datagram

REGISTER = (
    b"REGISTER sip:34010200002000000001@3401020000 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.21:5060;rport;branch=z9hG4bKr1\r\n"
    b"From: <sip:34010200001320000001@3401020000>;tag=u1\r\n"
    b"To: <sip:34010200001320000001@3401020000>\r\n"
    b"Call-ID: r-77@192.0.2.21\r\n"
    b"CSeq: 1 REGISTER\r\n"
    b"Contact: <sip:34010200001320000001@192.0.2.21:5060>\r\n"
    b"Max-Forwards: 70\r\n"
    b"Expires: 86400\r\n"
    b"X-GB-Ver: 3.0\r\n"
    b"Content-Length: 0\r\n\r\n"
)
XML = "<?xml version='1.0'?>\r\n<Notify>\r\n<Name>东门</Name>\r\n</Notify>\r\n".encode("gb18030")


def request(raw: bytes) -> Request:
    message = parse_datagram(raw)
    assert isinstance(message, Request)
    return message


def with_body(body: bytes, declared: int | None, content_type: str = "Application/MANSCDP+xml") -> bytes:
    head = REGISTER.replace(b"REGISTER", b"MESSAGE").partition(b"Content-Length")[0]
    head += f"Content-Type: {content_type}\r\n".encode()
    if declared is not None:
        head += f"Content-Length: {declared}\r\n".encode()
    return head + b"\r\n" + body


def test_a_register_of_the_book_is_read_and_written_back_to_the_byte() -> None:
    register = request(REGISTER)
    assert serialise(register) == REGISTER
    assert register.method == "REGISTER"
    assert register.request_uri.user == "34010200002000000001"
    assert register.request_uri.host == "3401020000"
    assert register.from_.user == "34010200001320000001" and register.from_.tag == "u1"
    assert register.to.tag is None
    assert register.call_id == "r-77@192.0.2.21"
    assert register.cseq == (1, "REGISTER")
    assert register.contact is not None and register.contact.uri.port == 5060
    assert register.expires == 86400
    assert register.headers.get("x-gb-ver") == "3.0"
    assert register.via.host == "192.0.2.21" and register.via.port == 5060 and register.via.param("rport") == ""


@pytest.mark.parametrize(
    "changed",
    [
        REGISTER.replace(b"\r\n", b"\n"),
        b"\r\n\r\n" + REGISTER,
        REGISTER.replace(b"CSeq: 1 REGISTER", b"CSeq: 1 Register"),
        REGISTER.replace(b"REGISTER sip", b"register sip"),
        REGISTER.replace(b"Max-Forwards: 70\r\n", b""),
        REGISTER.replace(b"Call-ID", b"i").replace(b"Via", b"v").replace(b"From", b"f").replace(b"To:", b"t:"),
        REGISTER.replace(b"Call-ID:", b"CALL-id   :"),
        REGISTER.replace(b"Content-Length: 0\r\n", b""),
        REGISTER[:-2],
        REGISTER.replace(b"To: <sip:34010200001320000001@3401020000>", b"To: sip:34010200001320000001@3401020000"),
        REGISTER.replace(b"From: ", b"From:\r\n  "),
        REGISTER.replace(b"From: ", b"From: \r\n\t"),
    ],
    ids=[
        "line feeds alone",
        "blank lines in front",
        "method of CSeq in small letters",
        "method in small letters",
        "no Max-Forwards",
        "compact names",
        "blanks before the colon",
        "no Content-Length",
        "no empty line at the end",
        "no brackets",
        "folded with blanks",
        "folded with a tab",
    ],
)
def test_field_habits_are_forgiven(changed: bytes) -> None:
    register = request(changed)
    assert register.method == "REGISTER"
    assert register.cseq == (1, "REGISTER")
    assert register.from_.user == "34010200001320000001" and register.from_.tag == "u1"
    assert register.to.user == "34010200001320000001"
    assert register.call_id == "r-77@192.0.2.21"
    assert register.max_forwards == 70
    assert register.body == b""


def test_a_gb18030_name_is_readable_and_leaves_as_it_came() -> None:
    raw = REGISTER.replace(b"From: <", 'From: "东门摄像机𠀀" <'.encode("gb18030"))
    register = request(raw)
    assert register.from_.display == "东门摄像机𠀀"
    assert serialise(register) == raw
    answer = response_to(register, 200, to_tag="x")
    assert '"东门摄像机𠀀"'.encode("gb18030") in serialise(answer)


def test_utf8_and_plain_noise_in_headers_leave_as_they_came() -> None:
    for name in ("东门".encode(), b"\xff\xfe\x80 noise \x81"):
        raw = REGISTER.replace(b"X-GB-Ver: 3.0", b"User-Agent: " + name)
        assert serialise(request(raw)) == raw


def test_vias_may_stand_in_one_line_or_in_many() -> None:
    one = request(REGISTER.replace(b"branch=z9hG4bKr1", b"branch=z9hG4bKr1, SIP/2.0/TCP 192.0.2.9;branch=z9hG4bKx"))
    assert one.via.branch == "z9hG4bKr1"
    assert len(one.headers.items_of("Via")) == 2
    one.stamp("198.51.100.1", 9)
    assert one.headers.get("Via") == (
        "SIP/2.0/UDP 192.0.2.21:5060;branch=z9hG4bKr1;rport=9;received=198.51.100.1, "
        "SIP/2.0/TCP 192.0.2.9;branch=z9hG4bKx"
    )


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        (REGISTER.replace(b"SIP/2.0\r\nVia", b"SIP/3.0\r\nVia"), 505),
        (REGISTER.replace(b"CSeq: 1 REGISTER", b"CSeq: 1 MESSAGE"), 400),
        (REGISTER.replace(b"CSeq: 1 REGISTER", b"CSeq: one REGISTER"), 400),
        (REGISTER.replace(b"CSeq: 1 REGISTER\r\n", b""), 400),
        (REGISTER.replace(b"Call-ID: r-77@192.0.2.21", b"Call-ID:"), 400),
        (REGISTER.replace(b"Content-Length: 0", b"Content-Length: 0\r\nContent-Length: 5"), 400),
        (REGISTER.replace(b"Content-Length: 0", b"Content-Length: zero"), 400),
        (REGISTER.replace(b"To: <", b"To: <sip:other@x>\r\nTo: <"), 400),
        (REGISTER.replace(b"Expires", b"no colon here\r\nExpires"), 400),
        (REGISTER.replace(b"tag=u1", b"tag=u1" + b"x" * 9000), 400),
    ],
)
def test_what_is_ambiguous_is_refused_with_an_answer(changed: bytes, status: int) -> None:
    with pytest.raises(BadMessage) as caught:
        parse_datagram(changed)
    assert caught.value.status == status
    assert caught.value.answerable is not None


@pytest.mark.parametrize(
    "noise",
    [
        b"",
        b"\r\n\r\n",
        b"hello",
        b"\x00" * 40,
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        REGISTER.replace(b"Via", b"Vio"),
        b"SIP/2.0 200 OK\r\n\r\n",
        b"SIP/2.0 99 x\r\n\r\n",
        b"SIP/2.0\r\n\r\n",
        REGISTER.replace(b"Via", b"X-Long: " + b"a" * 20000 + b"\r\nVia"),
        REGISTER.replace(b"Via", b"X: 1\r\n" * 200 + b"Via"),
    ],
)
def test_noise_is_refused_without_an_answer(noise: bytes) -> None:
    with pytest.raises(BadMessage) as caught:
        parse_datagram(noise)
    assert caught.value.answerable is None


def test_a_datagram_that_holds_less_than_declared_is_refused_when_it_is_no_xml() -> None:
    with pytest.raises(BadMessage) as caught:
        parse_datagram(with_body(b"v=0\r\n", 50, "application/sdp"))
    assert caught.value.status == 400 and caught.value.answerable is not None


@pytest.mark.parametrize("declared", [len(XML), len(XML) - 2, len(XML) - 9, len(XML) + 4, None])
def test_an_xml_body_is_whole_whatever_its_sender_counted(declared: int | None) -> None:
    assert request(with_body(XML, declared)).body == XML


def test_an_xml_body_that_was_cut_is_refused() -> None:
    with pytest.raises(BadMessage):
        parse_datagram(with_body(XML[:-20], len(XML)))


def test_expires_is_found_in_the_contact_and_odd_ones_are_none() -> None:
    bare = REGISTER.replace(b"Expires: 86400\r\n", b"")
    assert request(bare).expires is None
    assert request(bare.replace(b":5060>\r\n", b":5060>;expires=600\r\n")).expires == 600
    assert request(REGISTER.replace(b"86400", b"soon")).expires is None
    assert request(REGISTER.replace(b"86400", b"1" + b"0" * 30)).expires == 2**32 - 1


def test_a_star_contact_is_no_address() -> None:
    assert request(REGISTER.replace(b"<sip:34010200001320000001@192.0.2.21:5060>", b"*")).contact is None


@pytest.mark.parametrize("name", [b"Call-ID: a\rb", b"Call-ID: a\r\n \rb", b"Subject:\r\n u\rv\r\nCall-ID: c"])
def test_a_lone_carriage_return_is_no_line_end_to_those_who_get_our_answer(name: bytes) -> None:
    register = request(REGISTER.replace(b"Call-ID: r-77@192.0.2.21", name))
    assert b"\r" not in serialise(response_to(register, 200)).replace(b"\r\n", b"")
    assert b"\r" not in serialise(register).replace(b"\r\n", b"")


@pytest.mark.parametrize("at", [b"sip:340", b"REGISTER", b" SIP/"])
def test_a_lone_carriage_return_in_the_start_line_is_refused(at: bytes) -> None:
    """Found by the fuzzer: it was taken, and could not be sent on."""
    with pytest.raises(BadMessage) as refused:
        parse_datagram(REGISTER.replace(at, at + b"\r", 1))
    assert refused.value.status == 400


def test_headers_are_one_dictionary_in_every_spelling() -> None:
    headers = Headers((("v", "1"), ("VIA", "2"), ("Subject", "a,b")))
    assert headers.all("Via") == ["1", "2"]
    assert headers.get("s") == "a,b" and "subject" in headers
    assert headers.items_of("Subject") == ["a", "b"]
    other = headers.with_("via", "3")
    assert other.all("Via") == ["3"] and headers.all("Via") == ["1", "2"]
    headers.remove("v")
    assert list(headers) == [("Subject", "a,b")]
    headers.add_first("Via", "0")
    headers.set_first("Via", "9")
    assert list(headers) == [("Via", "9"), ("Subject", "a,b")]


def test_a_response_copies_what_it_must_and_adds_one_tag() -> None:
    register = request(REGISTER.replace(b"Max-F", b"Record-Route: <sip:p>\r\nMax-F"))
    answer = response_to(register, 200, headers=(("Expires", "60"),), to_tag="s1", server="Lianwang")
    text = serialise(answer).decode()
    assert text.startswith("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.21:5060;rport;branch=z9hG4bKr1\r\n")
    assert "Record-Route: <sip:p>\r\n" in text
    assert "To: <sip:34010200001320000001@3401020000>;tag=s1\r\n" in text
    assert text.endswith("Expires: 60\r\nServer: Lianwang\r\nContent-Length: 0\r\n\r\n")
    assert "Record-Route" not in serialise(response_to(register, 401)).decode()
    tagged = request(REGISTER.replace(b"To: <sip:34010200001320000001@3401020000>", b"To: <sip:1@2>;TAG=x"))
    assert response_to(tagged, 200, to_tag="s1").headers.get("To") == "<sip:1@2>;TAG=x"


# Streams.


def messages(parser: StreamParser, *pieces: bytes) -> list[object]:
    return [item for piece in pieces for item in parser.feed(piece)]


def test_a_stream_is_cut_by_content_length_wherever_the_segments_end() -> None:
    whole = with_body(XML, len(XML)) + REGISTER + b"\r\n\r\n" + with_body(b"abc", 3)
    expected = [("MESSAGE", XML), ("REGISTER", b""), ("MESSAGE", b"abc")]
    for size in (1, 2, 7, 100, len(whole)):
        got = messages(StreamParser(), *(whole[at : at + size] for at in range(0, len(whole), size)))
        assert [(item.method, item.body) for item in got if isinstance(item, Request)] == expected


def test_a_double_blank_line_asks_for_an_answer_and_a_single_one_does_not() -> None:
    assert StreamParser().feed(b"\r\n\r\n") == [KeepAlive(is_ping=True)]
    assert StreamParser().feed(b"\r\n") == [KeepAlive(is_ping=False)]


def test_a_single_blank_line_before_a_message_loses_nothing() -> None:
    got = StreamParser().feed(b"\r\n" + REGISTER)
    assert isinstance(got[-1], Request)


def test_a_message_without_length_ends_with_its_head_on_a_stream() -> None:
    got = StreamParser().feed(REGISTER.replace(b"Content-Length: 0\r\n", b"") + REGISTER)
    assert [type(item) for item in got] == [Request, Request]


def test_a_refused_message_does_not_stop_the_one_behind_it() -> None:
    bad = with_body(b"abc", 3).replace(b"CSeq: 1 MESSAGE", b"CSeq: 1 INVITE")
    got = StreamParser().feed(bad + REGISTER)
    assert [type(item) for item in got] == [BadMessage, Request]


def test_noise_breaks_a_stream_for_good() -> None:
    parser = StreamParser()
    [bad] = parser.feed(b"\x16\x03\x01 this is not SIP\r\n\r\n" + REGISTER)
    assert isinstance(bad, BadMessage) and bad.fatal
    assert parser.broken and parser.feed(REGISTER) == [] and parser.held_bytes == 0


def test_a_head_without_end_is_cut_off_at_its_bound() -> None:
    parser = StreamParser(Limits(head_bytes=1000))
    got: list[object] = []
    for _ in range(50):
        got += parser.feed(b"X" * 100)
        assert parser.held_bytes <= 1200
    assert [type(item) for item in got] == [BadMessage]


def test_a_body_above_the_bound_is_refused_413_before_it_is_read() -> None:
    parser = StreamParser(Limits(body_bytes=1000))
    [bad] = parser.feed(with_body(b"", 5000))
    assert isinstance(bad, BadMessage) and bad.status == 413 and bad.answerable is not None
    assert parser.broken


def test_a_large_message_in_small_pieces_costs_linear_time() -> None:
    body = b"<x>" + b"a" * 3_000_000 + b"</x>"
    raw = with_body(body, len(body))
    parser = StreamParser()
    began = time.process_time()
    got = messages(parser, *(raw[at : at + 1448] for at in range(0, len(raw), 1448)))
    assert time.process_time() - began < 2.0
    assert isinstance(got[0], Request) and got[0].body == body


def test_a_response_is_read_on_a_stream() -> None:
    [got] = StreamParser().feed(serialise(response_to(request(REGISTER), 401, to_tag="x")))
    assert isinstance(got, Response) and got.status == 401 and got.to.tag == "x"
