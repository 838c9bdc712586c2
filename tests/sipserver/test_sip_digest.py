"""Digest against the vector of our reference, and SM3 against the standard's own example."""

from __future__ import annotations

import hashlib

import pytest

from sipserver.sip.digest import Challenge, Credentials, digest_response, first_half, scheme_of
from sipserver.sip.sm3 import sm3_hex, sm3_hex_plain

USER, REALM, PASSWORD = "34010200001320000001", "3401020000", "12345678"
URI, NONCE = "sip:34010200002000000001@3401020000", "a1b2c3d4e5f60718"


def response(**changes: str) -> str:
    asked = {"username": USER, "realm": REALM, "password": PASSWORD, "method": "REGISTER", "uri": URI, "nonce": NONCE}
    return digest_response(**(asked | changes))


def test_the_vector_without_qop() -> None:
    assert first_half(USER, REALM, PASSWORD, "MD5") == "c656b15150ce2baeb35474fc78b8bd3a"
    assert hashlib.md5(f"REGISTER:{URI}".encode()).hexdigest() == "e4b644ff33c824ff99322a6e96e11d91"
    assert response() == "88971c008723a79a253c73f86e0eb2eb"


def test_the_vector_with_qop() -> None:
    assert response(qop="auth", nc="00000001", cnonce="0a4f113b") == "d21d2ace0ddf3c4257dd30965e51719d"


def test_the_other_algorithms_follow_the_same_formula() -> None:
    for name, hashed in (
        ("SHA-256", lambda t: hashlib.sha256(t.encode()).hexdigest()),
        ("SM3", lambda t: sm3_hex(t.encode())),
    ):
        expected = hashed(f"{hashed(f'{USER}:{REALM}:{PASSWORD}')}:{NONCE}:{hashed(f'REGISTER:{URI}')}")
        assert response(algorithm=name) == expected
        assert response(algorithm=name.lower()) == expected


def test_unknown_algorithms_and_qops_are_refused() -> None:
    with pytest.raises(ValueError, match="algorithm"):
        response(algorithm="ROT13")
    with pytest.raises(ValueError, match="qop"):
        response(qop="auth-int", nc="1", cnonce="x")


def test_sm3_gives_the_examples_of_its_standard_with_and_without_openssl() -> None:
    # GB/T 32905-2016 annex A.
    for digest in (sm3_hex, sm3_hex_plain):
        assert digest(b"abc") == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
        assert digest(b"abcd" * 16) == "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"
    for size in (0, 55, 56, 63, 64, 65, 200):
        assert sm3_hex(b"x" * size) == sm3_hex_plain(b"x" * size)


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "SM3", None])
@pytest.mark.parametrize("qop", [None, "auth", "auth,auth-int"])
def test_credentials_survive_the_wire_and_are_right_for_one_password_and_method(
    algorithm: str | None, qop: str | None
) -> None:
    challenge = Challenge.parse(str(Challenge(REALM, NONCE, algorithm, qop, opaque="o,p")))
    made = Credentials.answering(
        challenge, username=USER, password=PASSWORD, method="REGISTER", uri=URI, cnonce="0a4f113b"
    )
    came = Credentials.parse(str(made))
    assert came == made
    assert came.opaque == "o,p"
    assert came.is_right(PASSWORD, "REGISTER")
    assert not came.is_right("87654321", "REGISTER")
    assert not came.is_right(PASSWORD, "MESSAGE")


def test_the_field_writes_parameters_quoted_or_not() -> None:
    text = (
        f'digest username={USER} , realm="{REALM}",nonce={NONCE},uri="{URI}", '
        'response="D21D2ACE0DDF3C4257DD30965E51719D",algorithm=md5,qop="auth",nc="00000001",cnonce=0a4f113b'
    )
    assert Credentials.parse(text).is_right(PASSWORD, "REGISTER")


def test_commas_and_quotes_inside_a_quotation_stay_there() -> None:
    challenge = Challenge.parse('Digest realm="a, b=\\"c\\"",nonce="n", stale=TRUE')
    assert challenge == Challenge('a, b="c"', "n", None, None, True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Digest",
        "Basic dXNlcg==",
        'Digest username="x"',
        'Capability algorithm="A:SM2;H:SM3"',
        "Digest " + ",".join(f"a{number}=1" for number in range(100)),
        'Digest username="' + "x" * 5000 + '",nonce=n,uri=u,response=r',
    ],
)
def test_what_is_no_digest_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        Credentials.parse(text)


def test_an_answer_that_cannot_be_checked_is_wrong_and_nothing_worse() -> None:
    for more in ("algorithm=ROT13", "qop=auth-int", "qop=auth"):
        text = f'Digest username="{USER}",nonce="n",uri="u",response="ü",{more}'
        assert not Credentials.parse(text).is_right(PASSWORD, "REGISTER")


def test_the_scheme_is_read_in_any_case() -> None:
    assert scheme_of(' Capability algorithm="A"') == "capability"
    assert scheme_of("DIGEST x=1") == "digest"


def test_a_long_header_takes_linear_time_even_when_it_never_closes_its_quotes() -> None:
    for text in ('Digest a="' + '"\\,' * 20_000, "Digest " + '"' * 60_000, "Digest " + "a" * 60_000):
        with pytest.raises(ValueError):
            Credentials.parse(text)
