"""Voices going down: who may speak to whom, one at a time a device, and for how long (issue: voice; media 2.6, 2.7)."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Protocol

from broker.hearer import ROAD_OF_OFFER, Hearer, Patience, busy
from broker.speech import HearerView, Obstacle, SomebodyTalks, SpeechView, SpeechWish, Stage, Whom
from broker.ssrc_pool import SsrcPool
from gb28181.code import Kind
from gb28181.peer import Neighbours, Peer, Ring
from media.voice.plane import Microphone, Mouth, MouthWish, Voice, VoicePlane
from registry.channel import Channel, type_code
from registry.device import Device
from registry.tree import Page

log = logging.getLogger(__name__)

LOOK_S = 0.2
KEPT_S = 120.0
"""How long a speech that is over may still be looked at: the self-test is read afterwards."""
MOST_KEPT = 100
PAGE, MOST_PAGES = 200, 20
ENDS = ("released", "stopped", "session-ended", "too-long", "speaker-gone", "nobody-hears", "closing")
"""Why voices end."""


@dataclass(frozen=True, slots=True)
class VoiceSettings:
    """Speaking to devices. Times are seconds."""

    source_code: str = ""
    """Whose voice devices are told it is; "" is ours, our own code with type 136 (voice input)."""
    ask_s: float = 6.0
    """How long a device may take to answer that it will listen."""
    call_s: float = 8.0
    """And then until its call."""
    lost_s: float = 2.0
    """A browser that says nothing for so long is gone, and its voice ends."""
    longest_s: float = 600.0
    """No voice goes on for longer, whoever holds the key."""
    most_targets: int = 500
    """Devices one voice may go to at once."""

    def __post_init__(self) -> None:
        if not 1.0 <= self.lost_s <= 30.0:
            raise ValueError(f"lost_s is 1 to 30 seconds, not {self.lost_s:g}")
        if self.longest_s <= 0 or self.ask_s <= 0 or self.call_s <= 0 or self.most_targets < 1:
            raise ValueError("longest_s, ask_s, call_s and most_targets are above 0")


class Places(Protocol):
    """What is known of devices and channels; `registry.directory.Directory` keeps this."""

    def device(self, code: str) -> Device | None: ...

    async def channel(self, owner: str, code: str) -> Channel | None: ...

    def platforms_to(self, channel: Channel) -> tuple[str, ...]: ...

    async def channels_of(self, owner: str, after: str | None = None, limit: int = 100) -> Page[Channel]: ...


class Speech:
    """One voice and those who shall hear it. Whoever speaks says so again in time (`touch`), or it ends."""

    def __init__(self, name: str, wish: SpeechWish, source: str, voice: Voice, settings: VoiceSettings) -> None:
        self.id = name
        self.wish = wish
        self.source = source
        self.since = time.time()
        self.ended = ""
        self.keys: set[tuple[str, str]] = set()
        self.hearers: list[Hearer] = []
        self.refused: tuple[HearerView, ...] = ()
        self.voice = voice
        self.has_line = False
        """Whether its sound comes by a line already."""
        self.over_at: float | None = None
        self._last: SpeechView | None = None
        self._lost_s = settings.lost_s
        self._until = time.monotonic() + min(wish.longest_s or settings.longest_s, settings.longest_s)
        self._touched = time.monotonic()
        self._listeners: list[Callable[[], None]] = []
        self._microphone: Microphone | None = None

    def __repr__(self) -> str:
        return f"<Speech {self.id} by {self.wish.by} to {len(self.hearers)}, {self.ended or 'up'}>"

    def say(self, sound: bytes) -> None:
        """A-law at 8 kHz; also a sign of life."""
        self.touch()
        self.voice.say(sound)

    async def open_ear(self, transport: str, *, peer_host: str, towards: str) -> Mouth:
        """A port at which the voice itself comes in, from a platform above; `transport` as our offer says it. Raises
        NoCapacity."""
        wish = MouthWish(ROAD_OF_OFFER[transport], peer_host=peer_host, towards=towards, is_ear=True)
        return await self.voice.open(wish)

    def touch(self) -> None:
        self._touched = time.monotonic()

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Be told when something is worth looking at; the result takes the listener away."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def view(self) -> SpeechView:
        if self._last is not None:
            return self._last
        hearers = (*(hearer.view() for hearer in self.hearers), *self.refused)
        figures = self.voice.figures()
        return SpeechView(self.id, self.wish.by, self.since, self.source, self.ended, figures, hearers)

    def why_end(self, now: float) -> str:
        """Why it should be over by itself; "" when it need not be."""
        if now >= self._until:
            return "too-long"
        if self.wish.may_be_lost and now - self._touched > self._lost_s:
            return "speaker-gone"
        if self.hearers and all(hearer.stage in (Stage.FAILED, Stage.ENDED) for hearer in self.hearers):
            return "nobody-hears"
        return ""

    def changed(self) -> None:
        for listener in tuple(self._listeners):
            listener()

    async def close(self, reason: str) -> None:
        """Hang up everywhere, at once; what was is kept to be looked at."""
        self.ended = reason
        tasks = [hearer.task for hearer in self.hearers if hearer.task is not None]
        said = self.view()
        for task in tasks:
            task.cancel()
        try:
            async with AsyncExitStack() as given_back:
                given_back.push_async_callback(self.voice.close)
                given_back.push_async_callback(lambda: asyncio.gather(*tasks, return_exceptions=True))
                if self._microphone is not None:
                    given_back.push_async_callback(self._microphone.close)
        finally:
            self._last = closed(said, self.view())
            self.over_at = time.monotonic()
            self.changed()

    def keep_microphone(self, microphone: Microphone) -> Microphone | None:
        """Another microphone takes the place of the one before, which comes back to be closed."""
        before, self._microphone = self._microphone, microphone
        return before


def closed(before: SpeechView, after: SpeechView) -> SpeechView:
    """A speech that is over, with what was sent to whom, as it stood at its last moment."""
    legs = {(view.owner, view.target): view.legs for view in before.hearers}
    hearers = tuple(
        HearerView(
            view.owner,
            view.channel,
            view.target,
            view.style,
            view.stage,
            view.obstacle,
            view.reason,
            view.hops,
            view.steps,
            view.legs or legs.get((view.owner, view.target), ()),
            view.holder,
            view.held_since,
            view.name,
        )
        for view in after.hearers
    )
    return SpeechView(after.id, after.by, after.since, after.source, after.ended, before.voice, hearers)


class VoiceTally:
    """Counted since the start: talks by how they ended, and why devices did not hear us."""

    def __init__(self) -> None:
        self.begun = self.refused = 0
        self.ended: Counter[str] = Counter()
        self.obstacles: Counter[str] = Counter()

    def note(self, over: Speech, reason: str) -> None:
        self.ended[reason if reason in ENDS else "other"] += 1
        self.obstacles.update(hearer.obstacle.value for hearer in over.view().hearers if hearer.obstacle)


class Voices:
    """Every voice that goes down. Hang `ring` where devices call; `start` before, `close` after use."""

    def __init__(
        self,
        neighbours: Neighbours,
        places: Places,
        plane: VoicePlane,
        numbers: SsrcPool,
        settings: VoiceSettings,
        *,
        our_code: str,
    ) -> None:
        self._neighbours = neighbours
        self._places = places
        self._plane = plane
        self.numbers = numbers
        self.settings = settings
        self._our_code = our_code
        self._speeches: dict[str, Speech] = {}
        self._over: dict[str, Speech] = {}
        self._taken: dict[tuple[str, str], Speech] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._watch: asyncio.Task[None] | None = None
        self._tally = VoiceTally()

    def statistics(self) -> dict[str, Any]:
        """Counters since the start, and whom we talk to now."""
        stages = Counter(hearer.stage.value for speech in self._speeches.values() for hearer in speech.hearers)
        tally = self._tally
        return {
            "talks": len(self._speeches),
            "hearers": {stage.value: stages[stage.value] for stage in Stage},
            "begun": tally.begun,
            "refused": tally.refused,
            "ended": {reason: tally.ended[reason] for reason in (*ENDS, "other")},
            "obstacles": {each.value: tally.obstacles[each.value] for each in Obstacle if each},
        }

    def __repr__(self) -> str:
        return f"<Voices {len(self._speeches)} up>"

    @property
    def source_code(self) -> str:
        """Whose voice devices are told it is."""
        code = self._our_code
        return self.settings.source_code or f"{code[:10]}{Kind.VOICE_INPUT.value}{code[13:]}"

    def start(self) -> None:
        self._watch = asyncio.create_task(self._look_forever(), name="voices")

    async def close(self) -> None:
        """Every voice ends."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        await asyncio.gather(*(self.end(speech.id, "closing") for speech in tuple(self._speeches.values())))
        await asyncio.gather(*self._ending, return_exceptions=True)

    async def speak(
        self, wish: SpeechWish, *, source: str = "", prepare: Callable[[], Awaitable[None]] | None = None
    ) -> Speech:
        """Begin to speak. Comes back at once, the devices are asked meanwhile. Raises SomebodyTalks when all of them
        are talked to by others, LookupError for one that is not known, ValueError for none or too many."""
        if not 1 <= len(wish.whom) <= self.settings.most_targets:
            raise ValueError(f"a voice goes to 1 to {self.settings.most_targets} devices, not to {len(wish.whom)}")
        names = {whom: await self._name(whom) for whom in wish.whom}
        targets = [(whom, await self._target(whom)) for whom in names]
        patience = {whom: await self._patience(whom) for whom, _ in targets}
        # No wait from here on: two who press at once must not both be let in.
        free = [(whom, target) for whom, target in targets if self._key(whom) not in self._taken]
        refused = tuple(self._held(whom, names[whom]) for whom, _ in targets if self._key(whom) in self._taken)
        if not free:
            self._tally.refused += 1
            raise SomebodyTalks(refused)
        self._tally.begun += 1
        speech = Speech(secrets.token_hex(8), wish, source or self.source_code, self._plane.voice(), self.settings)
        speech.refused = refused
        self._speeches[speech.id] = speech
        for whom, target in {(whom.owner, target): (whom, target) for whom, target in reversed(free)}.values():
            key = self._key(whom)
            self._taken[key] = speech
            speech.keys.add(key)
            hearer = Hearer(
                whom,
                target,
                wish.style,
                speech.source,
                name=names[whom],
                peer=lambda whom=whom: self._peer(whom, wish.identity),  # type: ignore[misc]
                device=lambda whom=whom: self._places.device(whom.owner),  # type: ignore[misc]
                voice=speech.voice,
                numbers=self.numbers,
                our_code=self._our_code,
                patience=patience[whom],
                changed=speech.changed,
                clock=time.monotonic,
                prepare=prepare,
            )
            speech.hearers.insert(0, hearer)
            hearer.task = asyncio.create_task(hearer.run(), name=f"speak to {target}")
        return speech

    def speech(self, name: str) -> Speech | None:
        """One that goes on, or ended a moment ago."""
        return self._speeches.get(name) or self._over.get(name)

    def speeches(self) -> tuple[Speech, ...]:
        """Those that go on."""
        return tuple(self._speeches.values())

    def talker(self, whom: Whom) -> Speech | None:
        """Who talks to a device now."""
        return self._taken.get(self._key(whom))

    async def end(self, name: str, reason: str) -> bool:
        """End a voice; false when it is over."""
        speech = self._speeches.pop(name, None)
        if speech is None:
            return False
        for key in speech.keys:
            if self._taken.get(key) is speech:
                del self._taken[key]
        self._over[name] = speech
        while len(self._over) > MOST_KEPT:
            del self._over[next(iter(self._over))]
        await speech.close(reason)
        self._tally.note(speech, reason)
        return True

    async def microphone(self, speech: Speech, offer: str, client: str) -> str:
        """The microphone of a browser at `client` speaks by WebRTC: our answer to its offer. Raises ValueError,
        NoCapacity."""
        microphone = await self._plane.microphone(offer, client, speech.voice.say)
        if speech.ended:
            await microphone.close()
            raise ValueError("the voice is over")
        before = speech.keep_microphone(microphone)
        if before is not None:
            await before.close()
        return microphone.answer

    def ring(self, ring: Ring) -> bool:
        """A device calls (`gb28181.peer.Doorbell`)."""
        hearer = self._meant(ring)
        if hearer is None:
            return False
        hearer.ring(ring)
        return True

    def _meant(self, ring: Ring) -> Hearer | None:
        """Whose call it is: devices do not repeat the target, so codes are a hint (media.md S13, S14)."""
        there = [
            hearer
            for speech in self._speeches.values()
            for hearer in speech.hearers
            if hearer.whom.owner == ring.owner and hearer.takes_rings
        ]
        named = [hearer for hearer in there if {hearer.target, hearer.whom.channel} & set(ring.names)]
        waiting = [hearer for hearer in named or there if not hearer.is_rung]
        unsaid = [hearer for hearer in there if not hearer.is_rung]
        return next(iter(waiting or named or unsaid or there), None)

    def _peer(self, whom: Whom, identity: str) -> Peer | None:
        peer, device = self._neighbours.peer(whom.owner), self._places.device(whom.owner)
        if peer is not None and identity and device is not None and device.is_platform:
            return peer.in_name_of(identity)
        return peer

    def _key(self, whom: Whom) -> tuple[str, str]:
        """What one voice has to itself: a device; of a platform below each thing of it."""
        device = self._places.device(whom.owner)
        return (whom.owner, whom.channel if device is not None and device.is_platform else "")

    async def _patience(self, whom: Whom) -> Patience:
        """Each platform on the way waits for the next one down."""
        channel = await self._places.channel(whom.owner, whom.channel)
        tiers = 1 + (len(self._places.platforms_to(channel)) if channel is not None else 0)
        return Patience(self.settings.ask_s * tiers, self.settings.call_s * tiers)

    def _held(self, whom: Whom, name: str) -> HearerView:
        holder = self._taken[self._key(whom)]
        return busy(whom, holder.wish.by, holder.since, name)

    async def _name(self, whom: Whom) -> str:
        channel = await self._places.channel(whom.owner, whom.channel)
        if channel is not None:
            return channel.name
        device = self._places.device(whom.owner)
        return device.shown_name if device is not None else whom.channel

    async def _target(self, whom: Whom) -> str:
        """Which code is told: the loudspeaker of that camera, or of its device; else the camera itself, as many
        devices without such an entry still understand. Raises LookupError."""
        device = self._places.device(whom.owner)
        is_itself = whom.channel == whom.owner
        channel = None if is_itself else await self._places.channel(whom.owner, whom.channel)
        if device is None or (channel is None and not is_itself):
            raise LookupError(f"{whom.owner} has no channel {whom.channel}")
        if type_code(whom.channel) == Kind.VOICE_OUTPUT:
            return whom.channel
        if device.is_platform:
            return whom.channel  # it knows best which loudspeaker is that camera's
        outputs = await self._outputs(whom.owner)
        own = [item.code for item in outputs if whom.channel in item.said.parent_ids and whom.channel != whom.owner]
        if own:
            return own[0]
        if is_itself and type_code(whom.owner) != Kind.NETWORK_CAMERA:
            return whom.channel
        return outputs[0].code if len(outputs) == 1 else whom.channel

    async def _outputs(self, owner: str) -> list[Channel]:
        """The loudspeakers in a device's catalog."""
        found: list[Channel] = []
        after: str | None = None
        for _ in range(MOST_PAGES):
            page = await self._places.channels_of(owner, after, PAGE)
            found += [channel for channel in page.items if type_code(channel.code) == Kind.VOICE_OUTPUT]
            after = page.next
            if after is None:
                break
        return found

    async def _look_forever(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                self._look(time.monotonic())
            except Exception:
                log.exception("the look at the voices failed; the next one follows")

    def _look(self, now: float) -> None:
        for speech in tuple(self._speeches.values()):
            reason = speech.why_end(now)
            if reason:
                log.info("%r ends: %s", speech, reason)
                task = asyncio.create_task(self._end(speech.id, reason))
                self._ending.add(task)
                task.add_done_callback(self._ending.discard)
        for name, speech in tuple(self._over.items()):
            if speech.over_at is not None and now - speech.over_at > KEPT_S:
                del self._over[name]

    async def _end(self, name: str, reason: str) -> None:
        await self.end(name, reason)
