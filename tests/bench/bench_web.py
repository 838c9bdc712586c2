"""What the guard and the feed cost: requests a second against a bare handler, and one piece of news to 200 consoles.

Run: python -m tests.bench.bench_web
"""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import aiohttp
from aiohttp import web

from gb28181.manscdp.catalog import Item
from registry.device import Device, DeviceKind, Presence
from registry.directory import Directory
from registry.divisions import Divisions
from registry.events import Bus, DeviceChanged
from web.auth import Proof, Role, Who
from web.desk import DESK
from web.feed import Listener
from web.server import make_app
from web.settings import WebSettings
from web.wishes import Services, SystemInfo

CAMERA = "34020000001320000001"
REQUESTS = 1500
AT_ONCE = 8
CONSOLES = 200
STORM = 20_000


async def rate(session: aiohttp.ClientSession, address: str) -> float:
    """Requests a second, eight at a time."""

    async def ask(times: int) -> None:
        for _ in range(times):
            async with session.get(address) as response:
                await response.read()
                assert response.status == 200

    await ask(50)
    started = time.perf_counter()
    await asyncio.gather(*(ask(REQUESTS // AT_ONCE) for _ in range(AT_ONCE)))
    return REQUESTS / (time.perf_counter() - started)


async def house() -> tuple[web.Application, Directory, Bus]:
    bus = Bus()
    directory = Directory(bus)
    await directory.open("memory:")
    await directory.add_device(Device(CAMERA, name="IPC", kind=DeviceKind.CAMERA))
    directory.note_presence(CAMERA, Presence.ONLINE, "registered", 1.0)
    await directory.merge(CAMERA, [Item(code=CAMERA, name="North gate")], complete=True, at=1.0)
    nothing: Any = SimpleNamespace(streams=tuple)
    services = Services(
        directory=directory,
        accounts=directory.accounts,
        broker=nothing,
        neighbours=nothing,
        ladder=nothing,
        resync=nothing,
        bus=bus,
        system=lambda: SystemInfo("bench", CAMERA, "3402000000", "0", 0.0, "127.0.0.1", 5060),
        sip_statistics=dict,
        plane_statistics=dict,
        stream_statistics=lambda stream: None,
        divisions=Divisions({}),
    )
    return make_app(services, WebSettings(), extra_routes=()), directory, bus


def storm(app: web.Application, bus: Bus) -> tuple[float, float]:
    """Microseconds a fact while it is gathered, and milliseconds to tell one device to all consoles."""
    feed = app[DESK].feed
    listeners = [Listener(Who("w", Role.VIEWER, Proof.SESSION, str(n)), 256) for n in range(CONSOLES)]
    feed._listeners.update(listeners)
    started = time.perf_counter()
    for _ in range(STORM):
        bus.tell(DeviceChanged(CAMERA))
    gathered = (time.perf_counter() - started) / STORM * 1e6
    started = time.perf_counter()
    feed._send()
    told = (time.perf_counter() - started) * 1e3
    feed._listeners.clear()
    return gathered, told


async def main() -> None:
    app, directory, bus = await house()

    async def bare(request: web.Request) -> web.Response:
        return web.json_response({"nodes": []})

    plain = web.Application()
    plain.router.add_get("/", bare)
    runners = [web.AppRunner(each, access_log=None) for each in (app, plain)]
    ports = []
    for runner in runners:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        ports.append(runner.addresses[0][1])
    _, secret = await directory.accounts.new_key("bench", "viewer")
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {secret}"}) as session:
        yardstick = await rate(session, f"http://127.0.0.1:{ports[1]}/")
        print(f"bare aiohttp handler     {yardstick:8.0f} requests/s  (yardstick, client on the same core)")
        for path in ("tree", f"devices/{CAMERA}", "search?q=north", "system"):
            got = await rate(session, f"http://127.0.0.1:{ports[0]}/api/v1/{path}")
            print(f"GET /{path.partition('?')[0]:<20}{got:8.0f} requests/s  {got / yardstick:5.2f} of it")
    gathered, told = storm(app, bus)
    print(f"a fact gathered          {gathered:8.2f} us        ({STORM} of one device became one line)")
    print(f"one line to {CONSOLES} consoles {told:8.2f} ms")
    for runner in runners:
        await runner.cleanup()
    await directory.close()


if __name__ == "__main__":
    asyncio.run(main())
