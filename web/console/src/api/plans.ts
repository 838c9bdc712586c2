/** Recording by plan: plans and how they stand, gaps, the disk, and what is kept of a channel. */
import { http, withQuery } from './http'

/** Spans of a day in seconds, from and to. */
export type Day = [number, number][]
export type PlanState = 'off' | 'asking' | 'recording' | 'troubled' | 'waiting'
export type GapState = 'open' | 'filling' | 'filled' | 'given-up'

export interface PlanWords {
  stream: number
  always: boolean
  week: Day[]
  on_alarm: boolean
  post_s: number
  form: 'mp4' | 'ps'
  quota_bytes: number | null
  keep_days: number | null
  fills: boolean
  enabled: boolean
}

export interface Plan extends PlanWords {
  owner: string
  channel: string
  state: PlanState
  recording: string
  note: string
  reason: string
  bytes: number
  first: number
  last: number
  gaps: number
}

export interface PlanWish extends Partial<PlanWords> {
  channels?: { owner: string; channel: string }[]
  nodes?: string[]
}

export interface Gap {
  owner: string
  channel: string
  stream: number
  start: number
  end: number
  reason: string
  state: GapState
  tries: number
  next_try: number | null
  note: string
}

export interface Room {
  total: number
  free: number
  used: number
  files: number
  bytes_per_s: number
  days_left: number | null
  is_crowded: boolean
  deleted: number
  keep_days: number
  quota_bytes: number
}

export interface Band {
  start: number
  end: number
  kind: string
  stream: number
  bytes: number
  files: number
  locked: boolean
}

export interface KeptFile {
  name: string
  start: number
  end: number
  bytes: number
  frames: number
  url: string
}

const part = encodeURIComponent
const channel = (owner: string, code: string) => `/channels/${part(owner)}/${part(code)}/kept`

export const plans = {
  list: () => http.get<{ items: Plan[] }>('/recording-plans'),
  set: (wish: PlanWish) => http.put<{ count: number }>('/recording-plans', wish),
  drop: (plan: { owner: string; channel: string; stream: number }) =>
    http.delete<null>(`/recording-plans/${part(plan.owner)}/${part(plan.channel)}/${plan.stream}`),
  gaps: (query: { owner?: string; channel?: string; state?: string; limit?: number } = {}) =>
    http.get<{ items: Gap[]; total: number }>(withQuery('/recording-gaps', query)),
  fill: (gap: Gap) => http.post<Gap>('/recording-gaps/fill', { owner: gap.owner, channel: gap.channel, stream: gap.stream, start: gap.start }),
  room: () => http.get<Room>('/recording-room'),
  kept: (owner: string, code: string, start: number, end: number) =>
    http.get<{ items: Band[]; gaps: Gap[] }>(withQuery(channel(owner, code), { start, end })),
  files: (owner: string, code: string, start: number, end: number) =>
    http.get<{ items: KeptFile[] }>(withQuery(`${channel(owner, code)}/files`, { start, end })),
  lock: (owner: string, code: string, start: number, end: number, locked: boolean) =>
    http.post<null>(`${channel(owner, code)}/lock`, { start, end, locked }),
  exportUrl: (owner: string, code: string, start: number, end: number, form: 'mp4' | 'ps') =>
    withQuery(`/api/v1${channel(owner, code)}/export`, { start, end, form }),
}
