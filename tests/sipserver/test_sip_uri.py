"""Addresses as the standard and the field write them."""

from __future__ import annotations

import pytest

from sipserver.sip.header import CSeq, Hop, Via, canonical, list_items
from sipserver.sip.uri import NameAddr, SipUri


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("sip:34020000002000000001@3402000000", SipUri("34020000002000000001", "3402000000")),
        ("sip:34020000002000000001@3402000000.spvmn.cn", SipUri("34020000002000000001", "3402000000.spvmn.cn")),
        ("sip:34020000001320000001@192.168.1.64:5060", SipUri("34020000001320000001", "192.168.1.64", 5060)),
        ("SIP:1@[2001:db8::1]:5061", SipUri("1", "2001:db8::1", 5061)),
        ("sip:3402000000", SipUri("", "3402000000")),
        ("34020000001320000001@3402000000", SipUri("34020000001320000001", "3402000000")),
        ("sips:a@b;transport=tcp;lr", SipUri("a", "b", None, "sips", (("transport", "tcp"), ("lr", None)))),
        ("sip:user:secret@host", SipUri("user", "host", password="secret")),
        ("sip:a@b?Subject=x", SipUri("a", "b", headers="Subject=x")),
        ("tel:+861012345678", SipUri("", "+861012345678", None, "tel")),
    ],
)
def test_uris_are_read_and_written(text: str, uri: SipUri) -> None:
    assert SipUri.parse(text) == uri
    assert SipUri.parse(str(uri)) == uri


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sip:",
        "sip:@",
        "hello",
        "sip:a@b:99999",
        "sip:a@b:x",
        "sip:a b@c",
        "sip:a@b c",
        "sip:a@[::1",
        "s p:a@b",
        "x" * 2000 + "@b",
    ],
)
def test_what_is_no_uri_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        SipUri.parse(text)


@pytest.mark.parametrize(
    ("text", "display", "user", "tag"),
    [
        ("<sip:1@2>;tag=x", "", "1", "x"),
        ("sip:1@2;tag=x", "", "1", "x"),
        ('"东门, 摄像机" <sip:1@2> ; tag=x ', "东门, 摄像机", "1", "x"),
        ("camera one <sip:1@2;lr>;a=b;tag=x", "camera one", "1", "x"),
        ("< sip:1@2 >", "", "1", None),
        ('"a\\"b" <sip:1@2>', 'a"b', "1", None),
        ('<sip:1@2>;note="a;tag=no";tag=x', "", "1", "x"),
    ],
)
def test_addresses_with_names_are_read(text: str, display: str, user: str, tag: str | None) -> None:
    address = NameAddr.parse(text)
    assert (address.display, address.user, address.tag) == (display, user, tag)
    again = NameAddr.parse(str(address)) if "note" not in text else address
    assert again.uri == address.uri and again.tag == tag


@pytest.mark.parametrize(
    "text", ["", "<sip:1@2", '"open <sip:1@2>', "sip:1@2>", "<sip:1@2> junk", '"a" "b" <sip:1@2>', '"name"']
)
def test_what_is_no_address_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        NameAddr.parse(text)


def test_a_tag_is_replaced_and_not_doubled() -> None:
    assert str(NameAddr.parse("<sip:1@2>;tag=a;x=y").with_tag("b")) == "<sip:1@2>;x=y;tag=b"


def test_a_via_says_who_sent_in_every_spelling() -> None:
    plain = "SIP/2.0/UDP 192.0.2.21:5060;rport;branch=z9hG4bKr1"
    assert Via.parse(plain) == Via("UDP", "192.0.2.21", 5060, "z9hG4bKr1", (("rport", None), ("branch", "z9hG4bKr1")))
    assert str(Via.parse(plain)) == plain
    assert Via.parse("SIP / 2.0 / tcp  first.example.com: 4000 ;ttl=16").sent_by == "first.example.com:4000"
    for bad in (
        "",
        "SIP/2.0/UDP",
        "SIP/1.0/UDP host",
        "HTTP/1.1/TCP host",
        "SIP/2.0/UDP host:99999",
        "SIP/2.0/UDP a b",
    ):
        with pytest.raises(ValueError):
            Via.parse(bad)
        with pytest.raises(ValueError):
            Hop.parse(bad)


@pytest.mark.parametrize(
    "text",
    [
        "SIP/2.0/UDP 192.0.2.21:5060;rport;branch=z9hG4bKr1",
        "SIP/2.0/UDP 192.0.2.21:5060;branch=z9hG4bKr1",
        "SIP/2.0/UDP 192.0.2.21:5060;rport=77;received=1.2.3.4;branch=z9hG4bKr1",
        "SIP/2.0/UDP 192.0.2.21:5060; RPORT ;Branch=z9hG4bKr1;Received=x",
        "SIP / 2.0 /UDP 192.0.2.21:5060;branch = z9hG4bKr1",
    ],
)
def test_the_stamp_replaces_what_was_there(text: str) -> None:
    stamped = Hop.parse(text).stamped("198.51.100.1", 40001)
    via = Via.parse(stamped)
    assert via.branch == Hop.parse(text).branch == "z9hG4bKr1"
    assert stamped.lower().count("rport") == stamped.lower().count("received") == 1
    assert (via.param("rport"), via.param("received")) == ("40001", "198.51.100.1")


def test_cseq_is_a_number_below_two_to_the_31_and_a_method() -> None:
    assert CSeq.parse("4711  Message") == (4711, "MESSAGE")
    assert str(CSeq.parse("0009\tINVITE")) == "9 INVITE"
    for bad in ("", "1", "x INVITE", "-1 INVITE", "2147483648 INVITE", "1 INVITE x", "１ INVITE"):
        with pytest.raises(ValueError):
            CSeq.parse(bad)


def test_names_have_one_spelling() -> None:
    assert [canonical(name) for name in ("v", "CALL-ID", "x-gb-ver", "x-new-thing", "cseq")] == [
        "Via", "Call-ID", "X-GB-Ver", "X-New-Thing", "CSeq",
    ]  # fmt: skip


def test_lists_are_cut_outside_quotes_and_brackets() -> None:
    assert list_items('"a,b" <sip:x,y@z>, <sip:c@d>;q="1,2",,') == ['"a,b" <sip:x,y@z>', '<sip:c@d>;q="1,2"']
