"""What a platform above may see: the nearest rule wins, and no two things have one code."""

from __future__ import annotations

import pytest

from registry.sharing import ShareAs, ShareRule, Sharing

COUNTY, CAMERA = "34010200002000000001", "34010200001320000001"
CHAIN = (f"organisation:{COUNTY}/34010200002160000001", f"device:{COUNTY}", "division:3401", "division:34")


def test_the_nearest_rule_up_the_tree_wins() -> None:
    sharing = Sharing([ShareRule("division:34", True), ShareRule(f"device:{COUNTY}", False)], share_all=False)
    assert not sharing.verdict(CHAIN)
    assert sharing.verdict(CHAIN[2:])
    nearer = Sharing([*sharing.rules, ShareRule(CHAIN[0], True)], share_all=False)
    assert nearer.verdict(CHAIN)


def test_where_no_rule_speaks_share_all_does() -> None:
    assert Sharing(share_all=True).verdict(CHAIN)
    assert not Sharing(share_all=False).verdict(CHAIN)
    assert Sharing().rule(CHAIN[0]) is None


def test_a_thing_may_have_another_code_and_name_there() -> None:
    sharing = Sharing(names=[ShareAs(COUNTY, CAMERA, "34999900001320000001", "Gate")])
    assert sharing.code_there(COUNTY, CAMERA) == "34999900001320000001"
    assert sharing.name_there(COUNTY, CAMERA) == "Gate"
    assert sharing.here("34999900001320000001") == (COUNTY, CAMERA)
    assert sharing.code_there("other", CAMERA) == CAMERA
    assert sharing.name_there("other", CAMERA) == ""
    assert sharing.here(CAMERA) is None


def test_who_gives_his_code_to_another_cannot_be_named_there() -> None:
    sharing = Sharing(names=[ShareAs(COUNTY, CAMERA, "34010200001320000002")])
    assert sharing.code_there(COUNTY, "34010200001320000002") == ""


@pytest.mark.parametrize(
    ("rules", "names", "complaint"),
    [
        ([ShareRule("division:34", True), ShareRule("division:34", False)], [], "same node"),
        ([], [ShareAs(COUNTY, CAMERA, "1"), ShareAs("other", CAMERA, "1")], "would be 1"),
        ([], [ShareAs(COUNTY, CAMERA, "1"), ShareAs(COUNTY, CAMERA, "2")], "same thing"),
        ([], [ShareAs(COUNTY, CAMERA, "a/b")], "cannot be a code"),
        ([], [ShareAs(COUNTY, CAMERA, "9" * 65)], "cannot be a code"),
        ([ShareRule(f"device:{n}", True) for n in range(10_001)], [], "at most 10000 rules"),
    ],
)
def test_rules_that_contradict_each_other_are_refused(
    rules: list[ShareRule], names: list[ShareAs], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        Sharing(rules, names)


def test_the_same_decisions_in_another_order_are_the_same() -> None:
    rules = [ShareRule("division:34", True), ShareRule("division:35", False)]
    assert Sharing(rules) == Sharing(rules[::-1])
    assert Sharing(rules) != Sharing(rules, share_all=False)
    assert Sharing(rules) != "sharing"
