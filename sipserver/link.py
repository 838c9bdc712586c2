"""A `Peer` over the wire: SN numbers, charsets, the waiting for answers and the gathering of their parts.

Asking is one MESSAGE out, its 200, and later one or many MESSAGEs back that carry the SN (GB/T 28181-2022 9.3, 9.5).
The room that receives them hands every typed value to `Link.deliver`, which says whether somebody waited for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from types import UnionType

from gb28181.charset import Charset
from gb28181.dialect import STANDARD, Dialect
from gb28181.edition import Edition
from gb28181.hops import read_warnings
from gb28181.manscdp.alarm import Alarm, AlarmQuery, AlarmResponse
from gb28181.manscdp.catalog import Catalog, CatalogQuery
from gb28181.manscdp.config import ConfigQuery
from gb28181.manscdp.control import ControlResponse, DeviceControl
from gb28181.manscdp.cruise import CruiseTrackListQuery, CruiseTrackQuery
from gb28181.manscdp.message import Manscdp, parse, serialise, with_sn
from gb28181.manscdp.preset import PresetQuery
from gb28181.manscdp.record_info import RecordInfoQuery
from gb28181.manscdp.relay import peek
from gb28181.manscdp.sd_card import SdCardStatusQuery
from gb28181.peer import Call, Gathered, Hop, PeerOffline, PeerRefused, PeerSilent
from gb28181.sdp import Offer
from sipserver.below.calls import CallBook, place_call
from sipserver.gathering import Gathering, Patience
from sipserver.questions import (
    Collection,
    Handed,
    PartListener,
    ProgressListener,
    Question,
    item_key,
    preset_key,
    record_key,
    same_key,
)
from sipserver.sip.message import Field
from sipserver.spokesman import Spokesman
from sipserver.stack import Path, RequestTimedOut, Stack, TransportLost

MANSCDP = "Application/MANSCDP+xml"
LAST_SN = 999_999  # some devices cut longer numbers off
MOST_QUESTIONS = 256


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """Who we are towards peers, and how long we wait for them, in seconds."""

    code: str
    domain: str
    edition: Edition = Edition.V2022
    ask_patience_s: float = 10.0
    catalog_patience_s: float = 120.0
    records_patience_s: float = 30.0
    part_patience_s: float = 10.0
    catalog_items_limit: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Manners:
    """How to speak with a peer: its habits, the charset it reads, the edition both know."""

    dialect: Dialect = STANDARD
    charset: Charset = Charset.GB2312
    edition: Edition = Edition.V2016


class Link:
    """Keeps the promises of `gb28181.peer.Peer` over a `Stack`.

    `reach` gives the way to the peer, None when there is none; `manners` how to speak with it now; `is_online` what
    presence says, `is_expected` whether the peer was there before our restart and has yet to be heard; `returned` waits
    for that as long as it is worth it. `first_sn` should differ from start to start, so that late answers to a former
    life fit nothing.
    """

    def __init__(
        self,
        code: str,
        stack: Stack,
        settings: LinkSettings,
        calls: CallBook,
        *,
        reach: Callable[[], Path | None],
        manners: Callable[[], Manners],
        is_online: Callable[[], bool],
        is_expected: Callable[[], bool] = lambda: False,
        returned: Callable[[], Awaitable[None]] | None = None,
        first_sn: int = 1,
    ) -> None:
        self.code = code
        self._stack = stack
        self._settings = settings
        self._calls = calls
        self._reach = reach
        self._manners = manners
        self._is_online = is_online
        self._is_expected = is_expected
        self._returned = returned
        self._sn = first_sn % LAST_SN
        self._questions: dict[int, Question] = {}
        self._catalog_turn = asyncio.Lock()

    def __repr__(self) -> str:
        state = "online" if self.is_online else "away"
        return f"<Link {self.code} {state}, {len(self._questions)} questions open>"

    @property
    def dialect(self) -> Dialect:
        return self._manners().dialect

    @property
    def manners(self) -> Manners:
        return self._manners()

    @property
    def is_online(self) -> bool:
        return self._is_online()

    @property
    def is_expected(self) -> bool:
        """Whether it was there before our restart and has yet to be heard: what it is sent may wait for it a while."""
        return self._is_expected()

    async def ask(self, query: object, *, timeout_s: float | None = None, headers: Iterable[Field] = ()) -> object:
        """See `Peer.ask`. `timeout_s` bounds the wait for the answer, or for its first part."""
        return await self.ask_and_follow(query, timeout_s=timeout_s, headers=headers)

    def in_name_of(self, identity: str) -> Spokesman:
        """See `Peer.in_name_of`."""
        return Spokesman(self, identity)

    async def ask_and_follow(
        self,
        query: object,
        *,
        timeout_s: float | None = None,
        progress: ProgressListener | None = None,
        to_whom: PartListener | None = None,
        headers: Iterable[Field] = (),
    ) -> object:
        """As `ask`; `progress` hears how far the gathering of a many-part answer has come.

        With `to_whom` each part is given there as it comes, and the `Gathered` has none: how a tree of a hundred
        thousand things passes without being held.
        """
        message = _askable(query)
        if not isinstance(message, CatalogQuery):
            return await self._ask(message, timeout_s, progress, to_whom, tuple(headers))
        async with self._turn(timeout_s or self._settings.catalog_patience_s):
            return await self._ask(message, timeout_s, progress, to_whom, tuple(headers))

    @asynccontextmanager
    async def _turn(self, patience: float) -> AsyncIterator[None]:
        """One catalog at a time: two mix in devices that answer every query with the same SN."""
        try:
            async with asyncio.timeout(patience):
                await self._catalog_turn.acquire()
        except TimeoutError:
            raise PeerSilent(f"{self.code} is still busy with another catalog query after {patience:g} s") from None
        try:
            yield
        finally:
            self._catalog_turn.release()

    async def relay(
        self,
        body_builder: Callable[[int], bytes],
        *,
        timeout_s: float | None = None,
        answer: bool = True,
        headers: Iterable[Field] = (),
        between_s: float | None = None,
        may_wait: bool = True,
    ) -> list[bytes]:
        """Hand on a question or control of any kind under an SN of ours; its answers as they came, bodies and all.

        `body_builder` makes the message for the SN it is given. `timeout_s` is the wait for the first part and
        `between_s` that between parts, to be longer the more platforms are between us and the source; without them
        one hop's patience for that kind of question holds. Answers that name a SumNum are gathered until so many things
        have come, and configurations until every kind asked for has; after silence those that did are returned, and
        the receiver sees by SumNum that more were meant. Any other answer ends the wait. Without `answer` only the 200
        is awaited, and [] comes back. What is of no use later (a hand on a stick) `may_wait` for nobody to come back.
        Raises PeerOffline, PeerRefused (SIP status), PeerSilent when nothing came; ValueError for what is no message.
        """
        path = await self._path_soon() if may_wait else self._path()
        sn = self._free_sn() if answer else self._next_sn()
        body = body_builder(sn)
        asked = peek(body)
        patience = timeout_s or self._patience_for(asked.cmd_type)
        if not answer:
            await self._post(asked.cmd_type, body, path, min(patience, self._settings.ask_patience_s), tuple(headers))
            return []
        async with AsyncExitStack() as turn:
            if asked.cmd_type.lower() == "catalog":
                await turn.enter_async_context(self._turn(patience))
            loop = asyncio.get_running_loop()
            pace = Patience(patience, between_s or self._settings.part_patience_s)
            gathering = Gathering(same_key, pace, loop.time(), limit=self._settings.catalog_items_limit)
            question = Handed(asked.cmd_type, asked.device, loop, gathering, kinds=_kinds_asked(body))
            gathered = await self._exchange(question, sn, asked.cmd_type, body, path, patience, tuple(headers))
        assert isinstance(gathered, Gathered)
        return [part for part in gathered.parts if isinstance(part, bytes)]

    def _patience_for(self, cmd_type: str) -> float:
        settings = self._settings
        by_kind = {"catalog": settings.catalog_patience_s, "recordinfo": settings.records_patience_s}
        return by_kind.get(cmd_type.lower(), settings.ask_patience_s)

    async def tell(self, notice: object, *, headers: Iterable[Field] = ()) -> None:
        """See `Peer.tell`."""
        message = _manscdp(notice)
        path = self._path()
        sn = message.sn if message.root == "Response" else self._next_sn()
        body = self._printed(with_sn(message, sn))
        await self._post(message.cmd_type, body, path, self._settings.ask_patience_s, tuple(headers))

    async def call(
        self, channel: str, offer: Offer, *, timeout_s: float = 15.0, headers: Iterable[tuple[str, str]] = ()
    ) -> Call:
        """See `Peer.call`."""
        return await place_call(
            self._stack,
            self._calls,
            owner=self.code,
            channel=channel,
            offer=offer,
            path=await self._path_soon(),
            our_code=self._settings.code,
            our_domain=self._settings.domain,
            timeout_s=timeout_s,
            headers=tuple(headers),
            reach=self._reach,
        )

    @property
    def our_uri(self) -> str:
        """How we are called in From."""
        return f"sip:{self._settings.code}@{self._settings.domain}"

    @property
    def their_uri(self) -> str:
        """How the peer is called in To."""
        return f"sip:{self.code}@{self._settings.domain}"

    def letter(self, message: Manscdp) -> tuple[Path, str, bytes]:
        """For who sends by itself: the way to the peer, its address there, and the message under our next SN.

        Raises PeerOffline.
        """
        path = self._path()
        return path, _uri(self.code, path), self._printed(with_sn(message, self._next_sn()))

    def deliver(self, value: Manscdp, body: bytes = b"") -> bool:
        """An answer came from this peer, typed and as it was sent. True when somebody waited for it."""
        question = self._questions.get(value.sn)
        now = asyncio.get_running_loop().time()
        if question is not None and question.wants(value):
            question.take(value, body, now)
            return True
        if question is not None and isinstance(value, ControlResponse) and not value.ok:
            reason = value.reason or "Result ERROR"
            question.refuse(
                PeerRefused(
                    f"{self.code} answered {value.cmd_type} with an error: {reason}",
                    status=200,
                    reason=reason,
                    hops=(Hop(self.code, value.cmd_type, 200, reason),),
                )
            )
            return True
        return self._deliver_by_kind(value, body, now)

    def hold_back(self, sn: int) -> asyncio.Event | None:
        """What to wait for before the peer's next part of the answer with this SN is welcome; None when it is now.

        Parts are sent one after another, each after the 200 of the one before: who is slow with the 200 slows them.
        """
        question = self._questions.get(sn)
        return question.hold_back if isinstance(question, Collection) else None

    def lost(self, reason: str) -> None:
        """The way to the peer is gone: nobody need wait for its answers any longer."""
        for question in tuple(self._questions.values()):
            question.refuse(PeerOffline(f"{self.code} went away before it answered: {reason}"))

    def _deliver_by_kind(self, value: Manscdp, body: bytes, now: float) -> bool:
        """Some devices answer with an SN of their own. One part is enough to know then, when one such is awaited.

        Where a thing is may be told at any time, and answers whoever asks about that thing. An alarm may be any alarm.
        """
        if isinstance(value, Catalog | Alarm):
            return False
        fitting = [question for question in self._questions.values() if question.wants(value)]
        if value.root == "Notify":
            fitting = [question for question in fitting if value.device in ("", question.about)]
        if len(fitting) != 1 or fitting[0].is_gathered:
            return False
        fitting[0].take(value, body, now)
        return True

    async def _ask(
        self,
        message: Manscdp,
        timeout_s: float | None,
        progress: ProgressListener | None,
        to_whom: PartListener | None,
        headers: tuple[Field, ...],
    ) -> object:
        path = await self._path_soon()
        sn = self._free_sn()
        question = self._question_for(message, timeout_s, progress, to_whom)
        body = self._printed(with_sn(message, sn))
        patience = timeout_s or self._settings.ask_patience_s
        return await self._exchange(question, sn, message.cmd_type, body, path, patience, headers)

    async def _exchange(
        self,
        question: Question,
        sn: int,
        cmd_type: str,
        body: bytes,
        path: Path,
        patience: float,
        headers: tuple[Field, ...] = (),
    ) -> object:
        self._questions[sn] = question
        what = f"{cmd_type} (SN {sn})"
        sending = asyncio.ensure_future(self._post(cmd_type, body, path, patience, headers))
        try:
            await asyncio.wait((sending, question.answer), return_when=asyncio.FIRST_COMPLETED)
            if sending.done() and not question.answer.done():
                self._judge_sending(sending, question)
            return await self._answer(question, patience, what)
        finally:
            # The answer may overtake the 200; then nobody needs the 200 any more.
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            question.close()
            self._questions.pop(sn, None)

    def _judge_sending(self, sending: asyncio.Future[None], question: Question) -> None:
        error = sending.exception()
        if error is None:
            return
        if isinstance(error, PeerSilent) and question.heard_any:
            return  # only the 200 was lost
        raise error

    async def _answer(self, question: Question, patience: float, what: str) -> object:
        if isinstance(question, Collection):
            result = await question.answer
            if not question.heard_any:
                raise PeerSilent(f"{self.code} took {what} and sent no part of an answer", hops=self._hop(what))
            return result
        try:
            async with asyncio.timeout(patience):
                return await question.answer
        except TimeoutError:
            words = f"{self.code} took {what} and did not answer in {patience:g} s"
            raise PeerSilent(words, hops=self._hop(what)) from None

    def _question_for(
        self,
        message: Manscdp,
        timeout_s: float | None,
        progress: ProgressListener | None,
        to_whom: PartListener | None,
    ) -> Question:
        loop = asyncio.get_running_loop()
        wanted: type | UnionType = getattr(type(message), "answer_type")  # noqa: B009 - a ClassVar that not every kind has
        settings = self._settings
        key: Callable[[object], Hashable]
        match message:
            case CatalogQuery():
                first, key = settings.catalog_patience_s, item_key
            case RecordInfoQuery():
                first, key = settings.records_patience_s, record_key
            case PresetQuery():
                first, key = settings.ask_patience_s, preset_key
            case CruiseTrackListQuery() | CruiseTrackQuery() | SdCardStatusQuery():
                first, key = settings.ask_patience_s, same_key
            case ConfigQuery() if len(message.kinds) > 1:
                first, key = settings.ask_patience_s, same_key
            case AlarmQuery():
                first, key, wanted = settings.ask_patience_s, same_key, Alarm | AlarmResponse
            case _:
                return Question(wanted, message.device, loop)
        patience = Patience(timeout_s or first, settings.part_patience_s)
        limit = settings.catalog_items_limit
        gathering = Gathering(key, patience, loop.time(), limit=limit, keeps=to_whom is None)
        kinds = len(message.kinds) if isinstance(message, ConfigQuery) else 1
        return Collection(wanted, message.device, loop, gathering, progress, to_whom, kinds=kinds)

    def _printed(self, message: Manscdp) -> bytes:
        manners = self._manners()
        return serialise(message, manners.charset, manners.edition, manners.dialect)

    async def _post(
        self, cmd_type: str, body: bytes, path: Path, patience: float, headers: tuple[Field, ...] = ()
    ) -> None:
        """One MESSAGE and its 200. Raises PeerSilent, PeerRefused."""
        request = self._stack.new_request(
            "MESSAGE",
            _uri(self.code, path),
            from_uri=self.our_uri,
            to_uri=self.their_uri,
            path=path,
            headers=headers,
            body=body,
            content_type=MANSCDP,
        )
        what = f"MESSAGE {cmd_type}"
        try:
            response = await self._stack.ask(request, path, timeout_s=patience)
        except RequestTimedOut:
            hops = (Hop(self.code, what, 0, "no answer"),)
            raise PeerSilent(f"{self.code} did not answer {what} in {patience:g} s ({path})", hops=hops) from None
        except TransportLost as lost:
            hops = (Hop(self.code, what, 0, str(lost)),)
            raise PeerSilent(f"{what} did not reach {self.code}: {lost}", hops=hops) from None
        if response.status >= 300:
            raise PeerRefused(
                f"{self.code} refused {what}: {response.status} {response.reason}",
                status=response.status,
                reason=response.reason,
                hops=(
                    Hop(self.code, what, response.status, response.reason),
                    *read_warnings(response.headers.items_of("Warning"), what),
                ),
            )

    def _path(self) -> Path:
        path = self._reach()
        if path is None:
            why = "has not come back since our restart" if self.is_expected else "is not registered"
            raise PeerOffline(f"{self.code} {why}; nothing was sent")
        return path

    async def _path_soon(self) -> Path:
        """The way to the peer. Who registered by TCP before our restart has none until it comes again: it may take a
        moment, and the question with it. Raises PeerOffline."""
        if self._reach() is None and self.is_expected and self._returned is not None:
            await self._returned()
        return self._path()

    def _free_sn(self) -> int:
        """An SN for a question. Raises PeerSilent when too many are open."""
        if len(self._questions) >= MOST_QUESTIONS:
            raise PeerSilent(f"{self.code} has {MOST_QUESTIONS} questions open already; not asked again")
        return self._next_sn()

    def _next_sn(self) -> int:
        for _ in range(MOST_QUESTIONS + 1):
            self._sn = self._sn % LAST_SN + 1
            if self._sn not in self._questions:
                break
        return self._sn

    def _hop(self, what: str) -> tuple[Hop, ...]:
        return (Hop(self.code, what, 0, "no answer"),)


def _uri(code: str, path: Path) -> str:
    host, port = path.remote
    bracketed = f"[{host}]" if ":" in host else host
    return f"sip:{code}@{bracketed}:{port}{';transport=tcp' if path.is_reliable else ''}"


def _kinds_asked(body: bytes) -> int:
    """How many answers a question for configurations brings."""
    asked = parse(body)
    return max(1, len(asked.kinds)) if isinstance(asked, ConfigQuery) else 1


def _manscdp(value: object) -> Manscdp:
    """What may be sent. Raises TypeError for what is no message, a mistake of ours."""
    if not isinstance(value, Manscdp):
        raise TypeError(f"{type(value).__name__} is no MANSCDP message")
    return value


def _askable(value: object) -> Manscdp:
    message = _manscdp(value)
    if isinstance(message, DeviceControl) and not message.wants_answer:
        raise TypeError("this control has no answer: tell it")
    if not hasattr(type(message), "answer_type"):
        raise TypeError(f"{type(message).__name__} has no answer: tell it")
    return message
