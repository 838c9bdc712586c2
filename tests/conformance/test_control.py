"""The control lines of the conformance list (signalling reference 11), each a test named by its line."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from gb28181.edition import Edition
from gb28181.manscdp.control import ControlResponse, DeviceControl
from tests.conformance.bare import CAMERA, bare
from tests.conformance.pair import Estate, Pair, house, joined

pytestmark = pytest.mark.asyncio(loop_scope="module")

OLD = "34020000001320000016"
NEW = "34020000001320000022"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def estate(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Estate]:
    async with house(Path(tmp_path_factory.mktemp("control"))) as estate:
        yield estate


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def old(estate: Estate) -> Pair:
    """A device of the edition 2016."""
    return await joined(estate, OLD, edition=Edition.V2016)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def new(estate: Estate) -> Pair:
    """A device of the edition 2022."""
    return await joined(estate, NEW, edition=Edition.V2022)


async def steer(pair: Pair, **wish: object) -> str:
    """Steer by the API; the digits that went out on the wire."""
    pair.clear()
    await pair.estate.post(f"/api/v1/channels/{pair.code}/{pair.code}/ptz", wish, 204)
    seen = await pair.ours.see(DeviceControl, out=True)
    return seen.xml.findtext("PTZCmd") or ""


async def test_CTL_01_a_ptz_request_goes_out_as_sixteen_hex_digits_with_a_right_checksum(new: Pair):
    digits = await steer(new, pan=0.5, tilt=0.25)
    seen = await new.theirs.see(DeviceControl, out=False)
    assert seen.method == "MESSAGE"
    assert seen.message.content_type == "application/manscdp+xml"
    data = bytes.fromhex(digits)
    assert len(digits) == 16 and digits == digits.upper()
    assert sum(data[:7]) % 256 == data[7]


@pytest.mark.parametrize(
    "order",
    [
        "<PTZCmd>A50F0001400000F5</PTZCmd>",
        "<TeleBoot>Boot</TeleBoot>",
        "<IFameCmd>Send</IFameCmd>",
        "<IFrameCmd>Send</IFrameCmd>",
    ],
)
async def test_CTL_02_ptz_reboot_and_key_frame_are_answered_with_200_alone(order: str):
    async with bare() as (platform, _):
        response = await platform.order(order, sn=77)
        assert (response.status, response.body) == (200, b"")
        # What is asked next is answered; what would have come before it has not.
        await platform.order("<GuardCmd>SetGuard</GuardCmd>", sn=78)
        assert (await platform.hear(ControlResponse)).sn == 78


async def test_CTL_05_the_response_goes_to_whom_the_request_came_from():
    async with bare() as (platform, _):
        await platform.order("<AlarmCmd>ResetAlarm</AlarmCmd>", sn=5)
        request = await platform.tap.see(DeviceControl, out=True)
        response = await platform.tap.see(ControlResponse, out=False)
        assert response.message.to.uri.user == request.message.from_.uri.user
        assert response.message.from_.uri.user == CAMERA


async def test_CTL_07_letting_go_says_stop(new: Pair):
    await steer(new, pan=1.0)
    assert await steer(new, stop=True) == "A50F0000000000B4"
