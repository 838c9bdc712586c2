"""Addresses that nobody else can write."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.signing import Signer

SIGNER = Signer(b"k" * 32)


def test_an_address_of_ours_is_known_until_it_expires():
    address = urlsplit(SIGNER.address("/media", "in1", "out1", "mp4", 1000))
    asked = {name: values[0] for name, values in parse_qs(address.query).items()}
    assert address.path == "/media/in1/out1.mp4"
    assert SIGNER.is_valid("in1", "out1", asked["e"], asked["s"], 999.9)
    assert not SIGNER.is_valid("in1", "out1", asked["e"], asked["s"], 1000.0)


@pytest.mark.parametrize("change", [("in2", "out1", "1000"), ("in1", "out2", "1000"), ("in1", "out1", "1001")])
def test_a_signature_is_bound_to_inlet_outlet_and_expiry(change):
    assert not SIGNER.is_valid(*change, SIGNER.sign("in1", "out1", 1000), 0.0)


def test_another_key_signs_otherwise():
    assert not Signer(b"x" * 32).is_valid("in1", "out1", "1000", SIGNER.sign("in1", "out1", 1000), 0.0)


def test_a_short_key_is_refused():
    with pytest.raises(ValueError):
        Signer(b"short")


@given(st.text(max_size=40), st.text(max_size=40))
def test_whatever_comes_in_the_query_is_answered(expiry, signature):
    assert not SIGNER.is_valid("in1", "out1", expiry, signature, 0.0)
