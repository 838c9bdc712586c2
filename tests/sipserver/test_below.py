"""The door below, on real sockets: registration, presence, restarts, and who is not let in."""

from __future__ import annotations

import asyncio
import dataclasses
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gb28181.dialect import DIALECTS
from gb28181.manscdp.catalog import CatalogQuery
from gb28181.manscdp.control import DeviceControl
from gb28181.manscdp.device_info import DeviceInfoQuery
from gb28181.manscdp.keepalive import Keepalive
from gb28181.peer import PeerOffline
from registry.device import Device, DeviceKind, Presence
from registry.directory import Directory
from registry.events import Bus, DeviceCameOnline, DeviceWentOffline, RegistrationRefused
from registry.refusal import Refusal
from sipserver.below.below import Below
from sipserver.below.settings import Admission, BelowSettings
from sipserver.stack import Stack, StackSettings

CODE = "34020000001320000001"
OTHER = "34020000001320000002"


async def test_a_camera_registers_is_challenged_and_then_online(make_house, make_camera, until_true):
    house = await make_house()
    camera = await make_camera(house, version="3.0")
    answer = await camera.register()
    assert answer.status == 200
    assert answer.headers.get("Expires") == "3600"
    assert answer.headers.get("X-GB-Ver") == "3.0"
    assert answer.headers.get("Contact", "").startswith(f"<sip:{CODE}@127.0.0.1")
    date = answer.headers.get("Date") or ""
    assert len(date) == 23 and date[10] == "T" and date[19] == "." and "Z" not in date
    device = house.device()
    assert (device.presence, device.presence_reason, device.edition) == (Presence.ONLINE, "registered", "3.0")
    assert (device.transport, device.remote_host, device.remote_port) == ("UDP", "127.0.0.1", camera.stack.port)
    assert device.user_agent == "Test Camera"
    assert house.below.peer(CODE).is_online
    assert [(event.code, event.first) for event in house.told(DeviceCameOnline)] == [(CODE, True)]


async def test_every_register_answer_names_our_edition_and_a_wrong_password_is_written_down(make_house, make_camera):
    house = await make_house()
    camera = await make_camera(house)
    first = await camera.send("REGISTER")
    assert (first.status, first.headers.get("X-GB-Ver")) == (401, "3.0")
    wrong = await camera.register(password="wrong")
    assert (wrong.status, wrong.headers.get("X-GB-Ver")) == (401, "3.0")
    (seen,) = house.directory.refusals(10)
    assert (seen.code, seen.reason) == (CODE, Refusal.WRONG_PASSWORD)
    assert "tried the common password" in seen.detail
    assert house.presence() is Presence.NEVER
    for _ in range(4):
        last = await camera.register(password="wrong")
    assert (last.status, last.headers.get("Retry-After"), last.headers.get("X-GB-Ver")) == (403, "60", "3.0")


async def test_deregistration_is_challenged_and_then_ends_everything(make_house, make_camera):
    house = await make_house()
    camera = await make_camera(house)
    await camera.register()
    bare = await camera.send("REGISTER", headers=(("Expires", "0"),))
    assert bare.status == 401
    assert house.presence() is Presence.ONLINE, "nobody is thrown out by who does not know the password"
    answer = await camera.register(expires=0)
    assert (answer.status, answer.headers.get("Expires")) == (200, "0")
    assert (house.presence(), house.device().presence_reason) == (Presence.OFFLINE, "deregistered")
    assert (await camera.keep_alive()).status == 403
    with pytest.raises(PeerOffline):
        await house.below.peer(CODE).tell(DeviceControl(0, CODE, ptz="A50F0000000000B4"))


async def test_no_expiry_named_is_an_hour_and_a_device_may_have_no_date(make_house, make_camera):
    house = await make_house(known=(Device(CODE, send_date=False),))
    camera = await make_camera(house)
    answer = await camera.register(expires=None)
    assert (answer.headers.get("Expires"), answer.headers.get("Date")) == ("3600", None)


async def test_several_algorithms_are_offered_and_each_opens(make_house, make_camera):
    house = await make_house(algorithms=("MD5", "SHA-256", "SM3"))
    camera = await make_camera(house)
    for algorithm in ("SM3", "SHA-256", "MD5"):
        assert (await camera.register(algorithm=algorithm)).status == 200


async def test_an_unregistered_sender_is_refused_and_nothing_is_executed(make_house, make_camera):
    house = await make_house()
    camera = await make_camera(house)
    assert (await camera.keep_alive()).status == 403
    assert house.presence() is Presence.NEVER
    (seen,) = house.directory.refusals(10)
    assert (seen.reason, seen.code) == (Refusal.NOT_REGISTERED, CODE)
    assert "expected a REGISTER first" in seen.detail
    for method in ("INVITE", "SUBSCRIBE", "NOTIFY"):
        assert (await camera.send(method)).status == 403
    assert house.below.statistics()["turned_away"] == 4


async def test_nobody_speaks_for_a_camera_from_elsewhere(make_house, make_camera):
    house = await make_house()
    camera, forger = await make_camera(house), await make_camera(house)
    await camera.register()
    assert (await forger.keep_alive()).status == 403
    assert house.device().remote_port == camera.stack.port
    (seen,) = house.directory.refusals(10)
    assert f"expected from UDP 127.0.0.1:{camera.stack.port}" in seen.detail
    assert (await camera.keep_alive()).status == 200


async def test_a_message_under_a_channels_code_counts_for_the_device_at_that_address(make_house, make_camera):
    house = await make_house()
    camera = await make_camera(house)
    await camera.register()
    answer = await camera.say(Keepalive(1, "34020000001310000001"), from_code="34020000001310000001")
    assert answer.status == 200


async def test_over_tcp_all_goes_by_one_connection_and_its_break_is_offline_at_once(
    make_house, make_camera, until_true
):
    house = await make_house()
    camera = await make_camera(house, transport="TCP")
    assert (await camera.register()).status == 200
    assert house.device().transport == "TCP"
    await until_true(lambda: camera.queries(CatalogQuery) == 1)
    assert house.stack.statistics().connections == 1
    await camera.stack.close()
    await until_true(lambda: house.presence() is Presence.OFFLINE)
    assert house.device().presence_reason == "connection-lost"
    assert [event.reason for event in house.told(DeviceWentOffline)] == ["connection-lost"]


async def test_a_camera_that_moves_is_followed_after_its_digest(make_house, make_camera):
    house = await make_house()
    one, two = await make_camera(house), await make_camera(house)
    await one.register()
    await two.register()
    assert house.device().remote_port == two.stack.port
    assert (await one.keep_alive()).status == 403
    assert (await two.keep_alive()).status == 200


async def test_two_codes_may_share_an_address(make_house, make_camera):
    house = await make_house(known=(CODE, OTHER))
    camera = await make_camera(house)
    await camera.register()
    camera.code = OTHER
    await camera.register()
    assert (await camera.keep_alive()).status == 200
    assert house.presence(CODE) is house.presence(OTHER) is Presence.ONLINE
    peers = {rung.peer for code in (CODE, OTHER) for rung in house.below.ladder.of_peer(code)}
    assert peers == {CODE, OTHER}


async def test_silence_makes_it_offline_and_a_keepalive_brings_it_back(make_house, make_camera):
    house = await make_house()
    camera = await make_camera(house)
    await camera.register()
    for seconds in (100, *range(104, 200, 4)):  # we stand still once, then look every few seconds
        house.skew_s = seconds
        house.below.look()
    assert house.presence() is Presence.ONLINE, "a stall of ours is forgiven for an interval"
    for seconds in range(200, 440, 4):
        house.skew_s = seconds
        house.below.look()
    assert (house.presence(), house.device().presence_reason) == (Presence.OFFLINE, "keepalive-missed")
    assert (await camera.keep_alive()).status == 200
    assert (house.presence(), house.device().presence_reason) == (Presence.ONLINE, "keepalive")


async def test_after_its_expiry_a_keepalive_is_refused_unless_the_settings_let_it_last(make_house, make_camera):
    for lasting, status in ((False, 403), (True, 200)):
        house = await make_house(keepalive_extends_expiry=lasting)
        camera = await make_camera(house)
        await camera.register(expires=60)
        house.skew_s = 61.0
        assert (await camera.keep_alive()).status == status
        house.below.look()
        expected = Presence.ONLINE if lasting else Presence.OFFLINE
        for seconds in range(61, 190):
            house.skew_s = float(seconds)
            house.below.look()
        assert house.presence() is expected


async def test_of_two_devices_with_one_code_the_last_to_register_wins_and_the_operator_is_told(make_house, make_camera):
    house = await make_house()
    one, two = await make_camera(house), await make_camera(house, host="127.0.0.2")
    await one.register()
    await two.register()
    assert (house.device().remote_host, house.presence()) == ("127.0.0.2", Presence.ONLINE)
    assert house.directory.refusals(10) == [], "so far it has only moved"
    house.skew_s = 10.0
    assert (await one.keep_alive()).status == 403
    (seen,) = house.directory.refusals(10)
    assert (seen.code, seen.reason) == (CODE, Refusal.DUPLICATE_CODE)
    assert "127.0.0.1 and from 127.0.0.2" in seen.detail and seen.source.startswith("127.0.0.1:")
    assert (await two.keep_alive()).status == 200
    house.skew_s = 20.0
    assert (await one.register()).status == 200
    assert house.device().remote_host == "127.0.0.1"
    assert (await two.keep_alive()).status == 403
    told = [event.refusal for event in house.told(RegistrationRefused)]
    assert {seen.reason for seen in told} == {Refusal.DUPLICATE_CODE}
    assert {seen.source.partition(":")[0] for seen in told} == {"127.0.0.1", "127.0.0.2"}
    assert house.below.statistics()["moved"] == 2


async def test_a_device_known_for_changing_ports_is_followed_within_its_host(make_house, make_camera, until_true):
    roaming = next(each for each in DIALECTS.values() if each.changes_address)
    house = await make_house(known=(Device(CODE, dialect=roaming.name),))
    camera, moved = await make_camera(house), await make_camera(house)
    await camera.register()
    await until_true(lambda: house.below.statistics()["onboarding"]["finished"] == 1)
    assert (await moved.keep_alive()).status == 200
    assert house.device().remote_port == moved.stack.port
    assert house.below.statistics()["followed"] == 1


async def test_after_our_restart_nobody_has_failed_and_a_keepalive_is_enough(make_house, make_camera):
    first = await make_house(known=(CODE, OTHER))
    camera = await make_camera(first)
    await camera.register()
    await first.stop()
    second = await make_house(directory=first.directory, port=first.stack.port)
    assert (second.presence(), second.device().presence_reason) == (Presence.UNCONFIRMED, "server-restarted")
    assert second.presence(OTHER) is Presence.NEVER
    stranger = await make_camera(second)
    assert (await stranger.keep_alive()).status == 403, "from elsewhere a REGISTER is needed"
    assert second.presence() is Presence.UNCONFIRMED
    assert (await camera.keep_alive()).status == 200
    assert second.presence() is Presence.ONLINE
    assert second.told(DeviceWentOffline) == []


async def test_our_own_shutdown_makes_nobody_offline_and_tcp_devices_register_again(make_house, make_camera):
    first = await make_house()
    camera = await make_camera(first, transport="TCP")
    await camera.register()
    await first.stop()
    assert first.presence() is Presence.ONLINE
    second = await make_house(directory=first.directory, port=first.stack.port)
    assert second.presence() is Presence.UNCONFIRMED
    await camera.find_path()
    answer = await camera.keep_alive()
    assert answer.status == 403, "the new connection could be anybody's"
    (seen,) = second.directory.refusals(10)
    assert "the connection that 34020000001320000001 registered by, from 127.0.0.1, is gone" in seen.detail
    assert (await camera.register()).status == 200
    assert second.presence() is Presence.ONLINE
    assert second.told(DeviceWentOffline) == []


async def test_a_device_not_heard_since_our_restart_can_still_be_asked(make_house, make_camera):
    first = await make_house()
    camera = await make_camera(first)
    await camera.register()
    await first.stop()
    second = await make_house(directory=first.directory, port=first.stack.port)
    await second.below.peer(CODE).tell(DeviceControl(0, CODE, ptz="A50F0000000000B4"))
    assert camera.queries(DeviceControl) == 1


async def test_open_admission_adds_a_newcomer_with_its_kind(make_house, make_camera):
    house = await make_house(known=(), admission=Admission.OPEN)
    camera = await make_camera(house, "34020000001180000001")
    assert (await camera.register(password="wrong")).status == 401
    assert house.directory.device(camera.code) is None
    assert (await camera.register()).status == 200
    device = house.device(camera.code)
    assert (device.kind, device.presence) == (DeviceKind.RECORDER, Presence.ONLINE)


async def test_closed_admission_tells_the_operator_who_knocks(make_house, make_camera):
    house = await make_house(known=())
    camera = await make_camera(house)
    assert (await camera.register()).status == 401
    (seen,) = house.directory.refusals(10)
    assert seen.reason is Refusal.UNKNOWN_DEVICE and not house.directory.device(CODE)


async def test_a_challenge_that_nobody_answers_is_told(make_house, make_camera, until_true):
    house = await make_house()
    camera = await make_camera(house)
    await camera.send("REGISTER")
    await until_true(lambda: house.directory.refusals(10))
    (seen,) = house.directory.refusals(10)
    assert seen.reason is Refusal.NO_RETRY
    assert house.device().refusal == "no-retry"


async def test_switching_a_device_off_or_removing_it_puts_it_out(make_house, make_camera, until_true):
    house = await make_house(known=(CODE, OTHER))
    one, two = await make_camera(house), await make_camera(house, OTHER)
    await one.register()
    await two.register()
    await house.directory.change_device(CODE, enabled=False)
    assert (house.presence(), house.device().presence_reason) == (Presence.OFFLINE, "disabled")
    assert (await one.keep_alive()).status == 403
    assert (await one.register()).status == 401
    await house.directory.remove_device(OTHER)
    assert (await two.keep_alive()).status == 403
    assert house.below.peer(OTHER) is None


async def test_the_last_heartbeat_reaches_the_directory_in_batches(make_house, make_camera):
    house = await make_house()
    camera = await make_camera(house)
    await camera.register()
    before = time.time()
    await camera.keep_alive()
    house.below._attendance.write_heard()
    assert house.device().heard_at == pytest.approx(before, abs=1.0)


async def test_resync_asks_again_and_says_when_it_cannot(make_house, make_camera, until_true):
    house = await make_house()
    camera = await make_camera(house)
    with pytest.raises(PeerOffline):
        await house.below.resync(CODE)
    await camera.register()
    await until_true(lambda: house.below.statistics()["onboarding"]["finished"] == 1)
    await house.below.resync(CODE)
    await until_true(lambda: camera.queries(CatalogQuery) == 2)


async def test_a_refresh_asks_nothing_anew(make_house, make_camera, until_true):
    house = await make_house()
    camera = await make_camera(house)
    await camera.register()
    await until_true(lambda: house.below.statistics()["onboarding"]["finished"] == 1)
    await camera.register()
    await camera.keep_alive()
    await asyncio.sleep(0.1)
    assert (camera.queries(CatalogQuery), camera.queries(DeviceInfoQuery)) == (1, 1)
    assert len(house.told(DeviceCameOnline)) == 1


async def test_a_thousand_strangers_leave_bounded_traces(make_house, make_camera):
    house = await make_house(unknown_sources=50)
    camera = await make_camera(house)
    for number in range(200):
        camera.code = f"3402000000132001{number:04d}"
        await camera.send("REGISTER")
    figures = house.below.statistics()
    assert figures["registrar"]["challenged"] == 200
    assert figures["registrar"]["open_challenges"] <= 50
    assert figures["refusals"] == 200
    assert house.below.statistics()["ladder"]["peers"] <= 500
    assert dataclasses.is_dataclass(house.directory.refusals(1)[0])


async def test_what_matters_of_a_registration_outlives_the_process(make_house, make_camera, tmp_path):
    url = f"sqlite:///{tmp_path / 'house.db'}"
    before = Directory(Bus())
    await before.open(url)
    await before.add_device(Device(CODE))
    first = await make_house(directory=before)
    camera = await make_camera(first, version="3.0")
    await camera.register()
    await first.stop()
    await before.close()
    after = Directory(Bus())
    await after.open(url)
    try:
        second = await make_house(directory=after, port=first.stack.port)
        assert second.presence() is Presence.UNCONFIRMED
        assert second.below.peer(CODE).manners.edition.value == "3.0"
        assert (await camera.keep_alive()).status == 200
        assert second.presence() is Presence.ONLINE
        await second.stop()
    finally:
        await after.close()


def mangled(draw: st.DrawFn, raw: bytes) -> bytes:
    """A message cut, doubled or overwritten somewhere."""
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(raw)))
        end = draw(st.integers(at, min(len(raw), at + 40)))
        raw = raw[:at] + draw(st.binary(max_size=12)) + raw[end:]
    return raw


@st.composite
def hostile(draw: st.DrawFn) -> bytes:
    method = draw(st.sampled_from(["REGISTER", "MESSAGE", "NOTIFY", "INVITE", "SUBSCRIBE", "OPTIONS", "BYE", "FOO"]))
    number = draw(st.integers(0, 10**9))
    authorization = draw(
        st.sampled_from(
            [
                "",
                'Authorization: Digest username="a",realm="b",nonce="c",uri="d",response="e"\r\n',
                "Authorization: Digest ,,,=,\r\n",
                'Authorization: Capability algorithm="A:SM2"\r\n',
                "Expires: 99999999999999999999\r\nContact: *\r\n",
            ]
        )
    )
    body = draw(st.sampled_from([b"", b"<Notify><CmdType>Keepalive</CmdType></Notify>", b"<Response>", b"\x00\xff<"]))
    head = (
        f"{method} sip:34020000002000000001@3402000000 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5099;rport;"
        f"branch=z9hG4bK{number}\r\nFrom: <sip:{CODE}@3402000000>;tag=1\r\nTo: <sip:{CODE}@3402000000>\r\n"
        f"Call-ID: h{number}\r\nCSeq: 1 {method}\r\n{authorization}Content-Length: {len(body)}\r\n\r\n"
    )
    return mangled(draw, head.encode() + body)


@given(st.data())
@settings(max_examples=10, deadline=None)
def test_no_hostile_message_gets_past_the_door_or_makes_it_stumble(data: st.DataObject):
    async def story() -> None:
        bus = Bus()
        directory = Directory(bus)
        await directory.open("memory:")
        await directory.add_device(Device(CODE))
        stack = Stack(StackSettings(host="127.0.0.1", port=0))
        below = Below(stack, directory, bus, BelowSettings(common_password="x"))
        await below.start()
        await stack.start()
        for _ in range(20):
            stack._datagram(data.draw(hostile()), ("127.0.0.1", 9))
        below.look()
        assert stack.statistics().counts["handler_faults"] == 0
        assert below.statistics()["registrar"]["granted"] == 0
        assert directory.device(CODE).presence is Presence.NEVER
        await below.close()
        await stack.close()
        await directory.close()

    asyncio.run(story())
