"""Monitor-User-Identity: made, extended, and recognised when it comes round (SEC-05, SEC-06)."""

from __future__ import annotations

from sipserver.above.user_identity import HEADER, extended, has_come_by, identity_of, realms_of
from sipserver.sip.message import Headers, Request

CITY, PROVINCE, USER = "34010000002000000001", "34000000002000000001", "34000000004000000007"


def test_SEC_05_a_local_users_request_leaves_with_our_realm_in_front():
    assert extended("", CITY, f"{USER}-org-guard-3") == f"{CITY}-{USER}-org-guard-3"


def test_SEC_06_a_transit_request_gets_our_code_prepended_and_nothing_else():
    assert extended(f"{PROVINCE}-{USER}-org", CITY) == f"{CITY}-{PROVINCE}-{USER}-org"


def test_the_field_form_with_keys_passes_untouched():
    assert extended("operation=play,user=x", CITY) == "operation=play,user=x"


def test_a_request_that_left_our_realm_before_is_recognised():
    assert has_come_by(f"{PROVINCE}-{CITY}-{USER}-a", CITY)
    assert not has_come_by(f"{PROVINCE}-{USER}-a-{CITY}", CITY)
    assert realms_of("") == ()


def test_what_could_break_out_of_its_line_is_not_passed_on():
    assert identity_of(Request("MESSAGE", "sip:x@y", Headers([(HEADER, "a" * 2000)]))) == ""
    assert identity_of(Request("MESSAGE", "sip:x@y", Headers([(HEADER, f" {CITY}-u ")]))) == f"{CITY}-u"
