"""Signed signalling is agreed on by administrators, and its seeds go out to nobody."""

from __future__ import annotations

import pytest

CODE = "34020000001320000001"
SEAL = {"algorithm": "SM3", "seed": "s3cr3t-seed"}


async def test_a_neighbour_is_signed_with_and_its_seed_never_comes_back(house):
    await house.camera(CODE)
    boss = await house.person("administrator")
    status, said = await boss.ask("PUT", f"/api/v1/seals/{CODE}", SEAL)
    assert status == 200, said
    assert said["name"] == "IPC" and said["side"] == "below"
    assert "s3cr3t" not in str(said) + str(await boss.get("/seals"))
    assert house.directory.seals.of(CODE).seed == "s3cr3t-seed"


async def test_another_algorithm_keeps_the_seed(house):
    await house.camera(CODE)
    boss = await house.person("administrator")
    await boss.ask("PUT", f"/api/v1/seals/{CODE}", SEAL)
    assert (await boss.ask("PUT", f"/api/v1/seals/{CODE}", {"algorithm": "MD5", "is_hex": True}))[0] == 200
    kept = house.directory.seals.of(CODE)
    assert (kept.seed, kept.algorithm, kept.is_hex) == ("s3cr3t-seed", "MD5", True)


@pytest.mark.parametrize(
    ("code", "body", "status", "word"),
    [
        ("34020000001320000099", SEAL, 404, "unknown-neighbour"),
        (CODE, {"algorithm": "SM3"}, 400, "seed-missing"),
        (CODE, SEAL | {"algorithm": "CRC32"}, 400, "invalid"),
        (CODE, SEAL | {"seed": ""}, 400, "invalid"),
        (CODE, SEAL | {"seed": "x" * 257}, 400, "invalid"),
    ],
)
async def test_a_seal_that_makes_no_sense_is_refused(house, code, body, status, word):
    await house.camera(CODE)
    boss = await house.person("administrator")
    got, said = await boss.ask("PUT", f"/api/v1/seals/{code}", body)
    assert (got, said["error"]["code"]) == (status, word)
    assert len(house.directory.seals) == 0


async def test_a_seal_is_dropped_once(house):
    await house.camera(CODE)
    boss = await house.person("administrator")
    await boss.ask("PUT", f"/api/v1/seals/{CODE}", SEAL)
    assert (await boss.ask("DELETE", f"/api/v1/seals/{CODE}"))[0] == 204
    got, said = await boss.ask("DELETE", f"/api/v1/seals/{CODE}")
    assert (got, said["error"]["code"]) == (404, "unknown-seal")


@pytest.mark.parametrize("role", ["viewer", "operator"])
async def test_only_administrators_see_or_change_what_was_agreed(house, role):
    await house.camera(CODE)
    someone = await house.person(role)
    assert (await someone.ask("GET", "/api/v1/seals"))[0] == 403
    assert (await someone.ask("PUT", f"/api/v1/seals/{CODE}", SEAL))[0] == 403
    assert (await someone.ask("DELETE", f"/api/v1/seals/{CODE}"))[0] == 403
