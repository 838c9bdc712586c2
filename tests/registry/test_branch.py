"""Where the catalog of a neighbour hangs: each rule of signalling 2.8 as a story."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gb28181.manscdp.catalog import Item
from registry.branch import DEEPEST, Branch, device_id, directory_kind, region_of
from registry.catalog import find_directories, parents_named

PLATFORM = "34010000002000000001"
ROOT = device_id(PLATFORM)
COUNTY = "34010200002000000001"
GROUP = "34010000002150000001"
OUTER = "34010000002160000001"
INNER = "34010000002160000002"
RECORDER = "34010200001180000001"
CAMERA = "34010200001320000001"


def branch_of(*items: Item) -> Branch:
    by_code = {item.code: item for item in items}
    return Branch(PLATFORM, find_directories(PLATFORM, by_code, parents_named(by_code), {}))


def group(**fields: object) -> Item:
    return Item(GROUP, name="Traffic", parent_ids=(PLATFORM,), **fields)  # type: ignore[arg-type]


def organisation(code: str, *parents: str, of: str = GROUP) -> Item:
    return Item(code, name=code[-3:], parent_ids=parents, business_group=of)


def camera(*parents: str, civil: str = "", of: str = "") -> Item:
    return Item(CAMERA, name="Ring 01", parent_ids=parents, civil_code=civil, business_group=of)


def test_a_plain_camera_stands_under_its_device() -> None:
    assert branch_of(camera(PLATFORM)).places(camera(PLATFORM)) == (ROOT,)
    assert branch_of().places(camera()) == (ROOT,)


def test_groups_hold_organisations_and_these_hold_cameras() -> None:
    branch = branch_of(group(), organisation(OUTER), organisation(INNER, OUTER))
    parents = {shape.code: shape.parent for shape in branch.nodes.values()}
    assert parents == {
        GROUP: ROOT,
        OUTER: f"group:{PLATFORM}/{GROUP}",
        INNER: f"organisation:{PLATFORM}/{OUTER}",
    }
    assert branch.places(camera(PLATFORM, INNER)) == (f"organisation:{PLATFORM}/{INNER}",)
    assert branch.places(camera(PLATFORM, of=GROUP)) == (f"group:{PLATFORM}/{GROUP}",)


def test_a_camera_of_two_organisations_stands_under_both() -> None:
    branch = branch_of(group(), organisation(OUTER), organisation(INNER))
    assert branch.places(camera(OUTER, INNER, OUTER)) == (
        f"organisation:{PLATFORM}/{OUTER}",
        f"organisation:{PLATFORM}/{INNER}",
    )


def test_a_whole_chain_in_parent_id_means_its_lowest_part() -> None:
    branch = branch_of(group(), organisation(OUTER), organisation(INNER, OUTER))
    assert branch.places(camera(PLATFORM, GROUP, OUTER, INNER)) == (f"organisation:{PLATFORM}/{INNER}",)


def test_a_parent_that_is_not_there_is_passed_over() -> None:
    branch = branch_of(organisation(INNER, OUTER))
    assert branch.nodes[f"organisation:{PLATFORM}/{INNER}"].parent == ROOT
    assert branch.places(camera(OUTER, RECORDER)) == (ROOT,)


def test_a_recorder_that_somebody_names_is_a_node_and_one_that_nobody_names_a_channel() -> None:
    recorder = Item(RECORDER, name="NVR", parent_ids=(PLATFORM,))
    assert branch_of(recorder, camera(RECORDER)).places(camera(RECORDER)) == (f"device:{PLATFORM}/{RECORDER}",)
    assert branch_of(recorder).nodes == {}
    assert directory_kind(PLATFORM, Item(RECORDER, parental=True), lambda code: False) == "device"


def test_with_divisions_in_the_catalog_a_camera_stands_in_its_division_whoever_owns_it() -> None:
    regions = (Item("34", name="Anhui"), Item("340102", name="Yaohai"))
    branch = branch_of(*regions, Item(COUNTY, name="County", parent_ids=(PLATFORM,)))
    assert branch.places(camera(COUNTY, civil="340102")) == ("division:340102",)
    assert branch.places(camera(PLATFORM, civil="340100")) == ("division:3401",)
    assert branch.places(camera(COUNTY)) == (f"system:{PLATFORM}/{COUNTY}",)
    assert branch.regions == {"34": "Anhui", "340102": "Yaohai"}


def test_without_divisions_in_the_catalog_the_civil_code_moves_nobody() -> None:
    county = Item(COUNTY, name="County", parent_ids=(PLATFORM,))
    branch = branch_of(county)
    assert branch.places(camera(COUNTY, civil="340102")) == (f"system:{PLATFORM}/{COUNTY}",)
    assert branch.places(camera(PLATFORM, civil="340102")) == (ROOT,)


def test_organisations_count_before_recorders_and_these_before_divisions() -> None:
    branch = branch_of(Item("340102"), group(), organisation(OUTER), Item(RECORDER), camera(RECORDER))
    assert branch.places(camera(RECORDER, OUTER, civil="340102")) == (f"organisation:{PLATFORM}/{OUTER}",)
    assert branch.places(camera(RECORDER, civil="340102")) == (f"device:{PLATFORM}/{RECORDER}",)


def test_a_circle_is_opened_and_all_of_it_still_hangs() -> None:
    third = "34010000002160000003"
    branch = branch_of(organisation(OUTER, third), organisation(INNER, OUTER), organisation(third, INNER))
    parents = {shape.code: shape.parent for shape in branch.nodes.values()}
    assert list(parents.values()).count(ROOT) == 1
    assert len(parents) == 3


def test_who_names_itself_as_parent_hangs_under_the_device() -> None:
    branch = branch_of(organisation(OUTER, OUTER, of=""))
    assert branch.nodes[f"organisation:{PLATFORM}/{OUTER}"].parent == ROOT


def test_a_platform_that_tells_of_itself_makes_no_second_node() -> None:
    assert branch_of(Item(PLATFORM, name="we", parent_ids=(PLATFORM,))).nodes == {}


def test_a_civil_code_may_be_long_or_twenty_digits_or_nonsense() -> None:
    assert [region_of(text) for text in ("340100", " 34 ", CAMERA, "Hefei", "")] == ["3401", "34", "340102", "", ""]


codes = st.integers(0, 9).map(lambda n: f"3401000000216000{n:04d}")


@given(st.dictionaries(codes, st.lists(codes, max_size=3), max_size=10))
def test_whoever_names_whom_every_node_leads_to_the_device(parents: dict[str, list[str]]) -> None:
    branch = branch_of(*(organisation(code, *above, of="") for code, above in parents.items()))
    assert len(branch.nodes) == len(parents)
    for node in branch.nodes.values():
        seen = set()
        parent = node.parent
        while parent != ROOT:
            assert parent not in seen
            seen.add(parent)
            parent = branch.nodes[parent].parent


def test_a_chain_without_end_is_cut() -> None:
    chain = [f"340100000021600{n:05d}" for n in range(3_000)]
    branch = branch_of(
        *(organisation(code, above, of="") for code, above in zip(chain[1:], chain, strict=False)), Item(chain[0])
    )
    for node in branch.nodes.values():
        depth, parent = 1, node.parent
        while parent != ROOT:
            depth, parent = depth + 1, branch.nodes[parent].parent
        assert depth <= DEEPEST
