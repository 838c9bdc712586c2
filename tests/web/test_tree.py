"""The tree is handed out branch by branch, and searched."""

from __future__ import annotations

from gb28181.manscdp.catalog import Item

CAMERA = "34020000001320000001"


async def test_the_tree_opens_from_its_roots_down_to_the_camera(house):
    await house.camera()
    viewer = await house.person("viewer")
    node, trail = None, []
    for _ in range(8):
        branch = await viewer.get("/tree" if node is None else f"/tree?node={node}")
        if not branch["children"]:
            break
        child = branch["children"][0]
        trail.append(child)
        node = child["id"]
        if child["kind"] == "channel":
            break
    assert trail[-1]["channel"]["code"] == CAMERA
    assert all(step["total"] >= 1 for step in trail[:-1])
    way = (await viewer.get(f"/tree/path?node={node}"))["nodes"]
    assert [step["id"] for step in way] == [step["id"] for step in trail]


async def test_an_unknown_node_is_not_found(house):
    viewer = await house.person("viewer")
    for path in ("/tree?node=division:99", "/tree?node=nonsense", "/tree/path?node=channel:x/y"):
        status, said = await viewer.ask("GET", "/api/v1" + path)
        assert (status, said["error"]["code"]) == (404, "unknown-node"), path


async def test_a_channel_is_found_by_name_code_and_initials(house):
    await house.camera()
    viewer = await house.person("viewer")
    for wanted in ("北门", "3402000000132", "bm", "beimen"):
        hits = (await viewer.get(f"/search?q={wanted}"))["hits"]
        assert [hit["channel"]["code"] for hit in hits] == [CAMERA], wanted
    assert (await viewer.get("/search?q=zzz"))["hits"] == []
    assert (await viewer.get("/search?q=%20"))["hits"] == []


async def test_a_search_is_text_and_never_a_pattern(house):
    await house.camera()
    viewer = await house.person("viewer")
    for wanted in ("%25", "_", "' or 1=1 --", "\\", "*", '"'):
        status, said = await viewer.ask("GET", "/api/v1/search", params={"q": wanted.replace("%25", "%")})
        assert (status, said["hits"]) == (200, []), wanted


async def test_divisions_are_listed_for_forms(house):
    viewer = await house.person("viewer")
    provinces = (await viewer.get("/divisions"))["items"]
    assert {"code": "34", "name": "安徽省"} in provinces and len(provinces) >= 31
    anhui = await viewer.get("/divisions?parent=34")
    assert anhui["path"] == [{"code": "34", "name": "安徽省"}]
    assert all(item["code"].startswith("34") and len(item["code"]) == 4 for item in anhui["items"])
    assert (await viewer.get("/divisions?parent=zz"))["items"] == []


CITY, GROUP, STREET, THERE = "34020000002000000009", "34020000002150000009", "340203", "34020300001320000009"


async def with_a_city(house):
    await house.camera(CITY)
    items = [
        Item(GROUP, name="Traffic", parent_ids=(CITY,)),
        Item(STREET, name="Yijiang"),
        Item(THERE, civil_code=STREET),
    ]
    await house.directory.merge(CITY, items, complete=True, at=1.0)


async def test_whoever_told_of_a_node_is_asked_for_it_anew(house):
    await with_a_city(house)
    operator = await house.person("operator")
    for node, asked in ((f"group:{CITY}/{GROUP}", GROUP), (f"device:{CITY}", CITY), (f"division:{STREET}", STREET)):
        status, said = await operator.ask("POST", "/api/v1/tree/catalog", {"node": node})
        assert (status, said) == (200, {"owners": [CITY], "added": 2, "changed": 1}), node
        assert house.resynced[-1] == f"{CITY}/{asked}"


async def test_a_node_that_nobody_can_be_asked_for_is_said_to_be_so(house):
    await with_a_city(house)
    await house.camera()
    viewer, operator = await house.person("viewer"), await house.person("operator")
    assert (await viewer.ask("POST", "/api/v1/tree/catalog", {"node": f"device:{CITY}"}))[0] == 403
    for node, problem in (
        ("division:34", (409, "nobody-told")),
        ("division:99", (404, "unknown-node")),
        (f"channel:{CAMERA}/{CAMERA}", (404, "unknown-node")),
    ):
        status, said = await operator.ask("POST", "/api/v1/tree/catalog", {"node": node})
        assert (status, said["error"]["code"]) == problem, node
    del house.neighbours.peers[CITY]
    status, said = await operator.ask("POST", "/api/v1/tree/catalog", {"node": f"group:{CITY}/{GROUP}"})
    assert (status, said["error"]["code"]) == (409, "device-offline")
