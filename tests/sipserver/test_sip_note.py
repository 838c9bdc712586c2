"""The Note header, against the vectors of our reference and against those who change a letter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipserver.sip.message import Headers, Request
from sipserver.sip.note import Seal

AT = 1714950489.0  # 2024-05-06T07:08:09 in Beijing
VECTORS = {
    "MD5": "RWV7Y6eJG0uL+1KBCvucxw==",
    "SHA-1": "8woerZJFdUlTrNRjf/56PYhvT4Y=",
    "SHA-256": "zYl5u66FxjzQwDItBL9vL6UB9/3Z+1rmmVjWpCMky1w=",
    "SM3": "5gVR3iuMDTOFq41LJCOZ05VTLVhgWPeHLCe8EIJ4uTg=",
}


def message(body: bytes = b"") -> Request:
    headers = Headers(
        [
            ("From", "<sip:34010200001320000001@3401020000>;tag=9fd1c0a2"),
            ("To", "<sip:34010200002000000001@3401020000>"),
            ("Call-ID", "5b0e2f31@192.0.2.21"),
        ]
    )
    return Request("MESSAGE", "sip:34010200002000000001@3401020000", headers, body)


@pytest.mark.parametrize("algorithm", VECTORS)
def test_the_notes_of_our_reference_come_out(algorithm: str):
    made = message()
    Seal("s3cr3t-seed", algorithm).stamp(made, AT)
    assert made.headers.get("Date") == "2024-05-06T07:08:09"
    assert made.headers.get("Note") == f'Digest nonce="{VECTORS[algorithm]}",algorithm={algorithm}'


@pytest.mark.parametrize("algorithm", VECTORS)
@pytest.mark.parametrize("is_hex", [False, True])
@pytest.mark.parametrize("is_of_uris", [False, True])
def test_whoever_agreed_on_the_same_believes_it(algorithm: str, is_hex: bool, is_of_uris: bool):
    seal = Seal("seed", algorithm, is_hex, is_of_uris)
    made = message(b"<Notify/>")
    seal.stamp(made, AT)
    assert seal.why_not(made, AT + 599) == ""
    other = Seal("seed", algorithm, not is_hex, is_of_uris)
    assert other.why_not(made, AT) == "its Note is wrong"


def test_a_changed_body_sender_time_or_seed_is_found_out():
    seal = Seal("seed")
    for spoil in (
        lambda made: setattr(made, "body", made.body + b" "),
        lambda made: made.headers.set("From", "<sip:34010200001320000002@3401020000>;tag=9fd1c0a2"),
        lambda made: made.headers.set("Call-ID", "another"),
        lambda made: made.headers.set("Date", "2024-05-06T07:08:10"),
    ):
        made = message(b"<Control/>")
        seal.stamp(made, AT)
        spoil(made)
        assert seal.why_not(made, AT) == "its Note is wrong"
    made = message(b"<Control/>")
    seal.stamp(made, AT)
    assert Seal("sead").why_not(made, AT) == "its Note is wrong"


def test_ten_minutes_off_is_too_far_by_default_and_the_window_is_yours():
    seal = Seal("seed")
    made = message()
    seal.stamp(made, AT)
    assert "601 s off" in seal.why_not(made, AT + 601)
    assert "-601 s off" in seal.why_not(made, AT - 601)
    assert seal.why_not(made, AT + 601, window_s=700) == ""


def test_another_spelling_of_the_algorithm_is_the_same_algorithm():
    seal = Seal("seed", "SHA-256")
    made = message()
    seal.stamp(made, AT)
    made.headers.set("Note", (made.headers.get("Note") or "").replace("SHA-256", "sha256"))
    assert seal.why_not(made, AT) == ""


@pytest.mark.parametrize(
    ("note", "why"),
    [
        (None, "it bears no Note"),
        ("", "its Note cannot be read"),
        ("Basic abc", "its Note cannot be read"),
        ('Digest nonce="AAAA"', "expected a Note made with SM3, got none named"),
        ('Digest nonce="AAAA",algorithm=MD5', "expected a Note made with SM3, got MD5"),
        ('Digest nonce="no base64!",algorithm=SM3', "the nonce of its Note is no BASE64"),
        ("Digest algorithm=SM3", "its Note is wrong"),
    ],
)
def test_what_is_no_note_is_refused_in_words(note: str | None, why: str):
    made = message()
    made.headers.set("Date", "2024-05-06T07:08:09")
    if note is not None:
        made.headers.set("Note", note)
    assert Seal("seed").why_not(made, AT).startswith(why)


@given(st.text(max_size=80), st.text(max_size=80))
def test_nothing_a_stranger_writes_raises(date: str, note: str):
    made = message()
    made.headers.set("Date", date)
    made.headers.set("Note", note)
    assert Seal("seed", is_of_uris=True).why_not(made, AT)


@pytest.mark.parametrize(("seed", "algorithm"), [("", "SM3"), ("x" * 257, "SM3"), ("seed", "CRC32")])
def test_a_seal_that_cannot_be_meant_is_not_made(seed: str, algorithm: str):
    with pytest.raises(ValueError):
        Seal(seed, algorithm)
