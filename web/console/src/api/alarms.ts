/** Alarms as the server tells them, and what may be asked about them. */
import { http } from './http'

export interface Named {
  zh: string
  en: string
}

export type AlarmState = 'open' | 'acknowledged' | 'assigned' | 'closed'
export type Verdict = 'real' | 'false' | 'drill' | 'maintenance' | 'other'
export type ResetWord = '' | 'asked' | 'ok' | 'refused' | 'silent'

export interface Alarm {
  id: number
  owner: string
  channel: string
  name: string
  owner_name: string
  region: string
  /** the channel of `owner` that shows the place; empty when nobody can say which */
  video: string
  priority: number
  method: number
  type: string
  event_type: number | null
  title: Named
  method_name: Named
  description: string
  longitude: number | null
  latitude: number | null
  first_at: number
  last_at: number
  heard_at: number
  count: number
  state: AlarmState
  acknowledged_by: string
  acknowledged_at: number | null
  assigned_to: string
  closed_by: string
  closed_at: number | null
  verdict: Verdict | ''
  reset: ResetWord
  reset_note: string
  /** the id of a photograph of the moment; empty when there is none */
  snapshot: string
}

export interface AlarmStep {
  at: number
  who: string
  deed: string
  note: string
}

export interface AlarmDetail {
  alarm: Alarm
  steps: AlarmStep[]
  from_s: number
}

export interface AlarmNews {
  /** raised, repeated, or what somebody did */
  what: string
  alarm: Alarm
}

export interface AlarmCounts {
  /** open alarms by priority, 0 where it was not said */
  open: Record<string, number>
  unclosed: number
}

export interface PictureWished {
  alarm: number
  owner: string
  channel: string
  name: string
}

export interface AlarmQuery {
  state?: string
  priority?: string
  method?: string
  q?: string
  assigned_to?: string
  since?: number | null
  until?: number | null
  before?: number | null
  limit?: number
}

export interface AlarmWords {
  methods: { number: number; name: Named }[]
  types: { method: number; type: number; name: Named; only_2022: boolean }[]
  events: { number: number; name: Named }[]
  priorities: { number: number; name: Named }[]
}

export interface AlarmRuleWish {
  name: string
  enabled: boolean
  owner: string
  channel: string
  methods: number[]
  lowest_priority: number
  record_s: number
  popup: boolean
  preset: number
}

export interface AlarmRule extends AlarmRuleWish {
  id: string
}

const at = (id: number, deed: string) => `/alarms/${id}/${deed}`

export const alarms = {
  list: (query: AlarmQuery, signal?: AbortSignal) =>
    http.get<{ items: Alarm[]; next: number | null; total: number }>('/alarms', { ...query }, signal),
  one: (id: number) => http.get<AlarmDetail>(`/alarms/${id}`),
  counts: () => http.get<AlarmCounts>('/alarms/counts'),
  words: () => http.get<AlarmWords>('/alarms/words'),
  people: () => http.get<{ names: string[] }>('/alarms/people'),
  acknowledge: (id: number, note = '') => http.post<Alarm>(at(id, 'acknowledge'), { note }),
  acknowledgeMany: (ids: number[]) => http.post<{ items: Alarm[] }>('/alarms/many', { ids, deed: 'acknowledge' }),
  assign: (id: number, to: string) => http.post<Alarm>(at(id, 'assign'), { to }),
  comment: (id: number, note: string) => http.post<Alarm>(at(id, 'comment'), { note }),
  close: (id: number, verdict: Verdict, note = '') => http.post<Alarm>(at(id, 'close'), { verdict, note }),
  closeMany: (ids: number[], verdict: Verdict) =>
    http.post<{ items: Alarm[] }>('/alarms/many', { ids, deed: 'close', verdict }),
  reopen: (id: number) => http.post<Alarm>(at(id, 'reopen'), { note: '' }),
  reset: (id: number) => http.post<Alarm>(at(id, 'reset')),
  rules: () => http.get<{ items: AlarmRule[] }>('/alarm-rules'),
  addRule: (wish: AlarmRuleWish) => http.post<AlarmRule>('/alarm-rules', wish),
  changeRule: (id: string, wish: AlarmRuleWish) => http.put<AlarmRule>(`/alarm-rules/${id}`, wish),
  removeRule: (id: string) => http.delete<null>(`/alarm-rules/${id}`),
}

/** An alarm input of a device, and the camera that shows what it guards; "" leaves it to the house. */
export interface AlarmLink {
  input: string
  name: string
  camera: string
  camera_name: string
  known: boolean
}

const piece = encodeURIComponent

export const alarmLinks = {
  list: (device: string) => http.get<{ items: AlarmLink[]; complete: boolean }>(`/devices/${piece(device)}/alarm-links`),
  put: (device: string, input: string, camera: string) => http.put<AlarmLink>(`/devices/${piece(device)}/alarm-links/${piece(input)}`, { camera }),
  drop: (device: string, input: string) => http.delete<null>(`/devices/${piece(device)}/alarm-links/${piece(input)}`),
}
