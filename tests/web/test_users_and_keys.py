"""People and programs are let in, changed and shown out by administrators."""

from __future__ import annotations

import pytest

PASSWORD = "three blue herons"
NEW = {"name": "li", "role": "operator", "password": "four red lanterns"}


async def test_a_user_is_added_and_asked_to_change_the_password(house):
    boss = await house.person("administrator")
    status, said = await boss.ask("POST", "/api/v1/users", NEW)
    assert status == 201 and said["must_change"] is True and "password" not in str(said).replace("must_change", "")
    li = house.stranger()
    _, said = await li.ask("POST", "/api/v1/session", {"name": "li", "password": NEW["password"]})
    assert said["user"] == {"name": "li", "role": "operator", "must_change": True}


async def test_no_answer_shows_a_hash(house):
    boss = await house.person("administrator")
    assert "argon2" not in str(await boss.get("/users"))


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (NEW | {"name": "administrator"}, 409, "user-exists"),
        (NEW | {"name": "a b"}, 400, "user-name"),
        (NEW | {"name": "../li"}, 400, "user-name"),
        (NEW | {"role": "root"}, 400, "invalid"),
        (NEW | {"password": "short"}, 400, "password-length"),
        (NEW | {"password": None}, 400, "invalid"),
    ],
)
async def test_a_user_that_makes_no_sense_is_refused(house, body, status, code):
    boss = await house.person("administrator")
    got, said = await boss.ask("POST", "/api/v1/users", body)
    assert (got, said["error"]["code"]) == (status, code)


async def test_a_chinese_name_is_a_name(house):
    boss = await house.person("administrator")
    assert (await boss.ask("POST", "/api/v1/users", NEW | {"name": "王芳"}))[0] == 201
    assert (await boss.ask("DELETE", "/api/v1/users/王芳"))[0] == 204


@pytest.mark.parametrize("change", [{"role": "viewer"}, {"password": "five white cranes"}, {"disabled": True}])
async def test_a_change_of_rights_ends_the_users_sessions(house, change):
    boss = await house.person("administrator")
    wang = await house.person("operator", "wang")
    assert (await boss.ask("PATCH", "/api/v1/users/wang", change))[0] == 200
    assert (await wang.ask("GET", "/api/v1/session"))[0] == 401


async def test_a_disabled_user_stays_out(house):
    boss = await house.person("administrator")
    await house.user("operator", "wang")
    await boss.ask("PATCH", "/api/v1/users/wang", {"disabled": True})
    status, _ = await house.stranger().ask("POST", "/api/v1/session", {"name": "wang", "password": PASSWORD})
    assert status == 401


async def test_a_removed_users_session_works_no_longer(house):
    boss = await house.person("administrator")
    wang = await house.person("operator", "wang")
    assert (await boss.ask("DELETE", "/api/v1/users/wang"))[0] == 204
    assert (await wang.ask("GET", "/api/v1/session"))[0] == 401


async def test_all_sessions_of_a_user_can_be_ended(house):
    boss = await house.person("administrator")
    wang = await house.person("operator", "wang")
    assert (await boss.ask("DELETE", "/api/v1/users/wang/sessions"))[0] == 204
    assert (await wang.ask("GET", "/api/v1/session"))[0] == 401


@pytest.mark.parametrize(
    ("method", "body"), [("DELETE", None), ("PATCH", {"role": "viewer"}), ("PATCH", {"disabled": True})]
)
async def test_the_last_administrator_stays_one(house, method, body):
    boss = await house.person("administrator")
    status, said = await boss.ask(method, "/api/v1/users/administrator", body)
    assert (status, said["error"]["code"]) == (409, "last-administrator")
    await house.user("administrator", "second")
    assert (await boss.ask(method, "/api/v1/users/administrator", body))[0] in (200, 204)


async def test_a_key_opens_what_its_role_opens_until_it_is_removed(house):
    boss = await house.person("administrator")
    status, made = await boss.ask("POST", "/api/v1/keys", {"name": "map wall", "role": "viewer", "lasts_days": 30})
    assert status == 201
    program = house.stranger(Authorization=f"Bearer {made['secret']}")
    assert (await program.ask("GET", "/api/v1/tree"))[0] == 200
    assert (await program.ask("GET", "/api/v1/users"))[0] == 403
    listed = await boss.get("/keys")
    assert [key["name"] for key in listed["items"]] == ["map wall"]
    assert made["secret"] not in str(listed)
    assert (await boss.ask("DELETE", f"/api/v1/keys/{made['id']}"))[0] == 204
    assert (await program.ask("GET", "/api/v1/tree"))[0] == 401


async def test_an_unknown_key_cannot_be_removed(house):
    boss = await house.person("administrator")
    status, said = await boss.ask("DELETE", "/api/v1/keys/nothing")
    assert (status, said["error"]["code"]) == (404, "unknown-key")


async def test_the_book_is_read_page_by_page(house):
    boss = await house.person("administrator")
    for n in range(5):
        await boss.ask("POST", "/api/v1/keys", {"name": f"key {n}"})
    first = await boss.get("/audit?limit=3")
    second = await boss.get(f"/audit?limit=3&after={first['next']}")
    targets = [line["target"] for line in first["items"] + second["items"]]
    assert targets == ["key 4", "key 3", "key 2", "key 1", "key 0", "administrator"]
