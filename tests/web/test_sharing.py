"""What a platform above may see is decided on the tree, looked at before it is sent, and laid beside what was sent."""

from __future__ import annotations

from typing import Any

import pytest

from gb28181.manscdp.catalog import Item
from registry.device import Device, DeviceKind, Presence
from registry.platform import Upper
from registry.sharing import ShareRule
from web import preview as preview_module
from web.desk import DESK
from web.preview import Preview

UPPER = "34000000002000000001"
OWN = "34020000002000000002"
LOWER = "34020200002000000001"
GROUP = "34020200002150000001"
ORG = "34020200002160000001"
CAMERA = "34020000001320000001"
CAMERAS = [f"3402020000132000000{n}" for n in range(1, 5)]


async def county(house: Any) -> None:
    """A platform below: a group with one organisation and two of its four cameras, the other two by division."""
    await house.directory.add_device(Device(LOWER, name="镜湖区", kind=DeviceKind.PLATFORM))
    house.directory.note_presence(LOWER, Presence.ONLINE, "registered", 1000.0)
    items = [
        Item(code=LOWER, name="镜湖区"),
        Item(code="340202", name="镜湖区"),
        Item(code=GROUP, name="重点", parent_ids=(LOWER,)),
        Item(code=ORG, name="学校", parent_ids=(GROUP,), business_group=GROUP),
        *(
            Item(
                code=code,
                name=f"Camera {n}",
                civil_code="340202",
                parent_ids=(ORG,) if n < 2 else (LOWER,),
                business_group=GROUP if n < 2 else "",
                status_on=n != 0,
            )
            for n, code in enumerate(CAMERAS)
        ),
    ]
    await house.directory.merge(LOWER, items, complete=True, at=1000.0)


@pytest.fixture
async def shared(house: Any) -> Any:
    """A house with a county below, a camera of its own, and a platform above that is shown nothing yet."""
    await county(house)
    await house.camera()
    await house.directory.add_upper(Upper(UPPER, host="10.0.0.1", share_all=False))
    return house


async def seen(client: Any, node: str | None = None) -> list[str]:
    """The codes of all that the platform above will see, walked down as a console walks."""
    branch = await client.get(f"/platforms/{UPPER}/preview" + (f"?node={node}" if node else ""))
    codes = [branch["node"]["code"]]
    for child in branch["children"]:
        codes += await seen(client, child["code"]) if child["has_children"] else [child["code"]]
    return codes


def wish(**fields: Any) -> dict[str, Any]:
    return {"share_all": False, "rules": [], "names": []} | fields


async def put(client: Any, **fields: Any) -> tuple[int, Any]:
    said: tuple[int, Any] = await client.ask("PUT", f"/api/v1/platforms/{UPPER}/sharing", wish(**fields))
    return said


class TestDeciding:
    async def test_rules_are_kept_and_shown_with_the_names_of_their_nodes(self, shared):
        boss = await shared.person("administrator")
        organisation = f"organisation:{LOWER}/{ORG}"
        hidden = f"channel:{LOWER}/{CAMERAS[0]}"
        status, said = await put(
            boss,
            arrangement="group",
            rules=[{"node": organisation, "include": True}, {"node": hidden, "include": False}],
            names=[{"owner": LOWER, "code": CAMERAS[1], "code_there": "34010000001320000777", "name_there": "市局 2"}],
        )
        assert (status, said["changed"]) == (200, ["arrangement", "rules", "names"])
        assert said["sharing"] == await boss.get(f"/platforms/{UPPER}/sharing")
        lines = {line["node"]: line for line in said["sharing"]["rules"]}
        assert lines[organisation] == {
            "node": organisation,
            "include": True,
            "known": True,
            "kind": "organisation",
            "name": "学校",
        }
        assert (lines[hidden]["include"], lines[hidden]["kind"], lines[hidden]["name"]) == (
            False,
            "channel",
            "Camera 0",
        )
        (name,) = said["sharing"]["names"]
        assert (name["code_there"], name["name_there"], name["name"]) == ("34010000001320000777", "市局 2", "Camera 1")
        assert shared.directory.upper(UPPER).arrangement == "group"

    async def test_a_form_saved_unchanged_touches_nothing(self, shared):
        boss = await shared.person("administrator")
        form = {"arrangement": "as-is", "secrecy": False, "rules": [{"node": f"device:{LOWER}", "include": True}]}
        await put(boss, **form)
        told: list[object] = []
        shared.bus.listen(told.append)
        status, said = await put(boss, **form)
        assert (status, said["changed"], told) == (200, [], [])

    @pytest.mark.parametrize(
        ("fields", "key"),
        [
            ({"rules": [{"node": "division:99", "include": True}]}, "unknown-node"),
            (
                {"rules": [{"node": f"device:{LOWER}", "include": yes} for yes in (True, False)]},
                "sharing-contradiction",
            ),
            ({"names": [{"owner": LOWER, "code": CAMERAS[0], "code_there": "12345"}]}, "code-malformed"),
            (
                {"names": [{"owner": LOWER, "code": code, "code_there": "34010000001320000777"} for code in CAMERAS]},
                "sharing-contradiction",
            ),
            ({"arrangement": "odd"}, "invalid"),
            ({"rules": "all"}, "invalid"),
        ],
    )
    async def test_what_contradicts_itself_or_means_nothing_is_refused(self, shared, fields, key):
        boss = await shared.person("administrator")
        before = await boss.get(f"/platforms/{UPPER}/sharing")
        status, said = await put(boss, share_all=True, **{"arrangement": "civil"} | fields)
        assert (status, said["error"]["code"]) == (400, key)
        assert await boss.get(f"/platforms/{UPPER}/sharing") == before

    async def test_a_renamed_thing_of_any_kind_is_known_by_its_name_here(self, shared):
        boss = await shared.person("administrator")
        things = {
            (LOWER, LOWER): "镜湖区",
            (LOWER, ORG): "学校",
            (LOWER, GROUP): "重点",
            (CAMERA, CAMERA): "北门",
            ("", "34"): "安徽省",
            ("", "99"): None,
        }
        lines = [{"owner": owner, "code": code, "name_there": "x"} for owner, code in things]
        _, said = await put(boss, names=[*lines, {"owner": LOWER, "code": CAMERAS[3]}])
        shown = {(line["owner"], line["code"]): line for line in said["sharing"]["names"]}
        assert {thing: line["name"] for thing, line in shown.items()} == things
        assert [thing for thing, line in shown.items() if not line["known"]] == [("", "99")]

    async def test_a_rule_outlives_its_node_and_says_that_it_is_gone(self, shared):
        boss = await shared.person("administrator")
        rule = {"node": f"device:{LOWER}", "include": True}
        await put(boss, rules=[rule])
        await shared.directory.remove_device(LOWER)
        (line,) = (await boss.get(f"/platforms/{UPPER}/sharing"))["rules"]
        assert (line["node"], line["known"], line["name"]) == (rule["node"], False, None)
        status, said = await put(boss, rules=[rule], share_all=True)
        assert (status, said["changed"]) == (200, ["share_all"])

    async def test_an_operator_reads_and_does_not_decide(self, shared):
        operator = await shared.person("operator")
        assert (await operator.get(f"/platforms/{UPPER}/sharing"))["rules"] == []
        assert (await put(operator, share_all=True))[0] == 403
        assert shared.directory.upper(UPPER).share_all is False


class TestPreview:
    async def test_it_shows_exactly_what_is_shared(self, shared):
        boss = await shared.person("administrator")
        await put(boss, rules=[{"node": f"channel:{LOWER}/{CAMERAS[2]}", "include": True}])
        codes = await seen(boss)
        assert set(codes) & {CAMERA, *CAMERAS} == {CAMERAS[2]}

    async def test_it_is_the_very_catalog_that_is_sent(self, shared):
        boss = await shared.person("administrator")
        await put(boss, share_all=True)
        upper = shared.directory.upper(UPPER)
        sent = [item.code async for page in shared.exporter.pages(upper) for item in page]
        assert sorted(await seen(boss)) == sorted(sent)
        assert (await boss.get(f"/platforms/{UPPER}/preview"))["total"] == len(sent)

    async def test_the_tree_keeps_its_shape_and_counts_each_camera_once(self, shared):
        boss = await shared.person("administrator")
        await put(boss, share_all=True)
        root = await boss.get(f"/platforms/{UPPER}/preview")
        assert (root["node"]["code"], root["node"]["kind"]) == (OWN, "own")
        assert (root["node"]["online"], root["node"]["total"]) == (4, 5)
        organisation = await boss.get(f"/platforms/{UPPER}/preview?node={ORG}")
        assert organisation["node"]["parents"] == [GROUP]
        assert (organisation["node"]["online"], organisation["node"]["total"]) == (1, 2)
        assert [child["code"] for child in organisation["children"]] == CAMERAS[:2]
        assert [child["is_on"] for child in organisation["children"]] == [False, True]

    async def test_a_thing_is_shown_as_it_is_called_there(self, shared):
        boss = await shared.person("administrator")
        line = {"owner": LOWER, "code": CAMERAS[0], "code_there": "34010000001320000777", "name_there": "市局 1"}
        await put(boss, share_all=True, names=[line])
        (hit,) = (await boss.get(f"/platforms/{UPPER}/preview/search?q=340100000013"))["hits"]
        assert (hit["node"]["code"], hit["node"]["name"]) == ("34010000001320000777", "市局 1")
        assert (hit["path"][0]["code"], hit["path"][-1]["code"]) == (OWN, ORG)
        assert (await boss.get(f"/platforms/{UPPER}/preview/search?q=%20"))["hits"] == []
        assert CAMERAS[0] not in await seen(boss)

    async def test_branches_come_in_pages(self, shared):
        boss = await shared.person("administrator")
        await put(boss, share_all=True)
        whole = await boss.get(f"/platforms/{UPPER}/preview?node={ORG}")
        first = await boss.get(f"/platforms/{UPPER}/preview?node={ORG}&limit=1")
        second = await boss.get(f"/platforms/{UPPER}/preview?node={ORG}&limit=1&after={first['next']}")
        assert first["children"] + second["children"] == whole["children"] and second["next"] is None

    async def test_one_picture_is_kept_until_something_else_is_shared(self, shared):
        boss = await shared.person("administrator")
        one = await boss.get(f"/platforms/{UPPER}/preview")
        assert (await boss.get(f"/platforms/{UPPER}/preview"))["rendered_at"] == one["rendered_at"]
        await put(boss, share_all=True)
        assert (await boss.get(f"/platforms/{UPPER}/preview"))["total"] > one["total"]

    async def test_old_pictures_are_let_go(self, shared):
        boss = await shared.person("administrator")
        await boss.get(f"/platforms/{UPPER}/preview")
        previews = shared.app[DESK].previews
        assert len(previews._kept) == 1
        previews._clock = lambda: 1e12
        previews.sweep()
        assert previews._kept == {}

    async def test_more_than_can_be_drawn_is_counted_and_refused(self, shared, monkeypatch):
        operator = await shared.person("operator")
        monkeypatch.setattr(preview_module, "MOST_DRAWN", 0)
        status, said = await operator.ask("GET", f"/api/v1/platforms/{UPPER}/preview")
        assert (status, said["error"]["code"]) == (409, "too-many-to-draw")
        assert said["error"]["details"] == {"total": 1, "most": 0}

    async def test_what_will_not_be_seen_is_not_found(self, shared):
        operator = await shared.person("operator")
        status, said = await operator.ask("GET", f"/api/v1/platforms/{UPPER}/preview?node={CAMERA}")
        assert (status, said["error"]["code"]) == (404, "unknown-node")
        assert (await operator.ask("GET", f"/api/v1/platforms/{UPPER}/preview?after=nonsense"))[0] == 400


class TestDiff:
    async def test_what_was_never_sent_is_all_new(self, shared):
        boss = await shared.person("administrator")
        await put(boss, share_all=True)
        said = await boss.get(f"/platforms/{UPPER}/diff")
        assert (said["sent"], said["added_count"]) == (0, said["total"])
        assert {line["code"] for line in said["added"]} >= {CAMERA, *CAMERAS}
        assert (said["changed_count"], said["removed_count"], said["next"]) == (0, 0, None)

    async def test_after_it_was_sent_the_difference_alone_is_left(self, shared):
        boss = await shared.person("administrator")
        await put(boss, share_all=True)
        upper = shared.directory.upper(UPPER)
        async for page in shared.exporter.pages(upper):
            await shared.exporter.mark_sent(upper, page)
        said = await boss.get(f"/platforms/{UPPER}/diff")
        assert said["sent"] == said["total"]
        assert (said["added_count"], said["changed_count"], said["removed_count"]) == (0, 0, 0)
        await shared.directory.rename_channel(LOWER, CAMERAS[1], "Renamed")
        await shared.directory.share(UPPER, [ShareRule(f"channel:{LOWER}/{CAMERAS[0]}", False)])
        said = await boss.get(f"/platforms/{UPPER}/diff")
        assert said["changed"] == [{"code": CAMERAS[1], "name": "Renamed"}]
        assert [line["code"] for line in said["removed"]] == [CAMERAS[0]] and said["added"] == []

    async def test_one_kind_is_leafed_through(self, shared):
        boss = await shared.person("administrator")
        await put(boss, share_all=True)
        whole = (await boss.get(f"/platforms/{UPPER}/diff"))["added"]
        shown: list[Any] = []
        after: int | None = 0
        while after is not None:
            page = await boss.get(f"/platforms/{UPPER}/diff?kind=added&limit=3&after={after}")
            shown += page["added"]
            after = page["next"]
        assert shown == whole and page["changed"] == page["removed"] == []


class TestDrawing:
    """The tree from the items alone, without a house around it."""

    def drawn(self, *items: Item) -> Preview:
        preview = Preview(OWN, "we", 1.0)
        preview.take(items)
        preview.hang()
        return preview

    def test_a_camera_stands_under_each_of_its_organisations_and_counts_once(self):
        other = ORG[:-1] + "2"
        preview = self.drawn(
            Item(OWN),
            Item(GROUP),
            Item(ORG, business_group=GROUP),
            Item(other, business_group=GROUP),
            Item(CAMERA, parent_ids=(ORG, other)),
        )
        assert preview.entries[CAMERA].parents == (ORG, other)
        assert [preview.entries[code].total for code in (ORG, other, GROUP, OWN)] == [1, 1, 1, 1]

    def test_a_division_stands_in_the_nearest_one_that_is_told_of(self):
        preview = self.drawn(Item(OWN), Item("34"), Item("340202"), Item(CAMERA, civil_code="34020210"))
        assert preview.entries["340202"].parents == ("34",)
        assert preview.entries[CAMERA].parents == ("340202",)
        assert [entry.code for entry in preview.path(CAMERA)] == [OWN, "34", "340202", CAMERA]

    def test_a_circle_of_parents_is_opened(self):
        other = ORG[:-1] + "2"
        preview = self.drawn(Item(ORG, parent_ids=(other,)), Item(other, parent_ids=(ORG,)))
        assert {preview.entries[ORG].parents, preview.entries[other].parents} in (
            {(OWN,), (ORG,)},
            {(OWN,), (other,)},
        )

    def test_what_is_told_twice_is_drawn_once(self):
        preview = self.drawn(Item(CAMERA, "one"), Item(CAMERA, "two"))
        children, _ = preview.children(OWN, None, 10)
        assert [(child.code, child.name) for child in children] == [(CAMERA, "one")] and preview.entries[OWN].total == 1

    def test_an_unknown_parent_is_passed_over(self):
        preview = self.drawn(Item(CAMERA, parent_ids=("34020000001180000009",)))
        assert preview.entries[CAMERA].parents == (OWN,)
