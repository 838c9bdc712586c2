"""Cuts and noise: the parsers answer or refuse, keep their bounds, and the endpoint never raises."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sipserver.sip.digest import Challenge, Credentials
from sipserver.sip.endpoint import Endpoint, Path
from sipserver.sip.events import RequestReceived
from sipserver.sip.limits import Limits
from sipserver.sip.message import Request, Response, response_to, serialise
from sipserver.sip.parser import BadMessage, StreamParser, parse_datagram
from sipserver.sip.uri import NameAddr, SipUri

SOUND = (
    b"MESSAGE sip:34020000002000000001@3402000000 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.21:5060;rport;branch=z9hG4bKr1, SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKr0\r\n"
    b'From: "\xb6\xab\xc3\xc5" <sip:34020000001320000001@3402000000>;tag=u1\r\n'
    b"t: <sip:34020000002000000001@3402000000>\r\n"
    b"Call-ID: r-77@192.0.2.21\r\n"
    b"CSeq: 20 MESSAGE\r\n"
    b'Authorization: Digest username="1",realm="2",nonce="3",uri="sip:4",response="5"\r\n'
    b"Subject: folded\r\n value\r\n"
    b"Content-Type: Application/MANSCDP+xml\r\n"
    b"Content-Length: 9\r\n\r\n<Notify/>"
)
PATH = Path("UDP", ("192.0.2.21", 5060), ("192.0.2.1", 5060))
quick = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])

PIECES = [
    b"\r\n",
    b"\n",
    b"\r",
    b" ",
    b"\t",
    b":",
    b";",
    b",",
    b"<",
    b">",
    b'"',
    b"\\",
    b"=",
    b"\0",
    b"\xff",
    b"SIP/2.0",
]
PIECES += [b"Via: ", b"Content-Length: 99999", b"l: 0", b"9" * 30, b"INVITE", b"ACK", b"CANCEL", b"branch=", b"tag="]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A sound message with pieces cut out, doubled, or strange ones put in."""
    data = bytearray(SOUND)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data)))
        end = min(len(data), at + draw(st.integers(0, 40)))
        change = draw(st.sampled_from(["cut", "double", "put", "noise"]))
        if change == "cut":
            del data[at:end]
        elif change == "double":
            data[at:at] = data[at:end]
        elif change == "put":
            data[at:at] = draw(st.sampled_from(PIECES))
        else:
            data[at:end] = draw(st.binary(max_size=20))
    return bytes(data)


anything = st.one_of(damaged(), st.binary(max_size=300))


def look_at_everything(message: Request | Response) -> None:
    """Every structured view gives a value or a ValueError."""
    for name in ("via", "hop", "from_", "to", "cseq", "contact", "expires", "content_type", "call_id", "user_agent"):
        try:
            getattr(message, name)
        except ValueError:
            assert name in ("via", "contact", "from_", "to")


@quick
@given(anything)
def test_a_datagram_is_read_or_refused(data: bytes) -> None:
    try:
        message = parse_datagram(data)
    except BadMessage as bad:
        assert 400 <= bad.status < 600
        return
    look_at_everything(message)
    again = parse_datagram(serialise(message))
    assert type(again) is type(message)
    assert again.body == message.body
    assert again.headers.all("Via") == message.headers.all("Via")


@quick
@given(st.lists(anything, max_size=4), st.randoms(use_true_random=False))
def test_a_stream_gives_the_same_however_it_is_cut(parts: list[bytes], random: object) -> None:
    data = b"".join(parts)
    limits = Limits(head_bytes=4096, body_bytes=4096)
    whole = [repr(item) for item in StreamParser(limits).feed(data)]
    parser = StreamParser(limits)
    pieces: list[str] = []
    at = 0
    while at < len(data):
        size = random.randint(1, 64)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
        pieces += [repr(item) for item in parser.feed(data[at : at + size])]
        at += size
        assert parser.held_bytes <= 4096 + 4096 + 64
    kept = [item for item in whole if "KeepAlive" not in item]
    assert [item for item in pieces if "KeepAlive" not in item] == kept


@quick
@given(st.lists(anything, max_size=6))
def test_an_endpoint_survives_whatever_comes(parts: list[bytes]) -> None:
    endpoint = Endpoint(tells_traffic=True)
    for now, data in enumerate(parts):
        endpoint.receive(data, PATH, float(now))
        for event in endpoint.take_events():
            if isinstance(event, RequestReceived):
                endpoint.respond(event.transaction, response_to(event.request, 200, to_tag="x"), float(now))
        for out in endpoint.take_outgoing():
            assert out.raw.startswith((b"SIP/2.0 ", b"ACK "))
            head, _, body = out.raw.partition(b"\r\n\r\n")
            assert head.endswith(f"Content-Length: {len(body)}".encode())
    endpoint.handle_timer(100.0)
    endpoint.handle_timer(200.0)
    assert endpoint.live_transactions == 0


@quick
@given(st.text(alphabet=st.sampled_from('abc"\\,=; <>@:sip0'), max_size=60))
def test_small_grammars_give_a_value_or_a_value_error(text: str) -> None:
    for parse in (SipUri.parse, NameAddr.parse, Credentials.parse, Challenge.parse):
        for candidate in (text, f"Digest {text}", f"sip:{text}", f"<sip:{text}>"):
            try:
                parse(candidate)
            except ValueError:
                pass
