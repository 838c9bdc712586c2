"""The cases of RFC 4475, each built here from what the RFC says about it, and what we do with it.

A case is (its name in the RFC, the bytes, the outcome). The outcome is a status that we answer by ourselves,
TAKEN when the user of the endpoint gets the request, DROPPED when nothing happens but a count.
"""

from __future__ import annotations

import pytest

from sipserver.sip.digest import Credentials, scheme_of
from sipserver.sip.endpoint import Endpoint, Path
from sipserver.sip.events import RequestReceived, ResponseReceived
from sipserver.sip.header import Via
from sipserver.sip.message import Request, Response
from sipserver.sip.parser import parse_datagram
from sipserver.sip.uri import NameAddr

TAKEN = "taken"
DROPPED = "dropped"
PATH = Path("UDP", ("192.0.2.2", 5060), ("192.0.2.1", 5060))
SDP = (
    b"v=0\r\no=someone 29739 7272939 IN IP4 192.0.2.3\r\ns=-\r\n"
    b"c=IN IP4 192.0.2.4\r\nt=0 0\r\nm=audio 49217 RTP/AVP 0\r\n"
)


def lines(*parts: str | bytes, body: bytes = b"", length: bool = True) -> bytes:
    """A message: lines joined by CRLF, Content-Length added unless the case brings its own."""
    raw = [part.encode() if isinstance(part, str) else part for part in parts]
    if length:
        raw.append(f"Content-Length: {len(body)}".encode())
    return b"\r\n".join(raw) + b"\r\n\r\n" + body


def plain(method: str, uri: str, *more: str | bytes, via: str = "z9hG4bKplain", **kw: object) -> bytes:
    """An ordinary request to which a case adds what is odd."""
    name = str(kw.pop("name", "plain"))
    return lines(
        f"{method} {uri} SIP/2.0",
        f"Via: SIP/2.0/UDP host5.example.net;branch={via}",
        "To: <sip:j.user@example.com>",
        "From: <sip:caller@example.net>;tag=323",
        "Max-Forwards: 70",
        f"Call-ID: {name}.0ha0isndaksdj@192.0.2.1",
        f"CSeq: 8 {method}",
        *more,
        **kw,  # type: ignore[arg-type]  # body and length
    )


# 3.1.1.1: folded lines, odd blanks, escapes in quotes, unknown headers, compact and mixed-case names.
WSINV = lines(
    "INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0",
    "TO :",
    " sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n",
    'from   : "J Rosenberg \\\\\\""       <sip:jdrosen@example.com>',
    "  ;",
    "  tag = 98asjd8",
    "MaX-fOrWaRdS: 0068",
    "Call-ID: wsinv.ndaksdj@192.0.2.1",
    f"Content-Length   : {len(SDP)}",
    "cseq: 0009",
    "  INVITE",
    "Via  : SIP  /   2.0",
    " /UDP",
    "    192.0.2.2;branch=390skdjuw",
    "s :",
    "NewFangledHeader:   newfangled value",
    " continued newfangled value",
    "UnknownHeaderWithUnusualValue: ;;,,;;,;",
    "Content-Type: application/sdp",
    "Route:",
    " <sip:services.example.com;lr;unknownwith=value;unknown-no-value>",
    "v:  SIP  / 2.0  / TCP     spindle.example.com   ;",
    "  branch  =   z9hG4bK9ikj8  ,",
    " SIP  /    2.0   / UDP  192.168.255.111   ; branch=",
    " z9hG4bK30239",
    'm:"Quoted string \\"\\"" <sip:jdrosen@example.com> ; newparam =',
    "      newvalue ;",
    "  secondparam ; q = 0.33",
    body=SDP,
    length=False,
)

# 3.1.1.2: every character that a token, a user part, a tag and a quotation may hold.
INTMETH = lines(
    "!interesting-Method0123456789_*+`.%indeed'~ "
    "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com"
    " SIP/2.0",
    "Via: SIP/2.0/TCP host1.example.com;branch=z9hG4bK-.!%66*_+`'~",
    b'To: "BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f" <sip:1_unusual.URI~(to-be!sure)&isn\'t+it$/crazy?,/;;*@example.com>',
    "From: token1~` token2'+_ token3*%!.- <sip:mundane@example.com>;fromParam''~+*_!.-%=\"\u0440\u0430\u0431\u043e\";"
    "tag=_token~1'+`*%!-.",
    "Call-ID: intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{",
    "CSeq: 139122385 !interesting-Method0123456789_*+`.%indeed'~",
    "Max-Forwards: 255",
    "extensionHeader-!.%*+_`'~: \ufeff\u5927\u505c\u96fb",
)

LONG = "long" * 300
LONGREQ = lines(
    "INVITE sip:user@example.com SIP/2.0",
    f'To: "I have a user name of {"extreme " * 60}proportion" <sip:user@example.com:6000;'
    f"unknownparam1=very{LONG[:400]}value;longparam{LONG[:400]}=shortvalue>",
    f"F: sip:caller@example.net;tag=12{LONG[:400]}424;unknownheaderparam{LONG[:200]}=x;"
    f"unknownValuelessparam{LONG[:80]}",
    f"Call-ID: longreq.one{LONG[:300]}callid",
    "CSeq: 3882340 INVITE",
    f"Unknown-{LONG[:300]}-Name: unknown-{LONG[:300]}-value",
    "Via: SIP/2.0/TCP sip33.example.com",
    *(f"v: SIP/2.0/TCP sip{number}.example.com" for number in range(32, 0, -1)),
    f"V: SIP/2.0/TCP host.example.com;received=192.0.2.5;branch=very{LONG[:600]}branchvalue",
    "Max-Forwards: 70",
    f"Contact: <sip:user{LONG[:300]}@host.example.com>",
    "Content-Type: application/sdp",
    body=SDP,
)

DBLREQ = plain("REGISTER", "sip:example.com", name="dblreq") + plain(
    "INVITE", "sip:joe@example.com", name="dblreq2", body=SDP
)

TRANSPORTS = plain(
    "OPTIONS",
    "sip:user@example.com",
    "Via: SIP/2.0/SCTP t2.example.com;branch=z9hG4bKklasjdhf",
    "Via: SIP/2.0/TLS t3.example.com;branch=z9hG4bK2980unddj",
    "Via: SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bKasd0f3en",
    "Via: SIP/2.0/TCP t5.example.com;branch=z9hG4bK0a9idfnee",
)

MULTIPART = (
    b"--7a9cbec02ceef655\r\nContent-Type: text/plain\r\n\r\nHello\r\n--7a9cbec02ceef655\r\n"
    b"Content-Type: application/octet-stream\r\n\r\n\x30\x82\x01\x00\x00\r\n\r\n\xff\xfe\r\n--7a9cbec02ceef655--\r\n"
)

CASES: list[tuple[str, bytes, object]] = [
    ("3.1.1.1 wsinv", WSINV, TAKEN),
    ("3.1.1.2 intmeth", INTMETH, 501),
    ("3.1.1.3 esc01", plain("INVITE", "sip:sips%3Auser%40example.com@example.net", body=SDP), TAKEN),
    (
        "3.1.1.4 escnull",
        plain(
            "REGISTER",
            "sip:example.com",
            "Contact: <sip:%00@host5.example.com>",
            "Contact: <sip:%00%00@host5.example.com>",
        ),
        TAKEN,
    ),
    (
        "3.1.1.5 esc02",
        lines(
            "RE%47IST%45R sip:registrar.example.com SIP/2.0",
            'To: "%Z%45" <sip:resource@example.com>',
            'From: "%Z%45" <sip:resource@example.com>;tag=f232jadfj23',
            "Call-ID: esc02.asdfnqwo34rq23i34jrjasdcnl23nrlknsdf",
            "Via: SIP/2.0/TCP host.example.com;rport;branch=z9hG4bK209%fzsnel234",
            "CSeq: 29344 RE%47IST%45R",
            "Max-Forwards: 70",
            "Contact: <sip:alias1@host1.example.com>",
        ),
        501,
    ),
    (
        "3.1.1.6 lwsdisp",
        plain("OPTIONS", "sip:user@example.com").replace(b"From: <sip:caller", b"From: caller<sip:caller"),
        TAKEN,
    ),
    ("3.1.1.7 longreq", LONGREQ, TAKEN),
    ("3.1.1.8 dblreq", DBLREQ, TAKEN),
    ("3.1.1.9 semiuri", plain("OPTIONS", "sip:user;par=u%40example.net@example.com"), TAKEN),
    ("3.1.1.10 transports", TRANSPORTS, TAKEN),
    (
        "3.1.1.11 mpart01",
        plain(
            "MESSAGE",
            "sip:kumiko@example.org",
            "Content-Type: multipart/mixed;boundary=7a9cbec02ceef655",
            body=MULTIPART,
        ),
        TAKEN,
    ),
    # Responses to nothing we asked; their parsing is looked at below.
    (
        "3.1.1.12 unreason",
        plain("INVITE", "x").replace(
            b"INVITE x SIP/2.0", "SIP/2.0 200 = 2**3 * 5**2 \u043d\u043e \u0441\u0442\u043e".encode()
        ),
        DROPPED,
    ),
    ("3.1.1.13 noreason", plain("INVITE", "x").replace(b"INVITE x SIP/2.0", b"SIP/2.0 100 "), DROPPED),
    (
        "3.1.2.1 badinv01",
        plain("INVITE", "sip:user@example.com", 'Contact: "Joe" <sip:joe@example.org>;;;;', body=SDP).replace(
            b"host5.example.net;branch=z9hG4bKplain", b"192.0.2.15;;,;,,"
        ),
        400,
    ),
    (
        "3.1.2.2 clerr",
        plain("INVITE", "sip:user@example.com", "Content-Type: application/sdp", "l: 9999", body=SDP, length=False),
        400,
    ),
    ("3.1.2.3 ncl", plain("INVITE", "sip:user@example.com", "Content-Length: -999", body=SDP, length=False), 400),
    (
        "3.1.2.4 scalar02",
        plain("REGISTER", "sip:example.com", "Expires: 10000000000000000000000").replace(
            b"CSeq: 8", b"CSeq: 36893488147419103232"
        ),
        400,
    ),
    (
        "3.1.2.4 scalar02, Max-Forwards alone",
        plain("REGISTER", "sip:example.com").replace(b"Max-Forwards: 70", b"Max-Forwards: 300"),
        400,
    ),
    (
        "3.1.2.5 scalarlg",
        plain("OPTIONS", "x", "Retry-After: 949302838503028349304023988")
        .replace(b"OPTIONS x SIP/2.0", b"SIP/2.0 503 Service Unavailable")
        .replace(b"CSeq: 8", b"CSeq: 9292394834772304023312"),
        DROPPED,
    ),
    (
        "3.1.2.6 quotbal",
        plain("INVITE", "sip:user@example.com", body=SDP).replace(
            b"To: <sip:j.user@example.com>", b'To: "Mr. J. User <sip:j.user@example.com>'
        ),
        400,
    ),
    ("3.1.2.7 ltgtruri", plain("INVITE", "<sip:user@example.com>", body=SDP), 400),
    ("3.1.2.8 lwsruri", plain("INVITE", "sip:user@example.com; lr", body=SDP), 400),
    # Blanks in the start line are forgiven: the RFC allows it, and there is only one way to read them.
    ("3.1.2.9 lwsstart", plain("INVITE", " sip:user@example.com ", body=SDP), TAKEN),
    ("3.1.2.10 trws", plain("OPTIONS", "sip:remote-target@example.com").replace(b" SIP/2.0\r", b" SIP/2.0  \r"), TAKEN),
    ("3.1.2.11 escruri", plain("INVITE", "sip:user@example.com?Route=%3Csip:example.com%3E", body=SDP), 400),
    # Nobody reads Date strictly here: GB/T 28181 writes it in another form anyway.
    (
        "3.1.2.12 baddate",
        plain("INVITE", "sip:user@example.com", "Date: Fri, 01 Jan 2010 16:00:00 EST", body=SDP),
        TAKEN,
    ),
    # Without brackets the parameters are the header's; the headers after ? stay with the URI and bind nothing.
    (
        "3.1.2.13 regbadct",
        plain("REGISTER", "sip:example.com", "Contact: sip:user@example.com?Route=%3Csip:sip.example.com%3E"),
        TAKEN,
    ),
    (
        "3.1.2.14 badaspec",
        plain("OPTIONS", "sip:user@example.org").replace(
            b"To: <sip:j.user@example.com>", b'To: "Watson, Thomas" < sip:t.watson@example.org >'
        ),
        TAKEN,
    ),
    (
        "3.1.2.15 baddn",
        plain("OPTIONS", "sip:user@example.com").replace(
            b"From: <sip:caller@example.net>", b"From: Bell, Alexander <sip:a.g.bell@example.com>"
        ),
        TAKEN,
    ),
    ("3.1.2.16 badvers", plain("OPTIONS", "sip:t.watson@example.org").replace(b" SIP/2.0\r", b" SIP/7.0\r", 1), 505),
    ("3.1.2.17 mismatch01", plain("OPTIONS", "sip:user@example.com").replace(b"8 OPTIONS", b"8 INVITE"), 400),
    ("3.1.2.18 mismatch02", plain("NEWMETHOD", "sip:user@example.com").replace(b"8 NEWMETHOD", b"8 INVITE"), 400),
    ("3.1.2.19 bigcode", plain("INVITE", "x").replace(b"INVITE x SIP/2.0", b"SIP/2.0 4294967301 better not"), DROPPED),
    # Our transactions are told apart by more than the branch, so an empty one does no harm.
    ("3.2.1 badbranch", plain("OPTIONS", "sip:user@example.com", via="z9hG4bK"), TAKEN),
    (
        "3.3.1 insuf",
        lines(
            "INVITE sip:user@example.com SIP/2.0",
            "CSeq: 193942 INVITE",
            "Via: SIP/2.0/UDP 192.0.2.95;branch=z9hG4bKkdj.insuf",
        ),
        400,
    ),
    ("3.3.2 unkscm", plain("OPTIONS", "nobodyKnowsThisScheme:totallyopaquecontent"), 416),
    ("3.3.3 novelsc", plain("OPTIONS", "soap.beep://192.0.2.103:3002"), 416),
    (
        "3.3.4 unksm2",
        plain("REGISTER", "sip:example.com", "Contact: <name:John_Smith>")
        .replace(b"To: <sip:j.user@example.com>", b"To: isbn:2983792873")
        .replace(b"From: <sip:caller@example.net>", b"From: <http://www.example.com>"),
        TAKEN,
    ),
    (
        "3.3.5 bext01",
        plain(
            "OPTIONS",
            "sip:user@example.com",
            "Require: nothingSupportsThis, nothingSupportsThisEither",
            "Proxy-Require: noProxiesSupportThis, norDoAnyProxiesSupportThis",
        ),
        420,
    ),
    # 415 is for those to say who know what they take.
    (
        "3.3.6 invut",
        plain("INVITE", "sip:user@example.com", "Content-Type: application/unknownformat", body=b"<audio>\r\n"),
        TAKEN,
    ),
    (
        "3.3.7 regaut01",
        plain("REGISTER", "sip:example.com", "Authorization: NoOneKnowsThisScheme opaque-data=here"),
        TAKEN,
    ),
    (
        "3.3.8 multi01",
        plain(
            "INVITE",
            "sip:user@company.com",
            "CSeq: 59 INVITE",
            "Call-ID: other",
            "To: <sip:other@company.com>",
            body=SDP,
        ),
        400,
    ),
    (
        "3.3.9 mcl01",
        plain("OPTIONS", "sip:user@example.com", "Content-Length: 13", "Content-Length: 5", length=False),
        400,
    ),
    (
        "3.3.10 bcast",
        plain("INVITE", "x", "Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23").replace(
            b"INVITE x SIP/2.0", b"SIP/2.0 200 OK"
        ),
        DROPPED,
    ),
    # We are where it goes, not on its way: an OPTIONS that used up its hops has arrived.
    ("3.3.11 zeromf", plain("OPTIONS", "sip:user@example.com").replace(b"Forwards: 70", b"Forwards: 0"), TAKEN),
    (
        "3.3.11 zeromf, what could go further",
        plain("INVITE", "sip:user@example.com").replace(b"Forwards: 70", b"Forwards: 0"),
        483,
    ),
    (
        "3.3.12 cparam01",
        plain("REGISTER", "sip:example.com", "Contact: sip:+19725552222@gw1.example.net;unknownparam"),
        TAKEN,
    ),
    (
        "3.3.13 cparam02",
        plain("REGISTER", "sip:example.com", "Contact: <sip:+19725552222@gw1.example.net;unknownparam>"),
        TAKEN,
    ),
    (
        "3.3.14 regescrt",
        plain("REGISTER", "sip:example.com", "Contact: <sip:user@example.com?Route=%3Csip:sip.example.com%3E>"),
        TAKEN,
    ),
    ("3.3.15 sdp01", plain("INVITE", "sip:user@example.com", "Accept: text/nobodyKnowsThis"), TAKEN),
    (
        "3.4.1 inv2543",
        lines(
            "INVITE sip:UserB@example.com SIP/2.0",
            "Via: SIP/2.0/UDP iftgw.example.com",
            "From: <sip:+13035551111@ift.client.example.net;user=phone>",
            "Record-Route: <sip:UserB@example.com;maddr=ss1.example.com>",
            "To: sip:+16505552222@ss1.example.net;user=phone",
            "Call-ID: inv2543.1717@ift.client.example.com",
            "CSeq: 56 INVITE",
            "Content-Type: application/sdp",
            body=SDP,
        ),
        TAKEN,
    ),
]


@pytest.mark.parametrize(("raw", "outcome"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_each_torture_is_taken_refused_or_dropped_as_said(raw: bytes, outcome: object) -> None:
    endpoint = Endpoint()
    endpoint.receive(raw, PATH, 0.0)
    answers = [out.message.status for out in endpoint.take_outgoing() if isinstance(out.message, Response)]
    events = endpoint.take_events()
    taken = [event for event in events if isinstance(event, RequestReceived)]
    if outcome == TAKEN:
        assert len(taken) == 1
        assert answers == []
    elif outcome == DROPPED:
        assert taken == [] and answers == []
        assert not any(isinstance(event, ResponseReceived) for event in events)
        assert endpoint.tally.stray_responses + endpoint.tally.refused == 1
    else:
        assert taken == []
        assert answers == [outcome]


def request(name: str) -> Request:
    message = parse_datagram(next(case[1] for case in CASES if case[0] == name))
    assert isinstance(message, Request)
    return message


def response(name: str) -> Response:
    message = parse_datagram(next(case[1] for case in CASES if case[0] == name))
    assert isinstance(message, Response)
    return message


def test_the_tortuous_invite_is_read_to_its_last_word() -> None:
    invite = request("3.1.1.1 wsinv")
    assert invite.via == Via("UDP", "192.0.2.2", None, "390skdjuw", (("branch", "390skdjuw"),))
    assert [Via.parse(item).branch for item in invite.headers.items_of("Via")] == [
        "390skdjuw",
        "z9hG4bK9ikj8",
        "z9hG4bK30239",
    ]
    assert invite.to.uri.user == "vivekg" and invite.to.tag == "1918181833n"
    assert invite.from_.display == 'J Rosenberg \\"' and invite.from_.tag == "98asjd8"
    assert invite.max_forwards == 68
    assert invite.cseq == (9, "INVITE")
    assert invite.headers.get("Subject") == ""
    assert invite.headers.get("newfangledheader") == "newfangled value continued newfangled value"
    assert invite.contact is not None
    assert invite.contact.display == 'Quoted string ""'
    assert invite.contact.params == (("newparam", "newvalue"), ("secondparam", None), ("q", "0.33"))
    assert invite.body == SDP


def test_the_widest_characters_are_kept_as_they_came() -> None:
    wide = request("3.1.1.2 intmeth")
    assert wide.method == "!interesting-Method0123456789_*+`.%indeed'~"
    assert wide.to.display == "BEL:\x07 NUL:\x00 DEL:\x7f"
    assert wide.from_.tag == "_token~1'+`*%!-."
    assert wide.headers.get("extensionHeader-!.%*+_`'~") == "\ufeff\u5927\u505c\u96fb"


def test_what_follows_the_declared_body_in_a_datagram_is_left_out() -> None:
    assert request("3.1.1.8 dblreq").body == b""


def test_a_user_part_may_hold_semicolons() -> None:
    assert request("3.1.1.9 semiuri").request_uri.user == "user;par=u%40example.net"


def test_a_multipart_body_with_zeros_is_kept_whole() -> None:
    assert request("3.1.1.11 mpart01").body == MULTIPART


def test_a_reason_may_be_strange_or_missing() -> None:
    assert response("3.1.1.12 unreason").reason == "= 2**3 * 5**2 \u043d\u043e \u0441\u0442\u043e"
    assert response("3.1.1.13 noreason").status == 100
    assert response("3.1.1.13 noreason").reason == ""


def test_the_refused_extensions_are_named() -> None:
    endpoint = Endpoint()
    endpoint.receive(next(raw for name, raw, _ in CASES if name == "3.3.5 bext01"), PATH, 0.0)
    [out] = endpoint.take_outgoing()
    assert out.message.headers.items_of("Unsupported") == [
        "nothingSupportsThis",
        "nothingSupportsThisEither",
        "noProxiesSupportThis",
        "norDoAnyProxiesSupportThis",
    ]


def test_an_empty_branch_does_not_make_two_requests_one() -> None:
    endpoint = Endpoint()
    for name in ("one", "two", "one"):
        endpoint.receive(plain("OPTIONS", "sip:user@example.com", via="z9hG4bK", name=name), PATH, 0.0)
    taken = [event.request.call_id for event in endpoint.take_events() if isinstance(event, RequestReceived)]
    assert [call_id.partition(".")[0] for call_id in taken] == ["one", "two"]


def test_an_invite_of_the_old_kind_is_recognised_when_repeated() -> None:
    endpoint = Endpoint()
    raw = next(case[1] for case in CASES if case[0] == "3.4.1 inv2543")
    endpoint.receive(raw, PATH, 0.0)
    endpoint.receive(raw, PATH, 0.5)
    assert len([event for event in endpoint.take_events() if isinstance(event, RequestReceived)]) == 1
    assert endpoint.tally.repeats_in == 1


def test_an_unknown_authorization_is_not_mistaken_for_a_digest() -> None:
    text = request("3.3.7 regaut01").headers.get("Authorization") or ""
    assert scheme_of(text) == "nooneknowsthisscheme"
    with pytest.raises(ValueError, match="not Digest"):
        Credentials.parse(text)


def test_contact_parameters_go_where_the_brackets_say() -> None:
    bare, bracketed = request("3.3.12 cparam01").contact, request("3.3.13 cparam02").contact
    assert bare is not None and bracketed is not None
    assert bare.params == (("unknownparam", None),) and bare.uri.params == ()
    assert bracketed.params == () and bracketed.uri.params == (("unknownparam", None),)


def test_addresses_of_other_schemes_survive_reading_and_writing() -> None:
    odd = request("3.3.4 unksm2")
    assert str(odd.to.uri) == "isbn:2983792873"
    assert str(odd.from_) == "<http://www.example.com>;tag=323"
    assert NameAddr.parse("<name:John_Smith>").uri.is_sip is False
