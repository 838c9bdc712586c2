"""What strangers at an upper's address may send: looked at without a fault, and without much work."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gb28181.sdp import Offer
from sipserver.above.above import asks
from sipserver.above.agent import place_in, usable_challenge
from sipserver.above.answers import text_between
from sipserver.above.calls import ps_of, uri_below
from sipserver.above.user_identity import extended, has_come_by, realms_of
from sipserver.sip.message import Headers, Response

CODE = "34010200002000000001"


@settings(max_examples=150)
@given(st.binary(max_size=600))
def test_a_body_is_sorted_whatever_it_is(body: bytes):
    assert asks(body) in (True, False)
    assert len(text_between(body, b"<SessionID>", b"<")) <= 128


@settings(max_examples=150)
@given(st.text(max_size=200))
def test_an_identity_is_read_whatever_it_is(text: str):
    assert all(len(realm) == 20 and realm.isdigit() for realm in realms_of(text))
    if "=" not in text.partition("-")[0]:
        assert has_come_by(extended(text, CODE), CODE)


@settings(max_examples=150)
@given(st.text(st.characters(exclude_characters="\r\n"), max_size=120), st.integers(100, 699))
def test_an_answer_to_REGISTER_is_judged_whatever_it_holds(text: str, status: int):
    response = Response(status, "x", Headers([("Contact", text), ("WWW-Authenticate", text)]))
    place = place_in(response, CODE)
    assert place is None or (place.host and 0 <= place.port < 65536)
    challenge = usable_challenge(response)
    assert challenge is None or challenge.nonce is not None


@settings(max_examples=100)
@given(st.text(max_size=80))
def test_a_u_line_keeps_its_kind_or_is_left_alone(uri: str):
    below = uri_below(uri, CODE)
    assert below == uri or below == f"{CODE}:{uri.partition(':')[2]}"


def test_of_an_offer_only_a_program_stream_is_taken():
    assert ps_of(Offer(payloads=((98, "H264", 90000), (97, "ps", 90000)))) == (97, "PS", 90000)
    assert ps_of(Offer(payloads=((96, "", 90000),))) == (96, "PS", 90000)
    assert ps_of(Offer(payloads=((96, "H264", 90000),))) is None
