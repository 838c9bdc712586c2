"""The order of ways to one channel, with time as a number."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from registry.routes import HALF_LIFE_S, HEAVIEST, Candidate, Routes

CHANNEL = "34010200001320000001"
NEAR = Candidate("34010200002000000001", tiers=1)
FAR = Candidate("34010100002000000001", tiers=2)


def owners(routes: Routes, *candidates: Candidate, now: float = 0.0, prefer: str = "") -> list[str]:
    return [way.owner for way in routes.order(CHANNEL, candidates, now, prefer=prefer)]


def test_without_trouble_the_shorter_way_is_taken():
    assert owners(Routes(), FAR, NEAR) == [NEAR.owner, FAR.owner]


def test_who_is_online_goes_before_who_is_not_and_nobody_is_left_out():
    away = Candidate("1", is_online=False)
    off = Candidate("2", is_channel_on=False)
    assert owners(Routes(), away, off, FAR, NEAR) == [NEAR.owner, FAR.owner, "2", "1"]


def test_a_way_that_just_failed_is_tried_last_and_comes_back_with_time():
    routes = Routes()
    routes.failed(NEAR.owner, CHANNEL, 100.0)
    assert owners(routes, NEAR, FAR, now=101.0) == [FAR.owner, NEAR.owner]
    assert owners(routes, NEAR, FAR, now=100.0 + 5 * HALF_LIFE_S) == [NEAR.owner, FAR.owner]


def test_a_way_that_works_again_is_forgiven_at_once():
    routes = Routes()
    for _ in range(5):
        routes.failed(NEAR.owner, CHANNEL, 100.0)
    routes.worked(NEAR.owner, CHANNEL)
    assert routes.trouble(NEAR.owner, CHANNEL, 100.0) == 0.0
    assert owners(routes, NEAR, FAR, now=100.0) == [NEAR.owner, FAR.owner]


def test_one_failure_of_one_channel_does_not_turn_the_others_away():
    routes = Routes()
    routes.failed(NEAR.owner, "another", 100.0)
    assert owners(routes, NEAR, FAR, now=100.0) == [NEAR.owner, FAR.owner]
    for _ in range(3):
        routes.failed(NEAR.owner, "another", 100.0)
    assert owners(routes, NEAR, FAR, now=100.0) == [FAR.owner, NEAR.owner]


def test_a_wish_goes_before_everything():
    routes = Routes()
    routes.failed(FAR.owner, CHANNEL, 100.0)
    assert owners(routes, NEAR, FAR, now=100.0, prefer=FAR.owner)[0] == FAR.owner


def test_trouble_is_bounded_and_forgotten():
    routes = Routes()
    for _ in range(1000):
        routes.failed(NEAR.owner, CHANNEL, 0.0)
    assert routes.trouble(NEAR.owner, CHANNEL, 0.0) <= 2 * HEAVIEST
    routes.failed(FAR.owner, CHANNEL, 20 * HALF_LIFE_S)
    assert len(routes) == 2, "what weighs nothing is not kept"
    routes.forget(FAR.owner)
    assert len(routes) == 0


def test_the_path_by_which_pictures_came_is_remembered_until_another_or_the_owner_goes():
    routes = Routes()
    assert routes.path(FAR.owner, CHANNEL) == ()
    routes.worked(FAR.owner, CHANNEL, (FAR.owner, NEAR.owner))
    assert routes.path(FAR.owner, CHANNEL) == (FAR.owner, NEAR.owner)
    routes.worked(FAR.owner, CHANNEL, (FAR.owner,))
    assert routes.path(FAR.owner, CHANNEL) == (FAR.owner,)
    routes.forget(FAR.owner)
    assert routes.path(FAR.owner, CHANNEL) == ()


WAYS = st.lists(
    st.builds(Candidate, st.sampled_from("abcdef"), st.booleans(), st.booleans(), st.integers(1, 4)),
    unique_by=lambda way: way.owner,
)


@given(WAYS, st.lists(st.tuples(st.sampled_from("abcdef"), st.floats(0, 300))), st.randoms())
def test_the_order_is_whole_and_does_not_depend_on_how_the_ways_were_named(ways, failures, random):
    routes = Routes()
    for owner, at in sorted(failures, key=lambda failure: failure[1]):
        routes.failed(owner, CHANNEL, at)
    order = routes.order(CHANNEL, ways, 300.0)
    assert sorted(order, key=lambda way: way.owner) == sorted(ways, key=lambda way: way.owner)
    shuffled = list(ways)
    random.shuffle(shuffled)
    assert routes.order(CHANNEL, shuffled, 300.0) == order
    online = [way.is_online for way in order]
    assert online == sorted(online, reverse=True)
