"""The four tables, walked cell by cell, and their timers as stories."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sipserver.sip import transaction as tables
from sipserver.sip.endpoint import Endpoint, Path
from sipserver.sip.events import (
    AckMissing,
    AckReceived,
    CancelReceived,
    RequestReceived,
    ResponseReceived,
    TimedOut,
    TransportFailed,
)
from sipserver.sip.message import Headers, Request, Response, response_to, serialise
from sipserver.sip.parser import parse_datagram
from sipserver.sip.transaction import Table, Transaction

UDP = Path("UDP", ("192.0.2.2", 5060), ("192.0.2.1", 5060))
TCP = Path("TCP", ("192.0.2.2", 5060), ("192.0.2.1", 5060), 7)

ALL_TABLES = {
    "invite client": tables.INVITE_CLIENT,
    "non-invite client": tables.NON_INVITE_CLIENT,
    "invite server": tables.INVITE_SERVER,
    "non-invite server": tables.NON_INVITE_SERVER,
}
STATES = (
    tables.CALLING,
    tables.TRYING,
    tables.PROCEEDING,
    tables.ACCEPTED,
    tables.COMPLETED,
    tables.CONFIRMED,
    tables.TERMINATED,
)
EVENTS = (
    *sorted(tables.TIMERS),
    tables.PROVISIONAL,
    tables.SUCCESS,
    tables.FAILURE,
    tables.REPEAT,
    tables.ACK,
    tables.SEND_PROVISIONAL,
    tables.SEND_SUCCESS,
    tables.SEND_FAILURE,
    tables.BROKEN,
    tables.CANCEL_UNHEARD,
    tables.UNANSWERED,
)


def request(
    method: str = "MESSAGE", branch: str = "z9hG4bK1", number: int = 1, to_tag: str = "", more: str = ""
) -> Request:
    text = (
        f"{method} sip:34020000002000000001@3402000000 SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 192.0.2.2:5060;rport;branch={branch}\r\n"
        "From: <sip:34020000001320000001@3402000000>;tag=them\r\n"
        f"To: <sip:34020000002000000001@3402000000>{to_tag and ';tag=' + to_tag}\r\n"
        f"Call-ID: call@192.0.2.2\r\nCSeq: {number} {method}\r\n{more}Content-Length: 0\r\n\r\n"
    )
    made = parse_datagram(text.encode())
    assert isinstance(made, Request)
    return made


def answer(asked: Request, status: int, tag: str = "us") -> Response:
    return response_to(asked, status, to_tag=tag)


def sent(endpoint: Endpoint) -> list[str]:
    """What went out since the last look, by method or status."""
    return [
        out.message.method if isinstance(out.message, Request) else str(out.message.status)
        for out in endpoint.take_outgoing()
    ]


def told(endpoint: Endpoint) -> list[type]:
    return [type(event) for event in endpoint.take_events()]


def at_times(endpoint: Endpoint, until: float) -> list[tuple[float, str]]:
    """Let the endpoint's own timers run; when it sent what."""
    seen = []
    while True:
        due = endpoint.next_timer()
        if due is None or due > until:
            return seen
        endpoint.handle_timer(due)
        seen += [(round(due, 1), what) for what in sent(endpoint)]


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("table", ALL_TABLES.values(), ids=ALL_TABLES.keys())
def test_every_cell_does_what_it_says_and_no_more(table: Table, state: str, event: str) -> None:
    endpoint = Endpoint()
    asked = request("INVITE" if table in (tables.INVITE_CLIENT, tables.INVITE_SERVER) else "MESSAGE")
    transaction = Transaction(table, state, "key", asked, UDP)
    is_client = table in (tables.INVITE_CLIENT, tables.NON_INVITE_CLIENT)
    held = endpoint._clients if is_client else endpoint._servers
    held["key"] = transaction
    endpoint._invites = 1
    transaction.last = answer(asked, 200)
    transaction.last_raw = b"bytes"

    cell = table.get(state, {}).get(event)
    acted = endpoint._step(transaction, event, 100.0, UDP)
    out, events, due = sent(endpoint), told(endpoint), endpoint.next_timer()

    if cell is None:
        assert not acted
        assert transaction.state == state
        assert out == [] and events == [] and due is None
        return
    next_state, actions = cell
    assert acted
    assert transaction.state == next_state
    expected_out = []
    expected_events: list[type] = []
    for action in actions:
        if action in (tables.RESEND, tables.RESEND_SLOWLY):
            expected_out.append(asked.method if is_client else "200")
        elif action == tables.SEND_ACK:
            expected_out.append("ACK")
        elif action == tables.SEND:
            expected_out.append("200")
        elif action == tables.PASS_UP:
            expected_events.append(ResponseReceived)
        elif action == tables.GIVE_UP:
            expected_events.append(TimedOut)
        elif action == tables.LOSE:
            expected_events.append(TransportFailed)
        elif action == tables.UNACKNOWLEDGED:
            expected_events.append(AckMissing)
    assert out == expected_out
    assert events == expected_events
    timers = [action for action in actions if action in tables.TIMERS]
    assert (due is not None) == bool(timers)
    assert ("key" in held) == (next_state != tables.TERMINATED)


def test_the_tables_hold_as_many_cells_as_the_figures() -> None:
    counts = {name: sum(len(cells) for cells in table.values()) for name, table in ALL_TABLES.items()}
    assert counts == {"invite client": 16, "non-invite client": 13, "invite server": 14, "non-invite server": 14}


def test_every_action_is_a_timer_or_has_a_doer() -> None:
    from_tables = {
        action
        for table in ALL_TABLES.values()
        for cells in table.values()
        for _, acts in cells.values()
        for action in acts
    }
    known = {tables.RESEND, tables.RESEND_SLOWLY, tables.SEND_ACK, tables.PASS_UP, tables.SEND, tables.GIVE_UP}
    known |= {tables.LOSE, tables.UNACKNOWLEDGED} | tables.TIMERS
    assert from_tables <= known


def test_a_message_is_repeated_at_half_a_second_doubling_to_four_and_given_up_at_32() -> None:
    us = Endpoint()
    us.send(request(), UDP, now=0.0)
    assert sent(us) == ["MESSAGE"]
    times = [when for when, _ in at_times(us, 40.0)]
    assert times == pytest.approx([0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5], abs=0.25)
    assert told(us) == [TimedOut]
    assert us.live_transactions == 0


def test_an_invite_is_repeated_doubling_without_end_until_32_seconds() -> None:
    us = Endpoint()
    us.send(request("INVITE"), UDP, now=0.0)
    assert sent(us) == ["INVITE"]
    times = [when for when, _ in at_times(us, 40.0)]
    assert times == pytest.approx([0.5, 1.5, 3.5, 7.5, 15.5, 31.5], abs=0.2)
    assert told(us) == [TimedOut]


def test_after_a_provisional_answer_a_message_is_repeated_slowly() -> None:
    us = Endpoint()
    asked = request()
    us.send(asked, UDP, now=0.0)
    us.receive(serialise(answer(asked, 100)), UDP, 0.1)
    sent(us)
    times = [when for when, _ in at_times(us, 12.0)]
    assert times == pytest.approx([0.5, 4.5, 8.5], abs=0.2)


def test_over_tcp_nothing_is_repeated_but_the_wait_still_ends() -> None:
    us = Endpoint()
    us.send(request(), TCP, now=0.0)
    assert sent(us) == ["MESSAGE"]
    assert at_times(us, 31.0) == []
    us.handle_timer(32.1)
    assert told(us) == [TimedOut]


def test_an_answer_over_tcp_leaves_no_transaction_behind() -> None:
    us = Endpoint()
    asked = request()
    us.send(asked, TCP, now=0.0)
    us.receive_message(answer(asked, 200), b"", TCP, 0.1)
    assert told(us) == [ResponseReceived]
    assert us.live_transactions == 0


def test_a_repeated_request_gets_the_same_answer_and_no_second_hearing() -> None:
    us = Endpoint()
    raw = serialise(request())
    us.receive(raw, UDP, 0.0)
    [heard] = us.take_events()
    assert isinstance(heard, RequestReceived)
    us.respond(heard.transaction, answer(heard.request, 200), 0.0)
    [first] = us.take_outgoing()
    us.receive(raw, UDP, 0.5)
    us.receive(raw, UDP, 31.0)
    again = us.take_outgoing()
    assert [out.raw for out in again] == [first.raw, first.raw]
    assert all(out.repeated for out in again)
    assert us.take_events() == []
    us.handle_timer(33.0)
    assert us.live_transactions == 0
    us.receive(raw, UDP, 33.0)
    assert told(us) == [RequestReceived]


def test_a_repeat_before_the_answer_is_swallowed_in_silence() -> None:
    us = Endpoint()
    raw = serialise(request())
    us.receive(raw, UDP, 0.0)
    us.receive(raw, UDP, 0.5)
    assert told(us) == [RequestReceived]
    assert sent(us) == []


def test_the_same_branch_from_another_house_is_another_request() -> None:
    us = Endpoint()
    raw = serialise(request())
    us.receive(raw, UDP, 0.0)
    us.receive(raw, Path("UDP", ("198.51.100.7", 5060), UDP.local), 0.0)
    assert told(us) == [RequestReceived, RequestReceived]


def test_a_refused_invite_is_repeated_until_its_ack() -> None:
    us = Endpoint()
    us.receive(serialise(request("INVITE")), UDP, 0.0)
    [heard] = us.take_events()
    assert isinstance(heard, RequestReceived)
    us.respond(heard.transaction, answer(heard.request, 486), 0.0)
    assert sent(us) == ["486"]
    assert [when for when, _ in at_times(us, 4.0)] == pytest.approx([0.5, 1.5, 3.5], abs=0.1)
    us.receive(serialise(request("ACK", to_tag="us")), UDP, 4.0)
    assert at_times(us, 8.0) == []
    assert told(us) == []
    us.handle_timer(10.0)
    assert us.live_transactions == 0


def test_a_refused_invite_without_an_ack_is_reported() -> None:
    us = Endpoint()
    us.receive(serialise(request("INVITE")), UDP, 0.0)
    [heard] = us.take_events()
    assert isinstance(heard, RequestReceived)
    us.respond(heard.transaction, answer(heard.request, 486), 0.0)
    at_times(us, 40.0)
    assert us.take_events() == [AckMissing(heard.transaction, was_success=False)]


def test_an_accepted_invite_is_repeated_until_its_ack_over_tcp_too() -> None:
    for path in (UDP, TCP):
        us = Endpoint()
        us.receive_message(request("INVITE"), b"", path, 0.0)
        [heard] = us.take_events()
        assert isinstance(heard, RequestReceived)
        us.respond(heard.transaction, answer(heard.request, 200), 0.0)
        assert sent(us) == ["200"]
        assert [when for when, _ in at_times(us, 4.0)] == pytest.approx([0.5, 1.5, 3.5], abs=0.1)
        # A 2xx is acknowledged by a request of its own, with its own branch.
        us.receive_message(request("ACK", branch="z9hG4bK2", to_tag="us"), b"", path, 4.0)
        assert told(us) == [AckReceived]
        assert at_times(us, 30.0) == []


def test_an_ack_that_reuses_the_branch_of_the_invite_is_understood() -> None:
    us = Endpoint()
    us.receive(serialise(request("INVITE")), UDP, 0.0)
    [heard] = us.take_events()
    assert isinstance(heard, RequestReceived)
    us.respond(heard.transaction, answer(heard.request, 200), 0.0)
    sent(us)
    us.receive(serialise(request("ACK", to_tag="us")), UDP, 0.1)
    assert told(us) == [AckReceived]
    assert at_times(us, 30.0) == []


def test_an_accepted_invite_without_an_ack_is_reported_after_32_seconds() -> None:
    us = Endpoint()
    us.receive(serialise(request("INVITE")), UDP, 0.0)
    [heard] = us.take_events()
    assert isinstance(heard, RequestReceived)
    us.respond(heard.transaction, answer(heard.request, 200), 0.0)
    at_times(us, 40.0)
    assert us.take_events() == [AckMissing(heard.transaction, was_success=True)]
    assert us.live_transactions == 0


def test_a_repeated_invite_is_absorbed_in_accepted() -> None:
    us = Endpoint()
    raw = serialise(request("INVITE"))
    us.receive(raw, UDP, 0.0)
    [heard] = us.take_events()
    assert isinstance(heard, RequestReceived)
    us.respond(heard.transaction, answer(heard.request, 200), 0.0)
    sent(us)
    us.receive(raw, UDP, 0.1)
    assert sent(us) == [] and told(us) == []


def test_our_refused_invite_is_acknowledged_each_time_it_is_refused() -> None:
    us = Endpoint()
    asked = request("INVITE")
    us.send(asked, UDP, now=0.0)
    sent(us)
    raw = serialise(answer(asked, 486))
    us.receive(raw, UDP, 0.1)
    us.receive(raw, UDP, 0.6)
    acks = us.take_outgoing()
    assert [str(out.message.cseq) for out in acks] == ["1 ACK", "1 ACK"]
    assert acks[0].message.to.tag == "us"
    assert acks[0].message.via.branch == asked.via.branch
    assert told(us) == [ResponseReceived]


def test_every_repeat_of_a_2xx_reaches_the_user_who_must_acknowledge_it() -> None:
    us = Endpoint()
    asked = request("INVITE")
    us.send(asked, UDP, now=0.0)
    raw = serialise(answer(asked, 200))
    us.receive(raw, UDP, 0.1)
    us.receive(raw, UDP, 0.6)
    assert told(us) == [ResponseReceived, ResponseReceived]
    us.handle_timer(33.0)
    us.receive(raw, UDP, 33.1)
    assert told(us) == []
    assert us.tally.stray_responses == 1


def test_a_cancel_waits_for_the_first_sign_of_life() -> None:
    us = Endpoint()
    asked = request("INVITE")
    transaction = us.send(asked, UDP, now=0.0)
    sent(us)
    us.cancel(transaction, 0.1)
    assert sent(us) == []
    us.receive(serialise(answer(asked, 100)), UDP, 0.2)
    [cancel] = us.take_outgoing()
    assert isinstance(cancel.message, Request)
    assert str(cancel.message.cseq) == "1 CANCEL"
    assert cancel.message.hop.branch == asked.hop.branch


def test_an_invite_that_is_never_answered_after_its_cancel_ends() -> None:
    us = Endpoint()
    asked = request("INVITE")
    transaction = us.send(asked, UDP, now=0.0)
    us.receive(serialise(answer(asked, 180)), UDP, 0.2)
    us.cancel(transaction, 1.0)
    at_times(us, 40.0)
    ended = [event for event in us.take_events() if isinstance(event, TimedOut) and event.transaction is transaction]
    assert len(ended) == 1


def test_an_invite_may_ring_for_longer_than_timer_b() -> None:
    us = Endpoint()
    asked = request("INVITE")
    us.send(asked, UDP, now=0.0)
    us.receive(serialise(answer(asked, 180)), UDP, 0.2)
    at_times(us, 100.0)
    us.receive(serialise(answer(asked, 200)), UDP, 100.0)
    assert told(us) == [ResponseReceived, ResponseReceived]


def test_a_cancelled_invite_is_answered_487_and_the_cancel_200() -> None:
    us = Endpoint()
    us.receive(serialise(request("INVITE")), UDP, 0.0)
    us.receive(serialise(request("CANCEL")), UDP, 0.1)
    assert sent(us) == ["200", "487"]
    assert told(us) == [RequestReceived, CancelReceived]


def test_a_cancel_that_crosses_the_200_changes_nothing() -> None:
    us = Endpoint()
    us.receive(serialise(request("INVITE")), UDP, 0.0)
    [heard] = us.take_events()
    assert isinstance(heard, RequestReceived)
    us.respond(heard.transaction, answer(heard.request, 200), 0.0)
    us.receive(serialise(request("CANCEL")), UDP, 0.1)
    assert sent(us) == ["200", "200"]
    assert told(us) == []


def test_a_cancel_of_nothing_is_answered_481() -> None:
    us = Endpoint()
    us.receive(serialise(request("CANCEL")), UDP, 0.1)
    assert sent(us) == ["481"]


def test_one_invite_over_two_ways_is_served_once() -> None:
    us = Endpoint()
    us.receive(serialise(request("INVITE", branch="z9hG4bKleft")), UDP, 0.0)
    us.receive(serialise(request("INVITE", branch="z9hG4bKright")), UDP, 0.0)
    assert told(us) == [RequestReceived]
    assert sent(us) == ["482"]


def test_a_register_that_repeats_its_numbers_is_served_all_the_same() -> None:
    us = Endpoint()
    us.receive(serialise(request("REGISTER", branch="z9hG4bKa")), UDP, 0.0)
    us.receive(serialise(request("REGISTER", branch="z9hG4bKb")), UDP, 1.0)
    assert told(us) == [RequestReceived, RequestReceived]


def test_requests_on_a_lost_connection_fail_at_once() -> None:
    us = Endpoint()
    us.send(request(branch="z9hG4bKa"), TCP, now=0.0)
    us.send(request(branch="z9hG4bKb"), TCP, now=0.0)
    us.fail_path(TCP, 1.0)
    assert told(us) == [TransportFailed, TransportFailed]
    assert us.live_transactions == 0


def test_above_the_bound_requests_are_answered_but_not_kept() -> None:
    us = Endpoint()
    us.limits = replace(us.limits, transactions=10)
    for number in range(25):
        us.receive(serialise(request(branch=f"z9hG4bK{number}", number=number + 1)), UDP, 0.0)
        [heard] = us.take_events()
        assert isinstance(heard, RequestReceived)
        us.respond(heard.transaction, answer(heard.request, 200), 0.0)
    assert sent(us) == ["200"] * 25
    assert us.live_transactions == 10
    assert us.tally.not_kept == 15


def test_above_the_bound_of_calls_an_invite_is_put_off() -> None:
    us = Endpoint()
    us.limits = replace(us.limits, calls=1)
    us.receive(serialise(request("INVITE", branch="z9hG4bKa")), UDP, 0.0)
    us.receive(serialise(request("INVITE", branch="z9hG4bKb", number=2)), UDP, 0.0)
    [out] = us.take_outgoing()
    assert isinstance(out.message, Response)
    assert (out.message.status, out.message.headers.get("Retry-After")) == (503, "30")


def test_what_our_own_user_never_answers_is_forgotten_or_answered_408() -> None:
    us = Endpoint()
    us.receive(serialise(request("MESSAGE", branch="z9hG4bKa")), UDP, 0.0)
    us.receive(serialise(request("INVITE", branch="z9hG4bKb")), UDP, 0.0)
    for event in us.take_events():
        assert isinstance(event, RequestReceived)
        us.expect_answer(event.transaction, 0.0)
    us.handle_timer(33.0)
    assert us.live_transactions == 1
    us.handle_timer(181.0)
    assert sent(us) == ["408"]
    assert told(us) == [CancelReceived]


def test_the_answer_goes_to_the_packets_source_and_says_where_that_was() -> None:
    us = Endpoint()
    behind_nat = Path("UDP", ("198.51.100.9", 40001), UDP.local)
    us.receive(serialise(request()), behind_nat, 0.0)
    [heard] = us.take_events()
    assert isinstance(heard, RequestReceived)
    us.respond(heard.transaction, answer(heard.request, 200), 0.0)
    [out] = us.take_outgoing()
    assert out.path == behind_nat
    assert out.message.headers.get("Via") == (
        "SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bK1;rport=40001;received=198.51.100.9"
    )


def test_stray_responses_and_acks_are_counted_and_nothing_else() -> None:
    us = Endpoint()
    us.receive(serialise(answer(request(), 200)), UDP, 0.0)
    us.receive(serialise(request("ACK", to_tag="x")), UDP, 0.0)
    assert sent(us) == []
    assert told(us) == [AckReceived]
    assert (us.tally.stray_responses, us.tally.stray_acks) == (1, 1)


def test_an_ack_is_never_answered_whatever_is_wrong_with_it() -> None:
    us = Endpoint()
    us.receive(b"ACK sip:x SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2\r\nCSeq: x\r\n\r\n", UDP, 0.0)
    assert sent(us) == []
    assert us.tally.refused == 1


def test_a_header_with_a_line_end_is_never_sent() -> None:
    us = Endpoint()
    bad = Request("MESSAGE", "sip:x@y", Headers((("Via", "SIP/2.0/UDP a;branch=z"), ("Subject", "a\r\nEvil: yes"))))
    with pytest.raises(ValueError, match="line end"):
        us.send(bad, UDP, 0.0)
    assert us.live_transactions == 0
