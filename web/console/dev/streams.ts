/** Streams that move, for looking at screens: good ones, a lossy one by UDP, one with rare key frames, a slow viewer. */
import type { Channel, InletStatistics, Recording, RecordingSegment, StreamRow, WorkerRow } from '../src/api/types'

const BEGAN = Date.now() / 1000
const wave = (seed: number, period: number) => Math.sin((Date.now() / 1000 + seed * 7) / period)

function figuresOf(i: number): InletStatistics {
  const age = Date.now() / 1000 - BEGAN + 500 * (i + 1)
  const rate = [4.1e6, 0.62e6, 3.8e6, 6.2e6, 2.1e6, 4.0e6][i % 6] ?? 4e6
  const loss = i === 2 ? Math.max(0, 0.031 + 0.02 * wave(i, 9)) : i === 5 ? Math.max(0, 0.002 * wave(i, 20)) : 0
  const isSmall = i % 6 === 1
  const bitrate = rate * (1 + 0.12 * wave(i, 5 + i))
  return {
    packets: Math.round((age * rate) / 11_200), bytes: Math.round((age * rate) / 8), lost: Math.round(age * loss * 300), reordered: i * 3, duplicates: i % 3, resyncs: i === 2 ? 41 : 0,
    frames: Math.round(age * 25), key_frames: Math.round(age / 2), viewers: 2, last_packet_age_s: 0.02,
    video: { codec: i % 4 === 3 ? 'H.265' : 'H.264', width: isSmall ? 704 : i % 4 === 3 ? 2560 : 1920, height: isSmall ? 576 : i % 4 === 3 ? 1440 : 1080, fps: 25, mime: '' },
    audio: i % 2 ? { codec: 'G.711A', rate_hz: 8000, channels: 1, playable_as: 'mp4a.40.2' } : null,
    bitrate_bps: bitrate, packets_per_s: bitrate / 11_200, fps: i === 4 ? 11.4 : 25 + 0.1 * wave(i, 3), loss, jitter_s: 0.0012 + i * 0.0008, gop_frames: i === 3 ? 250 : 50, gop_s: i === 3 ? 10 : 2,
    key_frame_age_s: (Date.now() / 1000 + i) % (i === 3 ? 10 : 2), skips: i === 0 ? 3 : 0, cut: 0,
    seats: [
      { viewer: i === 0 ? '李远程' : 'admin', format: 'ws-fmp4', sent_bytes: Math.round((age * rate) / 9), queued_bytes: i === 0 ? 812_000 : 0, queued_s: i === 0 ? 1.6 : 0, skips: i === 0 ? 3 : 0, dropped: i === 0 ? 180 : 0 },
      ...(i % 2 ? [] : [{ viewer: '王值班', format: 'http-flv', sent_bytes: Math.round((age * rate) / 9), queued_bytes: 0, queued_s: 0, skips: 0, dropped: 0 }]),
    ],
  }
}

export function streamRows(channels: Channel[], channel: string | null): StreamRow[] {
  const rows = channels.slice(0, 14).map((c, i): StreamRow => ({
    id: `s${i}`, owner: c.owner, channel: c.code, state: i === 6 ? 'inviting' : i === 7 ? 'lingering' : 'live', stream_number: i % 6 === 1 ? 1 : 0, transport: i === 2 || i === 5 ? 'udp' : 'tcp-passive', ssrc: `01000000${String(i).padStart(2, '0')}`,
    call_id: 'a84b4c76e66710@10.34.0.8', viewers: i === 7 ? [] : i === 0 ? ['李远程', '王值班', '34000000002000000001'] : ['admin', '王值班'].slice(0, 2 - (i % 2)), started_at: BEGAN - 500 * (i + 1), failure: null,
    kind: i === 9 ? 'playback' : 'live', path: i > 10 ? ['34010000002000000001', '34010000002000000002'] : ['34010000002000000001'],
    senders: i === 0 ? [{ target: '10.2.0.9:30120', transport: 'udp', state: 'sending', packets: 812_331, bytes: 1_137_000_000, queued_bytes: 0, skips: 0, dropped_bytes: 0, lost_there: 0.002, upper: '34000000002000000001' }] : [],
    statistics: i === 6 ? null : figuresOf(i),
  }))
  return channel ? rows.filter((row) => row.channel === channel) : rows
}

export const workerRows = (): WorkerRow[] => [
  { name: 'media1', state: 'up', load: 0.31 + 0.04 * wave(1, 8), memory_bytes: 214_000_000, streams: 9, viewers: 14, senders: 1, packets_per_s: 2950, bitrate_bps: 33.1e6, nap_s: 0, late_ticks: 0, restarts: 0, uptime_s: 198_720 },
  { name: 'media-host-2', zone: '政务网', state: 'up', load: 0.78, memory_bytes: 241_000_000, streams: 84, viewers: 120, senders: 12, packets_per_s: 31_584, bitrate_bps: 353e6, nap_s: 0.004, late_ticks: 3, restarts: 1, uptime_s: 4_020 },
]

let made = 0

export function recordingRow(channel: string, owner: string, more: Partial<Recording> = {}): Recording {
  made += 1
  return { id: `20261129T0915${String(made).padStart(2, '0')}-5e0c91aa`, owner, channel, stream: 0, form: 'mp4', by: 'admin', started_at: Date.now() / 1000, ended_at: null, state: 'asking', note: '', segments: 0, bytes: 0, seconds: 0, ...more }
}

export const recordingRows = (channels: Channel[]): Recording[] =>
  channels.slice(0, 5).map((c, i) =>
    recordingRow(c.code, c.owner, [
      { state: 'recording', started_at: BEGAN - 912, segments: 3, bytes: 412_000_331, by: '王值班' },
      { state: 'troubled', note: 'disk-full', started_at: BEGAN - 7_300, segments: 24, bytes: 3_212_000_000 },
      { state: 'waiting', note: '34010200001320000003 is offline', started_at: BEGAN - 300, segments: 1, bytes: 12_000_000 },
      { state: 'ended', started_at: BEGAN - 90_000, ended_at: BEGAN - 88_000, seconds: 2000, segments: 7, bytes: 990_100_000, by: '李远程' },
      { state: 'ended', started_at: BEGAN - 190_000, ended_at: BEGAN - 189_700, seconds: 300, segments: 1, bytes: 140_000_000 },
    ][i]),
  )

export const segmentRows = (recording: string): RecordingSegment[] =>
  [0, 1, 2].map((i) => ({ name: `20261129T09${15 + 5 * i}00.250Z.mp4`, start: BEGAN - 912 + 300 * i, end: BEGAN - 612 + 300 * i, bytes: 150_331_020 + i * 1_000_000, frames: 7500, url: `/api/v1/recordings/${recording}/segments/x` }))
