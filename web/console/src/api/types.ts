/** What the server says and hears under /api/v1: the same words, in snake_case as on the wire. Times are UNIX seconds. */

export type Role = 'viewer' | 'operator' | 'administrator'
/** A program may have less than any person: to read figures and nothing else. */
export type KeyRole = Role | 'scraper'

export interface User {
  name: string
  role: Role
  must_change: boolean
}

export interface UserRow extends User {
  created_at: number
  disabled: boolean
}

export interface ApiKey {
  id: string
  name: string
  role: KeyRole
  created_at: number
  last_used: number | null
  expires: number | null
}

export interface NewApiKey {
  id: string
  secret: string
}

export type NodeKind = 'division' | 'system' | 'group' | 'organisation' | 'device' | 'channel'

export interface Channel {
  id: string
  owner: string
  code: string
  name: string
  name_said: string
  online: boolean
  playable: boolean
  has_ptz: boolean
  ptz_type: number | null
  manufacturer: string
  model: string
  address: string
  longitude: number | null
  latitude: number | null
  streams: number[]
}

export interface TreeNode {
  id: string
  kind: NodeKind
  code: string
  name: string
  parent: string | null
  owner: string
  online: number
  total: number
  has_children: boolean
  channel: Channel | null
  /** the platforms that have the same camera, when several have */
  ways: string[]
}

export interface TreePage {
  node: TreeNode | null
  children: TreeNode[]
  next: string | null
}

export interface SearchHit {
  channel: Channel
  path: string[]
}

export type Presence = 'online' | 'offline' | 'unconfirmed' | 'never'
export type DeviceKind = 'camera' | 'recorder' | 'platform' | 'other' | 'own'
export type MediaTransport = 'udp' | 'tcp-passive' | 'tcp-active'

export interface CatalogProgress {
  got: number
  expected: number
}

export interface Device {
  code: string
  name: string
  name_here: string | null
  shown_name: string
  kind: DeviceKind
  has_password: boolean
  enabled: boolean
  media_transport: MediaTransport
  /** the part of the network it stands in; media hosts of the same zone take its streams first */
  media_zone: string
  send_date: boolean
  keepalive_interval_s: number | null
  keepalive_count: number | null
  charset: string
  dialect: string
  presence: Presence
  presence_reason: string
  presence_since: number | null
  edition: string
  transport: string
  remote_host: string
  remote_port: number
  local_host: string
  local_port: number
  contact: string
  user_agent: string
  registered_at: number | null
  expires_at: number | null
  heard_at: number | null
  manufacturer: string
  model: string
  firmware: string
  channels_said: number | null
  channels_total: number
  channels_online: number
  catalog_at: number | null
  catalog_complete: boolean
  catalog_note: string
  catalog_progress: CatalogProgress | null
  refused_at: number | null
  refusal: string
  refusal_note: string
  added_at: number | null
}

/** What an administrator may say of a device; absent fields are left as they are. */
export interface DeviceWish {
  code?: string
  name_here?: string | null
  kind?: DeviceKind
  password?: string | null
  enabled?: boolean
  media_transport?: MediaTransport
  media_zone?: string
  send_date?: boolean
  keepalive_interval_s?: number | null
  keepalive_count?: number | null
  charset?: string
  dialect?: string
}

export interface Page<T> {
  items: T[]
  next: string | null
  total: number | null
}

export interface DevicePage {
  items: Device[]
  next: string | null
  total: number | null
}

export interface Refusal {
  code: string
  reason: string
  detail: string
  source: string
  transport: string
  at: number
  user_agent: string
  count: number
  known: boolean
}

export type OutletFormat = 'ws-fmp4' | 'http-flv' | 'ws-flv' | 'webrtc' | 'hls'

export interface VideoTrack {
  codec: string
  width: number
  height: number
  fps: number
  mime: string
}

export interface AudioTrack {
  codec: string
  rate_hz: number
  channels: number
  playable_as: string | null
}

/** With `owner` "" the house finds whose channel it is and tries a second way; `via` is the way wished for, from us down. */
export interface LiveWish {
  owner: string
  channel: string
  format: OutletFormat
  stream: number
  audio: boolean
  via?: string[]
  /** have another codec encoded anew */
  codec?: 'h264'
}

export interface Live {
  lease: string
  url: string
  format: OutletFormat
  call_id: string
  video: VideoTrack
  audio: AudioTrack | null
  owner?: string
  /** the platforms it comes by, ours first */
  path?: string[]
  /** the camera's codec, when it is encoded anew for us */
  recoded?: string
}

/** A way to a channel that several neighbours have; the list of them is best first. */
export interface Way {
  owner: string
  owner_name: string
  owner_kind: DeviceKind | null
  presence: Presence | null
  name: string
  online: boolean
  tiers: number
  /** how much it failed lately: 0 not at all, 1 just now */
  trouble: number
  in_use: boolean
  streams: string[]
  path: string[]
}

export interface Hop {
  who: string
  what: string
  status: number
  reason: string
}

export interface Seen {
  verdict: string
  packets: number
  bytes: number
  sources: string[]
  ssrcs: number[]
  payload_types: number[]
  codecs: string[]
  note: string
}

/** Why a picture did not come: `error.details` of a refused POST /live. */
export interface PlayFailure {
  code: string
  status: number
  hops: Hop[]
  seen: Seen | null
  call_id: string | null
  path?: string[]
}

export interface StreamRow {
  id: string
  owner: string
  channel: string
  state: string
  stream_number: number
  transport: string
  ssrc: string
  call_id: string | null
  viewers: string[]
  started_at: number
  failure: string | null
  statistics: InletStatistics | null
  kind?: 'live' | 'playback' | 'download'
  path?: string[]
  senders?: Sender[]
}

/** One way out to a platform above; `lost_there` is what it reports to have lost, 0 to 1. */
export interface Sender {
  target: string
  transport: string
  state: string
  packets: number
  bytes: number
  queued_bytes: number
  skips: number
  dropped_bytes: number
  lost_there: number | null
  /** the code of the platform above */
  upper?: string
}

/** A viewer and how it keeps up: what waits for it, how old the oldest of that is, how often it was moved on. */
export interface Seat {
  viewer: string
  format: string
  sent_bytes: number
  queued_bytes: number
  queued_s: number
  skips: number
  dropped: number
}

/** A recording by hand; `state` is asking, recording, troubled, waiting or ended. */
export interface Recording {
  id: string
  owner: string
  channel: string
  stream: number
  form: string
  by: string
  started_at: number
  ended_at: number | null
  state: string
  note: string
  segments: number
  bytes: number
  seconds: number
  /** manual, time, alarm or filled */
  kind?: string
}

export interface RecordingSegment {
  name: string
  start: number
  end: number
  bytes: number
  frames: number
  url: string
}

/** A process that carries media; `load` is 1 for a whole core. */
export interface WorkerRow {
  name: string
  state: string
  load: number
  memory_bytes: number
  streams: number
  viewers: number
  senders: number
  packets_per_s: number
  bitrate_bps: number
  nap_s: number
  late_ticks: number
  restarts: number
  uptime_s: number
  zone?: string
  /** why the one before it ended */
  note?: string
}

/** What is counted on a stream's way in; rates are of the last seconds, `loss` is 0 to 1. */
export interface InletStatistics {
  packets: number
  bytes: number
  lost: number
  reordered: number
  duplicates: number
  resyncs: number
  frames: number
  key_frames: number
  viewers: number
  last_packet_age_s: number | null
  video: VideoTrack | null
  audio: AudioTrack | null
  bitrate_bps: number
  packets_per_s: number
  fps: number
  loss: number
  jitter_s: number
  gop_frames: number | null
  gop_s: number | null
  key_frame_age_s: number | null
  skips: number
  cut: number
  seats: Seat[]
}

export type PtzWish =
  | { pan: number; tilt: number; zoom: number }
  | { stop: true }
  | { focus: number; iris: number }
  | { preset: { action: 'set' | 'call' | 'delete'; number: number; name?: string } }

export interface Preset {
  number: number
  name: string
}

export interface PresetList {
  items: Preset[]
  complete: boolean
}

export interface LadderMessage {
  at: number
  direction: 'in' | 'out'
  transport: string
  local: string
  remote: string
  peer: string
  call_id: string
  method: string
  status: number
  summary: string
  text: string
  size: number
  repeated: boolean
}

/** One call in the list: `status` is the final answer to its INVITE, 0 while there is none. */
export interface CallRow {
  call_id: string
  peer: string
  target: string
  started_at: number
  ended_at: number
  status: number
  messages: number
}

export interface SystemFacts {
  name: string
  code: string
  domain: string
  version: string
  started_at: number
  sip: { host: string; port: number; transports: string[] }
  presence: Record<Presence, number>
  channels: { online: number; total: number }
  streams: number
  viewers: number
  sip_statistics: Record<string, unknown>
  media: Record<string, unknown>
  web: Record<string, unknown>
}

/** A line of the book: who did what to whom, from where, and how it ended. */
export interface AuditLine {
  id: number
  at: number
  who: string
  what: string
  target: string
  result: string
  address: string
}
