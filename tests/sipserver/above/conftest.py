"""A house that is a lower platform, and platforms above it on real sockets; the rooms beside keep their promises."""

from __future__ import annotations

import asyncio
import dataclasses
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import pytest

from broker.levers import Levers
from broker.watch import Lease, Sender, VideoTrack, Watch, WatchFailed
from gb28181.charset import Charset
from gb28181.edition import Edition
from gb28181.manscdp.catalog import Catalog, Item
from gb28181.manscdp.message import Manscdp, parse, serialise
from registry.channel import Channel
from registry.device import Device
from registry.events import Bus
from registry.lineage import platforms_to
from registry.platform import Upper, UpperState
from sipserver.above.above import Above
from sipserver.above.settings import AboveSettings
from sipserver.below.following import Subject
from sipserver.link import Manners
from sipserver.sip.digest import Challenge, Credentials
from sipserver.sip.message import Response
from sipserver.stack import Dialog, Incoming, Path, Stack, StackSettings
from sipserver.switchboard import Switchboard

OUR_CODE = "34010200002000000001"
UPPER_CODE = "34010000002000000001"
OTHER_UPPER = "34000000002000000009"
DEVICE = "34010200001180000001"
CAMERA = "34010200001320000001"
PASSWORD = "12345678"

QUICK = AboveSettings(
    code=OUR_CODE,
    name="庐阳区平台",
    retry_s=0.2,
    retry_longest_s=0.4,
    jitter=0.1,
    reconnect_s=0.05,
    answer_s=0.6,
    page_tries=3,
    page_pause_s=0.02,
    batch_s=0.05,
    hop_patience_s=1.0,
    bye_patience_s=0.4,
)


async def until(fact: Callable[[], object], seconds: float = 5.0) -> None:
    """Wait until something is true, and fail when it never is."""
    async with asyncio.timeout(seconds):
        while not fact():
            await asyncio.sleep(0.01)


@dataclass(frozen=True)
class Shared:
    owner: str
    code: str
    kind: str = "channel"
    owners: tuple[str, ...] = ()


class Rendering:
    def __init__(self, items: Sequence[Item]) -> None:
        self.items = tuple(items)

    @property
    def total(self) -> int:
        return len(self.items)

    async def pages(self, size: int) -> AsyncIterator[tuple[Item, ...]]:
        for start in range(0, len(self.items), size):
            await asyncio.sleep(0)
            yield self.items[start : start + size]


class FakeExporter:
    """Shows every upper the same items; what is `shared` may be asked after."""

    def __init__(self) -> None:
        self.on_dirty: Callable[[str], None] | None = None
        self.items: list[Item] = []
        self.scopes: dict[str, list[Item]] = {}
        self.shared: dict[tuple[str, str], Shared] = {}
        self.changed: dict[str, deque[Item]] = {}
        self.sent: dict[str, list[Item]] = {}
        self.forgotten: list[str] = []

    def share(self, upper: str, code_there: str, owner: str = DEVICE, code: str = "", **more: object) -> None:
        self.shared[upper, code_there] = Shared(owner, code or code_there, **more)  # type: ignore[arg-type]

    def change(self, upper: str, *items: Item) -> None:
        self.changed.setdefault(upper, deque()).extend(items)
        assert self.on_dirty is not None
        self.on_dirty(upper)

    @asynccontextmanager
    async def rendering(self, upper: Upper, scope: str | None = None) -> AsyncIterator[Rendering]:
        if scope is None:
            yield Rendering(self.items)
        else:
            yield Rendering(self.scopes[scope])

    async def offline(self, upper: Upper, scope: str | None = None, size: int = 100) -> AsyncIterator[tuple[Item, ...]]:
        items = self.items if scope is None else self.scopes[scope]
        off = tuple(Item(item.code, event="OFF") for item in items if not item.status_on)
        for start in range(0, len(off), size):
            yield off[start : start + size]

    async def changes(self, upper: Upper, limit: int = 10_000) -> list[Item]:
        await asyncio.sleep(0)
        return list(self.changed.get(upper.code, ()))[:limit]

    async def mark_sent(self, upper: Upper, items: Sequence[Item]) -> None:
        self.sent.setdefault(upper.code, []).extend(items)
        waiting = self.changed.get(upper.code)
        for item in items:
            if waiting and item in waiting:
                waiting.remove(item)

    async def forget_sent(self, upper: Upper) -> None:
        self.forgotten.append(upper.code)

    async def resolve(self, upper: Upper, code_there: str) -> Shared | None:
        await asyncio.sleep(0)
        return self.shared.get((upper.code, code_there))

    async def code_there(self, upper: Upper, owner: str, code: str) -> str:
        for (code_of_upper, there), shared in self.shared.items():
            if code_of_upper == upper.code and (shared.owner, shared.code) == (owner, code):
                return there
        return code

    async def shared_as(self, upper: Upper, owner: str, code: str) -> str | None:
        for (code_of_upper, there), shared in self.shared.items():
            if code_of_upper == upper.code and (shared.owner, shared.code) == (owner, code):
                return there
        return None


@dataclass
class Handed:
    """One question that went down."""

    body: bytes
    value: Manscdp
    answer: bool
    headers: dict[str, str]
    timeout_s: float | None


class FakePeer:
    """A neighbour below: answers what `answers` makes of the question."""

    def __init__(self) -> None:
        self.is_online = True
        self.is_expected = False
        self.told: list[object] = []
        self.may_wait: list[bool] = []
        self.names: list[str] = []
        self.manners = Manners(charset=Charset.GB2312, edition=Edition.V2016)
        self.handed: list[Handed] = []
        self.answers: Callable[[Manscdp], Iterable[Manscdp]] = lambda value: ()
        self.error: Exception | None = None
        self.gate: asyncio.Event | None = None
        self.next_sn = 100

    def in_name_of(self, identity: str) -> FakePeer:
        self.names.append(identity)
        return self

    async def tell(self, notice: object) -> None:
        self.told.append(notice)

    async def relay(
        self,
        body_builder: Callable[[int], bytes],
        *,
        timeout_s: float | None = None,
        answer: bool = True,
        headers: Iterable[tuple[str, str]] = (),
        between_s: float | None = None,
        may_wait: bool = True,
    ) -> list[bytes]:
        self.may_wait.append(may_wait)
        self.next_sn += 1
        body = body_builder(self.next_sn)
        value = parse(body)
        self.handed.append(Handed(body, value, answer, dict(headers), timeout_s))
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        return [serialise(each, self.manners.charset, self.manners.edition) for each in self.answers(value)]


class FakeNeighbours:
    def __init__(self) -> None:
        self.peers: dict[str, FakePeer] = {}
        self.followed: list[tuple[str, str, str]] = []

    def peer(self, code: str) -> FakePeer | None:
        return self.peers.get(code)

    def follow(self, code: str, subject: Subject, *, target: str = "", interval_s: int = 0, by: str = "") -> None:
        self.followed.append((code, str(subject), target))

    def unfollow(self, code: str, subject: Subject, *, target: str = "", by: str = "") -> None:
        self.followed.remove((code, str(subject), target))


class FakeHall:
    """Grants every watch, unless `failure` is set; `gate` holds watches back."""

    def __init__(self) -> None:
        self.watched: list[Watch] = []
        self.leases: dict[str, Lease] = {}
        self.released: list[str] = []
        self.begun: list[str] = []
        self.informed: list[tuple[str, bytes, str]] = []
        self.inform_status = 200
        self.failure: WatchFailed | None = None
        self.gate: asyncio.Event | None = None
        self.listeners: dict[str, Callable[[str], None]] = {}
        self.path: tuple[str, ...] = (OUR_CODE,)
        self.own_ssrc = 102000001
        self.withdrawn = 0

    async def watch(self, watch: Watch) -> Lease:
        self.watched.append(watch)
        if self.gate is not None:
            try:
                await self.gate.wait()
            except asyncio.CancelledError:
                self.withdrawn += 1
                raise
        if self.failure is not None:
            raise self.failure
        outlet = watch.outlet
        assert not isinstance(outlet, str)
        ssrc = outlet.ssrc if outlet.ssrc is not None else self.own_ssrc
        name = f"lease-{len(self.leases) + 1}"
        sender = Sender("outlet", "127.0.0.1", 30_000 + len(self.leases), ssrc)
        video = VideoTrack("H264", 1920, 1080, 25.0, "avc1.64001f")
        lease = Lease(name, watch, "", "call", video, None, sender=sender, path=self.path, filesize=4096)
        self.leases[name] = lease
        return lease

    async def release(self, lease_id: str) -> None:
        await asyncio.sleep(0)
        self.released.append(lease_id)

    def begin(self, lease_id: str) -> None:
        self.begun.append(lease_id)

    async def inform(self, lease_id: str, body: bytes, content_type: str) -> int:
        self.informed.append((lease_id, body, content_type))
        return self.inform_status

    def on_lease_end(self, lease_id: str, listener: Callable[[str], None]) -> None:
        self.listeners[lease_id] = listener


class FakeUppers:
    def __init__(self, uppers: Iterable[Upper]) -> None:
        self.known = {upper.code: upper for upper in uppers}
        self.states: dict[str, UpperState] = {}
        self.words: list[tuple[str, str]] = []
        self.sent: list[tuple[int, int]] = []
        self.devices: dict[str, Device] = {}
        self.channels: dict[tuple[str, str], Channel] = {}

    def uppers(self) -> tuple[Upper, ...]:
        return tuple(self.known.values())

    def upper(self, code: str) -> Upper | None:
        return self.known.get(code)

    def device(self, code: str) -> Device | None:
        return self.devices.get(code)

    def all_devices(self) -> list[Device]:
        return list(self.devices.values())

    async def channel(self, owner: str, code: str) -> Channel | None:
        return self.channels.get((owner, code))

    def platforms_to(self, channel: Channel) -> tuple[str, ...]:
        return platforms_to(channel.owner, channel.said, {})

    def note_upper_state(self, state: UpperState) -> None:
        if not self.words or self.words[-1] != (state.code, state.state):
            self.words.append((state.code, state.state))
        if state.catalog_sent:
            self.sent.append(state.catalog_sent)
        self.states[state.code] = state


class LowerHouse:
    """Our side: a stack, the switchboard, Above."""

    def __init__(self, uppers: Iterable[Upper], settings: AboveSettings, host: str = "127.0.0.1") -> None:
        self.stack = Stack(StackSettings(host=host, port=0, t1_s=0.1))
        self.uppers = FakeUppers(uppers)
        self.exporter = FakeExporter()
        self.hall = FakeHall()
        self.neighbours = FakeNeighbours()
        self.peer = self.neighbours.peers[DEVICE] = FakePeer()
        self.bus = Bus()
        self.skew_s = 0.0
        self.below: list[Incoming] = []
        self.stack.on_request = self._goes_below
        self.levers = Levers(self.neighbours, again_s=0.01)  # type: ignore[arg-type]  # peers that are only told
        self.above = Above(
            self.stack,
            self.uppers,
            self.exporter,
            self.hall,
            self.neighbours,
            self.bus,
            settings,
            levers=self.levers,
            clock=lambda: time.monotonic() + self.skew_s,
        )
        self.switchboard = Switchboard(self.stack, self.above)

    def _goes_below(self, incoming: Incoming) -> None:
        self.below.append(incoming)
        incoming.respond(403)

    def pass_time(self, seconds: float) -> None:
        """Time as the house sees it goes on, and it looks round."""
        self.skew_s += seconds
        self.above.look()

    def state(self, code: str = UPPER_CODE) -> UpperState:
        return self.uppers.states.get(code) or UpperState(code=code, state="")

    async def registered(self, code: str = UPPER_CODE) -> None:
        await until(lambda: self.above.is_up(code))

    async def close(self) -> None:
        await self.above.close()
        self.switchboard.close()
        await self.stack.close()


@dataclass
class Notified:
    """A NOTIFY as it came."""

    value: Manscdp
    event: str
    state: str
    call_id: str


@dataclass
class Heard:
    """Everything an upper was told."""

    registers: list[tuple[int, bool]] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)
    messages: list[Manscdp] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    notices: list[Notified] = field(default_factory=list)
    at: list[float] = field(default_factory=list)


class UpperPlatform:
    """A platform above on a stack of its own: registrar, questioner, caller. What it does wrong is set on it."""

    def __init__(self, code: str, *, transport: str, host: str = "127.0.0.1", edition: str = "3.0") -> None:
        self.code = code
        self.transport = transport
        self.edition = edition
        self.stack = Stack(StackSettings(host=host, port=0, t1_s=0.1, user_agent="Upper"))
        self.stack.on_request = self._take
        self.heard = Heard()
        self.algorithm = "MD5"
        self.qop: str | None = None
        self.password = PASSWORD
        self.redirects_to: UpperPlatform | None = None
        self.register_status = 0
        self.message_status = 200
        self.is_silent = False
        self.drops_messages = 0
        self.notify_status = 200
        self.delay_s = 0.0
        self.bindings: dict[str, Path] = {}
        self.lower = OUR_CODE
        self._nonce = secrets.token_hex(8)
        self._subscription_seq = 0

    async def start(self) -> None:
        await self.stack.start()

    async def close(self) -> None:
        await self.stack.close()

    def as_upper(self, **more: object) -> Upper:
        made = Upper(
            self.code,
            name=f"upper {self.code[-1]}",
            host="127.0.0.1",
            port=self.stack.port,
            transport=self.transport,
            edition=self.edition,
            password=PASSWORD,
            expires_s=3600,
        )
        return dataclasses.replace(made, **more)  # type: ignore[arg-type]

    # What comes in.

    def _take(self, incoming: Incoming) -> None:
        if self.is_silent:
            return
        match incoming.request.method:
            case "REGISTER":
                self._register(incoming)
            case "MESSAGE":
                self._message(incoming)
            case _:
                incoming.respond(405)

    def _register(self, incoming: Incoming) -> None:
        request = incoming.request
        text = request.headers.get("Authorization")
        self.heard.registers.append((request.expires or 0, text is not None))
        self.heard.versions.append(request.headers.get("X-GB-Ver") or "")
        self.heard.at.append(time.monotonic())
        version = (("X-GB-Ver", self.edition),)
        if text is None or not self._is_right(text):
            challenge = Challenge(self.code[:10], self._nonce, self.algorithm, self.qop)
            incoming.respond(401, headers=(("WWW-Authenticate", str(challenge)), *version))
        elif self.register_status:
            incoming.respond(self.register_status, headers=version)
        elif self.redirects_to is not None:
            there = self.redirects_to
            contact = f"<sip:{there.code}@127.0.0.1:{there.stack.port}>"
            incoming.respond(302, headers=(("Contact", contact), ("Expires", "3600"), *version))
        else:
            code = request.from_.user
            self.bindings[code] = incoming.path
            if not request.expires:
                self.bindings.pop(code)
            incoming.respond(200, headers=(("Expires", str(request.expires)), *version))

    def _is_right(self, text: str) -> bool:
        credentials = Credentials.parse(text)
        return credentials.nonce == self._nonce and credentials.is_right(self.password, "REGISTER")

    def _message(self, incoming: Incoming) -> None:
        if self.drops_messages:
            self.drops_messages -= 1
            return
        if self.message_status == 200:
            self.heard.bodies.append(incoming.request.body)
            self.heard.messages.append(parse(incoming.request.body))
            self.heard.at.append(time.monotonic())
        if self.delay_s:
            asyncio.get_running_loop().call_later(self.delay_s, incoming.respond, self.message_status)
        else:
            incoming.respond(self.message_status)

    def notified(self, incoming: Incoming) -> None:
        """What comes in the dialog of a subscription."""
        if self.notify_status == 200 and incoming.request.body:
            headers = incoming.request.headers
            self.heard.notices.append(
                Notified(
                    parse(incoming.request.body),
                    headers.get("Event") or "",
                    headers.get("Subscription-State") or "",
                    incoming.request.call_id,
                )
            )
        incoming.respond(self.notify_status)

    def told(self, kind: type) -> list[Manscdp]:
        return [each for each in self.heard.messages if isinstance(each, kind)]

    def catalog(self, sn: int) -> list[Catalog]:
        return [each for each in self.heard.messages if isinstance(each, Catalog) and each.sn == sn]

    # What goes out.

    @property
    def path(self) -> Path:
        return self.bindings[self.lower]

    def written(self, value: Manscdp) -> bytes:
        edition = Edition(self.edition)
        return serialise(value, Charset.GB18030 if edition.is_2022 else Charset.GB2312, edition)

    def request(self, method: str, target: str = "", from_code: str = "", **more: object):
        code = from_code or self.code
        return self.stack.new_request(
            method,
            f"sip:{target or self.lower}@127.0.0.1:{self.path.remote[1]}",
            from_uri=f"sip:{code}@{self.code[:10]}",
            to_uri=f"sip:{target or self.lower}@{self.code[:10]}",
            path=self.path,
            contact_user=self.code,
            **more,  # type: ignore[arg-type]
        )

    async def say(self, value: Manscdp | bytes, **more: object) -> Response:
        body = value if isinstance(value, bytes) else self.written(value)
        request = self.request("MESSAGE", body=body, content_type="Application/MANSCDP+xml", **more)
        return await self.stack.ask(request, self.path, timeout_s=5.0)

    async def subscribe(
        self, value: Manscdp, expires: int = 600, event: str = "Catalog;id=1"
    ) -> tuple[Response, Dialog | None]:
        headers = [("Expires", str(expires))]
        if event:
            headers.append(("Event", event))
        request = self.request(
            "SUBSCRIBE", headers=headers, body=self.written(value), content_type="Application/MANSCDP+xml"
        )
        return await self.stack.subscribe(request, self.path, on_request=self.notified, timeout_s=5.0)

    async def invite(self, channel: str, body: bytes, headers: Sequence[tuple[str, str]] = (), timeout_s: float = 5.0):
        request = self.request("INVITE", channel, headers=headers, body=body, content_type="application/sdp")
        return await self.stack.invite(request, self.path, timeout_s=timeout_s)


@pytest.fixture
async def make_upper() -> AsyncIterator[Callable[..., Awaitable[UpperPlatform]]]:
    """Platforms above."""
    async with AsyncExitStack() as taken:

        async def make(code: str = UPPER_CODE, *, transport: str = "udp", **more: object) -> UpperPlatform:
            upper = UpperPlatform(code, transport=transport, **more)  # type: ignore[arg-type]
            await upper.start()
            taken.push_async_callback(upper.close)
            return upper

        yield make


@pytest.fixture
async def make_lower() -> AsyncIterator[Callable[..., Awaitable[LowerHouse]]]:
    """Our house, registering with the uppers it is given."""
    async with AsyncExitStack() as taken:

        async def make(*uppers: Upper, host: str = "127.0.0.1", **fields: object) -> LowerHouse:
            house = LowerHouse(uppers, dataclasses.replace(QUICK, **fields), host)  # type: ignore[arg-type]
            await house.stack.start()
            await house.above.start()
            taken.push_async_callback(house.close)
            return house

        yield make


@pytest.fixture
async def joined(make_upper, make_lower):
    """One upper and one lower, registered; (upper, house)."""

    async def make(transport: str = "udp", edition: str = "3.0", upper_fields=None, **fields: object):
        upper = await make_upper(transport=transport, edition=edition)
        house = await make_lower(upper.as_upper(**(upper_fields or {})), **fields)
        await house.registered()
        return upper, house

    return make


@pytest.fixture
def until_true() -> Callable[..., Awaitable[None]]:
    return until
