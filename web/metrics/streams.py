"""What flows: a set of series for each live stream, up to a number, and one for each worker."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from prometheus_client.core import Metric

from broker.watch import InletStatistics, SenderStatistics, StreamView, WatchKind, WorkerStatistics
from web.metrics.family import Line, counter, gauge

LABELS = ("channel", "owner", "stream")
FLOWING = frozenset({"live", "lingering"})


@dataclass(frozen=True, slots=True)
class Flow:
    """A flowing stream and what was counted on it. `labels` are those of `LABELS`."""

    labels: tuple[str, str, str]
    view: StreamView
    counted: InletStatistics


@dataclass(frozen=True, slots=True)
class Series:
    """One number of a stream. A number of None has no line."""

    name: str
    help: str
    of: Callable[[InletStatistics], float | None]
    grows: bool = False


SERIES = (
    Series("received_packets", "RTP packets received.", lambda i: i.packets, True),
    Series("received_bytes", "Bytes received.", lambda i: i.bytes, True),
    Series("lost_packets", "RTP packets that were sent and never came.", lambda i: i.lost, True),
    Series("reordered_packets", "RTP packets that came out of order.", lambda i: i.reordered, True),
    Series("duplicate_packets", "RTP packets that came twice.", lambda i: i.duplicates, True),
    Series("resyncs", "Gaps and damage after which the program stream was found again.", lambda i: i.resyncs, True),
    Series("key_frames", "Key frames unpacked.", lambda i: i.key_frames, True),
    Series("bytes_per_second", "Mean of the last five seconds.", lambda i: i.bitrate_bps / 8),
    Series("frames_per_second", "Pictures a second, mean of the last five.", lambda i: i.fps),
    Series("loss_ratio", "Lost of all packets sent in the last ten seconds, 0 to 1.", lambda i: i.loss),
    Series("jitter_seconds", "How unevenly packets come (RFC 3550 6.4.1).", lambda i: i.jitter_s),
    Series("gop_seconds", "From one key frame to the next.", lambda i: i.gop_s),
    Series("gop_frames", "Pictures from one key frame to the next.", lambda i: i.gop_frames),
    Series("key_frame_age_seconds", "Since the last key frame.", lambda i: i.key_frame_age_s),
    Series("last_packet_age_seconds", "Since the last packet.", lambda i: i.last_packet_age_s),
    Series("viewers", "Viewers that take its pictures.", lambda i: i.viewers),
    Series("viewer_skips", "Slow viewers moved on to the next key frame.", lambda i: i.skips, True),
    Series("viewers_cut", "Viewers that were too slow to stay.", lambda i: i.cut, True),
    Series("viewer_queue_bytes", "Waiting for its slow viewers.", lambda i: sum(s.queued_bytes for s in i.seats)),
    Series("viewer_lag_seconds", "Of its slowest viewer.", lambda i: max((s.queued_s for s in i.seats), default=0.0)),
)


def flowing(
    streams: Sequence[StreamView], counted: Callable[[str], InletStatistics | None], most: int
) -> tuple[list[Flow], int]:
    """The live streams that have series of their own, oldest first, and how many are left out."""
    live = [each for each in streams if each.kind is WatchKind.LIVE and each.state in FLOWING]
    live.sort(key=lambda each: (each.started_at, each.id))
    flows = []
    for view in live[:most]:
        statistics = counted(view.id)
        if statistics is not None:
            flows.append(Flow((view.channel, view.owner, str(view.stream_number)), view, statistics))
    return flows, max(0, len(live) - most)


def families(streams: Sequence[StreamView], flows: Sequence[Flow], left_out: int) -> Iterator[Metric]:
    """All there are, by kind and state; then each that flows."""
    states = Counter((str(each.kind), each.state) for each in streams)
    yield gauge("streams", "Streams, by kind and state.", [*states.items()], ("kind", "state"))
    yield gauge("streams_without_series", "Live streams beyond the number that have series.", [((), left_out)])
    for series in SERIES:
        lines: list[Line] = [(flow.labels, number) for flow in flows if (number := series.of(flow.counted)) is not None]
        shape = counter if series.grows else gauge
        yield shape(f"stream_{series.name}", series.help, lines, LABELS)
    yield from _pictures(flows)
    yield from _senders(flows)


def _pictures(flows: Sequence[Flow]) -> Iterator[Metric]:
    """What the parameter sets say."""
    shown = [(flow, flow.counted.video) for flow in flows if flow.counted.video is not None]
    yield gauge(
        "stream_info",
        "How a stream comes; the number says nothing.",
        [((*flow.labels, str(video.codec), flow.view.transport), 1.0) for flow, video in shown],
        (*LABELS, "codec", "transport"),
    )
    yield gauge("stream_width_pixels", "Of the picture.", [(flow.labels, video.width) for flow, video in shown], LABELS)
    yield gauge(
        "stream_height_pixels", "Of the picture.", [(flow.labels, video.height) for flow, video in shown], LABELS
    )


def _senders(flows: Sequence[Flow]) -> Iterator[Metric]:
    """Ways out to platforms above. An upper that takes a stream twice has the sum of both."""
    sums: dict[tuple[str, ...], list[SenderStatistics]] = {}
    for flow in flows:
        names = dict(flow.view.seats)
        for sender in flow.view.senders:
            sums.setdefault((*flow.labels, names.get(sender.outlet, "")), []).append(sender)
    labels = (*LABELS, "upper")
    numbers: tuple[tuple[str, str, Callable[[SenderStatistics], float], bool], ...] = (
        ("sender_packets", "RTP packets sent to a platform above.", lambda s: s.packets, True),
        ("sender_bytes", "Their bytes.", lambda s: s.bytes, True),
        ("sender_skips", "How often it was moved on to the next key frame.", lambda s: s.skips, True),
        ("sender_dropped_bytes", "What it did not get because it was too slow.", lambda s: s.dropped_bytes, True),
        ("sender_queue_bytes", "What waits to be sent to it.", lambda s: s.queued_bytes, False),
    )
    for name, help_, of, grows in numbers:
        lines: list[Line] = [(key, sum(map(of, senders))) for key, senders in sums.items()]
        yield (counter if grows else gauge)(name, help_, lines, labels)
    reported = {key: [s.lost_there for s in senders if s.lost_there is not None] for key, senders in sums.items()}
    yield gauge(
        "sender_loss_ratio",
        "What it reports to have lost, 0 to 1.",
        [(key, max(lost)) for key, lost in reported.items() if lost],
        labels,
    )


def of_workers(workers: Sequence[WorkerStatistics]) -> Iterator[Metric]:
    """The processes that carry media."""
    numbers: tuple[tuple[str, str, Callable[[WorkerStatistics], float], bool], ...] = (
        ("up", "Whether it carries media now.", lambda w: w.state == "up", False),
        ("cpu_ratio", "Share of one core, 1 for a whole one.", lambda w: w.load, False),
        ("memory_bytes", "Memory in RAM.", lambda w: w.memory_bytes, False),
        ("streams", "Ways in that are open.", lambda w: w.streams, False),
        ("viewers", "Viewers that take pictures.", lambda w: w.viewers, False),
        ("senders", "Ways out to platforms above.", lambda w: w.senders, False),
        ("packets_per_second", "Received, mean of the last five seconds.", lambda w: w.packets_per_s, False),
        ("bytes_per_second", "Received, mean of the last five seconds.", lambda w: w.bitrate_bps / 8, False),
        ("nap_seconds", "Its nap between two rounds of reading.", lambda w: w.nap_s, False),
        ("uptime_seconds", "Since it began.", lambda w: w.uptime_s, False),
        ("late_ticks", "How often its clock came late.", lambda w: w.late_ticks, True),
        ("restarts", "How often it had to be started again.", lambda w: w.restarts, True),
    )
    for name, help_, of, grows in numbers:
        lines: list[Line] = [((worker.name,), float(of(worker))) for worker in workers]
        yield (counter if grows else gauge)(f"worker_{name}", help_, lines, ("worker",))


RECORDING_STATES = ("asking", "recording", "troubled", "waiting")


def of_recordings(states: Sequence[str]) -> Iterator[Metric]:
    """Recordings by hand that run: troubled ones have a disk that fails, waiting ones a camera that does."""
    counted = Counter(states)
    lines: list[Line] = [((state,), counted[state]) for state in RECORDING_STATES]
    yield gauge("recordings", "Recordings that run, by state.", lines, ("state",))
