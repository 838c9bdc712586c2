"""A simulated upper platform: whom it lets in, what it orders wrong."""

from __future__ import annotations

import asyncio

from gb28181.edition import Edition
from gb28181.manscdp.catalog import CatalogQuery
from simulator.faults import Faults
from tests.simulator.two_platforms import CAMERA, COUNTY, joined, until


async def test_a_wrong_password_is_refused_and_nobody_is_registered():
    async with joined(speaker={"password": "wrong"}) as (upper, lower):
        await until(lambda: len(upper.registers) >= 2)
        await asyncio.sleep(0.05)
        assert COUNTY not in upper.lowers and not lower.speaker.is_registered


async def test_only_named_users_are_let_in():
    async with joined(above={"users": ("someone",)}) as (upper, _):
        await until(lambda: len(upper.registers) >= 2)
        assert COUNTY not in upper.lowers
    async with joined(above={"users": ("someone",)}, speaker={"username": "someone"}) as (upper, _):
        await upper.registered(COUNTY)


async def test_a_platform_that_falls_silent_is_not_alive():
    async with joined(above={"keepalive_s": 0.1}, speaker={"keepalive_s": 30.0}) as (upper, _):
        await upper.registered(COUNTY)
        assert upper.is_alive(COUNTY)
        await asyncio.sleep(0.4)
        assert not upper.is_alive(COUNTY)


async def test_a_refused_keepalive_makes_the_platform_below_register_again():
    async with joined(Faults(refuse={"Keepalive": 403})) as (upper, _):
        await upper.registered(COUNTY)
        await until(lambda: COUNTY in upper.lowers and upper.lowers[COUNTY].registrations >= 2)


async def test_a_muted_register_is_asked_again_and_again():
    async with joined(Faults(mute=frozenset({"REGISTER"})), speaker={"answer_s": 0.2}) as (upper, lower):
        await until(lambda: upper.heard["REGISTER"] >= 2)
        assert not lower.speaker.is_registered
        upper.faults = Faults()
        await upper.registered(COUNTY)


async def test_a_redirecting_platform_registers_nobody_and_names_the_other():
    other = ("44000000002000000001", "127.0.0.1", 5999)
    async with joined(Faults(redirect=other)) as (upper, lower):
        answers: list[int] = []
        upper.stack.on_traffic = lambda traffic: (
            answers.append(traffic.message.status) if traffic.direction == "out" else None
        )
        await until(lambda: 302 in answers)
        assert not upper.lowers and not lower.speaker.is_registered


async def test_offers_may_lack_y_or_bear_the_number_of_another_realm():
    async with joined(Faults(no_y=True)) as (upper, lower):
        await upper.registered(COUNTY)
        call = await upper.invite(COUNTY, CAMERA)
        (taken,) = lower.studio.calls
        assert taken.offer.ssrc is None
        await call.wait_frames(2)
        await call.bye()
        upper.faults = Faults(foreign_ssrc=True)
        call = await upper.invite(COUNTY, CAMERA)
        await until(lambda: len(lower.studio.calls) == 1)
        (taken,) = lower.studio.calls
        assert f"{taken.offer.ssrc:010d}"[1:6] == "00000"
        await call.bye()


async def test_a_platform_of_2016_says_no_version_and_writes_gb2312():
    async with joined(above={"edition": Edition.V2016}, speaker={"edition": Edition.V2016}) as (upper, _):
        await upper.registered(COUNTY)
        assert upper.registers[0].headers.get("X-GB-Ver") is None
        assert b'encoding="GB2312"' in upper._encode(CatalogQuery(1, COUNTY))
        assert (await upper.ask_catalog(COUNTY)).is_whole
