"""A file as a camera: read in a thread, given out by its own time stamps, begun again at its end."""

from __future__ import annotations

import asyncio
import logging
import os
import stat
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from functools import partial
from typing import Any, BinaryIO, NoReturn

from media.aac import AacFormat, adts_length, format_of_config, with_header
from media.frame import Codec, Frame
from media.plane import Probed, Source, Step, Verdict
from media.sources.entrance import entrance, head_of
from media.sources.pull import Ended, Taker

try:
    import av
except ImportError:  # a build without FFmpeg: everything works but files
    av = None  # type: ignore[assignment]  # a module's name that may stand for nothing

log = logging.getLogger(__name__)

FORMATS = {
    ".mp4": "mov",
    ".m4v": "mov",
    ".mov": "mov",
    ".mkv": "matroska",
    ".ts": "mpegts",
    ".m2ts": "mpegts",
    ".mts": "mpegts",
    ".ps": "mpeg",
    ".mpg": "mpeg",
    ".mpeg": "mpeg",
    ".vob": "mpeg",
    ".flv": "flv",
    ".avi": "avi",
}
"""Said to FFmpeg rather than found out by it: a playlist that calls itself a film would make it open other things."""
MOST_FILES = 1_000
DEEPEST = 4
READ_S = 10.0
"""A read that takes longer is of a disk that is gone."""
AHEAD_90K = 45_000
MOST_AHEAD = 500
LARGEST_FRAME = 10 << 20
LATE_S = 1.0
"""Who has fallen behind by so much goes on from where he is: a burst helps nobody."""
_CODECS = {
    "h264": Codec.H264,
    "hevc": Codec.H265,
    "aac": Codec.AAC,
    "pcm_alaw": Codec.G711A,
    "pcm_mulaw": Codec.G711U,
}
_FILTERS = {Codec.H264: "h264_mp4toannexb", Codec.H265: "hevc_mp4toannexb"}
_LINE = Fraction(1, 90_000)


class Unusable(Exception):
    """The file is not there, not readable, or holds nothing that we can show."""

    def __init__(self, verdict: Verdict, note: str, codecs: tuple[str, ...] = ()) -> None:
        super().__init__(note)
        self.verdict = verdict
        self.note = note
        self.codecs = codecs


def open_within(folder: str, name: str) -> BinaryIO:
    """A regular file by its name below `folder`, reached without following any link. Raises Unusable."""
    parts = name.split("/")
    if not folder or not all(part and part not in (".", "..") and "\0" not in part for part in parts):
        raise Unusable(Verdict.REFUSED, "a file is named by its place within the folder, without .. and links")
    if os.path.splitext(name)[1].lower() not in FORMATS:
        raise Unusable(Verdict.REFUSED, f"a file of ours ends in one of {', '.join(FORMATS)}")
    held: list[int] = []
    try:
        held.append(os.open(folder, os.O_RDONLY | os.O_DIRECTORY))
        for part in parts[:-1]:
            held.append(os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=held[-1]))
        # A pipe of that name would otherwise hold us until somebody writes into it.
        opened = os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=held[-1])
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            os.close(opened)
            raise Unusable(Verdict.REFUSED, f"{name} is no regular file")
        return os.fdopen(opened, "rb")
    except OSError as error:
        raise Unusable(Verdict.REFUSED, f"{name}: {error.strerror or error}") from error
    finally:
        for each in held:
            os.close(each)


def files_within(folder: str) -> tuple[str, ...]:
    """Names that `open_within` may take, in order; at most `MOST_FILES`, no deeper than `DEEPEST` folders."""
    found: list[str] = []
    for path, folders, names in os.walk(folder, followlinks=False):
        below = os.path.relpath(path, folder)
        depth = 0 if below == "." else below.count("/") + 1
        folders[:] = sorted(each for each in folders if not each.startswith(".")) if depth < DEEPEST else []
        for name in sorted(names):
            whole = os.path.join(path, name)
            if os.path.splitext(name)[1].lower() in FORMATS and os.path.isfile(whole) and not os.path.islink(whole):
                found.append(name if below == "." else f"{below}/{name}")
                if len(found) >= MOST_FILES:
                    return tuple(found)
    return tuple(found)


class Straight:
    """A file that is only read on: a head, then all from one place. FFmpeg reads a file of many fragments whole before
    its first picture, to make a list of them, when it can go back."""

    def __init__(self, opened: BinaryIO, head: bytes) -> None:
        self._opened = opened
        self._head = head

    def read(self, size: int) -> bytes:
        if not self._head:
            return self._opened.read(size)
        taken, self._head = self._head[:size], self._head[size:]
        return taken


class Beginning:
    """Where frames begin: at the first key frame, whose time is 0 unless it is known what is."""

    def __init__(self, zero_90k: int | None) -> None:
        self._zero_90k = zero_90k
        self._is_over = False

    def admits(self, frame: Frame) -> bool:
        """Whether it is one of those that are given out; its times are set."""
        if not self._is_over:
            if not frame.key:
                return False
            self._is_over = True
        if self._zero_90k is None:
            self._zero_90k = frame.dts_90k
        frame.pts_90k -= self._zero_90k
        frame.dts_90k -= self._zero_90k
        return frame.dts_90k >= 0


class Film:
    """An opened file: `frames` once from its beginning to its end, times from 0 on. Use it in one thread at a time."""

    def __init__(self, folder: str, name: str, ours_from_90k: int | None = None) -> None:
        """One of our own recordings may begin with the last key frame at or before a moment; its times are those of
        the whole file. Raises Unusable."""
        if av is None:
            raise Unusable(Verdict.REFUSED, "PyAV is not installed: files cannot be read")
        self._file = open_within(folder, name)
        self.duration_90k = 0
        self._begins_90k: int | None = None
        # PyAV's containers and streams carry no useful types of their own.
        self._container: Any = None
        try:
            form = FORMATS[os.path.splitext(name)[1].lower()]
            opened = self._file if ours_from_90k is None else self._entered(name, ours_from_90k)
            self._container = av.open(opened, format=form, options={"protocol_whitelist": "none"})
            self._video: Any = self._container.streams.video[0] if self._container.streams.video else None
            self._choose(name)
        except BaseException as error:
            self.close()
            if isinstance(error, av.error.FFmpegError | OSError | ValueError):
                why = getattr(error, "strerror", None) or error
                raise Unusable(Verdict.REFUSED, f"{name} cannot be read: {why}") from error
            raise

    def _entered(self, name: str, from_90k: int) -> Straight:
        number = self._file.fileno()
        begin = entrance(number, name, from_90k) if from_90k > 0 else 0
        if begin:
            self._begins_90k = 0
        self._file.seek(begin)
        return Straight(self._file, head_of(number) if begin else b"")

    def _choose(self, name: str) -> None:
        streams = [*self._container.streams.video, *self._container.streams.audio]
        self.codecs = tuple(str(_CODECS.get(each.codec_context.name, each.codec_context.name)) for each in streams)
        self.codec = _CODECS.get(self._video.codec_context.name) if self._video is not None else None
        if self.codec is None or not self.codec.is_video:
            has = f"it has {', '.join(self.codecs)}" if self.codecs else "it has nothing"
            raise Unusable(Verdict.UNSUPPORTED_CODEC, f"there is no H.264 or H.265 in {name}; {has}", self.codecs)
        self._sound: Any = next((each for each in self._container.streams.audio if _is_sound(each)), None)
        self._form = _form_of(self._sound) if self._sound is not None else None
        self._filter: Any = av.BitStreamFilterContext(_FILTERS[self.codec], self._video)
        rate = self._video.average_rate
        self._step_90k = max(1, round(90_000 / rate)) if rate else 3_600
        self._last_dts: int | None = None

    @property
    def has_sound(self) -> bool:
        return self._sound is not None

    def close(self) -> None:
        if self._container is not None:
            self._container.close()
        self._file.close()

    def frames(self) -> Iterator[Frame]:
        """In the order of decoding. Raises Unusable where the file is damaged beyond reading on."""
        beginning = Beginning(self._begins_90k)
        chosen = [self._video] if self._sound is None else [self._video, self._sound]
        try:
            for packet in self._container.demux(*chosen):
                for frame in self._frames_of(packet):
                    if not beginning.admits(frame):
                        continue
                    length = round(packet.duration * packet.time_base / _LINE) if packet.duration else 3_600
                    self.duration_90k = max(self.duration_90k, frame.dts_90k + length)
                    yield frame
        except (av.error.FFmpegError, OSError) as error:
            raise Unusable(Verdict.LOST, f"the file cannot be read on: {error.strerror or error}") from error

    def _frames_of(self, packet: Any) -> list[Frame]:
        if packet.size > LARGEST_FRAME:
            return []
        if packet.stream is not self._video:
            data, at = bytes(packet), packet.pts if packet.pts is not None else packet.dts
            if not data or at is None:
                return []
            time = round(at * packet.time_base / _LINE)
            return [Frame(_CODECS[self._sound.codec_context.name], self._audible(data), time, time)]
        found = []
        for each in self._filter.filter(packet if packet.size else None):
            times = [None if at is None else round(at * self._video.time_base / _LINE) for at in (each.pts, each.dts)]
            dts = self._decoded_at(*times)
            if each.size and dts is not None and self.codec is not None:
                pts = dts if times[0] is None else times[0]
                found.append(Frame(self.codec, bytes(each), pts, dts, bool(each.is_keyframe)))
        return found

    def _decoded_at(self, pts: int | None, dts: int | None) -> int | None:
        """Program streams say only of some pictures when; the others follow at the usual distance."""
        if dts is None and self._last_dts is not None:
            dts = self._last_dts + self._step_90k
        dts = pts if dts is None else dts
        self._last_dts = dts
        return dts

    def _audible(self, data: bytes) -> bytes:
        if self._form is None or adts_length(data):
            return data
        return with_header(self._form, data)


class FilePull:
    """Gives a file out, again and again."""

    def __init__(self, source: Source, clock: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._clock = clock
        self.steps: tuple[Step, ...] = ()
        # One of its own: what is read is closed by whoever reads it, and a disk that is gone holds up nobody else.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="film")

    async def run(self, taker: Taker) -> Ended:
        """Until the file is gone or cannot be read any more."""
        try:
            await self._show_for_ever(taker)
        except Unusable as error:
            self._note(0, error.note)
            return Ended(error.verdict, error.note, error.codecs)
        finally:
            self._thread.shutdown(wait=False, cancel_futures=False)

    async def _show_for_ever(self, taker: Taker) -> NoReturn:
        base_90k = 0
        began_at: float | None = None
        while True:
            film = await self._open()
            try:
                taker.announce(has_sound=film.has_sound)
                frames = film.frames()
                while ahead := await self._in_time(partial(_some, frames)):
                    for frame in ahead:
                        frame.pts_90k += base_90k
                        frame.dts_90k += base_90k
                        began_at = await self._pace(frame.dts_90k, began_at)
                        now = self._clock()
                        taker.came(1, len(frame.data), "", now)
                        taker.frame(frame, now)
            finally:
                self._thread.submit(film.close)
            if not film.duration_90k:
                raise Unusable(Verdict.NO_KEY_FRAME, f"{self._source.file} has no key frame", film.codecs)
            base_90k += film.duration_90k

    async def probe(self) -> Probed:
        """What is in it."""
        try:
            film = await self._open()
        except Unusable as error:
            self._note(0, error.note)
            return Probed(error.verdict, error.note, error.codecs, self.steps)
        else:
            self._thread.submit(film.close)
            return Probed(None, "", film.codecs, self.steps)
        finally:
            self._thread.shutdown(wait=False, cancel_futures=False)

    async def _open(self) -> Film:
        film: Film = await self._in_time(lambda: Film(self._source.folder, self._source.file))
        self._note(200, "OK")
        return film

    async def _in_time(self, work: Callable[[], Any]) -> Any:
        """Raises Unusable."""
        try:
            async with asyncio.timeout(READ_S):
                return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except TimeoutError:
            raise Unusable(Verdict.LOST, f"{self._source.file} was not read within {READ_S:g} s") from None

    def _note(self, status: int, reason: str) -> None:
        self.steps = (Step(f"read {self._source.file}", status, reason),)

    async def _pace(self, time_90k: int, began_at: float | None) -> float:
        """Wait until it is time; the moment at which the file's time was 0."""
        now = self._clock()
        if began_at is None or now - (began_at + time_90k / 90_000) > LATE_S:
            return now - time_90k / 90_000
        wait_s = began_at + time_90k / 90_000 - now
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        return began_at


def _some(frames: Iterator[Frame]) -> list[Frame]:
    """The next half second; nothing at the end."""
    taken: list[Frame] = []
    for frame in frames:
        taken.append(frame)
        if frame.dts_90k - taken[0].dts_90k >= AHEAD_90K or len(taken) >= MOST_AHEAD:
            break
    return taken


def _is_sound(stream: Any) -> bool:
    context = stream.codec_context
    codec = _CODECS.get(context.name)
    if codec in (Codec.G711A, Codec.G711U):
        return bool(context.sample_rate == 8_000 and context.channels == 1)
    return codec is Codec.AAC


def _form_of(stream: Any) -> AacFormat | None:
    """How an AAC track without headers is to be headed; None when it has its own, or is no AAC."""
    if _CODECS[stream.codec_context.name] is not Codec.AAC:
        return None
    return format_of_config(bytes(stream.codec_context.extradata or b""))
