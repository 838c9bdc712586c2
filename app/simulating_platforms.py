"""`lianwang simulate platform`: a lower or an upper platform that tells on the console what it hears."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from gb28181.manscdp.device_info import DeviceInfo, DeviceInfoQuery
from simulator.gathering import Refused
from simulator.holdings import Holdings
from simulator.platform_above import Upper, UpperSettings
from simulator.platform_below import Lower, LowerSettings
from simulator.receiver import Receiver
from sipserver.stack import RequestTimedOut, TransportLost

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Errands:
    """What an upper platform does with every platform that registers."""

    asks_catalog: bool = True
    follows: tuple[str, ...] = ("catalog",)
    calls: str = ""
    """A channel to watch."""
    transport: str = "udp"
    with_y: bool = True
    call_s: float = 10.0


async def simulate_lower(settings: LowerSettings, holdings: Holdings, every_s: float, say: Say) -> None:
    """Run a lower platform until cancelled; with `every_s` it changes its tree so often."""
    lower = Lower(settings, holdings)
    lower.speaker.on_change = lambda on: say(f"{lower.code} {'已注册 registered' if on else '未注册 not registered'}")
    say(f"{lower.code} {len(holdings)} 项目录 catalog items")
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(lower.run())
            group.create_task(_tell_what_is_asked(lower, say))
            if every_s:
                group.create_task(_change(lower, every_s, say))
    finally:
        await lower.close()


async def _tell_what_is_asked(lower: Lower, say: Say) -> None:
    told = 0
    while True:
        for what in lower.asked[told:]:
            say(f"<- {what}")
        told = len(lower.asked)
        await asyncio.sleep(0.5)


async def _change(lower: Lower, every_s: float, say: Say) -> None:
    holdings = lower.holdings
    number = 0
    while True:
        await asyncio.sleep(every_s)
        cameras = holdings.cameras
        camera = cameras[number % len(cameras)]
        number += 1
        if number % 2:
            holdings.rename(camera.code, f"{camera.name.partition('（')[0]}（{number}）")
        else:
            holdings.flip(camera.code)
        now = holdings[camera.code]
        say(f"{now.code} {now.name} {'ON' if now.status_on else 'OFF'}")


async def simulate_upper(settings: UpperSettings, errands: Errands, say: Say) -> None:
    """Run an upper platform until cancelled; it does its errands with everybody who registers."""
    async with Upper(settings) as upper:
        say(f"{settings.code} SIP {settings.host}:{upper.port}")
        upper.on_heard = lambda code, what: say(f"<- {code} {what}")
        known: set[str] = set()
        async with asyncio.TaskGroup() as group:
            while True:
                alive = {code for code in upper.lowers if upper.is_alive(code)}
                for code in alive - known:
                    host, port = upper.lowers[code].path.remote[:2]
                    say(f"{code} 已注册 registered from {host}:{port}")
                    group.create_task(_run_errands(upper, code, errands, say))
                for code in known - alive:
                    say(f"{code} 已离线 offline")
                known = alive
                await asyncio.sleep(0.2)


async def _run_errands(upper: Upper, code: str, errands: Errands, say: Say) -> None:
    try:
        (info,) = (await upper.ask(code, DeviceInfoQuery(0, code))).parts
        if isinstance(info, DeviceInfo):
            say(f"{code} {info.name} {info.manufacturer} {info.model} {info.firmware}")
        if errands.asks_catalog:
            got = await upper.ask_catalog(code)
            say(
                f"{code} 目录 catalog: {len(got.items)}/{got.sum_num} in {len(got.parts)} parts, "
                f"{got.seconds:.1f} s{'' if got.is_whole else ', 不完整 incomplete'}"
            )
        for subject in errands.follows:
            followed = await upper.follow(code, subject)
            say(f"{code} 已订阅 follows {subject} for {followed.granted_s} s")
        if errands.calls:
            await _watch(upper, code, errands, say)
    except (Refused, RequestTimedOut, TransportLost, OSError, ValueError) as error:
        say(f"{code} {error}")
        for hop in error.hops if isinstance(error, Refused) else ():
            say(f"    {hop.status} {hop.reason} @ {hop.who}")


async def _watch(upper: Upper, code: str, errands: Errands, say: Say) -> None:
    call = await upper.invite(code, errands.calls, transport=errands.transport, with_y=errands.with_y)
    route = " > ".join(call.route)
    said_y = "" if call.answer.ssrc is None else f" y={call.answer.ssrc:010d}"
    say(f"{errands.calls} 已接通 answered{said_y} {route}")
    began = time.monotonic()
    with suppress(TimeoutError):
        async with asyncio.timeout(errands.call_s):
            await call.ended.wait()
    say(f"{errands.calls} {_seen(call.receiver, time.monotonic() - began)}")
    await call.bye()


def _seen(receiver: Receiver, seconds: float) -> str:
    numbers = ", ".join(f"{ssrc:010d}" for ssrc in receiver.ssrcs) or "-"
    return (
        f"{receiver.packets} packets, {receiver.bytes * 8 / 1000 / max(seconds, 0.001):.0f} kbit/s, "
        f"{receiver.frames} frames ({receiver.key_frames} key), SSRC {numbers}, {dict(receiver.codecs)}"
    )
