"""Who watches what: one call for any number, and everything given back whatever happens."""

from __future__ import annotations

import asyncio

import pytest

from broker.watch import WatchFailed
from gb28181.peer import Hop, PeerOffline, PeerRefused, PeerSilent
from media.plane import NoCapacity, OutletClosed, Seen, Transport, Verdict
from registry.events import DeviceCameOnline

OWNER, CHANNEL = "34020000001110000001", "34020000001320000001"


async def refusal(hall, **more) -> WatchFailed:
    with pytest.raises(WatchFailed) as failed:
        await hall.broker.watch(hall.wish(**more))
    return failed.value


# ---- the way there and back


async def test_a_watch_gets_a_lease_with_address_and_tracks(hall):
    home = hall()
    lease = await home.broker.watch(home.wish())
    assert lease.address.startswith("/media/in1/") and lease.call_id == "call-1"
    assert lease.video.width == 1920 and lease.audio.playable_as == "mp4a.40.2"
    [stream] = home.broker.streams()
    assert (stream.state, stream.viewers, stream.transport) == ("live", ("ann",), "tcp-passive")
    assert home.states == ["inviting", "awaiting-media", "live"]
    assert home.broker.inlet_of(stream.id) == "in1" and home.broker.statistics_of(stream.id).packets == 1
    assert home.broker.inlet_of("nobody") is home.broker.statistics_of("nobody") is None


async def test_the_offer_names_the_port_that_is_open_already(hall):
    home = hall()
    await home.broker.watch(home.wish())
    [offer], [inlet] = home.peer.offers, home.plane.opened
    assert (offer.host, offer.port, offer.ssrc, offer.transport) == (
        "192.0.2.20",
        inlet.port,
        inlet.ssrc,
        "tcp-passive",
    )
    assert f"{offer.ssrc:010d}".startswith("0200000")
    assert home.plane.aims[0].host == "198.51.100.7" and home.plane.aims[0].payloads == {96: "PS"}


async def test_without_a_media_address_the_one_the_device_reached_is_offered(hall):
    home = hall()
    home.plane.host = ""
    await home.broker.watch(home.wish())
    assert home.peer.offers[0].host == "192.0.2.10"


async def test_two_watches_at_once_make_one_call(hall):
    home = hall()
    home.peer.answers.clear()
    watches = [asyncio.create_task(home.broker.watch(home.wish(viewer=name))) for name in ("ann", "ben")]
    await asyncio.sleep(0.02)
    home.peer.answers.set()
    leases = await asyncio.gather(*watches)
    assert home.said()["INVITE"] == 1
    assert leases[0].address != leases[1].address and leases[0].call_id == leases[1].call_id
    assert set(home.broker.streams()[0].viewers) == {"ann", "ben"}


async def test_main_and_sub_stream_are_two_calls(hall):
    home = hall()
    await home.broker.watch(home.wish())
    await home.broker.watch(home.wish(stream_number=1))
    assert home.said()["INVITE"] == 2
    assert len({offer.ssrc for offer in home.peer.offers}) == 2


async def test_after_the_last_viewer_the_call_lingers_and_then_ends(hall):
    home = hall()
    leases = [await home.broker.watch(home.wish()) for _ in range(2)]
    for lease in leases:
        await home.broker.release(lease.id)
        await home.broker.release(lease.id)
        assert home.said()["BYE"] == 0
    await home.until(lambda: home.broker.streams()[0].state == "lingering")
    await home.until(home.nothing_is_held)
    assert home.said() == {"INVITE": 1, "BYE": 1}
    assert home.states[-2:] == ["lingering", "ended"]


async def test_a_viewer_within_the_linger_joins_and_a_key_frame_is_asked_for(hall):
    home = hall()
    lease = await home.broker.watch(home.wish())
    await home.broker.release(lease.id)
    await home.until(lambda: home.broker.streams()[0].state == "lingering")
    await home.broker.watch(home.wish())
    await asyncio.sleep(0.25)
    assert home.said() == {"INVITE": 1}
    [told] = home.peer.told
    assert told.i_frame and told.device == CHANNEL


async def test_key_frame_wishes_are_rate_limited(hall):
    home = hall()
    await home.broker.watch(home.wish())
    stream = next(iter(home.broker._streams.values()))
    for _ in range(5):
        stream.ask_key_frame()
    await asyncio.sleep(0.07)
    stream.ask_key_frame()
    await asyncio.sleep(0.01)
    assert len(home.peer.told) == 2


async def test_a_viewer_who_closes_the_window_gives_the_lease_back(hall):
    home = hall()
    await home.broker.watch(home.wish())
    [(outlet, inlet)] = home.plane.outlets.items()
    del home.plane.outlets[outlet]
    home.plane.tell(OutletClosed(inlet, outlet, "the viewer left"))
    assert home.broker.statistics().leases == 0
    await home.until(home.nothing_is_held)


async def test_who_loses_patience_does_not_hang_up_on_the_next_one(hall):
    home = hall()
    home.peer.answers.clear()
    first = asyncio.create_task(home.broker.watch(home.wish(viewer="hasty")))
    await home.until(lambda: home.said()["INVITE"] == 1)
    second = asyncio.create_task(home.broker.watch(home.wish(viewer="patient")))
    await asyncio.sleep(0.01)
    first.cancel()
    await asyncio.sleep(0.01)
    home.peer.answers.set()
    lease = await second
    assert home.said() == {"INVITE": 1} and lease.call_id == "call-1"
    assert home.broker.streams()[0].viewers == ("patient",)


async def test_a_call_everybody_left_while_it_rang_still_ends_tidily(hall):
    home = hall()
    home.peer.answers.clear()
    watch = asyncio.create_task(home.broker.watch(home.wish()))
    await home.until(lambda: home.said()["INVITE"] == 1)
    watch.cancel()
    home.peer.answers.set()
    await home.until(home.nothing_is_held)
    assert home.said() == {"INVITE": 1, "BYE": 1}


async def test_a_new_call_waits_for_the_bye_of_the_last_one(hall):
    home = hall()
    lease = await home.broker.watch(home.wish())
    await home.broker.stop(home.broker.streams()[0].id)
    await home.until(lambda: not home.broker.streams())
    assert lease
    await home.broker.watch(home.wish())
    assert home.peer.log == ["INVITE", "BYE", "INVITE"]


async def test_an_operator_may_cut_the_source(hall):
    home = hall()
    await home.broker.watch(home.wish())
    assert await home.broker.stop(home.broker.streams()[0].id)
    await home.until(home.nothing_is_held)
    assert not await home.broker.stop("nobody")
    assert home.broker.statistics().leases == 0


# ---- what fails, and how it is said


@pytest.mark.parametrize(
    ("change", "code", "status"),
    [
        ({"owner": "34020000001110000009"}, "unknown-device", 404),
        ({"channel": "34020000001320000009"}, "unknown-channel", 404),
    ],
)
async def test_who_is_not_known_is_not_called(hall, change, code, status):
    home = hall()
    failed = await refusal(home, **change)
    assert (failed.code, failed.status) == (code, status)
    assert failed.hops[-1].status == status
    assert home.said() == {}


async def test_a_camera_without_a_catalog_is_its_own_channel(hall):
    home = hall()
    assert (await home.broker.watch(home.wish(channel=OWNER))).video


async def test_a_disabled_device_is_not_called(hall):
    home = hall()
    home.channels.change(enabled=False)
    assert (await refusal(home)).code == "device-disabled"


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (PeerOffline("not registered"), "device-offline", 480),
        (PeerSilent("no answer in 15 s"), "device-silent", 408),
        (PeerRefused("busy", status=486, reason="Busy Here"), "device-refused", 486),
        (PeerRefused("no", status=488, reason="Not Acceptable Here"), "device-refused", 488),
        (PeerRefused("who", status=401, reason="Unauthorized"), "device-refused", 403),
        (PeerRefused("odd", status=0, reason=""), "device-refused", 502),
    ],
)
async def test_what_the_device_said_is_kept(hall, error, code, status):
    home = hall()
    home.peer.refuses = [error]
    failed = await refusal(home)
    assert (failed.code, failed.status) == (code, status)
    assert [hop.what for hop in failed.hops] == ["open a port", "INVITE"]
    await home.until(home.nothing_is_held)
    assert home.broker.failures()[-1].failure == str(failed)


async def test_the_hops_of_a_lower_platform_are_passed_on(hall):
    home = hall()
    hops = (Hop("us", "INVITE", 503, "Service Unavailable"), Hop("34030000002000000001", "INVITE", 486, "Busy"))
    home.peer.refuses = [PeerRefused("busy", status=503, reason="Service Unavailable", hops=hops)]
    assert (await refusal(home)).hops[1:] == hops


async def test_everybody_who_waited_hears_the_same_failure(hall):
    home = hall()
    home.peer.answers.clear()
    home.peer.refuses = [PeerSilent("no answer")]
    watches = [asyncio.create_task(home.broker.watch(home.wish())) for _ in range(3)]
    await home.until(lambda: home.broker.statistics().waiting == 3)
    home.peer.answers.set()
    results = await asyncio.gather(*watches, return_exceptions=True)
    assert [result.code for result in results] == ["device-silent"] * 3
    assert len({id(result) for result in results}) == 3


async def test_nothing_on_the_port_is_rung_once_more_by_the_other_transport(hall):
    home = hall()
    home.plane.silent = [Seen(Verdict.NOTHING)]
    assert await home.broker.watch(home.wish())
    assert [inlet.transport for inlet in home.plane.opened] == [Transport.TCP_PASSIVE, Transport.UDP]
    assert home.peer.log == ["INVITE", "BYE", "INVITE"]
    assert len(home.plane.open_inlets) == 1


async def test_when_neither_transport_brings_anything_both_are_told_of(hall):
    home = hall()
    home.channels.change(media_transport="udp")
    home.plane.silent = [Seen(Verdict.NOTHING), Seen(Verdict.CONNECTED_SILENT, sources=("198.51.100.7:1",))]
    failed = await refusal(home)
    assert (failed.code, failed.status, failed.seen.verdict) == ("no-media", 504, Verdict.CONNECTED_SILENT)
    assert [hop.what for hop in failed.hops] == ["open a port", "INVITE", "await the first picture"] * 2
    assert "udp port" in failed.hops[0].reason and "tcp-passive port" in failed.hops[3].reason
    assert "192.0.2.20:30004" in str(failed) and failed.call_id == "call-2"
    assert home.said() == {"INVITE": 2, "BYE": 2}


async def test_a_device_that_refuses_the_stream_selector_is_asked_once_without(hall):
    home = hall()
    home.channels.change(edition="3.0")
    home.peer.refuses = [
        PeerRefused("no", status=488, reason="Not Acceptable Here", hops=(Hop(OWNER, "INVITE", 488, "no"),))
    ]
    lease = await home.broker.watch(home.wish(stream_number=1))
    assert [offer.stream_selector for offer in home.peer.offers] == [("streamnumber:1",), ()]
    assert len(home.plane.opened) == 1
    await home.broker.release(lease.id)


async def test_a_device_that_refuses_both_is_left_alone_and_both_are_told(hall):
    home = hall()
    home.channels.change(edition="3.0")
    no = PeerRefused("no", status=488, reason="Not Acceptable Here", hops=(Hop(OWNER, "INVITE", 488, "no"),))
    home.peer.refuses = [no, no]
    failed = await refusal(home)
    assert [(hop.what, hop.status) for hop in failed.hops[1:]] == [("INVITE", 488)] * 2
    assert home.said()["INVITE"] == 2


async def test_a_refusal_from_a_deeper_tier_or_of_another_sort_is_no_word_on_the_selector(hall):
    deeper = (Hop(OWNER, "INVITE", 488, "no"), Hop(CHANNEL, "await the first picture", 488, "not-ps"))
    for status, hops in ((488, deeper), (486, (Hop(OWNER, "INVITE", 486, "busy"),))):
        home = hall()
        home.channels.change(edition="3.0")
        home.peer.refuses = [PeerRefused("no", status=status, reason="no", hops=hops)]
        assert (await refusal(home)).status == status
        assert home.said() == {"INVITE": 1}


async def test_the_other_transport_is_a_setting(hall):
    home = hall(retry_other_transport=False)
    home.plane.silent = [Seen(Verdict.NOTHING)]
    assert (await refusal(home)).seen.verdict is Verdict.NOTHING
    assert home.said()["INVITE"] == 1


@pytest.mark.parametrize(
    ("verdict", "status"),
    [(Verdict.NOT_PS, 488), (Verdict.NO_KEY_FRAME, 504), (Verdict.UNSUPPORTED_CODEC, 488)],
)
async def test_what_came_and_cannot_be_used_is_not_rung_again(hall, verdict, status):
    home = hall()
    home.plane.silent = [Seen(verdict, packets=7, note="so it was")]
    failed = await refusal(home)
    assert (failed.status, failed.seen.packets) == (status, 7)
    assert failed.hops[-1].reason.endswith("(so it was)")
    assert home.said()["INVITE"] == 1


async def test_who_is_stopped_while_a_port_is_opened_rings_nobody(hall):
    home = hall()
    opened, may_open = home.plane.open, asyncio.Event()

    async def open_later(*args, **words):
        await may_open.wait()
        return await opened(*args, **words)

    home.plane.open = open_later
    watch = asyncio.create_task(home.broker.watch(home.wish()))
    await home.until(lambda: bool(home.broker.streams()))
    assert await home.broker.stop(home.broker.streams()[0].id)
    may_open.set()
    with pytest.raises(WatchFailed) as failed:
        await watch
    assert failed.value.code == "stopped" and not home.said()
    await home.until(home.nothing_is_held)


async def test_a_second_way_without_a_port_shows_the_first_ring_once(hall):
    home = hall(retry_other_transport=True)
    home.plane.silent = [Seen(Verdict.NOTHING)]
    opened = home.plane.open

    async def open_once(*args, **words):
        if home.plane.opened:
            raise NoCapacity("no port is left")
        return await opened(*args, **words)

    home.plane.open = open_once
    failed = await refusal(home)
    assert [(hop.what, hop.status) for hop in failed.hops] == [
        ("open a port", 200),
        ("INVITE", 200),
        ("await the first picture", 0),
        ("open a port", 503),
    ]


async def test_strangers_on_the_shared_port_lead_to_a_port_of_its_own(hall):
    home = hall(single_port=True)
    home.plane.silent = [Seen(Verdict.OTHER_SSRC)]
    assert await home.broker.watch(home.wish())
    assert [inlet.single_port for inlet in home.plane.opened] == [True, False]


async def test_a_plane_that_says_nothing_at_all_does_not_hold_the_viewer(hall):
    home = hall(first_frame_s=0.05, retry_other_transport=False)
    home.plane.fails = "never"
    assert (await refusal(home)).seen.verdict is Verdict.NOTHING


async def test_patience_ends_with_a_word(hall):
    home = hall(viewer_patience_s=0.05)
    home.peer.answers.clear()
    failed = await refusal(home)
    assert (failed.code, failed.status) == ("timeout", 504)
    assert failed.hops[-1].reason == "still inviting"
    home.peer.answers.set()


async def test_there_is_no_place_beyond_the_last(hall):
    home = hall(leases=1)
    await home.broker.watch(home.wish())
    failed = await refusal(home)
    assert (failed.code, failed.status) == ("no-capacity", 503)


async def test_who_comes_at_the_same_moment_gets_no_place_beyond_the_last_either(hall):
    home = hall(leases=2)
    came = await asyncio.gather(*(home.broker.watch(home.wish()) for _ in range(5)), return_exceptions=True)
    assert [each.code for each in came if isinstance(each, WatchFailed)] == ["no-capacity"] * 3


async def test_who_gives_a_place_back_hears_nothing_of_what_fails_then(hall, monkeypatch, caplog):
    home = hall()
    lease = await home.broker.watch(home.wish())

    async def detach(inlet: str, outlet: str) -> None:
        raise RuntimeError("what nobody foresaw")

    monkeypatch.setattr(home.plane, "detach", detach)
    await home.broker.release(lease.id)
    assert home.broker.statistics().leases == 0
    assert [record for record in caplog.records if "could not be given back" in record.message]


async def test_a_device_that_ends_the_call_before_a_picture_is_said(hall):
    home = hall(retry_other_transport=True)
    home.plane.fails = "never"
    watch = asyncio.create_task(home.broker.watch(home.wish()))
    await home.until(lambda: bool(home.plane.aims))
    await asyncio.sleep(0.01)
    home.peer.calls[0].device_hangs_up("BYE")
    with pytest.raises(WatchFailed) as failed:
        await watch
    assert failed.value.code == "device-ended" and failed.value.hops[-1].what == "BYE"


# ---- a stream that breaks while somebody watches


async def test_a_lost_stream_is_rung_again_and_the_viewer_keeps_his_place(hall):
    home = hall()
    await home.broker.watch(home.wish())
    before = dict(home.plane.outlets)
    home.plane.lose()
    await home.until(lambda: home.said()["INVITE"] == 2 and home.states[-1] == "live")
    assert home.peer.log == ["INVITE", "BYE", "INVITE"]
    assert home.plane.outlets == before and len(home.plane.opened) == 1
    assert "retrying" in home.states
    assert next(change.note for change in home.changes if change.state == "retrying") == "silent for 10 s"
    assert home.broker.streams()[0].failure is None


async def test_a_broken_stream_says_so_while_it_is_rung_again(hall):
    home = hall(retry_first_s=1.0, retry_last_s=1.0)
    await home.broker.watch(home.wish())
    home.plane.lose()
    await home.until(lambda: home.states[-1] == "retrying")
    assert home.broker.streams()[0].failure == f"{CHANNEL} stopped sending: silent for 10 s"


async def test_a_bye_of_the_device_is_followed_by_a_new_call(hall):
    home = hall()
    await home.broker.watch(home.wish())
    home.peer.calls[0].device_hangs_up()
    await home.until(lambda: home.said()["INVITE"] == 2 and home.states[-1] == "live")


async def test_that_the_flow_before_has_ended_is_no_word_about_the_ring_that_is_on(hall):
    home = hall()
    await home.broker.watch(home.wish())
    home.peer.answers.clear()
    # The call ends at once, and we ring; that its media stopped the media plane says a moment later.
    home.peer.calls[0].device_hangs_up()
    await home.until(lambda: home.said()["INVITE"] == 2)
    newcomer = asyncio.create_task(home.broker.watch(home.wish()))
    home.plane.lose("the sender closed the connection")
    home.peer.answers.set()
    assert await newcomer
    assert home.broker.streams()[0].failure is None and home.said()["INVITE"] == 2


async def test_ringing_again_backs_off_and_ends_with_the_last_viewer(hall):
    home = hall()
    lease = await home.broker.watch(home.wish())
    home.peer.refuses = [PeerSilent("gone")] * 50
    home.plane.lose()
    await asyncio.sleep(0.5)
    rings = home.said()["INVITE"]
    assert 4 <= rings <= 6  # after 30, 60, 120, 200, 200 ms
    assert home.broker.streams()[0].failure
    await home.broker.release(lease.id)
    await home.until(home.nothing_is_held)


async def test_who_comes_while_it_is_down_hears_why_or_gets_the_picture(hall):
    home = hall(retry_first_s=0.1)
    await home.broker.watch(home.wish())
    home.peer.refuses = [PeerSilent("gone")]
    home.plane.lose()
    await home.until(lambda: home.states[-1] == "retrying")
    assert (await refusal(home)).code == "device-silent"
    assert await home.broker.watch(home.wish())
    assert home.said()["INVITE"] == 3


async def test_a_device_that_comes_back_is_rung_at_once(hall):
    home = hall(retry_first_s=5.0, retry_last_s=5.0)
    await home.broker.watch(home.wish())
    home.plane.lose()
    await home.until(lambda: home.states[-1] == "retrying")
    home.bus.tell(DeviceCameOnline("34020000001110000009", "registered", 0.0))
    await asyncio.sleep(0.02)
    assert home.said()["INVITE"] == 1
    home.bus.tell(DeviceCameOnline(OWNER, "registered", 0.0))
    await home.until(lambda: home.states[-1] == "live")


async def test_a_stream_that_breaks_while_it_lingers_is_not_rung_again(hall):
    home = hall(linger_s=5)
    lease = await home.broker.watch(home.wish())
    await home.broker.release(lease.id)
    await home.until(lambda: home.states[-1] == "lingering")
    home.plane.lose()
    await home.until(home.nothing_is_held)
    assert home.said() == {"INVITE": 1, "BYE": 1}


# ---- nothing leaks


@pytest.mark.parametrize("step", ["open", "call", "aim", "attach", "close", "hang up"])
async def test_whatever_step_fails_nothing_is_kept(hall, step):
    home = hall()
    home.plane.fails = home.peer.fails = step
    if step in ("close", "hang up"):
        lease = await home.broker.watch(home.wish())
        await home.broker.release(lease.id)
    else:
        with pytest.raises((WatchFailed, RuntimeError)):
            await home.broker.watch(home.wish())
    await home.until(home.nothing_is_held)
    assert not home.broker._by_inlet and not home.broker._ending
    home.plane.fails = home.peer.fails = ""
    assert await home.broker.watch(home.wish())


async def test_closing_the_broker_hangs_up_everywhere(hall):
    home = hall()
    await home.broker.watch(home.wish())
    home.peer.answers.clear()
    ringing = asyncio.create_task(home.broker.watch(home.wish(stream_number=1)))
    await home.until(lambda: home.said()["INVITE"] == 2)
    await home.broker.close()
    assert home.nothing_is_held() and home.said()["BYE"] == 1
    with pytest.raises(WatchFailed):
        await ringing
    assert (await refusal(home)).status == 503


async def test_a_neighbour_that_never_answers_does_not_hold_the_house_open(hall):
    home = hall()
    await home.broker.watch(home.wish())
    home.peer.fails = "never answers BYE"
    began = asyncio.get_running_loop().time()
    await home.broker.close()
    assert asyncio.get_running_loop().time() - began < 2
    assert home.nothing_is_held()


async def test_a_hundred_watches_that_fail_lose_no_number(hall):
    home = hall()
    home.peer.refuses = [PeerRefused("busy", status=486, reason="Busy Here")] * 100
    for _ in range(100):
        await refusal(home)
    await home.until(home.nothing_is_held)
    assert home.broker.statistics().ssrcs_free == 9999
