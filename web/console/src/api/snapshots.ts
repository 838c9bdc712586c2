/** Photographs that are kept, and those that are taken by the clock. */
import { http } from './http'

export interface Snapshot {
  id: string
  owner: string
  channel: string
  stream: number
  /** when it was seen, UNIX seconds */
  at: number
  reason: 'manual' | 'alarm' | 'plan' | 'device'
  by: string
  width: number
  height: number
  bytes: number
  session: string
  /** what the device calls it */
  name: string
  url: string
  small_url: string
}

export interface SnapshotPlan {
  owner: string
  channel: string
  stream: number
  every_min: number
  next_at: number
  last_at: number
  failure: string
}

/** What a device was told to photograph and send, and how far it has got. */
export interface DeviceOrder {
  session: string
  owner: string
  channel: string
  by: string
  wanted: number
  interval_s: number
  at: number
  state: 'ordered' | 'done' | 'partial' | 'failed'
  received: string[]
  /** what it says it sent; null before it said anything */
  listed: string[] | null
  refused: number
  note: string
}

const part = encodeURIComponent
/** Whoever has the channel. */
const ANY = '-'

export const snapshots = {
  list: (channel: string, before: string, limit: number) =>
    http.get<{ items: Snapshot[]; next: string | null }>('/snapshots', { channel, before, limit }),
  take: (owner: string, channel: string, stream = 0) => http.post<Snapshot>('/snapshots', { owner, channel, stream }),
  remove: (id: string) => http.delete<null>(`/snapshots/${part(id)}`),
  plans: () => http.get<{ items: SnapshotPlan[] }>('/snapshot-plans'),
  plan: (owner: string, channel: string, everyMin: number) =>
    http.put<SnapshotPlan>(`/channels/${part(owner || ANY)}/${part(channel)}/snapshot-plan`, { every_min: everyMin }),
  order: (owner: string, channel: string, number: number, intervalS: number) =>
    http.post<DeviceOrder>(`/channels/${part(owner)}/${part(channel)}/device-snapshots`, { number, interval_s: intervalS }),
  orders: (channel: string) => http.get<{ items: DeviceOrder[] }>('/device-snapshots', { channel }),
  unplan: (owner: string, channel: string) =>
    http.delete<null>(`/channels/${part(owner || ANY)}/${part(channel)}/snapshot-plan`),
}
