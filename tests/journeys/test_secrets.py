"""What must stay secret is found nowhere: not in the log, the ladders, the answers, or on the disk."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from app.serving import set_up_log
from tests.journeys.conftest import CAMERA, PASSWORD, Estate, opened, until

OF_ITS_OWN = "9-lonely-herons"
OF_A_SOURCE = "7-silent-cranes"
SECOND = "34020000001320000002"
READ = (
    "/system",
    "/session",
    "/users",
    "/keys",
    "/devices",
    f"/devices/{SECOND}",
    "/refusals",
    "/streams",
    "/audit",
    "/platforms",
    "/sources",
    f"/ladders/peers/{CAMERA}?limit=100",
    f"/ladders/peers/{SECOND}?limit=100",
    "/ladders/calls",
    "/openapi.json",
)


@pytest.mark.parametrize("wrong_first", [False, True])
async def test_no_password_token_or_key_is_shown_logged_or_stored_in_plain_text(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, wrong_first: bool
):
    set_up_log("debug")
    caplog.set_level(logging.DEBUG)
    data = tmp_path / "data"
    async with opened(data) as estate:
        await estate.post("/api/v1/devices", {"code": SECOND, "password": OF_ITS_OWN})
        if wrong_first:
            wrong = await estate.camera(SECOND, online=False)  # it has the common password, which is not its own
            await until(lambda: "fit the common password" in str(estate.house.directory.refusals(10)))
            await estate.take_away(wrong)
        camera = await estate.camera()
        await estate.camera(SECOND, speaker={"password": OF_ITS_OWN})
        # Nobody listens there, so that what is told of the failure is looked at, too.
        source = {"url": f"rtsp://ann:{OF_A_SOURCE}@127.0.0.1:9/live"}
        await estate.post("/api/v1/sources", source)
        trial = json.dumps(await estate.post("/api/v1/sources/trial", source))
        await until(lambda: was_asked(estate))
        lease = await estate.live()
        key = await estate.post("/api/v1/keys", {"name": "a program", "role": "viewer"})
        token = next(cookie.value for cookie in estate.http.cookie_jar if cookie.key == "lianwang")
        shown = {path: json.dumps(await estate.get("/api/v1" + path)) for path in READ}
        shown["the trial"] = trial
        for call in json.loads(shown["/ladders/calls"])["items"]:
            shown[call["call_id"]] = json.dumps(await estate.get(f"/api/v1/ladders/calls/{call['call_id']}"))
        await estate.delete(f"/api/v1/live/{lease['lease']}")
        await estate.take_away(camera)
        administrators = estate.password
    # After it is closed, everything has reached the disk.
    stored = {path.name: path.read_bytes() for path in data.iterdir()}
    assert CAMERA.encode() in stored["lianwang.db"] and f"{CAMERA}" in shown["/devices"], "else we look in vain"
    secrets = {"the common password": PASSWORD, "the administrator's": administrators, "the session": token}
    secrets |= {"the key": key["secret"]}
    for name, secret in secrets.items():
        assert len(secret) > 8
        assert secret not in caplog.text, f"{name} is in the log"
        assert [path for path, text in shown.items() if secret in text] == [], f"{name} is shown"
        assert [file for file, content in stored.items() if secret.encode() in content] == [], f"{name} is on the disk"
    # A device's own password must be known in full to check a digest, and a source's to answer a challenge; so they are
    # on the disk, and only there.
    for secret in (OF_ITS_OWN, OF_A_SOURCE):
        assert secret not in caplog.text
        assert [path for path, text in shown.items() if secret in text] == []


async def was_asked(estate: Estate) -> bool:
    (source,) = (await estate.get("/api/v1/sources"))["items"]
    return source["online"] is False
