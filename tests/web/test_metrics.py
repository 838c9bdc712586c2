"""Prometheus reads what the rooms count, and nobody else does."""

from __future__ import annotations

from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from broker.watch import (
    InletStatistics,
    OutletKind,
    SenderStatistics,
    StreamView,
    ViewerStatistics,
    WatchKind,
    WorkerStatistics,
)
from registry.platform import Upper, UpperState
from tests.web.conftest import CAMERA, VIDEO
from web.metrics import counted, streams
from web.metrics.family import looked_up
from web.metrics.scrape import KEPT_S, Scrape
from web.settings import WebSettings

UPPER = "34000000002000000001"
FLOW = StreamView("s1", CAMERA, CAMERA, "live", 0, "udp", 1, "call-1", ("wang",), started_at=5.0)
COUNTED = InletStatistics("i1", 1000, 1_400_000, 10, 3, 2, 0, 1, 250, 5, 2, 0.1, VIDEO)


async def scrape(client) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """Samples by name, each by its labels in order; the text must be what Prometheus reads."""
    response = await client.raw("GET", "/metrics")
    assert response.status == 200
    assert response.headers["Content-Type"].startswith("text/plain; version=")
    return read(await response.text())


def read(text: str) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            lines = found.setdefault(sample.name, {})
            key = tuple(sorted(sample.labels.items()))
            assert key not in lines, f"{sample.name} {key} stands twice"
            lines[key] = sample.value
    return found


class TestWhoMayScrape:
    async def test_nobody_without_proof(self, house):
        assert (await house.stranger().raw("GET", "/metrics")).status == 401
        liar = house.stranger(Authorization="Bearer nonsense")
        assert (await liar.raw("GET", "/metrics")).status == 401

    async def test_a_key_for_scraping_reads_this_and_nothing_else(self, house):
        program = await house.program("scraper")
        assert (await program.raw("GET", "/metrics")).status == 200
        for path in ("/system", "/streams", "/tree", "/workers", "/events", "/openapi.json"):
            status, said = await program.ask("GET", "/api/v1" + path)
            assert (status, said["error"]["code"]) == (403, "forbidden"), path
        assert (await program.ask("POST", "/api/v1/live", {"channel": CAMERA}))[0] == 403

    async def test_an_administrator_makes_such_a_key(self, house):
        boss = await house.person("administrator")
        status, made = await boss.ask("POST", "/api/v1/keys", {"name": "prometheus", "role": "scraper"})
        assert status == 201
        program = house.stranger(Authorization=f"Bearer {made['secret']}")
        assert (await program.raw("GET", "/metrics")).status == 200

    async def test_no_person_is_a_scraper(self, house):
        boss = await house.person("administrator")
        body = {"name": "li", "role": "scraper", "password": "three blue herons"}
        assert (await boss.ask("POST", "/api/v1/users", body))[0] == 400

    async def test_whoever_is_logged_in(self, house):
        assert (await (await house.person("viewer")).raw("GET", "/metrics")).status == 200

    async def test_nothing_may_be_written_there(self, house):
        program = await house.program("scraper")
        assert (await program.raw("POST", "/metrics")).status in (403, 404, 405)


class TestScrapersByAddress:
    @pytest.fixture
    def settings(self, settings: WebSettings) -> WebSettings:
        return replace(settings, scrapers=("10.1.0.0/16", "127.0.0.1"))

    async def test_come_in_without_a_key_to_this_alone(self, house):
        stranger = house.stranger()
        assert (await stranger.raw("GET", "/metrics")).status == 200
        assert (await stranger.raw("GET", "/api/v1/system")).status == 401


async def test_a_stranger_who_names_a_scrapers_address_is_not_believed(house):
    stranger = house.stranger(**{"X-Forwarded-For": "127.0.0.1"})
    assert (await stranger.raw("GET", "/metrics")).status == 401


class TestScrapersBehindAProxy:
    @pytest.fixture
    def settings(self, settings: WebSettings) -> WebSettings:
        return replace(settings, scrapers=("10.1.0.0/16",), trusted_proxies=("127.0.0.1",))

    @pytest.mark.parametrize(
        ("forwarded", "status"),
        [
            ("10.1.2.3", 200),
            ("::ffff:10.1.2.3", 200),
            ("10.2.0.1", 401),
            ("10.1.2.3, 10.2.0.1", 401),
            ("nonsense", 401),
        ],
    )
    async def test_are_known_by_the_last_hop_that_no_proxy_wrote(self, house, forwarded, status):
        stranger = house.stranger(**{"X-Forwarded-For": forwarded})
        assert (await stranger.raw("GET", "/metrics")).status == status


def test_a_scraper_is_an_address_or_a_network():
    with pytest.raises(ValueError, match="scrapers"):
        WebSettings(scrapers=("prometheus.example",))


async def test_peers_are_counted_by_kind_and_state_and_uppers_shown_one_by_one(house):
    await house.camera()
    await house.directory.add_upper(Upper(UPPER, host="10.0.0.1"))
    house.directory.note_upper_state(UpperState(UPPER, "refused", keepalives_missed=2))
    said = await scrape(await house.program("scraper"))
    peers = said["lianwang_peers"]
    assert peers[("kind", "camera"), ("state", "online")] == 1
    assert sum(peers.values()) == 1
    states = {dict(key)["state"]: on for key, on in said["lianwang_upper_state"].items() if dict(key)["upper"] == UPPER}
    assert states["refused"] == 1 and sum(states.values()) == 1 and len(states) == 6
    assert said["lianwang_upper_keepalives_missed"][(("upper", UPPER),)] == 2
    assert said["lianwang_channels_online"][()] == 1


async def test_web_sessions_and_feeds_are_counted(house):
    await house.person("viewer")
    said = await scrape(await house.person("operator"))
    assert said["lianwang_web_sessions"][()] == 2
    assert said["lianwang_web_feeds"][()] == 0
    assert said["process_resident_memory_bytes"][()] > 1_000_000
    assert "python_gc_collections_total" in said


async def test_a_stream_is_told_while_it_flows(house):
    await house.camera()
    viewer = await house.person("viewer")
    scraper = await house.program("scraper")
    _, live = await viewer.ask("POST", "/api/v1/live", {"channel": CAMERA})
    streams_now = await viewer.get("/streams")
    assert [item["channel"] for item in streams_now["items"]] == [CAMERA]
    said = await scrape(scraper)
    assert said["lianwang_streams"][("kind", "live"), ("state", "flowing")] == 1
    assert live["lease"]


def told(views, inlets, most=500):
    flows, left_out = streams.flowing(views, inlets.get, most)
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in streams.families(views, flows, left_out)
        for sample in family.samples
    }


def test_figures_of_a_stream_have_its_channel_and_owner():
    said = told([FLOW], {"s1": replace(COUNTED, bitrate_bps=4e6, fps=25.0, gop_s=2.0, loss=0.01)})
    of = (CAMERA, CAMERA, "0")
    assert said["lianwang_stream_received_bytes_total", of] == 1_400_000
    assert said["lianwang_stream_bytes_per_second", of] == 500_000
    assert said["lianwang_stream_loss_ratio", of] == 0.01
    assert said["lianwang_stream_gop_seconds", of] == 2.0
    assert said["lianwang_stream_width_pixels", of] == 1920
    assert said["lianwang_stream_info", (*of, str(VIDEO.codec), "udp")] == 1
    assert ("lianwang_stream_gop_frames", of) not in said, "what is not known has no line"


def test_viewers_of_a_stream_are_summed_up():
    slow = ViewerStatistics("o1", OutletKind.FMP4_WS, 9, 4000, 1.5, 2, 30)
    quick = ViewerStatistics("o2", OutletKind.FLV_HTTP, 9, 10, 0.1, 0, 0)
    said = told([FLOW], {"s1": replace(COUNTED, skips=2, cut=1, seats=(slow, quick))})
    of = (CAMERA, CAMERA, "0")
    assert said["lianwang_stream_viewer_lag_seconds", of] == 1.5
    assert said["lianwang_stream_viewer_queue_bytes", of] == 4010
    assert said["lianwang_stream_viewer_skips_total", of] == 2
    assert said["lianwang_stream_viewers_cut_total", of] == 1


def test_a_sender_is_told_with_its_upper_and_two_to_one_upper_are_summed():
    one = SenderStatistics("o1", "10.0.0.1:30000", "udp", "sending", 9, 900, 5, 1, 0, 1, 0.02)
    two = replace(one, outlet="o2", lost_there=None)
    view = replace(FLOW, senders=(one, two), seats=(("o1", UPPER), ("o2", UPPER), ("o3", "wang")))
    said = told([view], {"s1": COUNTED})
    of = (CAMERA, CAMERA, "0", UPPER)
    assert said["lianwang_sender_bytes_total", of] == 1800
    assert said["lianwang_sender_loss_ratio", of] == 0.02


def test_only_live_streams_that_flow_have_series_and_no_more_than_so_many():
    views = [replace(FLOW, id=f"s{n}", channel=f"{n:020d}", started_at=float(n)) for n in range(5)]
    views.append(replace(FLOW, id="p", kind=WatchKind.PLAYBACK))
    views.append(replace(FLOW, id="r", channel="9" * 20, state="retrying"))
    inlets = {view.id: COUNTED for view in views}
    said = told(views, inlets, most=3)
    shown = {labels[0] for name, labels in said if name == "lianwang_stream_viewers"}
    assert shown == {f"{n:020d}" for n in range(3)}
    assert said["lianwang_streams_without_series", ()] == 2
    assert said["lianwang_streams", ("playback", "live")] == 1
    assert said["lianwang_streams", ("live", "retrying")] == 1


def test_workers_are_told_by_name():
    worker = WorkerStatistics("w1", load=0.25, streams=3, packets_per_s=1128.0, bitrate_bps=12e6, restarts=2)
    down = WorkerStatistics("w2", state="down")
    said = {
        (sample.name, sample.labels["worker"]): sample.value
        for family in streams.of_workers([worker, down])
        for sample in family.samples
    }
    assert said["lianwang_worker_cpu_ratio", "w1"] == 0.25
    assert said["lianwang_worker_bytes_per_second", "w1"] == 1_500_000
    assert said["lianwang_worker_restarts_total", "w1"] == 2
    assert (said["lianwang_worker_up", "w1"], said["lianwang_worker_up", "w2"]) == (1, 0)


def test_recordings_are_counted_by_state():
    (family,) = streams.of_recordings(["recording", "recording", "troubled"])
    counted_by = {sample.labels["state"]: sample.value for sample in family.samples}
    assert counted_by == {"asking": 0, "recording": 2, "troubled": 1, "waiting": 0}


def test_every_name_keeps_to_the_conventions():
    names = {family.name: family for family in counted.ALL}
    assert len(names) == len(counted.ALL), "no family stands twice"
    every = [(f.name, f.help) for f in counted.ALL] + [(f"stream_{s.name}", s.help) for s in streams.SERIES]
    for name, help_ in every:
        assert name.replace("_", "").isalnum() and name.islower(), name
        assert not name.endswith("_total"), f"{name}: the format adds it"
        assert help_.endswith("."), name
        for unit in ("_ms", "_kb", "_percent", "_minutes", "_bits"):
            assert unit not in name, f"{name} is not in a base unit"


def test_a_number_is_found_at_its_path_and_nothing_where_there_is_none():
    facts = {"a": {"b": 7, "word": "x"}}
    assert looked_up(facts, "a.b") == 7.0
    assert [looked_up(facts, path) for path in ("a.c", "a.b.c", "a.word", "a", "z")] == [None] * 5


async def test_a_flood_of_scrapes_costs_one(house):
    asked = []
    now = [100.0]
    services = house.app_services
    counting = replace(services, sip_statistics=lambda: asked.append(1) or {})
    scrape = Scrape(counting, dict, 10, clock=lambda: now[0])
    papers = {await scrape.paper() for _ in range(5)}
    assert len(papers) == 1 and len(asked) == 1
    now[0] += KEPT_S
    await scrape.paper()
    assert len(asked) == 2
