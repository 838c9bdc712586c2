/** The server's events, typed by kind. What does not look as promised is dropped. */
import type { AlarmCounts, AlarmNews, PictureWished } from './alarms'
import type { Upgrade } from './upgrades'
import type { Platform } from './platforms'
import type { Device, Refusal } from './types'

export interface CountsNews {
  nodes: { id: string; online: number; total: number }[]
}

export interface CatalogNews {
  owner: string
  added_count: number
  changed_count: number
  removed_count: number
  complete: boolean
}

export interface StreamNews {
  id: string
  owner: string
  channel: string
  state: string
  note: string
}

export interface RecordingNews {
  id: string
  owner: string
  channel: string
  state: string
  note: string
}

export interface SteeringNews {
  owner: string
  code: string
  /** "" when nobody has it */
  holder: string
  name: string
  until: number
  on_purpose: boolean
  lost_by: string
  taken_by: string
}

export interface News {
  /** an event comes at least every `heartbeat_s`, or the line is dead */
  hello: { heartbeat_s?: number }
  resync: Record<string, never>
  device: Device
  'device-removed': { code: string }
  refusal: Refusal
  catalog: CatalogNews
  'catalog-progress': { owner: string; got: number; expected: number }
  channel: { owner: string; code: string; online: boolean }
  counts: CountsNews
  stream: StreamNews
  download: { id: string; state: string }
  alarm: AlarmNews
  'alarm-counts': AlarmCounts
  'picture-wished': PictureWished
  platform: Platform
  'platform-removed': { code: string }
  sharing: { platform: string }
  recording: RecordingNews
  'recording-gap': { owner: string; channel: string; stream: number; start: number; end: number; reason: string }
  steering: SteeringNews
  upgrade: Upgrade
}

export type NewsKind = keyof News

export const NEWS_KINDS: readonly NewsKind[] = [
  'hello', 'resync', 'device', 'device-removed', 'refusal', 'catalog', 'catalog-progress', 'channel', 'counts',
  'stream', 'alarm', 'alarm-counts', 'picture-wished', 'platform', 'platform-removed', 'sharing', 'recording', 'recording-gap', 'steering', 'download', 'upgrade',
]

/** The data of one event, or null when it is not a JSON object. */
export function readNews<K extends NewsKind>(text: string): News[K] | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as News[K]) : null
  } catch {
    return null
  }
}
