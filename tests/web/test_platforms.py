"""Platforms above: added with six fields, changed by their difference, tried before they are trusted."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gb28181.peer import Hop
from registry.events import SharingChanged, UpperChanged, UpperStateChanged
from registry.platform import SubscriptionView, Upper, UpperState
from registry.sharing import ShareAs, ShareRule
from web.addresses import read_address, write_address
from web.errors import Problem

UPPER = "34000000002000000001"
OTHER = "34000000002000000777"
OWN = "34020000002000000002"
CAMERA = "34020000001320000001"
SIX = {
    "address": "10.0.0.1:15060",
    "code": UPPER,
    "domain": "3400000000",
    "user": "wuhu",
    "password": "a password",
    "edition": "2.0",
}


def facts_told(house: Any) -> list[object]:
    """Facts about platforms above, as the bus tells them from now on."""
    told: list[object] = []
    kinds = (UpperChanged, UpperStateChanged, SharingChanged)
    house.bus.listen(lambda event: told.append(event) if isinstance(event, kinds) else None)
    return told


async def kept(house: Any, **fields: Any) -> Upper:
    return await house.directory.add_upper(
        Upper(**({"code": UPPER, "host": "10.0.0.1", "password": "secret"} | fields))
    )


class TestAdding:
    async def test_six_fields_make_a_platform_and_the_rest_follows(self, house):
        boss = await house.person("administrator")
        status, said = await boss.ask("POST", "/api/v1/platforms", SIX)
        assert status == 201
        upper = house.directory.upper(UPPER)
        assert (upper.host, upper.port, upper.domain, upper.user) == ("10.0.0.1", 15060, "3400000000", "wuhu")
        assert (upper.password, upper.edition, upper.enabled) == ("a password", "2.0", True)
        assert said["address"] == "10.0.0.1:15060" and said["shown_charset"] == "GB2312"
        assert said["has_password"] is True and "a password" not in str(said)
        assert said["state"]["state"] == "unknown"

    async def test_two_fields_are_enough_and_what_follows_is_shown(self, house):
        boss = await house.person("administrator")
        status, said = await boss.ask("POST", "/api/v1/platforms", {"address": "up.example.cn", "code": UPPER})
        assert status == 201
        assert (said["domain"], said["shown_domain"]) == ("", "3400000000")
        assert (said["user"], said["shown_user"], said["shown_our_code"]) == ("", OWN, OWN)
        assert (said["address"], said["edition"], said["shown_charset"]) == ("up.example.cn:5060", "3.0", "GB18030")

    async def test_a_code_is_added_once(self, house):
        await kept(house)
        boss = await house.person("administrator")
        status, said = await boss.ask("POST", "/api/v1/platforms", SIX)
        assert (status, said["error"]["code"]) == (409, "platform-exists")
        assert house.directory.upper(UPPER).password == "secret"

    @pytest.mark.parametrize(
        ("wrong", "key"),
        [
            ({"code": "3400"}, "code-malformed"),
            ({"code": "3400000000200000000x"}, "code-malformed"),
            ({"code": OWN}, "own-code"),
            ({"our_code": "12"}, "code-malformed"),
            ({"our_code": UPPER}, "own-code"),
            ({"address": "10.0.0.1:0"}, "address-malformed"),
            ({"address": "sip:10.0.0.1"}, "address-malformed"),
            ({"edition": "1.0"}, "invalid"),
            ({"expires_s": 60}, "invalid"),
            ({"arrangement": "odd"}, "invalid"),
            ({"odd": 1}, "invalid"),
        ],
    )
    async def test_what_cannot_be_meant_is_refused_by_a_key(self, house, wrong, key):
        boss = await house.person("administrator")
        status, said = await boss.ask("POST", "/api/v1/platforms", SIX | wrong)
        assert (status, said["error"]["code"]) == (400, key)
        assert house.directory.uppers() == ()

    async def test_an_operator_reads_and_does_not_add(self, house):
        await kept(house)
        operator, viewer = await house.person("operator"), await house.person("viewer")
        assert (await operator.get("/platforms"))["items"][0]["code"] == UPPER
        assert (await operator.ask("POST", "/api/v1/platforms", SIX))[0] == 403
        assert (await operator.ask("PATCH", f"/api/v1/platforms/{UPPER}", {"enabled": False}))[0] == 403
        assert (await viewer.ask("GET", "/api/v1/platforms"))[0] == 403
        assert (await viewer.ask("GET", f"/api/v1/platforms/{UPPER}"))[0] == 403


class TestChanging:
    async def test_a_form_saved_unchanged_touches_nothing(self, house):
        upper = await kept(house, port=15060, domain="3400000000", user="wuhu", edition="2.0")
        boss = await house.person("administrator")
        shown = await boss.get(f"/platforms/{UPPER}")
        told = facts_told(house)
        form = {name: shown[name] for name in ("address", "domain", "user", "edition", "enabled", "expires_s", "name")}
        status, said = await boss.ask("PATCH", f"/api/v1/platforms/{UPPER}", form | {"password": "secret"})
        assert (status, said["changed"], said["registers_anew"]) == (200, [], False)
        assert told == [] and house.directory.upper(UPPER) is upper

    async def test_a_change_names_its_fields_and_says_whether_it_is_signalled(self, house):
        await kept(house)
        boss = await house.person("administrator")
        status, said = await boss.ask(
            "PATCH", f"/api/v1/platforms/{UPPER}", {"address": "10.0.0.1:5062", "name": "Province"}
        )
        assert (status, said["changed"], said["registers_anew"]) == (200, ["name", "port"], True)
        _, said = await boss.ask("PATCH", f"/api/v1/platforms/{UPPER}", {"name": "安徽省", "page_size": 4})
        assert (said["changed"], said["registers_anew"]) == (["name", "page_size"], False)
        assert said["platform"]["shown_name"] == "安徽省" and said["platform"]["has_password"] is True

    async def test_a_platform_is_switched_off_and_on(self, house):
        await kept(house)
        boss = await house.person("administrator")
        _, said = await boss.ask("PATCH", f"/api/v1/platforms/{UPPER}", {"enabled": False})
        assert said["changed"] == ["enabled"] and said["platform"]["state"]["state"] == "disabled"
        await boss.ask("PATCH", f"/api/v1/platforms/{UPPER}", {"enabled": True})
        assert house.directory.upper(UPPER).enabled is True

    async def test_a_password_is_taken_away_by_null_only(self, house):
        await kept(house)
        boss = await house.person("administrator")
        await boss.ask("PATCH", f"/api/v1/platforms/{UPPER}", {"name": "x"})
        assert house.directory.upper(UPPER).password == "secret"
        _, said = await boss.ask("PATCH", f"/api/v1/platforms/{UPPER}", {"password": None})
        assert said["platform"]["has_password"] is False and house.directory.upper(UPPER).password == ""

    async def test_a_removed_platform_is_gone(self, house):
        await kept(house)
        boss = await house.person("administrator")
        assert (await boss.ask("DELETE", f"/api/v1/platforms/{UPPER}"))[0] == 204
        assert house.directory.uppers() == ()
        for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/test"), ("POST", "/resend"), ("GET", "/diff")):
            status, said = await boss.ask(method, f"/api/v1/platforms/{UPPER}{path}")
            assert (status, said["error"]["code"]) == (404, "unknown-platform"), path

    async def test_every_write_is_in_the_audit_book_and_no_password_with_it(self, house):
        boss = await house.person("administrator")
        await boss.ask("POST", "/api/v1/platforms", SIX)
        await boss.ask("PATCH", f"/api/v1/platforms/{UPPER}", {"password": "another"})
        await boss.ask("POST", f"/api/v1/platforms/{UPPER}/test")
        await boss.ask("PUT", f"/api/v1/platforms/{UPPER}/sharing", {"share_all": False, "rules": []})
        await boss.ask("DELETE", f"/api/v1/platforms/{UPPER}")
        lines = (await boss.get("/audit"))["items"][:5]
        assert [line["what"] for line in lines] == [
            "platforms.remove",
            "sharing.share",
            "contact.try_known",
            "platforms.change",
            "platforms.add",
        ]
        assert {line["target"] for line in lines} == {UPPER} and "another" not in str(lines)


class TestState:
    async def test_how_things_stand_is_shown_whole(self, house):
        await kept(house)
        house.directory.note_upper_state(
            UpperState(
                UPPER,
                "redirected",
                "302 Moved Temporarily",
                since=10.0,
                expires_at=90.0,
                keepalives_missed=2,
                address="10.0.0.2:5060",
                edition="2.0",
                subscriptions=(SubscriptionView("catalog", OWN, 50.0, 7, 1),),
                calls=3,
                catalog_sent=(40, 118),
            )
        )
        operator = await house.person("operator")
        state = (await operator.get(f"/platforms/{UPPER}"))["state"]
        assert (state["state"], state["reason"], state["since"]) == ("redirected", "302 Moved Temporarily", 10.0)
        assert (state["address"], state["edition"], state["keepalives_missed"]) == ("10.0.0.2:5060", "2.0", 2)
        assert (state["calls"], state["catalog_sent"]) == (3, {"sent": 40, "total": 118})
        (followed,) = (await operator.get(f"/platforms/{UPPER}/subscriptions"))["items"]
        assert followed == {"subject": "catalog", "target": OWN, "expires_at": 50.0, "notified": 7, "pending": 1}
        assert state["subscriptions"] == [followed]

    async def test_a_platform_of_which_nothing_was_heard_follows_nothing(self, house):
        await kept(house)
        operator = await house.person("operator")
        assert (await operator.get(f"/platforms/{UPPER}/subscriptions"))["items"] == []


class TestTrial:
    async def test_it_tells_what_the_other_side_really_said(self, house):
        await kept(house, domain="3400000000")
        house.uppers.report = SimpleNamespace(
            ok=False,
            steps=(Hop(UPPER, "REGISTER", 401, "Unauthorized"), Hop(UPPER, "REGISTER with credentials", 403, "No")),
            said_code=OTHER,
            said_realm="3401000000",
            said_version="2.0",
        )
        operator = await house.person("operator")
        status, said = await operator.ask("POST", f"/api/v1/platforms/{UPPER}/test")
        assert status == 200 and said["ok"] is False
        assert [(step["status"], step["reason"]) for step in said["steps"]] == [(401, "Unauthorized"), (403, "No")]
        assert (said["said_code"], said["said_realm"], said["said_version"]) == (OTHER, "3401000000", "2.0")
        assert said["offers"] == [
            {"field": "code", "configured": UPPER, "said": OTHER},
            {"field": "domain", "configured": "3400000000", "said": "3401000000"},
            {"field": "edition", "configured": "3.0", "said": "2.0"},
        ]

    async def test_what_nobody_could_adopt_is_not_offered(self, house):
        await kept(house)
        house.uppers.report = SimpleNamespace(
            ok=True, steps=(), said_code="gateway", said_realm="3400000000", said_version="1.0"
        )
        boss = await house.person("administrator")
        _, said = await boss.ask("POST", f"/api/v1/platforms/{UPPER}/test")
        assert said["said_code"] == "gateway" and said["offers"] == []

    async def test_a_form_is_tried_before_it_is_kept(self, house):
        boss = await house.person("administrator")
        status, said = await boss.ask("POST", "/api/v1/platforms/test", SIX)
        assert (status, said["ok"]) == (200, True)
        (tried,) = house.uppers.tried
        assert (tried.host, tried.port, tried.password) == ("10.0.0.1", 15060, "a password")
        assert house.directory.uppers() == ()

    async def test_a_kept_password_goes_on_trial_to_its_own_platform_only(self, house):
        await kept(house, port=15060)
        boss = await house.person("administrator")
        form = {name: value for name, value in SIX.items() if name != "password"}
        await boss.ask("POST", "/api/v1/platforms/test", form)
        await boss.ask("POST", "/api/v1/platforms/test", form | {"address": "10.6.6.6"})
        assert [upper.password for upper in house.uppers.tried] == ["secret", ""]

    async def test_an_adopted_code_keeps_fields_and_sharing(self, house):
        await kept(house, domain="3400000000", name="Province", share_all=False)
        await house.directory.share(
            UPPER, [ShareRule("division:3402", True)], [ShareAs(CAMERA, CAMERA, "34020000001320000999", "Gate")]
        )
        before = await house.directory.sharing(UPPER)
        boss = await house.person("administrator")
        status, said = await boss.ask("POST", f"/api/v1/platforms/{UPPER}/adopt", {"code": OTHER, "edition": "2.0"})
        assert (status, said["code"], said["name"], said["edition"]) == (200, OTHER, "Province", "2.0")
        (upper,) = house.directory.uppers()
        assert (upper.code, upper.password, upper.enabled) == (OTHER, "secret", True)
        assert await house.directory.sharing(OTHER) == before

    async def test_an_adopted_domain_changes_nothing_else(self, house):
        upper = await kept(house, domain="3400000000")
        boss = await house.person("administrator")
        _, said = await boss.ask("POST", f"/api/v1/platforms/{UPPER}/adopt", {"domain": "3401000000"})
        assert said["domain"] == "3401000000" and said["code"] == UPPER
        told = facts_told(house)
        await boss.ask("POST", f"/api/v1/platforms/{UPPER}/adopt", {"domain": "3401000000"})
        assert told == [] and house.directory.upper(UPPER).added_at == upper.added_at

    async def test_a_taken_or_odd_code_is_not_adopted(self, house):
        await kept(house)
        await kept(house, code=OTHER)
        boss = await house.person("administrator")
        for code, status in ((OTHER, 409), (OWN, 400), ("34", 400)):
            assert (await boss.ask("POST", f"/api/v1/platforms/{UPPER}/adopt", {"code": code}))[0] == status
        assert {upper.code for upper in house.directory.uppers()} == {UPPER, OTHER}


class TestResending:
    async def test_the_catalog_is_sent_anew_to_whom_has_taken_us(self, house):
        await kept(house)
        operator = await house.person("operator")
        status, said = await operator.ask("POST", f"/api/v1/platforms/{UPPER}/resend")
        assert (status, said["error"]["code"]) == (409, "not-registered")
        house.uppers.up.add(UPPER)
        assert (await operator.ask("POST", f"/api/v1/platforms/{UPPER}/resend"))[0] == 202
        assert house.uppers.resent == [UPPER]


class TestAddresses:
    @pytest.mark.parametrize(
        ("text", "address"),
        [
            ("10.0.0.1", ("10.0.0.1", 5060)),
            (" up.example.cn:15060 ", ("up.example.cn", 15060)),
            ("2001:db8::9", ("2001:db8::9", 5060)),
            ("[2001:db8::9]:5061", ("2001:db8::9", 5061)),
            ("[::1]", ("::1", 5060)),
        ],
    )
    def test_a_host_of_either_family_may_have_a_port(self, text, address):
        assert read_address(text) == address

    @pytest.mark.parametrize(
        "text",
        ["", ":5060", "x:", "x:70000", "x:٣", "300.1.1.1", "1.2.3", "a b", "[::1", "[x]:1", "::x", "a..b", "u@h"],
    )
    def test_what_is_no_address_is_refused(self, text):
        with pytest.raises(Problem) as refused:
            read_address(text)
        assert refused.value.code == "address-malformed"

    @given(st.text(max_size=60))
    def test_what_is_read_is_written_and_read_again(self, text):
        try:
            address = read_address(text)
        except Problem:
            return
        assert read_address(write_address(*address)) == address


@pytest.mark.parametrize("cascades", [False])
async def test_a_server_that_registers_with_nobody_says_so(house):
    await kept(house)
    boss = await house.person("administrator")
    for method, path in (("POST", "test"), ("POST", "resend"), ("GET", "preview"), ("GET", "diff")):
        status, said = await boss.ask(method, f"/api/v1/platforms/{UPPER}/{path}")
        assert (status, said["error"]["code"]) == (503, "no-cascade"), path
    await house.camera()
    assert (await boss.get(f"/channels/{CAMERA}/{CAMERA}/paths"))["items"][0]["trouble"] == 0
