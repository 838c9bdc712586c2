"""What a simulated platform has: scopes, changes, faults of speech. No sockets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gb28181.code import is_camera, is_division, is_group, is_organisation
from gb28181.manscdp.catalog import Item
from simulator.faults import KINDS, Faults
from simulator.holdings import division_tree
from simulator.mirror import Mirror

OWN = "44010600002000000001"
GROUP = "44010600002150000001"
STATION = "44010600002160000001"


def tree():
    return division_tree(OWN, "天河区视频监控中心", "440106", "天河区")


def test_the_own_system_comes_first_and_no_child_before_its_parent():
    items = list(tree())
    assert items[0].code == OWN and not items[0].parent_ids
    seen: set[str] = set()
    for item in items:
        assert all(parent in seen for parent in item.parent_ids)
        assert not item.business_group or item.business_group in seen
        seen.add(item.code)


def test_the_tree_has_every_kind_and_cameras_in_two_organisations():
    items = list(tree())
    for is_kind in (is_division, is_group, is_organisation, is_camera):
        assert any(is_kind(item.code) for item in items)
    assert any(len(item.parent_ids) == 3 for item in items)


def test_a_division_holds_its_regions_and_what_lies_in_them_but_no_groups():
    found = tree().within("44010601")
    assert {item.code[:8] for item in found if is_division(item.code)} == {"44010601"}
    assert any(is_camera(item.code) for item in found)
    assert not any(is_group(item.code) for item in found)


def test_an_organisation_holds_those_below_it_and_their_cameras():
    found = tree().within(STATION)
    assert [item.code for item in found if is_organisation(item.code)] == [
        STATION,
        "44010600002160000003",
        "44010600002160000004",
    ]
    assert any(is_camera(item.code) for item in found)


def test_deleting_an_organisation_takes_its_children_first_and_leaves_what_hangs_elsewhere_too():
    holdings = tree()
    news: list[Item] = []
    holdings.on_change = news.extend
    elsewhere = [item for item in holdings.cameras if len(item.parent_ids) == 3 and STATION not in item.parent_ids]
    holdings.delete(STATION)
    assert news[-1].code == STATION
    assert all(item.event == "DEL" for item in news)
    assert any(item.code in holdings for item in elsewhere)


@given(st.lists(st.tuples(st.sampled_from(["rename", "move", "flip", "delete", "add"]), st.integers(0, 30))))
def test_a_mirror_that_hears_every_change_equals_the_tree(changes):
    holdings, mirror = tree(), Mirror()
    mirror.fill(holdings)
    holdings.on_change = mirror.apply
    for kind, number in changes:
        cameras = holdings.cameras
        if kind == "add":
            holdings.add(Item(code=f"4401060000132000{1000 + number}", name="新", parent_ids=(OWN,)))
        elif cameras:
            code = cameras[number % len(cameras)].code
            match kind:
                case "rename":
                    holdings.rename(code, f"名 {number}")
                case "move":
                    holdings.move(code, (OWN, STATION))
                case "flip":
                    holdings.flip(code)
                case "delete":
                    holdings.delete(code)
    assert mirror.same_as(holdings) == []
    assert mirror.strange == 0


def test_faults_are_read_as_a_command_line_orders_them():
    faults = Faults.ordered(
        [
            "sum-num=+3",
            "lose-part=2",
            "late=1.5",
            "refuse=INVITE:486",
            "silent=Catalog",
            "no-y",
            "redirect=34@[::1]:5062",
        ]
    )
    assert faults == Faults(
        sum_num_off_by=3,
        lose_parts=frozenset({2}),
        late_s=1.5,
        refuse={"INVITE": 486},
        silent=frozenset({"Catalog"}),
        no_y=True,
        redirect=("34", "::1", 5062),
    )


@pytest.mark.parametrize("order", ["nonsense", "sum-num=x", "refuse=INVITE", "refuse=INVITE:99", "mute", "redirect=1"])
def test_a_fault_that_cannot_be_meant_is_refused_with_its_form(order: str):
    with pytest.raises(ValueError, match=r"fault|meant"):
        Faults.ordered([order])


@pytest.mark.parametrize("name", KINDS)
def test_every_fault_that_help_names_can_be_ordered_as_it_shows(name: str):
    assert Faults.ordered([KINDS[name].split()[0].replace("CODE", "34").replace("HOST:PORT", "h:1")]) != Faults()


def test_parts_are_lost_repeated_and_turned_around():
    faults = Faults(lose_parts=frozenset({2}), repeat_parts=frozenset({3}), backwards=True)
    assert faults.parts([1, 2, 3, 4]) == [4, 3, 3, 1]
