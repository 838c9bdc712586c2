/** A voice as the server tells of it. */

export type Style = 'auto' | 'broadcast' | 'talk'
export type Stage = 'asking' | 'answered' | 'talking' | 'failed' | 'ended'

export interface Hop {
  who: string
  what: string
  status: number
  reason: string
}

export interface Step {
  at_s: number
  what: string
  status: number
  reason: string
}

export interface Sound {
  state: 'waiting' | 'open' | 'unreachable' | 'shut'
  target: string
  packets: number
  bytes: number
  dropped: number
  reports: number
  lost_there: number | null
  heard_packets: number
  heard_bytes: number
  heard_level: number
  heard_from: string
  note: string
}

export interface Leg {
  name: string
  call_id: string
  transport: string
  form: string
  sound: Sound | null
}

export interface Target {
  owner: string
  channel: string
  target: string
  style: Style
  stage: Stage
  obstacle: string
  reason: string
  hops: Hop[]
  steps: Step[]
  legs: Leg[]
  holder: string
  held_since: number | null
  name: string
}

export interface Talk {
  id: string
  by: string
  since: number
  source: string
  ended: string
  voice: { level: number; waiting_s: number; heard_bytes: number; pieces: number; silences: number; dropped: number }
  targets: Target[]
}

export interface TalkWish {
  targets?: { owner: string; channel: string }[]
  nodes?: string[]
  style?: Style
  seconds?: number
}
