"""The server tells how it fares, and operators read the ladders."""

from __future__ import annotations

from types import SimpleNamespace

from web.views import without_secrets

CAMERA = "34020000001320000001"
REGISTER = (
    "REGISTER sip:34020000002000000002@3402000000 SIP/2.0\r\n"
    'Authorization: Digest username="34020000001320000001", realm="3402000000", nonce="abc", '
    'uri="sip:x", response="6629fae49393a05397450978507c4ef1", algorithm=MD5\r\n'
    "Call-ID: 77@10.0.0.64\r\n\r\nresponse=body"
)


async def test_the_system_counts_devices_by_state(house):
    await house.camera()
    viewer = await house.person("viewer")
    said = await viewer.get("/system")
    assert said["presence"] == {"online": 1, "offline": 0, "unconfirmed": 0, "never": 0}
    assert said["sip"] == {"host": "127.0.0.1", "port": 5060, "transports": ["UDP", "TCP"]}
    assert said["sip_statistics"] == {"requests_in": 1}


def message(**fields: object) -> SimpleNamespace:
    known = {
        "at": 1.0,
        "direction": "in",
        "transport": "UDP",
        "local": "10.0.0.9:5060",
        "remote": "10.0.0.64:5060",
        "peer": CAMERA,
        "call_id": "77@10.0.0.64",
        "method": "REGISTER",
        "status": 0,
        "summary": "REGISTER",
        "text": REGISTER,
        "size": len(REGISTER),
        "repeated": False,
    }
    return SimpleNamespace(**{**known, **fields})


async def test_the_ladder_of_a_neighbour_and_of_a_call_are_read(house):
    house.ladder.messages = [message(), message(at=2.0, call_id="88@x", peer="x")]
    operator = await house.person("operator")
    (first,) = (await operator.get(f"/ladders/peers/{CAMERA}"))["messages"]
    assert (first["method"], first["call_id"]) == ("REGISTER", "77@10.0.0.64")
    (second,) = (await operator.get("/ladders/calls/88@x"))["messages"]
    assert second["peer"] == "x"
    calls = (await operator.get("/ladders/calls?limit=10"))["items"]
    assert [call["call_id"] for call in calls] == ["77@10.0.0.64", "88@x"]


async def test_ladders_are_not_for_viewers(house):
    viewer = await house.person("viewer")
    assert (await viewer.ask("GET", f"/api/v1/ladders/peers/{CAMERA}"))[0] == 403


async def test_a_ladder_shows_no_digest_answer(house):
    house.ladder.messages = [message()]
    operator = await house.person("operator")
    (shown,) = (await operator.get(f"/ladders/peers/{CAMERA}"))["messages"]
    assert "6629fae49393a05397450978507c4ef1" not in shown["text"]
    assert 'nonce="abc"' in shown["text"] and "algorithm=MD5" in shown["text"]


def test_only_the_answer_is_hidden_and_only_in_the_head():
    hidden = without_secrets(REGISTER)
    assert hidden == REGISTER.replace('response="6629fae49393a05397450978507c4ef1"', 'response="..."')
    bare = "MESSAGE sip:x SIP/2.0\r\nContent-Length: 0\r\n\r\n"
    assert without_secrets(bare) == bare
    assert without_secrets("") == ""
