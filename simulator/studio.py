"""Where a simulated thing takes calls: live pictures shared by all who watch, recordings played to each alone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any

from gb28181.charset import charset_for
from gb28181.manscdp.message import serialise as write
from gb28181.manscdp.status import MediaStatus
from gb28181.sdp import MediaFormat, Offer, answer_to, serialise
from gb28181.subject import Subject
from media.frame import Codec
from simulator.faults import Faults
from simulator.head import Head
from simulator.player import Player
from simulator.pump import Pump
from simulator.quirks import Quirks
from simulator.recorder import Recorder, RecorderSettings
from simulator.screen import Screen
from simulator.sender import Sender
from simulator.speaker import MANSCDP, Speaker
from simulator.video import VideoSettings, VideoSource
from sipserver.stack import Dialog, Incoming, RequestTimedOut, TransportLost

log = logging.getLogger(__name__)

_F_CODEC = {Codec.H264: "2", Codec.H265: "5"}
_GOODBYE_S = 2.0


@dataclass(frozen=True, slots=True)
class StudioSettings:
    """The encoder, and how many may watch."""

    video: VideoSettings
    sound: bool = True
    most_calls: int = 16
    quirks: Quirks = field(default_factory=Quirks)


class Studio:
    """The calls of one thing. `heads` are its cameras' motors by code; `calls_taken` counts since the start."""

    def __init__(
        self,
        speaker: Speaker,
        settings: StudioSettings,
        faults: Faults = Faults(),
        recorder: Recorder | None = None,
    ) -> None:
        self._speaker = speaker
        self._settings = settings
        self._recorder = recorder or Recorder(RecorderSettings(), ())
        self.faults = faults
        self.heads: dict[str, Head] = {}
        self.screens: dict[str, Screen] = {}
        self._encoders: dict[tuple[str, int], VideoSettings] = {}
        self.calls: set[StudioCall] = set()
        self.calls_taken = 0
        self._pumps: dict[tuple[str, int], Pump] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def close(self, *, goodbye: bool = True) -> None:
        """End every call, with a BYE or, without `goodbye`, as by a cut cable."""
        for call in list(self.calls):
            await (call.hang_up() if goodbye else call.vanish())
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for pump in self._pumps.values():
            await pump.close()

    @property
    def is_full(self) -> bool:
        return len(self.calls) >= self._settings.most_calls

    def want_key_frame(self, device: str, own: str) -> None:
        """A key frame of one channel, of all when `device` is the whole thing."""
        for (code, _), pump in self._pumps.items():
            if device in (code, own):
                pump.want_key_frame()

    def take(self, incoming: Incoming, offer: Offer, channel: str, name: str) -> None:
        """Take a call. 486 when there are enough, 488 for what is no video, 500 when no port can be had."""
        if self.is_full:
            incoming.respond(486)
        elif offer.media != "video":
            incoming.respond(488)
        else:
            self._spawn(self._serve(incoming, offer, channel, name))

    async def _serve(self, incoming: Incoming, offer: Offer, channel: str, name: str) -> None:
        me = self._speaker.settings.code
        host = self._speaker.stack.local_host_for(incoming.path.remote)
        agreed = offer.ssrc if offer.ssrc is not None else _own_ssrc(me, offer.is_live, self.calls_taken)
        quirks = self._settings.quirks
        if quirks.ssrc_zero:
            agreed = 0
        sender = Sender(offer, self.faults.ssrc(agreed), host=host, quirks=quirks)
        try:
            await sender.listen()
        except OSError as error:
            log.warning("%s cannot listen for media: %s", me, error)
            await sender.close()
            incoming.respond(500)
            return
        answer = answer_to(
            offer,
            owner=channel,
            host=host,
            port=sender.port,
            payload=(96, "PS", 90000),
            ssrc=agreed,
            f=MediaFormat(video_codec=_F_CODEC[self.encoder(channel, min(offer.stream_number, 1)).codec]),
            filesize=None if offer.is_live else self._recorder.filesize(offer),
        )
        if self.faults.no_y:
            answer = replace(answer, ssrc=None)
        if incoming.is_answered:
            await sender.close()
            return
        dialog = incoming.accept(serialise(answer), "application/sdp", contact_user=channel)
        self.calls_taken += 1
        call = StudioCall(dialog, sender, channel, offer, stream_of(incoming))
        for older in [each for each in self.calls if call.stream and each.stream == call.stream]:
            # The same stream is asked for anew: the old link goes (2022 9.2.1.1).
            older.ended.set()
            self._spawn(older.hang_up())
        self.calls.add(call)
        ended = call.ended
        dialog.on_end = lambda _: ended.set()
        try:
            await sender.start()
            if self.faults.silent_media:
                await ended.wait()
            elif offer.is_live:
                await self._live(call, name, ended)
            else:
                await self._play(call, name, ended)
        except (OSError, TimeoutError, RequestTimedOut, TransportLost) as error:
            log.info("%s cannot reach the receiver: %s", me, error)
            await dialog.bye(timeout_s=_GOODBYE_S)
        finally:
            self.calls.discard(call)
            await sender.close()

    async def _live(self, call: StudioCall, name: str, ended: asyncio.Event) -> None:
        pump = self._pump(call.channel, name, call.offer.stream_number)
        call.pump = pump
        pump.add(call.sender, lambda reason: self._give_up(call, reason, ended))
        try:
            await ended.wait()
        finally:
            pump.remove(call.sender)

    async def _play(self, call: StudioCall, name: str, ended: asyncio.Event) -> None:
        offer = call.offer
        is_download = offer.session.casefold() == "download"
        # Without the attribute a download runs at the speed of time (2022 annex G).
        speed = float(offer.downloadspeed or 1) if is_download else 1.0
        source = self._source(self.encoder(call.channel, 0), call.channel, name)
        recorder = self._recorder
        call.player = player = Player(
            source,
            call.sender,
            max(0.0, offer.stop - offer.start),
            speed,
            begins_at=float(offer.start),
            is_whole=is_download,
            ignores_speed=recorder.settings.ignores_speed,
            backwards_at_most=1.0 if recorder.settings.only_backwards_once else 4.0,
            breaks=recorder.break_now,
        )
        call.dialog.on_request = call.hear
        playing = asyncio.create_task(player.run())
        ending = asyncio.create_task(ended.wait())
        try:
            await asyncio.wait((playing, ending), return_when=asyncio.FIRST_COMPLETED)
            if not ending.done():
                playing.result()
                if player.has_broken:
                    await call.sender.close()
                elif not recorder.settings.no_end:
                    await self._tell_end(call)
                await ended.wait()
        finally:
            playing.cancel()
            ending.cancel()
            await asyncio.gather(playing, ending, return_exceptions=True)

    async def _tell_end(self, call: StudioCall) -> None:
        """MediaStatus 121 within the dialog (GB/T 28181-2022 9.8.3)."""
        edition = self._speaker.settings.edition
        said = MediaStatus(sn=self._speaker.next_sn(), device=call.channel)
        await call.dialog.request(
            "MESSAGE", body=write(said, charset_for(edition), edition), content_type=MANSCDP, timeout_s=5.0
        )

    def _give_up(self, call: StudioCall, reason: str, ended: asyncio.Event) -> None:
        log.info("%s ends a call: %s", self._speaker.settings.code, reason)
        ended.set()
        self._spawn(call.hang_up())

    def _pump(self, channel: str, name: str, number: int) -> Pump:
        key = (channel, min(number, 1))
        if key not in self._pumps:
            self._pumps[key] = Pump(
                lambda: self._source(self.encoder(*key), channel, name)(), sound=self._settings.sound
            )
        return self._pumps[key]

    def encoder(self, channel: str, number: int) -> VideoSettings:
        """How a stream is encoded: the main one as the whole thing is, the other smaller, unless it was set."""
        video = self._settings.video
        if number:
            video = video.smaller()
        return self._encoders.get((channel, number), video)

    def still(self, channel: str, name: str) -> bytes:
        """A photograph of what a camera sees now. Blocks for some milliseconds."""
        return self._source(self.encoder(channel, 0), channel, name)().still()

    def encode(self, channel: str, number: int, video: VideoSettings) -> None:
        """Encode a stream so from its next picture on."""
        if self.encoder(channel, number) != video:
            self._encoders[channel, number] = video
            pump = self._pumps.get((channel, number))
            if pump is not None:
                pump.renew()

    def _source(self, video: VideoSettings, channel: str, name: str) -> Callable[[], VideoSource]:
        head = self.heads.setdefault(channel, Head())
        screen = self.screens.setdefault(channel, Screen())
        return lambda: VideoSource(video, name, channel, head, screen)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class StudioCall:
    """A call in progress; `player` is there when a recording is played. `stream` is what its Subject names."""

    def __init__(
        self, dialog: Dialog, sender: Sender, channel: str, offer: Offer, stream: tuple[str, str, str] | None = None
    ) -> None:
        self.dialog = dialog
        self.stream = stream
        self.ended = asyncio.Event()
        self.sender = sender
        self.channel = channel
        self.offer = offer
        self.player: Player | None = None
        self.pump: Pump | None = None

    def hear(self, incoming: Incoming) -> None:
        """INFO goes to the player; anything else in the dialog is answered and left."""
        if incoming.request.method != "INFO" or self.player is None:
            incoming.respond(200)
            return
        try:
            answer = self.player.obey(incoming.request.body)
        except ValueError as error:
            log.info("an INFO is refused: %s", error)
            incoming.respond(400)
            return
        incoming.respond(200, body=answer, content_type="Application/MANSRTSP")

    async def hang_up(self) -> None:
        self._stop()
        await self.dialog.bye(timeout_s=_GOODBYE_S)

    async def vanish(self) -> None:
        """Stop sending and say nothing."""
        self._stop()
        await self.sender.close()

    def _stop(self) -> None:
        if self.pump is not None:
            self.pump.remove(self.sender)


def stream_of(incoming: Incoming) -> tuple[str, str, str] | None:
    """Who asks for which stream: sender, its serial and the receiver; None without a Subject that can be read."""
    try:
        subject = Subject.parse(incoming.request.headers.get("Subject") or "")
    except ValueError:
        return None
    return subject.sender, subject.sender_serial, subject.receiver


def _own_ssrc(code: str, live: bool, serial: int) -> int:
    """The number that the sender's realm makes when it was given none (GB/T 28181-2022 annex G)."""
    return int(f"{0 if live else 1}{code[3:8]}{serial % 10_000:04d}")
