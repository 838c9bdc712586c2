"""Dialogs: what each side remembers of the handshake, and what comes in order."""

from __future__ import annotations

from sipserver.sip.dialog import DialogState
from sipserver.sip.message import Request, Response, response_to
from sipserver.sip.parser import parse_datagram

INVITE = (
    b"INVITE sip:34020000001320000001@192.0.2.21:5060 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK1\r\n"
    b"From: <sip:34020000002000000001@3402000000>;tag=us\r\n"
    b"To: <sip:34020000001320000001@3402000000>\r\n"
    b"Call-ID: c1\r\nCSeq: 20 INVITE\r\n"
    b"Contact: <sip:34020000002000000001@192.0.2.1:5060>\r\n"
    b"Record-Route: <sip:p1;lr>, <sip:p2;lr>\r\n"
    b"Content-Length: 0\r\n\r\n"
)


def invite() -> Request:
    message = parse_datagram(INVITE)
    assert isinstance(message, Request)
    return message


def answer(*headers: tuple[str, str]) -> Response:
    return response_to(invite(), 200, headers=headers, to_tag="them")


def test_caller_and_called_hold_mirrored_states() -> None:
    contact = ("Contact", "<sip:34020000001320000001@192.0.2.21:5061>")
    caller = DialogState.of_caller(invite(), answer(contact))
    called = DialogState.of_called(invite(), answer(contact))
    assert caller.key == ("c1", "us", "them") and called.key == ("c1", "them", "us")
    assert caller.target == "sip:34020000001320000001@192.0.2.21:5061"
    assert called.target == "sip:34020000002000000001@192.0.2.1:5060"
    assert caller.routes == ("<sip:p2;lr>", "<sip:p1;lr>")
    assert called.routes == ("<sip:p1;lr>", "<sip:p2;lr>")
    assert str(caller.local) == str(called.remote)


def test_a_200_without_contact_leaves_the_target_where_the_invite_went() -> None:
    assert DialogState.of_caller(invite(), answer()).target == "sip:34020000001320000001@192.0.2.21:5060"


def test_our_requests_count_on_and_name_the_dialog() -> None:
    caller = DialogState.of_caller(invite(), answer())
    headers = caller.headers("INFO", caller.next_seq())
    assert headers.get("CSeq") == "21 INFO"
    assert headers.get("From") == "<sip:34020000002000000001@3402000000>;tag=us"
    assert headers.get("To") == "<sip:34020000001320000001@3402000000>;tag=them"
    assert headers.all("Route") == ["<sip:p2;lr>", "<sip:p1;lr>"]


def test_an_old_reinvite_is_out_of_order_but_an_old_message_is_not() -> None:
    called = DialogState.of_called(invite(), answer())
    old = invite()
    assert not called.admits(old)
    message = parse_datagram(INVITE.replace(b"INVITE", b"MESSAGE").replace(b"20 MESSAGE", b"3 MESSAGE"))
    assert isinstance(message, Request)
    assert called.admits(message)
    newer = parse_datagram(INVITE.replace(b"20 INVITE", b"21 INVITE"))
    assert isinstance(newer, Request)
    assert called.admits(newer)
    assert called.remote_seq == 21


def test_a_reinvite_moves_the_target() -> None:
    called = DialogState.of_called(invite(), answer())
    moved = parse_datagram(INVITE.replace(b"192.0.2.1:5060>", b"192.0.2.77:5060>"))
    called.refresh_target(moved)
    assert called.target == "sip:34020000002000000001@192.0.2.77:5060"
