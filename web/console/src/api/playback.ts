/** Recordings of devices and of ours: searched, played and taken home. Times are UNIX seconds. */
import { http } from './http'
import type { OutletFormat, VideoTrack } from './types'

export interface Span {
  start: number
  end: number
}

export interface RecordPiece extends Span {
  kind: 'time' | 'alarm' | 'manual' | ''
  name: string
  size: number | null
}

export interface RecordList {
  items: RecordPiece[]
  runs: Span[]
  seconds: number
  got: number
  expected: number
  complete: boolean
  partial: number[]
}

export interface KeptList {
  items: (Span & { locked?: boolean })[]
}

export interface PlayedChannel {
  owner: string
  channel: string
  state: 'asking' | 'playing' | 'paused' | 'gap' | 'ended' | 'failed' | 'left'
  note: string
  position: number
  start: number
  stop: number
  speed: number
  real_speed: number
  ignores_speed: boolean
  lease: string | null
  url: string | null
  format: OutletFormat | null
  call_id: string | null
  video: VideoTrack | null
  next_at: number | null
  /** it is our own recording */
  own: boolean
}

/** Whose recording is played; auto is ours where there is one. */
export const ORIGINS = ['auto', 'own', 'device'] as const
export type Origin = (typeof ORIGINS)[number]

export interface Playback {
  id: string
  position: number
  speed: number
  paused: boolean
  drift_s: number
  channels: PlayedChannel[]
}

export type TransportWish = { do: 'pause' | 'resume' } | { do: 'seek'; at: number } | { do: 'speed'; speed: number }

export interface DownloadFile {
  form: string
  bytes: number
  url: string
}

export interface Download {
  id: string
  owner: string
  channel: string
  stream: number
  start: number
  end: number
  speed: number
  by: string
  created_at: number
  ended_at: number | null
  state: 'queued' | 'running' | 'waiting' | 'interrupted' | 'done' | 'short' | 'failed'
  note: string
  progress: number
  expected_s: number
  covered_s: number
  listed: boolean
  runs: Span[]
  gaps: Span[]
  frames: number
  losses: number
  files: DownloadFile[]
}

export interface Which {
  owner: string
  channel: string
}

const part = encodeURIComponent

export const records = {
  /** What the device has. */
  search: (which: Which, start: number, end: number, fresh = false) =>
    http.get<RecordList>(`/channels/${part(which.owner)}/${part(which.channel)}/records`, { start, end, fresh: fresh || undefined }),
  /** What we have ourselves. */
  kept: (which: Which, start: number, end: number) =>
    http.get<KeptList>(`/channels/${part(which.owner)}/${part(which.channel)}/kept`, { start, end }),
}

export const playbacks = {
  start: (channels: Which[], at: number, speed: number, origin: Origin) =>
    http.post<Playback>('/playbacks', { channels: channels.map(({ owner, channel }) => ({ owner, channel })), at, speed, origin }),
  look: (id: string) => http.get<Playback>(`/playbacks/${part(id)}`),
  move: (id: string, wish: TransportWish) => http.post<Playback>(`/playbacks/${part(id)}/transport`, wish),
  stop: (id: string) => http.delete<null>(`/playbacks/${part(id)}`, true),
}

export const downloads = {
  list: () => http.get<{ items: Download[] }>('/downloads'),
  order: (which: Which, start: number, end: number, speed: number) =>
    http.post<Download>('/downloads', { owner: which.owner, channel: which.channel, start, end, speed }),
  interrupt: (id: string) => http.post<Download>(`/downloads/${part(id)}/interrupt`),
  resume: (id: string) => http.post<Download>(`/downloads/${part(id)}/resume`),
  remove: (id: string) => http.delete<null>(`/downloads/${part(id)}`),
}
