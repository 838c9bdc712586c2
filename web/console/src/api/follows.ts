/** What we follow of a neighbour below, and what was chosen to be. */
import { http } from './http'

export const FOLLOWED = ['catalog', 'alarm', 'position', 'ptz'] as const
export type Followed = (typeof FOLLOWED)[number]
export type FollowChoice = 'on' | 'off' | 'settings'
export type FollowChoices = Record<Followed, FollowChoice>

export interface FollowRow {
  subject: Followed
  target: string
  standing: string
  reason: string
  expires_at: number | null
  heard_at: number | null
  notices: number
  grants: number
}

export interface FollowList {
  items: FollowRow[]
  choices: FollowChoices
  is_2022: boolean
}

const of = (code: string) => `/devices/${encodeURIComponent(code)}/subscriptions`

export const follows = {
  list: (code: string) => http.get<FollowList>(of(code)),
  choose: (code: string, choices: FollowChoices) => http.put<FollowList>(of(code), choices),
}
