/** What a device is asked and set to: the server's own words. */
import { http } from './http'

export type FieldKind = 'whole' | 'decimal' | 'flag' | 'choice' | 'choices' | 'text' | 'corners' | 'group' | 'list'
export type Value = boolean | number | string | Value[] | { [name: string]: Value }
export type Group = { [name: string]: Value }

export interface Field {
  name: string
  kind: FieldKind
  must: boolean
  must_when: [string, string] | null
  /** editions in whose answers it may stand */
  told: string[]
  /** editions in which it may be set */
  set: string[]
  low: number | null
  high: number | null
  unit: string
  choices: string[]
  pattern: string
  fewest: number
  /** bytes of a text in GB 18030 */
  longest: number
  usual: number | string | null
  is_made: boolean
  fields: Field[]
  most: number
  distinct: string
}

export interface SettingType {
  form: Field
  years: string[]
  of: 'device' | 'channel' | 'either'
  widget: '' | 'week' | 'mask' | 'osd'
}

export interface Setting {
  type: string
  at: number
  value: Value
  odd: string[]
}

export interface Difference {
  path: string
  wanted: Value
  told: Value | null
}

export interface Outcome {
  answered: boolean
  now: Setting | null
  differences: Difference[]
  note: string
}

export interface Told {
  at: number
}

/** A list that a device may have told only in part. */
export interface Gathered<T> extends Told {
  items: T[]
  complete: boolean
  got: number
  expected: number
}

export interface Info extends Told {
  name: string
  manufacturer: string
  model: string
  firmware: string
  channels: number | null
}

export interface Status extends Told {
  online: boolean
  ok: boolean
  reason: string
  encoding: boolean | null
  recording: boolean | null
  clock: number | null
  duties: { code: string; duty: string }[]
}

export interface Home extends Told {
  enabled: boolean | null
  reset_time_s: number | null
  preset: number | null
}

export interface Cruise {
  number: number
  name: string
}

export interface CruiseDetail extends Told, Cruise {
  points: { preset: number; stay_s: number; speed: number }[]
  complete: boolean
  got: number
  expected: number
}

export interface Look extends Told {
  pan: number | null
  tilt: number | null
  zoom: number | null
}

export interface Card {
  number: number
  name: string
  state: string
  progress: number | null
  capacity_mb: number
  free_mb: number
}

export interface Place extends Told {
  taken_at: number | null
  longitude: number
  latitude: number
}

export interface PastAlarm {
  code: string
  at: number | null
  priority: number
  method: number
  alarm_type: number | null
  description: string
}

const part = encodeURIComponent
const base = (owner: string, code: string) => `/channels/${part(owner)}/${part(code)}`

export const settings = {
  types: () => http.get<{ items: SettingType[] }>('/setting-types'),
  read: (owner: string, code: string, name: string) => http.get<Setting>(`${base(owner, code)}/settings/${part(name)}`),
  set: (owner: string, code: string, name: string, value: Value) => http.put<Outcome>(`${base(owner, code)}/settings/${part(name)}`, { value }),
}

export const queries = {
  info: (owner: string, code: string) => http.get<Info>(`${base(owner, code)}/info`),
  status: (owner: string, code: string) => http.get<Status>(`${base(owner, code)}/status`),
  home: (owner: string, code: string) => http.get<Home>(`${base(owner, code)}/home-position`),
  cruises: (owner: string, code: string) => http.get<Gathered<Cruise>>(`${base(owner, code)}/cruises`),
  cruise: (owner: string, code: string, number: number) => http.get<CruiseDetail>(`${base(owner, code)}/cruises/${number}`),
  look: (owner: string, code: string) => http.get<Look>(`${base(owner, code)}/look`),
  cards: (owner: string, code: string) => http.get<Gathered<Card>>(`${base(owner, code)}/cards`),
  place: (owner: string, code: string) => http.get<Place>(`${base(owner, code)}/place`),
  pastAlarms: (owner: string, code: string, start: number, end: number) =>
    http.get<{ at: number; items: PastAlarm[]; complete: boolean }>(`${base(owner, code)}/past-alarms`, { start, end }),
}

/** A picture of a channel as it is now, as an address of this page; give it back with `URL.revokeObjectURL`. */
export async function picture(owner: string, code: string): Promise<string> {
  const answer = await fetch(`/api/v1${base(owner, code)}/snapshot?width=960`, { credentials: 'same-origin' })
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`)
  return URL.createObjectURL(await answer.blob())
}
