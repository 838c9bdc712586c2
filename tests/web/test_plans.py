"""Recording by plan: given to many channels at once, looked at, and what is kept shown as bands."""

from __future__ import annotations

from typing import Any

import pytest

from broker.recording_desk import RecordingDesk
from gb28181.manscdp.catalog import Item
from registry.events import RecordingMissed
from registry.record_plan import Gap, GapState, PlanKey
from registry.store.promise import SegmentRow
from tests.web.conftest import CAMERA

OFFICE = [[28_800, 64_800]]
WEEK = [OFFICE, OFFICE, OFFICE, OFFICE, OFFICE, [], []]
AT = 1_795_881_600


@pytest.fixture
def desk(house) -> RecordingDesk:
    return house.app_services.recording_desk


def segment(number: int, **changes: Any) -> SegmentRow:
    start = (AT + number * 300) * 1000
    row = SegmentRow("r1", f"s{number:03d}.mp4", CAMERA, CAMERA, 0, start, start + 300_000, 1000, 25, "time", False)
    return row._replace(**changes)


async def test_one_plan_is_given_to_all_that_stand_below_a_node_and_taken_away_again(house, desk):
    await house.camera()
    nvr = "34020000001180000001"
    await house.camera(nvr)
    cameras = [Item(f"3402000000132000001{n}", f"gate {n}", parent_ids=(nvr,), status_on=True) for n in range(3)]
    await house.directory.merge(nvr, cameras, complete=True, at=1.0)
    administrator = await house.person("administrator")
    wish = {
        "nodes": [f"device:{nvr}"],
        "channels": [{"owner": CAMERA, "channel": CAMERA}],
        "week": WEEK,
        "keep_days": 7,
    }
    status, said = await administrator.ask("PUT", "/api/v1/recording-plans", wish)
    assert (status, said) == (200, {"count": 4}), said
    items = (await administrator.get("/recording-plans"))["items"]
    assert [item["channel"] for item in items] == sorted([CAMERA, *(each.code for each in cameras)])
    assert items[0]["week"] == WEEK and (items[0]["state"], items[0]["keep_days"], items[0]["gaps"]) == ("off", 7, 0)
    assert all(plan.settled_at > 0 for plan in desk.archive.plans().values())
    status, _ = await administrator.ask("DELETE", f"/api/v1/recording-plans/{CAMERA}/{CAMERA}/0")
    assert status == 204 and len(desk.archive.plans()) == 3
    status, said = await administrator.ask("DELETE", f"/api/v1/recording-plans/{CAMERA}/{CAMERA}/0")
    assert (status, said["error"]["code"]) == (404, "unknown-plan")


@pytest.mark.parametrize(
    "wish",
    [
        {"channels": [{"owner": CAMERA, "channel": "nobody"}], "always": True},
        {"nodes": ["nowhere"], "always": True},
        {"week": [[[5, 5]]] + [[]] * 6, "channels": [{"owner": CAMERA, "channel": CAMERA}]},
        {"week": [], "channels": [{"owner": CAMERA, "channel": CAMERA}]},
        {"form": "avi", "channels": [{"owner": CAMERA, "channel": CAMERA}]},
    ],
)
async def test_a_plan_that_cannot_be_meant_is_refused(house, desk, wish):
    await house.camera()
    administrator = await house.person("administrator")
    status, said = await administrator.ask("PUT", "/api/v1/recording-plans", wish)
    assert status in (400, 404) and not desk.archive.plans(), said


async def test_only_administrators_plan_and_viewers_do_not_even_look(house):
    await house.camera()
    operator, viewer = await house.person("operator"), await house.person("viewer")
    assert (await operator.ask("PUT", "/api/v1/recording-plans", {"always": True}))[0] == 403
    assert (await operator.ask("GET", "/api/v1/recording-plans"))[0] == 200
    assert (await viewer.ask("GET", "/api/v1/recording-plans"))[0] == 403
    assert (await viewer.ask("GET", f"/api/v1/channels/{CAMERA}/{CAMERA}/kept?start=0&end=9"))[0] == 403


async def test_gaps_are_listed_and_one_is_wanted_again(house, desk):
    operator = await house.person("operator")
    gaps = [
        Gap(CAMERA, CAMERA, 0, AT * 1000, AT * 1000 + 60_000, "offline", GapState.GIVEN_UP, 5, 7.0, "it has nothing"),
        Gap(CAMERA, CAMERA, 0, (AT + 900) * 1000, (AT + 960) * 1000, "down"),
    ]
    await desk.archive.keep_gaps(gaps)
    listed = await operator.get("/recording-gaps")
    assert [(each["start"], each["reason"], each["state"]) for each in listed["items"]] == [
        (AT + 900, "down", "open"),
        (AT, "offline", "given-up"),
    ]
    assert (await operator.get("/recording-gaps?state=open"))["total"] == 1
    wish = {"owner": CAMERA, "channel": CAMERA, "start": AT}
    status, said = await operator.ask("POST", "/api/v1/recording-gaps/fill", wish)
    assert (status, said["state"], said["tries"]) == (200, "open", 0)
    assert desk.archive.gaps(PlanKey(CAMERA, CAMERA, 0))[0].note == ""
    status, said = await operator.ask("POST", "/api/v1/recording-gaps/fill", wish | {"start": AT + 1})
    assert (status, said["error"]["code"]) == (404, "unknown-gap")


async def test_what_is_kept_is_shown_as_bands_with_its_gaps_and_files_and_is_locked(house, desk):
    await house.camera()
    administrator = await house.person("administrator")
    await administrator.ask(
        "PUT", "/api/v1/recording-plans", {"always": True, "channels": [{"owner": CAMERA, "channel": CAMERA}]}
    )
    await desk.archive.add([segment(0), segment(1), segment(4)])
    await desk.archive.keep_gaps([Gap(CAMERA, CAMERA, 0, (AT + 600) * 1000, (AT + 1200) * 1000, "offline")])
    base = f"/channels/{CAMERA}/{CAMERA}/kept"
    window = f"?start={AT}&end={AT + 3600}"
    said = await administrator.get(base + window)
    assert [(each["start"] - AT, each["end"] - AT, each["files"]) for each in said["items"]] == [
        (0, 600, 2),
        (1200, 1500, 1),
    ]
    assert [gap["reason"] for gap in said["gaps"]] == ["offline"]
    files = (await administrator.get(f"{base}/files{window}"))["items"]
    assert [each["url"].rpartition("/")[2] for each in files] == ["s000.mp4", "s001.mp4", "s004.mp4"]
    status, _ = await administrator.ask("POST", f"/api/v1{base}/lock", {"start": AT, "end": AT + 10})
    assert status == 204
    assert [row.locked for row in await desk.archive.find(CAMERA, CAMERA, 0, 1 << 60)] == [True, False, False]
    assert (await administrator.ask("GET", f"/api/v1{base}?start=5&end=5"))[0] == 400


async def test_the_disk_says_how_long_it_will_last(house):
    operator = await house.person("operator")
    said = await operator.get("/recording-room")
    assert said["total"] > said["free"] > 0 and said["files"] == 0
    assert (said["bytes_per_s"], said["days_left"], said["placed"]) == (0, None, "this-machine")


async def test_open_consoles_hear_of_a_gap(house):
    operator = await house.person("operator")
    async with operator.session.get(f"{house.base}/api/v1/events") as stream:
        await stream.content.readuntil(b"\n\n")
        house.bus.tell(RecordingMissed(CAMERA, CAMERA, 0, 5.0, 9.0, "offline"))
        said = b""
        while b"recording-gap" not in said:
            said = await stream.content.readuntil(b"\n\n")
    assert b'"reason":"offline"' in said
