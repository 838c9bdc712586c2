"""What an operator sees of the platform above: what it really answers, what it will see, and what it was sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from simulator.holdings import division_tree
from tests.journeys.cascade.tiers import CITY, COUNTY, Tier, running, until

TOWN = "44010601002000000001"


async def preview(tier: Tier, upper: str, node: str = "") -> dict[str, str]:
    """Code and first parent of all that the platform above will see, walked down as the console walks."""
    branch = await tier.get(f"/api/v1/platforms/{upper}/preview" + (f"?node={node}" if node else ""))
    found: dict[str, str] = {}
    for child in branch["children"]:
        found[child["code"]] = child["parents"][0]
        if child["has_children"]:
            found |= await preview(tier, upper, child["code"])
    return found


async def test_an_operator_sets_up_a_platform_above_by_what_it_answers(tmp_path: Path):
    city, county = Tier(*CITY, tmp_path / "city"), Tier(*COUNTY, tmp_path / "county")
    async with running(city, county) as ground:
        await ground.lower(county, division_tree(TOWN, "天园街道监控中心", "440106", "天河区", cameras=12))
        await until(lambda: county.device(TOWN), 20)

        # The paper names another domain, and the password is wrong: the trial says so before anything is kept.
        wish = {"address": f"127.0.0.1:{city.sip_port}", "code": city.code, "transport": "tcp"}
        wish |= {"domain": "9900000000", "password": "wrong"}
        said = await county.post("/api/v1/platforms/test", wish)
        assert said["ok"] is False and [step["status"] for step in said["steps"]][-1] in (401, 403), said
        assert {offer["field"]: offer["said"] for offer in said["offers"]}["domain"] == said["said_realm"]
        assert (await county.get("/api/v1/platforms"))["items"] == []

        await county.register_with(city, domain=said["said_realm"])
        tried = await county.post(f"/api/v1/platforms/{city.code}/test", None)
        assert tried["ok"] is True and tried["offers"] == [], tried

        async def told() -> Any:
            diff = await county.get(f"/api/v1/platforms/{city.code}/diff")
            return diff if diff["sent"] == diff["total"] > 12 else None

        diff = await until(told, 30)
        assert (diff["added_count"], diff["changed_count"], diff["removed_count"]) == (0, 0, 0)
        drawn = await preview(county, city.code)
        assert len(drawn) + 1 == diff["total"]

        # One camera is hidden and one renamed: the preview says so at once, the city soon.
        cameras = sorted(code for code in drawn if code[10:13] in ("131", "132"))
        rules = [{"node": f"channel:{TOWN}/{cameras[0]}", "include": False}]
        names = [{"owner": TOWN, "code": cameras[1], "name_there": "市局叫法"}]
        sharing = f"/api/v1/platforms/{city.code}/sharing"
        status, changed = await county.ask("PUT", sharing, {"share_all": True, "rules": rules, "names": names})
        assert (status, changed["changed"]) == (200, ["rules", "names"])
        assert set(drawn) - set(await preview(county, city.code)) == {cameras[0]}
        await county.post(f"/api/v1/platforms/{city.code}/resend", None)

        async def arrived() -> bool:
            hits = (await city.get("/api/v1/search?q=市局叫法"))["hits"]
            gone = (await city.get(f"/api/v1/search?q={cameras[0]}"))["hits"]
            return bool(hits) and hits[0]["channel"]["code"] == cameras[1] and not gone

        await until(arrived, 30)
        state = (await county.get(f"/api/v1/platforms/{city.code}"))["state"]
        assert state["state"] == "registered" and any(f["subject"] == "catalog" for f in state["subscriptions"]), state
        assert (await county.get(f"/api/v1/platforms/{city.code}/subscriptions"))["items"] == state["subscriptions"]

        # A form saved unchanged does not deregister us; switching off does.
        answer = await county.patch(f"/api/v1/platforms/{city.code}", {"enabled": True, "transport": "tcp"})
        assert answer["changed"] == [] and answer["registers_anew"] is False
        await county.patch(f"/api/v1/platforms/{city.code}", {"enabled": False})
        await until(lambda: is_off(city, county.code), 20)


async def is_off(upper: Tier, lower: str) -> bool:
    device = await upper.device(lower)
    return device is not None and device["presence"] == "offline"
