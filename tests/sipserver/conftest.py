"""A house that receives registrations, and cameras on real sockets to register with it."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from gb28181.charset import Charset
from gb28181.edition import Edition
from gb28181.manscdp.catalog import Catalog, CatalogQuery, Item
from gb28181.manscdp.device_info import DeviceInfo, DeviceInfoQuery
from gb28181.manscdp.keepalive import Keepalive
from gb28181.manscdp.message import Manscdp, parse, serialise
from registry.device import Device, Presence
from registry.directory import Directory
from registry.events import Bus, Event
from sipserver.below.below import Below
from sipserver.below.settings import BelowSettings
from sipserver.sip.digest import Challenge, Credentials
from sipserver.sip.message import Response
from sipserver.stack import Incoming, Path, Stack, StackSettings

CODE = "34020000001320000001"
OUR_CODE = "34020000002000000001"
DOMAIN = "3402000000"
PASSWORD = "12345678"


async def until(fact: Callable[[], object], seconds: float = 5.0) -> None:
    """Wait until something is true, and fail when it never is."""
    async with asyncio.timeout(seconds):
        while not fact():
            await asyncio.sleep(0.01)


class House:
    """Stack, directory and Below, as wiring joins them, with every event written down."""

    def __init__(self, settings: BelowSettings, directory: Directory | None, stack: StackSettings) -> None:
        self.bus = Bus() if directory is None else directory.bus
        self.directory = directory or Directory(self.bus)
        self.stack = Stack(stack)
        self.skew_s = 0.0
        self.below = Below(self.stack, self.directory, self.bus, settings, clock=self.clock)
        self.events: list[Event] = []
        self.is_stopped = False
        self.unhear = self.bus.listen(self.events.append)

    def clock(self) -> float:
        """Time as the house sees it; a test may let years pass."""
        return time.monotonic() + self.skew_s

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.stack.port

    def device(self, code: str = CODE) -> Device:
        device = self.directory.device(code)
        assert device is not None
        return device

    def presence(self, code: str = CODE) -> Presence:
        return self.device(code).presence

    def told(self, kind: type) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]

    async def stop(self) -> None:
        """As at the end of the program; the directory stays open."""
        if self.is_stopped:
            return
        self.is_stopped = True
        self.unhear()
        await self.below.close()
        await self.stack.close()


class Camera:
    """A device on a stack of its own: registers, keeps alive, answers what it is asked."""

    def __init__(
        self,
        code: str,
        server: tuple[str, int],
        *,
        transport: str,
        password: str,
        version: str,
        host: str = "127.0.0.1",
    ) -> None:
        self.code = code
        self.server = server
        self.transport = transport
        self.password = password
        self.version = version
        self.stack = Stack(StackSettings(host=host, port=0, user_agent="Test Camera"))
        self.stack.on_request = self._take
        self.asked: list[Manscdp] = []
        self.calls: list[Incoming] = []
        self.items: tuple[Item, ...] = ()
        self.per_part = 100
        self.lose_parts: set[int] = set()
        self.lose_parts_once = False
        self.answers_info = True
        self.answer: Callable[[Manscdp], Awaitable[None]] = self.answer_as_the_book_says
        self.on_invite: Callable[[Incoming], None] = self.calls.append
        self.status_for_messages = 200
        self._cseq = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self.path: Path | None = None

    async def start(self) -> None:
        await self.stack.start()
        await self.find_path()

    async def find_path(self) -> None:
        if self.transport == "TCP":
            self.path = await self.stack.connect(self.server)
        else:
            self.path = self.stack.udp_path(self.server)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.stack.close()

    async def send(
        self, method: str, body: bytes = b"", headers: tuple[tuple[str, str], ...] = (), from_code: str | None = None
    ) -> Response:
        assert self.path is not None
        self._cseq += 1
        code = from_code or self.code
        who = code if method == "REGISTER" else OUR_CODE
        request = self.stack.new_request(
            method,
            f"sip:{OUR_CODE}@{DOMAIN}",
            from_uri=f"sip:{code}@{DOMAIN}",
            to_uri=f"sip:{who}@{DOMAIN}",
            path=self.path,
            contact_user=code if method == "REGISTER" else None,
            headers=headers,
            body=body,
            content_type="Application/MANSCDP+xml" if body else None,
            cseq=self._cseq,
        )
        return await self.stack.ask(request, self.path, timeout_s=5.0)

    async def register(
        self, *, expires: int | None = 3600, password: str | None = None, algorithm: str = "MD5"
    ) -> Response:
        """Both requests of a registration; the second answer."""
        headers: tuple[tuple[str, str], ...] = () if expires is None else (("Expires", str(expires)),)
        if self.version:
            headers = (*headers, ("X-GB-Ver", self.version))
        first = await self.send("REGISTER", headers=headers)
        if first.status != 401:
            return first
        offered = [Challenge.parse(text) for text in first.headers.all("WWW-Authenticate")]
        challenge = next(each for each in offered if each.algorithm == algorithm)
        credentials = Credentials.answering(
            challenge,
            username=self.code,
            password=self.password if password is None else password,
            method="REGISTER",
            uri=f"sip:{OUR_CODE}@{DOMAIN}",
            cnonce="0a4f113b",
        )
        return await self.send("REGISTER", headers=(*headers, ("Authorization", str(credentials))))

    async def keep_alive(self, faulty: tuple[str, ...] = ()) -> Response:
        return await self.say(Keepalive(1, self.code, True, faulty))

    async def say(self, value: Manscdp, from_code: str | None = None) -> Response:
        return await self.send("MESSAGE", serialise(value, Charset.GB2312, Edition.V2016), from_code=from_code)

    def _take(self, incoming: Incoming) -> None:
        if incoming.request.method == "INVITE":
            self.on_invite(incoming)
            return
        incoming.respond(self.status_for_messages)
        if incoming.request.method == "MESSAGE" and self.status_for_messages == 200:
            value = parse(incoming.request.body)
            self.asked.append(value)
            task = asyncio.create_task(self._answer(value))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _answer(self, value: Manscdp) -> None:
        await self.answer(value)

    async def answer_as_the_book_says(self, value: Manscdp) -> None:
        match value:
            case DeviceInfoQuery() if self.answers_info:
                await self.say(DeviceInfo(value.sn, value.device, True, "Gate", "ACME", "B2", "1.0", len(self.items)))
            case CatalogQuery():
                await self.send_catalog(value)

    async def send_catalog(self, query: CatalogQuery) -> None:
        total = len(self.items)
        lost, self.lose_parts = self.lose_parts, set() if self.lose_parts_once else self.lose_parts
        for number, start in enumerate(range(0, max(total, 1), self.per_part)):
            if number not in lost:
                part = self.items[start : start + self.per_part]
                await self.say(Catalog(query.sn, query.device, total, part))

    def queries(self, kind: type) -> int:
        return sum(isinstance(value, kind) for value in self.asked)


def cameras(count: int) -> tuple[Item, ...]:
    return tuple(Item(f"3402000000131000{number:04d}", f"Camera {number}") for number in range(count))


QUICK = BelowSettings(
    code=OUR_CODE,
    domain=DOMAIN,
    common_password=PASSWORD,
    part_patience_s=0.4,
    catalog_patience_s=2.0,
    ask_patience_s=2.0,
    catalog_retry_s=0.05,
    retry_patience_s=0.5,
)


@pytest.fixture
async def make_house() -> AsyncIterator[Callable[..., Awaitable[House]]]:
    """Houses by their settings; `known` are the codes that somebody has added."""
    async with AsyncExitStack() as taken:

        async def make(
            *,
            known: tuple[Device | str, ...] = (CODE,),
            directory: Directory | None = None,
            port: int = 0,
            **fields: object,
        ) -> House:
            stack = StackSettings(host="127.0.0.1", port=port, t1_s=0.1)
            house = House(dataclasses.replace(QUICK, **fields), directory, stack)
            if directory is None:
                await house.directory.open("memory:")
                taken.push_async_callback(house.directory.close)
                for device in known:
                    await house.directory.add_device(Device(device) if isinstance(device, str) else device)
            await house.below.start()
            await house.stack.start()
            taken.push_async_callback(house.stop)
            return house

        yield make


@pytest.fixture
async def make_camera() -> AsyncIterator[Callable[..., Awaitable[Camera]]]:
    """Cameras for a house."""
    async with AsyncExitStack() as taken:

        async def make(
            house: House,
            code: str = CODE,
            *,
            transport: str = "UDP",
            password: str = PASSWORD,
            version: str = "",
            items: int = 1,
            host: str = "127.0.0.1",
        ) -> Camera:
            camera = Camera(code, house.address, transport=transport, password=password, version=version, host=host)
            camera.items = cameras(items)
            await camera.start()
            taken.push_async_callback(camera.close)
            return camera

        yield make


@pytest.fixture
def until_true() -> Callable[..., Awaitable[None]]:
    return until
