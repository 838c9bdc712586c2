"""What a finished transaction lets go of, though its timers still lie in the wheel."""

from __future__ import annotations

from sipserver.sip.endpoint import Endpoint
from sipserver.sip.message import Headers, Request, response_to, serialise
from sipserver.sip.path import Path


def test_the_bytes_of_an_answered_request_are_let_go():
    endpoint = Endpoint()
    path = Path("TCP", ("192.0.2.1", 5060), ("192.0.2.2", 5060), 3)
    headers = Headers(
        (
            ("Via", "SIP/2.0/TCP 192.0.2.2:5060;rport;branch=z9hG4bKlarge1"),
            ("From", "<sip:34010200002000000001@3401020000>;tag=a"),
            ("To", "<sip:34010000002000000001@3401000000>"),
            ("Call-ID", "large@192.0.2.2"),
            ("CSeq", "1 MESSAGE"),
        )
    )
    request = Request("MESSAGE", "sip:34010000002000000001@3401000000", headers, b"x" * 100_000)
    transaction = endpoint.send(request, path, 0.0)
    endpoint.take_outgoing()
    assert len(transaction.last_raw) > 100_000
    answer = response_to(request, 200, to_tag="b")
    endpoint.receive_message(answer, serialise(answer), path, 0.1)
    assert endpoint.live_transactions == 0
    assert transaction.last_raw == b"" and transaction.request is None
