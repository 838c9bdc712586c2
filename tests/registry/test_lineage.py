"""How many platforms a channel is away is read from the catalog of the one who has it."""

from __future__ import annotations

from itertools import pairwise

from gb28181.manscdp.catalog import Item
from registry.branch import directory_kind
from registry.catalog import Directories
from registry.lineage import platforms_to

CITY = "34020000002000000001"
COUNTY, OTHER = "34020200002000000001", "34020300002000000001"
TOWN = "34020200002000000002"
GROUP, ORGANISATION = "34020200002150000001", "34020200002160000001"
CAMERA = "34020200001320000001"


def told(*items: Item) -> Directories:
    kinds = {item.code: (directory_kind(CITY, item, lambda _: True), item) for item in items}
    return {code: (str(kind), item) for code, (kind, item) in kinds.items() if kind is not None}


def path(*parents: str, said: Directories | None = None) -> tuple[str, ...]:
    return platforms_to(CITY, Item(CAMERA, parent_ids=parents), said or {})


def test_a_camera_of_the_neighbour_itself_is_one_platform_away():
    assert path(CITY) == path() == (CITY,)


def test_the_systems_above_a_camera_are_counted_through_its_organisations():
    said = told(
        Item(CITY, name="City"),
        Item(COUNTY, name="County", parent_ids=(CITY,)),
        Item(TOWN, name="Town", parent_ids=(COUNTY,)),
        Item(GROUP, parent_ids=(TOWN,)),
        Item(ORGANISATION, business_group=GROUP),
    )
    assert path(ORGANISATION, said=said) == (CITY, COUNTY, TOWN)
    assert path(COUNTY, said=said) == (CITY, COUNTY)
    assert path(CITY, COUNTY, TOWN, said=said) == (CITY, COUNTY, TOWN), "some list the whole chain"


def test_of_several_parents_the_shortest_way_counts():
    said = told(Item(COUNTY, parent_ids=(CITY,)), Item(TOWN, parent_ids=(COUNTY,)), Item(OTHER, parent_ids=(CITY,)))
    assert path(TOWN, OTHER, said=said) == (CITY, OTHER)


def test_a_group_of_the_city_s_own_does_not_hide_the_county_behind_it():
    said = told(Item(GROUP, parent_ids=(CITY,)), Item(COUNTY, parent_ids=(CITY,)))
    assert path(GROUP, COUNTY, said=said) == (CITY, COUNTY)


def test_a_system_that_was_never_told_of_counts_too():
    assert path(COUNTY) == (CITY, COUNTY)


def test_a_circle_of_systems_ends():
    said = told(Item(COUNTY, parent_ids=(TOWN,)), Item(TOWN, parent_ids=(COUNTY,)))
    assert set(path(TOWN, said=said)) == {CITY, COUNTY, TOWN}


def test_a_lattice_of_organisations_is_walked_once():
    rows = [[f"3402020000216{row:04d}{n:03d}" for n in range(3)] for row in range(40)]
    said = told(
        *(Item(code, parent_ids=tuple(above)) for above, here in pairwise(rows) for code in here),
        *(Item(code, parent_ids=(COUNTY,)) for code in rows[0]),
        Item(COUNTY, parent_ids=(CITY,)),
    )
    assert path(*rows[-1], said=said) == (CITY, COUNTY)
