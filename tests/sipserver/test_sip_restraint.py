"""Unreadable requests are answered, but not without end: the one who is answered may not be the one who asked."""

from __future__ import annotations

from sipserver.sip.endpoint import Endpoint
from sipserver.sip.path import Path
from sipserver.sip.restraint import Restraint

UNREADABLE = (
    b"MESSAGE sip:34020000002000000001@3402000000 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK%d\r\n"
    b"From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: x\r\nCSeq: nonsense\r\nContent-Length: 0\r\n\r\n"
)


def path_from(host: str) -> Path:
    return Path("UDP", (host, 5060), ("192.0.2.1", 5060))


def test_a_flood_of_unreadable_requests_from_one_host_is_answered_a_few_times_a_second():
    us = Endpoint()
    for number in range(1000):
        us.receive(UNREADABLE % number, path_from("192.0.2.2"), now=5.0 + number / 2000)
    assert len(us.take_outgoing()) == us.limits.refusals_a_second
    assert (us.tally.refused, us.tally.unanswered) == (1000, 1000 - us.limits.refusals_a_second)
    us.receive(UNREADABLE % 1, path_from("192.0.2.3"), now=5.6)
    us.receive(UNREADABLE % 1, path_from("192.0.2.2"), now=6.1)
    assert len(us.take_outgoing()) == 2, "another host and the next second are answered"


def test_hosts_without_number_are_not_remembered_without_number():
    restraint = Restraint(5, sources=100)
    answered = sum(restraint.may_answer(str(host), now=0.5) for host in range(10_000))
    assert (answered, len(restraint)) == (100, 100)
    assert restraint.may_answer("9999", now=1.6)
    assert len(restraint) == 1
