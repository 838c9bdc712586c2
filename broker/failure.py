"""Why a watch found no picture: one value on the way, one exception at the door."""

from __future__ import annotations

from dataclasses import dataclass, replace

from broker.watch import Seen, WatchFailed
from gb28181.peer import Hop, PeerError, PeerOffline, PeerRefused, PeerSilent
from media.plane import Verdict

REFUSED_FOR_US = {401: 403, 407: 403}
"""Statuses that would mean something else to whoever asked us."""

NOTHING_CAME = frozenset({Verdict.NOTHING, Verdict.CONNECTED_SILENT, Verdict.CANNOT_CONNECT})

STATUS_OF_VERDICT = {
    Verdict.UNSUPPORTED_CODEC: 488,
    Verdict.NOT_PS: 488,
    Verdict.NOT_RTP: 488,
    Verdict.REFUSED: 480,
}
"""What came but cannot be used is not acceptable here (488), what is not given unavailable (480); what did not come is
a gateway's time-out (504)."""

WORDS_OF_VERDICT = {
    Verdict.NOTHING: "not one packet reached the port",
    Verdict.CONNECTED_SILENT: "it connected and sent nothing",
    Verdict.CANNOT_CONNECT: "it did not take our connection",
    Verdict.OTHER_SSRC: "packets came, but of another SSRC",
    Verdict.NOT_RTP: "what came is no RTP",
    Verdict.NOT_PS: "RTP came, but neither a program stream nor a known elementary stream in it",
    Verdict.NO_KEY_FRAME: "pictures came, but no key frame",
    Verdict.UNSUPPORTED_CODEC: "the codec is not supported",
    Verdict.LOST: "it flowed and stopped",
    Verdict.REFUSED: "it was not given to us",
}


@dataclass(frozen=True, slots=True)
class Failure:
    """What `WatchFailed` will say, to everybody who waited."""

    message: str
    code: str
    status: int
    hops: tuple[Hop, ...] = ()
    seen: Seen | None = None
    call_id: str | None = None
    path: tuple[str, ...] = ()

    def as_error(self) -> WatchFailed:
        """A fresh exception: several viewers may have waited for the same failure."""
        return WatchFailed(
            self.message,
            code=self.code,
            status=self.status,
            hops=self.hops,
            seen=self.seen,
            call_id=self.call_id,
            path=self.path,
        )

    def after(self, hops: tuple[Hop, ...]) -> Failure:
        """The same with what was tried before it."""
        return replace(self, hops=hops + self.hops)

    @property
    def nothing_came(self) -> bool:
        """Whether another transport may help: the call was answered, and not one packet came."""
        return self.seen is not None and self.seen.verdict in NOTHING_CAME

    @property
    def needs_own_port(self) -> bool:
        """Whether a port of its own may help: the shared one could not tell whose packets came."""
        return self.seen is not None and self.seen.verdict is Verdict.OTHER_SSRC


class Failed(Exception):
    """A failure on its way through the hall, to whoever tries on or to the door."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def failed(message: str, code: str, status: int, what: str, path: tuple[str, ...] = ()) -> Failed:
    """It failed with us, at one step of ours."""
    return Failed(Failure(message, code, status, (Hop("us", what, status, message),), path=path))


def of_peer(error: PeerError, code: str) -> Failure:
    """A neighbour did not take our call."""
    if isinstance(error, PeerOffline):
        return _of_call(error, code, "device-offline", 480, "is offline")
    if isinstance(error, PeerSilent):
        return _of_call(error, code, "device-silent", 408, "did not answer our call")
    if isinstance(error, PeerRefused):
        status = error.status if 400 <= error.status <= 699 else 502
        status = REFUSED_FOR_US.get(status, status)
        return _of_call(error, code, "device-refused", status, f"refused our call: {error.status} {error.reason}")
    return _of_call(error, code, "device-failed", 502, "could not be called")


def of_media(seen: Seen, code: str, where: str, call_id: str | None) -> Failure:
    """The call was answered and nothing usable came."""
    words = WORDS_OF_VERDICT[seen.verdict]
    hop = Hop(
        "media", "await the first picture", 0, f"{seen.verdict}: {words}" + (f" ({seen.note})" if seen.note else "")
    )
    return Failure(
        message=f"{code} answered our call but sent no picture: {words} (awaited on {where})",
        code="no-media",
        status=STATUS_OF_VERDICT.get(seen.verdict, 504),
        hops=(hop,),
        seen=seen,
        call_id=call_id,
    )


def of_source(seen: Seen, code: str, call_id: str | None) -> Failure:
    """What we fetch ourselves did not come; what was asked and answered on the way is the ladder."""
    words = WORDS_OF_VERDICT[seen.verdict]
    what = f"{words}: {seen.note}" if seen.note else words
    hops = tuple(Hop(code, step.what, step.status, step.reason) for step in seen.steps)
    if not hops or seen.steps[-1].status == 200:
        hops += (Hop("media", "await the first picture", 0, f"{seen.verdict}: {what}"),)
    return Failure(
        message=f"no picture could be fetched for {code}: {what}",
        code="no-media",
        status=480 if seen.verdict is Verdict.CANNOT_CONNECT else STATUS_OF_VERDICT.get(seen.verdict, 504),
        hops=hops,
        seen=seen,
        call_id=call_id,
    )


def _of_call(error: PeerError, code: str, key: str, status: int, words: str) -> Failure:
    said = error.status if isinstance(error, PeerRefused) else 0
    reason = error.reason if isinstance(error, PeerRefused) else str(error)
    hops = error.hops or (Hop(code, "INVITE", said, reason),)
    text = str(error)
    return Failure(f"{code} {words}" + (f" ({text})" if text else ""), key, status, hops)
