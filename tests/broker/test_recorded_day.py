"""A day of a plan in a second, with whatever can go wrong at any time: every minute is on disk or is reported."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.record_plan import PlanKey, RecordPlan
from registry.spans import Span, length, minus, union, within
from tests.broker.recorded_world import CHANNEL, OWNER, World

KEY = PlanKey(OWNER, CHANNEL, 0)
MIDNIGHT = datetime(2026, 11, 30).timestamp()
DAY_MS = (int(MIDNIGHT * 1000), int(MIDNIGHT * 1000) + 86_400_000)
ALWAYS = RecordPlan(OWNER, CHANNEL, always=True)
BUT_ONE_HOUR = replace(ALWAYS, always=False, week=(((0, 7 * 3600), (8 * 3600, 86_400)),) * 7)
STEP_S = 10.0
SEAM_MS = 2_000
"""A seam between two files, or a key frame that was waited for."""
OUTAGES = ("camera", "worker", "disk", "server", "refused", "silence")


@dataclass(frozen=True, slots=True)
class Outage:
    """What fails, so long after the one before, and for so long. Silence is that nobody says that anything fails."""

    after_s: int
    what: str
    lasts_s: int


outages = st.lists(
    st.builds(
        Outage,
        st.integers(20, 5 * 3600),
        st.sampled_from(OUTAGES),
        st.one_of(st.integers(1, 120), st.integers(120, 6_000)),
    ),
    min_size=1,
    max_size=14,
)


@given(st.sampled_from((ALWAYS, BUT_ONE_HOUR)), outages)
@settings(max_examples=max(1, settings().max_examples // 10), suppress_health_check=[HealthCheck.too_slow])
def test_every_minute_of_a_day_without_a_byte_is_reported_and_no_minute_that_is_on_disk(
    plan: RecordPlan, happening: list[Outage]
):
    with pytest.MonkeyPatch.context() as patched, tempfile.TemporaryDirectory() as folder:
        patched.setattr("broker.recordings.AGAIN_S", (0.0,))
        asyncio.run(_live(World(Path(folder), MIDNIGHT), plan, happening))


async def _live(world: World, plan: RecordPlan, happening: list[Outage]) -> None:
    await world.open()
    await world.desk.set_plans([plan])
    for outage in happening:
        await _passes(world, outage.after_s)
        if world.now >= MIDNIGHT + 86_400:
            break
        await _befall(world, outage)
    await _passes(world, max(0, MIDNIGHT + 86_400 - world.now) + 1_800)
    await _check(world, plan)
    # The desk turns every ten seconds here, and once a second outside: so late may a plan begin for no other reason.
    unknown = [
        gap for gap in world.archive.gaps(KEY) if gap.reason == "unknown" and gap.end_ms - gap.start_ms >= STEP_S * 1000
    ]
    assert not unknown or any(outage.what == "silence" for outage in happening), unknown
    await world.close()


async def _befall(world: World, outage: Outage) -> None:
    match outage.what:
        case "camera":
            world.lose_camera()
            await _passes(world, outage.lasts_s)
            world.find_camera()
        case "worker":
            world.kill_worker()
        case "disk":
            world.fill_disk()
            await _passes(world, outage.lasts_s)
            world.empty_disk()
        case "server":
            await world.kill()
            world.now += outage.lasts_s
            await world.open()
        case "refused":
            world.refuses = "no-capacity"
            world.kill_worker()
            await _passes(world, outage.lasts_s)
            world.refuses = ""
        case "silence":
            world.be_silent()
            await _passes(world, outage.lasts_s)
            world.silent = False


async def _passes(world: World, seconds: float) -> None:
    until = world.now + seconds
    while world.now < until:
        await world.step(min(STEP_S, until - world.now))


async def _check(world: World, plan: RecordPlan) -> None:
    written = await world.archive.written(KEY, DAY_MS[0], int(world.now * 1000))
    truth = within(world.truth, *DAY_MS)
    assert within(written, *DAY_MS) == truth, "the book has what is on disk, all of it and no more"
    listed = [gap.span for gap in world.archive.gaps(KEY)]
    wanted = plan.wanted(*DAY_MS)
    assert _both(listed, written) == 0, "what is on disk is in no gap"
    unsaid = minus(wanted, [*truth, *listed])
    assert [span for span in unsaid if span[1] - span[0] >= SEAM_MS] == []
    assert length(minus(within(listed, *DAY_MS), wanted)) == 0, "what nobody wanted is missed by nobody"
    empty = full = 0
    for start in range(*DAY_MS, 60_000):
        minute = [(start, start + 60_000)]
        if length(minus(minute, wanted)):
            continue
        on_disk, reported = _both(minute, truth), _both(minute, listed)
        empty += not on_disk
        full += on_disk == 60_000
        assert on_disk or reported > 60_000 - SEAM_MS, f"minute {(start - DAY_MS[0]) // 60_000} is lost unsaid"
        assert on_disk < 60_000 or not reported, f"minute {(start - DAY_MS[0]) // 60_000} is said to be lost"
    assert full, "something was recorded that day"
    assert length(union([*truth, *within(listed, *DAY_MS)])) > length(wanted) - 60_000


def _both(some: list[Span], others: list[Span]) -> int:
    """Milliseconds that are in one as well as in the other."""
    return length(minus(some, minus(some, others)))
