"""Platforms above on shared streams: one call for all, each with a way out of its own, each told of its own end."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from broker.watch import RtpTo, WatchFailed, WatchKind
from gb28181.peer import PeerOffline, PeerRefused, PeerSilent
from media.plane import OutletClosed, Transport
from registry.device import DeviceKind, Presence

OWNER, CHANNEL = "34020000001110000001", "34020000001320000001"
OWN = "34020000002000000001"
CITY, COUNTY, UPPER = "34020100002000000001", "34020101002000000001", "34000000002000000001"
PAUSE = b"PAUSE RTSP/1.0\r\nCSeq: 1\r\nPauseTime: now\r\n\r\n"


def to_upper(ssrc: int | None = 703001718, **more) -> RtpTo:
    return RtpTo(**{"host": "198.51.100.9", "port": 40000, "transport": "udp", "ssrc": ssrc, "upper": UPPER, **more})


async def refusal(home, **more) -> WatchFailed:
    with pytest.raises(WatchFailed) as failed:
        await home.broker.watch(home.wish(**more))
    return failed.value


# ---- live


async def test_an_upper_gets_a_bound_way_out_and_begins_when_it_is_ready(hall):
    home = hall()
    lease = await home.broker.watch(home.wish(outlet=to_upper(local_host="203.0.113.5")))
    assert (lease.address, lease.sender.host, lease.sender.ssrc) == ("", "203.0.113.5", 703001718)
    assert lease.sender.port >= 31000 and lease.path == (OWN,)
    assert home.plane.begun == []
    home.broker.begin(lease.id)
    assert home.plane.begun == [lease.sender.outlet]
    wish = home.plane.senders[lease.sender.outlet]
    assert (wish.host, wish.port, wish.transport, wish.is_whole) == ("198.51.100.9", 40000, Transport.UDP, False)
    [stream] = home.broker.streams()
    assert [(each.target, each.state) for each in stream.senders] == [("198.51.100.9:40000", "sending")]
    home.broker.begin("nobody")


async def test_two_uppers_and_an_operator_share_one_call_and_leave_one_by_one(hall):
    home = hall()
    one = await home.broker.watch(home.wish(outlet=to_upper(1)))
    two = await home.broker.watch(home.wish(outlet=to_upper(2)))
    operator = await home.broker.watch(home.wish())
    assert home.said() == {"INVITE": 1} and one.call_id == two.call_id == operator.call_id
    for lease in (one, operator):
        await home.broker.release(lease.id)
    await asyncio.sleep(0.3)
    assert home.said() == {"INVITE": 1} and list(home.plane.outlets) == [two.sender.outlet]
    await home.broker.release(two.id)
    await home.until(home.nothing_is_held)
    assert home.said() == {"INVITE": 1, "BYE": 1}


async def test_an_upper_without_a_number_is_lent_one_until_it_leaves(hall):
    home = hall()
    lease = await home.broker.watch(home.wish(outlet=to_upper(None)))
    assert f"{lease.sender.ssrc:010d}".startswith("0200000")
    assert lease.sender.ssrc != home.plane.opened[0].ssrc and home.broker.statistics().ssrcs_lent == 2
    await home.broker.release(lease.id)
    await home.until(home.nothing_is_held)


async def test_a_lost_stream_ends_the_uppers_lease_and_keeps_the_operators_place(hall):
    home, told = hall(), []
    upper = await home.broker.watch(home.wish(outlet=to_upper()))
    operator = await home.broker.watch(home.wish())
    home.broker.on_lease_end(upper.id, told.append)
    home.broker.on_lease_end(operator.id, told.append)
    home.plane.lose()
    await home.until(lambda: home.said()["INVITE"] == 2 and home.states[-1] == "live")
    assert told == ["silent for 10 s"]
    assert upper.sender.outlet not in home.plane.outlets and len(home.plane.outlets) == 1
    await home.broker.release(upper.id)
    assert told == ["silent for 10 s"]


async def test_with_only_uppers_a_lost_stream_is_hung_up_and_not_rung_again(hall):
    home, told = hall(), []
    lease = await home.broker.watch(home.wish(outlet=to_upper()))
    home.broker.on_lease_end(lease.id, told.append)
    home.peer.calls[0].device_hangs_up("hung-up")
    await home.until(home.nothing_is_held)
    assert home.said() == {"INVITE": 1, "BYE": 1} and told == ["hung-up"]


async def test_a_receiver_that_is_gone_ends_its_own_lease_only(hall):
    home, told = hall(), []
    one = await home.broker.watch(home.wish(outlet=to_upper(1)))
    await home.broker.watch(home.wish(outlet=to_upper(2)))
    home.broker.on_lease_end(one.id, told.append)
    inlet = home.plane.outlets.pop(one.sender.outlet)
    home.plane.tell(OutletClosed(inlet, one.sender.outlet, "the receiver is too slow"))
    assert told == ["the receiver is too slow"] and home.broker.statistics().leases == 1


async def test_a_lease_given_back_tells_nobody_and_one_that_is_gone_tells_at_once(hall):
    home, told = hall(), []
    lease = await home.broker.watch(home.wish(outlet=to_upper()))
    home.broker.on_lease_end(lease.id, told.append)
    await home.broker.release(lease.id)
    assert told == []
    home.broker.on_lease_end(lease.id, told.append)
    assert told == ["it has ended"]


async def test_an_operator_who_cuts_the_source_is_told_to_the_uppers(hall):
    home, told = hall(), []
    lease = await home.broker.watch(home.wish(outlet=to_upper()))
    home.broker.on_lease_end(lease.id, told.append)
    await home.broker.stop(home.broker.streams()[0].id)
    await home.until(home.nothing_is_held)
    assert told == ["stopped by an operator"]


@pytest.mark.parametrize("change", [{"host": "upper.example"}, {"transport": "sctp"}])
async def test_an_offer_nobody_can_send_to_is_488_and_leaves_nothing(hall, change):
    home = hall()
    failed = await refusal(home, outlet=to_upper(None, **change))
    assert (failed.code, failed.status, failed.path) == ("bad-address", 488, (OWN,))
    await home.until(home.nothing_is_held)


@pytest.mark.parametrize("step", ["open", "aim", "attach sender", "close"])
@pytest.mark.parametrize("kind", list(WatchKind))
async def test_whatever_breaks_nothing_stays_behind(hall, step, kind):
    home = hall()
    home.plane.fails = step
    with pytest.raises((WatchFailed, RuntimeError)):
        lease = await home.broker.watch(home.wish(outlet=to_upper(None), kind=kind))
        await home.broker.release(lease.id)
        raise RuntimeError("it went well until the end")
    await home.until(home.nothing_is_held)


async def test_live_streams_take_no_controls(hall):
    home = hall()
    lease = await home.broker.watch(home.wish(outlet=to_upper()))
    assert await home.broker.inform(lease.id, PAUSE, "Application/MANSRTSP") == 405
    assert await home.broker.inform("nobody", PAUSE, "Application/MANSRTSP") == 481
    assert home.peer.calls[0].informed == []


# ---- recordings


async def test_a_playback_is_offered_as_the_standard_says_and_never_shared(hall):
    home = hall()
    wish = {"kind": WatchKind.PLAYBACK, "start": 1767225600, "stop": 1767229200, "download_speed": 4}
    one = await home.broker.watch(home.wish(outlet=to_upper(None), **wish))
    two = await home.broker.watch(home.wish(outlet=to_upper(None), **wish))
    live = await home.broker.watch(home.wish())
    assert home.said() == {"INVITE": 3} and len({one.call_id, two.call_id, live.call_id}) == 3
    first = home.peer.offers[0]
    assert (first.session, first.uri, first.start, first.stop) == ("Playback", f"{CHANNEL}:0", 1767225600, 1767229200)
    assert first.downloadspeed is None and f"{first.ssrc:010d}".startswith("1200000")
    assert f"{one.sender.ssrc:010d}".startswith("1200000")
    assert home.plane.senders[one.sender.outlet].is_whole
    assert sorted(str(each.kind) for each in home.broker.streams()) == ["live", "playback", "playback"]
    await home.broker.release(one.id)
    await home.until(lambda: home.said()["BYE"] == 1)


async def test_a_download_asks_for_its_speed_and_tells_its_size(hall):
    home = hall()
    home.peer.filesize = 734003200
    lease = await home.broker.watch(
        home.wish(outlet=to_upper(), kind=WatchKind.DOWNLOAD, start=1, stop=2, download_speed=4, uri="x:3")
    )
    [offer] = home.peer.offers
    assert (offer.session, offer.downloadspeed, offer.uri) == ("Download", 4, "x:3")
    assert lease.filesize == 734003200 and lease.watch.kind is WatchKind.DOWNLOAD


async def test_browsers_may_watch_recordings_too(hall):
    home = hall()
    lease = await home.broker.watch(home.wish(kind=WatchKind.PLAYBACK, start=1, stop=2))
    assert lease.address and lease.sender is None
    assert await home.broker.inform(lease.id, PAUSE, "Application/MANSRTSP") == 200


@pytest.mark.parametrize("reason", ["file-sent", "hung-up"])
async def test_the_end_of_the_file_ends_the_lease_well(hall, reason):
    home, told = hall(), []
    lease = await home.broker.watch(home.wish(outlet=to_upper(), kind=WatchKind.PLAYBACK))
    home.broker.on_lease_end(lease.id, told.append)
    home.peer.calls[0].device_hangs_up(reason)
    await home.until(home.nothing_is_held)
    assert told == ["finished"] and home.plane.controls == ["drain"]
    assert home.said()["INVITE"] == 1 and not home.broker.failures()


async def test_a_recording_that_breaks_is_not_rung_again(hall):
    home, told = hall(), []
    lease = await home.broker.watch(home.wish(outlet=to_upper(), kind=WatchKind.PLAYBACK))
    home.broker.on_lease_end(lease.id, told.append)
    home.plane.lose()
    await home.until(home.nothing_is_held)
    assert told == ["silent for 10 s"] and home.said() == {"INVITE": 1, "BYE": 1}


@pytest.mark.parametrize(("pauses", "reason"), [(False, "finished"), (True, "silent for 10 s")])
async def test_silence_when_a_recording_has_run_its_time_is_its_end_unless_it_was_paused(hall, pauses, reason):
    home, told = hall(), []
    lease = await home.broker.watch(
        home.wish(outlet=to_upper(), kind=WatchKind.DOWNLOAD, start=1, stop=2, download_speed=20)
    )
    home.broker.on_lease_end(lease.id, told.append)
    if pauses:
        await home.broker.inform(lease.id, PAUSE, "Application/MANSRTSP")
    await asyncio.sleep(0.06)
    home.plane.lose()
    await home.until(home.nothing_is_held)
    assert told == [reason]


async def test_controls_go_down_byte_for_byte_and_a_pause_holds_the_loss_timer(hall):
    home = hall()
    lease = await home.broker.watch(home.wish(outlet=to_upper(), kind=WatchKind.PLAYBACK))
    bodies = [
        PAUSE,
        b"PLAY MANSRTSP/1.0\r\nCSeq: 2\r\nRange: npt=now-\r\n\r\n",
        b"PLAY RTSP/1.0\r\nCSeq: 3\r\nRange: npt=100-\r\n\r\n",
        b"PLAY RTSP/1.0\r\nCSeq: 4\r\nScale: 2.0\r\n",
        b"gibberish",
    ]
    for body in bodies:
        assert await home.broker.inform(lease.id, body, "Application/MANSRTSP") == 200
    assert [body for body, _ in home.peer.calls[0].informed] == bodies
    assert home.plane.controls == ["hold", "go on", "go on", "seek", "go on"]


@pytest.mark.parametrize(("answer", "status"), [(451, 451), (None, 408)])
async def test_a_control_that_was_not_taken_changes_nothing(hall, answer, status):
    home = hall()
    lease = await home.broker.watch(home.wish(outlet=to_upper(), kind=WatchKind.PLAYBACK))
    home.peer.informs_with = answer
    assert await home.broker.inform(lease.id, PAUSE, "Application/MANSRTSP") == status
    assert home.plane.controls == []


# ---- several paths


async def test_without_an_owner_the_channel_is_found_and_called(hall):
    home = hall()
    lease = await home.broker.watch(home.wish(owner=""))
    assert lease.watch.owner == OWNER and home.said() == {"INVITE": 1}
    assert (await refusal(home, owner="", channel="34020000001320000009")).code == "unknown-channel"


async def test_a_flowing_stream_is_joined_whoever_else_has_the_channel(hall):
    home = hall()
    other = home.add("34010000001110000001")
    await home.broker.watch(home.wish(owner=OWNER))
    lease = await home.broker.watch(home.wish(owner=""))
    assert lease.watch.owner == OWNER and not other.offers and home.said() == {"INVITE": 1}


async def test_a_stream_that_has_just_fallen_silent_is_joined_only_when_there_is_no_other_way(hall):
    home = hall()
    home.add(COUNTY)
    await home.broker.watch(home.wish(owner=OWNER))
    home.plane.silent_s = 1.0
    assert (await home.broker.watch(home.wish(owner=""))).watch.owner == COUNTY
    home.channels.devices.pop(COUNTY)
    assert (await home.broker.watch(home.wish(owner=""))).watch.owner == OWNER


async def test_the_second_path_is_tried_by_itself_and_the_first_is_told_of_when_both_fail(hall):
    home = hall()
    city, county = home.add(CITY, kind=DeviceKind.PLATFORM), home.add(COUNTY, kind=DeviceKind.PLATFORM)
    home.peer.refuses = [PeerRefused("busy", status=486, reason="Busy Here")]
    city.refuses = [PeerSilent("no answer")]
    lease = await home.broker.watch(home.wish(owner=""))
    assert lease.watch.owner == COUNTY and lease.path == (OWN, COUNTY)
    assert home.broker.streams()[-1].path == (OWN, COUNTY)
    await home.broker.release(lease.id)
    await home.until(home.nothing_is_held)
    for peer in (home.peer, city, county):
        peer.refuses = [PeerOffline("gone")]
    failed = await refusal(home, owner="")
    assert {hop.who for hop in failed.hops if hop.what == "INVITE"} == {OWNER, CITY, COUNTY} or len(failed.hops) >= 6
    assert failed.path[0] == OWN


async def test_a_path_that_failed_lately_is_tried_last(hall):
    home = hall()
    home.add(COUNTY)
    home.peer.refuses = [PeerSilent("no answer")]
    first = await home.broker.watch(home.wish(owner=""))
    assert first.watch.owner == COUNTY
    await home.broker.release(first.id)
    await home.until(home.nothing_is_held)
    second = await home.broker.watch(home.wish(owner=""))
    assert second.watch.owner == COUNTY and len(home.peer.offers) == 1


@pytest.mark.parametrize("via", [(OWN, CITY, COUNTY), (CITY, COUNTY)])
async def test_a_wished_path_is_gone_and_handed_on(hall, via):
    home = hall()
    city = home.add(CITY, kind=DeviceKind.PLATFORM)
    city.answer_headers = {"X-RoutePath": f"{CITY}-{COUNTY}"}
    lease = await home.broker.watch(home.wish(owner="", via=via, identity="3402-user"))
    assert lease.watch.owner == CITY and lease.path == (OWN, CITY, COUNTY)
    assert dict(city.heard_headers[0]) == {
        "X-PreferredPath": f"{CITY}-{COUNTY}",
        "Monitor-User-Identity": "3402-user",
    }


async def test_a_wished_path_that_nobody_knows_is_passed_over(hall):
    home = hall()
    lease = await home.broker.watch(home.wish(owner="", via=(OWN, "34999999002000000001")))
    assert lease.watch.owner == OWNER and home.peer.heard_headers == [()]


async def test_the_path_of_a_failure_is_what_the_platform_below_told(hall):
    home = hall()
    city = home.add(CITY, kind=DeviceKind.PLATFORM)
    city.refuses = [PeerRefused("no", status=404, reason="no", headers={"X-RoutePath": f"{CITY}-{COUNTY}"})]
    assert (await refusal(home, owner=CITY)).path == (OWN, CITY, COUNTY)


async def test_viewers_go_on_by_another_path_when_the_one_they_came_by_stays_lost(hall):
    home = hall()
    city, county = home.add(CITY, kind=DeviceKind.PLATFORM), home.add(COUNTY, kind=DeviceKind.PLATFORM)
    home.channels.devices[OWNER] = msgspec.structs.replace(home.channels.devices[OWNER], presence=Presence.OFFLINE)
    city.answer_headers = {"X-RoutePath": f"{CITY}-34020200002000000009"}
    lease = await home.broker.watch(home.wish(owner="", identity="3402-user"))
    chosen, other = (city, county) if lease.watch.owner == CITY else (county, city)
    inlet, told = home.plane.opened[0], []
    home.broker.on_lease_end(lease.id, told.append)
    chosen.refuses = [PeerOffline("gone")] * 9
    home.plane.lose()
    await home.until(lambda: home.broker.streams()[0].state == "live" and len(other.calls) == 1)
    (view,) = home.broker.streams()
    assert (view.owner, view.path[:2]) == (other.code, (OWN, other.code))
    assert home.plane.opened == [inlet] and home.plane.outlets and not told
    assert dict(other.heard_headers[0]) == {"Monitor-User-Identity": "3402-user"}
    assert other.offers[0].port == chosen.offers[0].port
    again = await home.broker.watch(home.wish(owner=""))
    assert again.watch.owner == other.code and len(other.calls) == 1
    for each in (lease, again):
        await home.broker.release(each.id)
    await home.until(home.nothing_is_held)


async def test_viewers_who_chose_their_path_stay_with_it(hall):
    home = hall()
    county = home.add(COUNTY)
    await home.broker.watch(home.wish(owner=OWNER))
    home.peer.refuses = [PeerOffline("gone")] * 2
    home.plane.lose()
    await home.until(lambda: home.broker.streams()[0].state == "live" and len(home.peer.calls) == 2)
    assert home.broker.streams()[0].owner == OWNER and not county.offers


async def test_two_paths_that_both_refuse_are_not_rung_without_a_pause(hall):
    home = hall()
    county = home.add(COUNTY)
    await home.broker.watch(home.wish(owner=""))
    for peer in (home.peer, county):
        peer.refuses = [PeerRefused("busy", status=486, reason="Busy Here")] * 500
    home.plane.lose()
    await asyncio.sleep(0.1)
    assert 2 <= len(home.peer.offers) + len(county.offers) < 30


async def test_patience_grows_with_the_platforms_on_the_way_and_is_shorter_while_another_way_is_there(hall):
    home = hall()
    settings = home.broker.settings
    one, far = settings.answer_s + settings.answer_each_platform_s, COUNTY
    city = home.add(CITY, kind=DeviceKind.PLATFORM, parents=(CITY, far))
    await home.broker.watch(home.wish(owner=OWNER))
    await home.broker.watch(home.wish(owner=CITY))
    assert home.peer.patience == [settings.answer_s]
    assert city.patience == [one + settings.answer_each_platform_s]
    home = hall()
    county = home.add(COUNTY, kind=DeviceKind.PLATFORM)
    home.peer.refuses = [PeerSilent("no answer")]
    await home.broker.watch(home.wish(owner=""))
    assert home.peer.patience == [settings.answer_s * settings.answer_with_other_way] and county.patience == [one]


# ---- loops


async def test_a_watch_never_goes_back_to_who_asks(hall):
    home = hall()
    home.add(UPPER, kind=DeviceKind.PLATFORM)
    failed = await refusal(home, owner=UPPER, viewer_peer=UPPER, outlet=to_upper())
    assert (failed.status, failed.code) == (482, "loop")
    lease = await home.broker.watch(home.wish(owner="", viewer_peer=UPPER, outlet=to_upper()))
    assert lease.watch.owner == OWNER
    del home.channels.channels[OWNER, CHANNEL]
    assert (await refusal(home, owner="", viewer_peer=UPPER, outlet=to_upper())).status == 482


async def test_an_answer_whose_path_comes_back_to_us_is_hung_up_as_a_loop(hall):
    home = hall()
    city = home.add(CITY, kind=DeviceKind.PLATFORM)
    city.answer_headers = {"X-RoutePath": f"{CITY}-{OWN}-{COUNTY}"}
    failed = await refusal(home, owner=CITY)
    assert (failed.status, failed.code, failed.path) == (482, "loop", (OWN, CITY, OWN, COUNTY))
    await home.until(home.nothing_is_held)
    assert city.log == ["INVITE", "BYE"]
