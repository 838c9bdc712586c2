"""The ladder: what is kept of whom, what is let go, and how it reads."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from sipserver.ladder import LONGEST_KEPT, Ladder
from sipserver.sip.message import Headers, Request, Response, serialise
from sipserver.sip.path import Path
from sipserver.stack import Traffic

OURS = "34020000002000000001"
CODE = "34020000001320000001"
CHANNEL = "34020000001310000001"
HERE = ("10.0.0.1", 5060)
THERE = Path("UDP", ("192.0.2.21", 5060), HERE)
ELSEWHERE = Path("UDP", ("192.0.2.99", 5060), HERE)
seconds = itertools.count(1_700_000_000)


def headers(method: str, call_id: str, sender: str = CODE, target: str = OURS) -> Headers:
    return Headers(
        [
            ("Via", "SIP/2.0/UDP 192.0.2.21:5060;branch=z9hG4bK1"),
            ("From", f"<sip:{sender}@3402000000>;tag=1"),
            ("To", f"<sip:{target}@3402000000>"),
            ("Call-ID", call_id),
            ("CSeq", f"1 {method}"),
        ]
    )


def request(method: str, call_id: str, body: bytes = b"", sender: str = CODE, target: str = OURS) -> Request:
    return Request(method, f"sip:{target}@3402000000", headers(method, call_id, sender, target), body)


def seen(message: Request | Response, direction: str = "in", path: Path = THERE, repeated: bool = False) -> Traffic:
    return Traffic(direction, path, message, serialise(message), float(next(seconds)), repeated)


def ladder(**fields: object) -> Ladder:
    return Ladder(OURS, owners_at=lambda path: (CODE,) if path == THERE else (), **fields)


KEEPALIVE = b"<Notify><CmdType>Keepalive</CmdType><SN>1</SN></Notify>"
CATALOG = "<?xml version='1.0' encoding='GB2312'?><Response><CmdType>Catalog</CmdType><Name>北门</Name></Response>"


def test_a_message_reads_as_it_crossed_the_wire():
    kept = ladder()
    kept.record(seen(request("MESSAGE", "c1", CATALOG.encode("gb18030"))))
    (rung,) = kept.of_peer(CODE)
    assert (rung.direction, rung.transport, rung.local, rung.remote) == (
        "in",
        "UDP",
        "10.0.0.1:5060",
        "192.0.2.21:5060",
    )
    assert (rung.peer, rung.call_id, rung.method, rung.status) == (CODE, "c1", "MESSAGE", 0)
    assert rung.summary == f"MESSAGE sip:{OURS}@3402000000 · Catalog"
    assert "北门" in rung.text and rung.text.startswith("MESSAGE sip:")
    assert rung.size == len(serialise(request("MESSAGE", "c1", CATALOG.encode("gb18030"))))


def test_an_answer_is_named_by_its_status_and_its_requests_method():
    kept = ladder()
    kept.record(seen(Response(401, None, headers("REGISTER", "c1")), "out", repeated=True))
    (rung,) = kept.of_peer(CODE)
    assert (rung.status, rung.method, rung.summary, rung.repeated) == (401, "REGISTER", "401 Unauthorized", True)


def test_only_the_last_messages_of_a_peer_are_kept_in_order():
    kept = ladder(messages=10)
    for number in range(50):
        kept.record(seen(request("MESSAGE", f"c{number}")))
    assert [rung.call_id for rung in kept.of_peer(CODE)] == [f"c{number}" for number in range(40, 50)]
    assert [rung.call_id for rung in kept.of_peer(CODE, 2)] == ["c48", "c49"]
    assert kept.of_peer(CODE, 0) == []


def test_heartbeats_do_not_wash_the_registration_away():
    kept = ladder(messages=20, keepalives=4)
    kept.record(seen(request("REGISTER", "r1")))
    kept.record(seen(Response(200, None, headers("REGISTER", "r1")), "out"))
    for number in range(500):
        kept.record(seen(request("MESSAGE", f"k{number}", KEEPALIVE)))
        kept.record(seen(Response(200, None, headers("MESSAGE", f"k{number}")), "out"))
    told = kept.of_peer(CODE)
    assert [rung.call_id for rung in told] == ["r1", "r1", "k498", "k498", "k499", "k499"]


def test_a_call_is_kept_as_a_whole_though_it_names_the_channel():
    kept = ladder()
    kept.record(seen(request("INVITE", "i1", b"v=0\r\ns=Play\r\n", OURS, CHANNEL), "out"))
    kept.record(seen(Response(100, None, headers("INVITE", "i1", OURS, CHANNEL))))
    kept.record(seen(Response(200, None, headers("INVITE", "i1", OURS, CHANNEL))))
    kept.record(seen(request("ACK", "i1", b"", OURS, CHANNEL), "out"))
    kept.record(seen(request("MESSAGE", "other")))
    kept.record(seen(request("BYE", "i1", b"", CHANNEL, OURS)))
    assert [rung.summary.partition(" ")[0] for rung in kept.of_call("i1")] == ["INVITE", "100", "200", "ACK", "BYE"]
    assert "· SDP Play" in kept.of_call("i1")[0].summary
    assert len(kept.of_peer(CODE)) == 6
    (call,) = kept.calls()
    assert (call.call_id, call.peer, call.target, call.status, call.messages) == ("i1", CODE, CHANNEL, 200, 5)
    assert call.ended_at > call.started_at
    assert kept.of_call("nobody") == []


def test_the_youngest_call_comes_first_and_old_ones_go():
    kept = ladder(calls=10)
    for number in range(30):
        kept.record(seen(request("INVITE", f"i{number}", b"", OURS, CHANNEL), "out"))
    assert [call.call_id for call in kept.calls(3)] == ["i29", "i28", "i27"]
    assert len(kept.calls(100)) == 10
    assert kept.of_call("i5") == []


def test_who_fails_to_register_has_a_ladder_too():
    kept = ladder()
    kept.record(
        seen(request("REGISTER", "r1", sender="34020000001320000077", target="34020000001320000077"), path=ELSEWHERE)
    )
    answer = headers("REGISTER", "r1", "34020000001320000077", "34020000001320000077")
    kept.record(seen(Response(401, None, answer), "out", ELSEWHERE))
    assert [rung.summary for rung in kept.of_peer("34020000001320000077")][1] == "401 Unauthorized"


def test_strangers_crowd_out_only_each_other():
    kept = ladder(strangers=20)
    kept.record(seen(request("REGISTER", "r1")))
    for number in range(1000):
        kept.record(seen(request("REGISTER", f"x{number}", sender=f"{number:020d}"), path=ELSEWHERE))
    assert kept.statistics().peers == 21
    assert len(kept.of_peer(CODE)) == 1
    kept.record(seen(request("REGISTER", "forged"), path=ELSEWHERE))
    assert [rung.remote for rung in kept.of_peer(CODE)] == ["192.0.2.21:5060", "192.0.2.99:5060"]


def test_all_rings_together_hold_no_more_than_their_bytes():
    peers = [Path("UDP", (f"192.0.2.{number}", 5060), HERE) for number in range(50)]
    kept = Ladder(OURS, owners_at=lambda path: (path.remote[0],), messages=100, most_bytes=200_000)
    for round_ in range(100):
        for path in peers:
            kept.record(seen(request("MESSAGE", f"c{round_}", b"x" * 500), path=path))
    statistics = kept.statistics()
    assert statistics.bytes <= 50 * 8 * 900
    assert all(8 <= len(kept.of_peer(path.remote[0])) < 100 for path in peers)
    assert statistics.recorded == 5000


def test_of_a_huge_message_the_beginning_is_kept_and_the_size_is_true():
    kept = ladder()
    kept.record(seen(request("MESSAGE", "c1", b"x" * 100_000)))
    (rung,) = kept.of_peer(CODE)
    assert rung.size > 100_000
    assert len(rung.text) < LONGEST_KEPT + 100 and rung.text.endswith("bytes more]")
    assert kept.statistics().bytes == LONGEST_KEPT


def test_a_removed_peer_leaves_nothing_behind():
    kept = ladder()
    kept.record(seen(request("MESSAGE", "c1", KEEPALIVE)))
    kept.record(seen(request("REGISTER", "c2")))
    kept.forget_peer(CODE)
    assert kept.of_peer(CODE) == [] and kept.statistics().bytes == 0


@given(st.lists(st.binary(max_size=120), max_size=20))
def test_any_bytes_can_be_written_down_and_read(raws: list[bytes]):
    kept = ladder()
    for raw in raws:
        kept.record(Traffic("in", THERE, request("INVITE", "i1"), raw, 1.0, False))
    assert len(kept.of_peer(CODE)) == len(raws)
    assert len(kept.of_call("i1")) == len(raws)
    kept.calls()
