/** The list of alarms as a value: what belongs in it, and what news makes of it. */
import type { Alarm, AlarmQuery } from '@/api/alarms'

export type Tab = 'open' | 'mine' | 'working' | 'closed' | 'all'
export type Since = 'hour' | 'day' | 'week' | 'any'

export interface Filter {
  tab: Tab
  /** none chosen means all */
  priorities: number[]
  method: number | null
  since: Since
  text: string
}

export const TABS: readonly Tab[] = ['open', 'mine', 'working', 'closed', 'all']
export const SINCE_S: Record<Since, number | null> = { hour: 3600, day: 86_400, week: 604_800, any: null }
export const MOST_SHOWN = 500

const STATES: Record<Tab, readonly Alarm['state'][]> = {
  open: ['open'],
  mine: ['open', 'acknowledged', 'assigned'],
  working: ['acknowledged', 'assigned'],
  closed: ['closed'],
  all: [],
}

/** What to ask the server for. */
export function queryOf(filter: Filter, me: string, now: number): AlarmQuery {
  const since = SINCE_S[filter.since]
  return {
    state: STATES[filter.tab].join(','),
    priority: filter.priorities.join(','),
    method: filter.method === null ? '' : String(filter.method),
    assigned_to: filter.tab === 'mine' ? me : '',
    q: filter.text.trim(),
    since: since === null ? null : Math.floor(now - since),
  }
}

/** Whether an alarm of the news belongs in the list. A text is the server's to search: ours would only guess. */
export function belongs(alarm: Alarm, filter: Filter, me: string): boolean {
  const states = STATES[filter.tab]
  return (
    (states.length === 0 || states.includes(alarm.state)) &&
    (filter.priorities.length === 0 || filter.priorities.includes(alarm.priority)) &&
    (filter.method === null || filter.method === alarm.method) &&
    (filter.tab !== 'mine' || alarm.assigned_to === me)
  )
}

/**
 * The list after news of one alarm: in place when it stood there, on top when it is new. `keep` is the one that is
 * open beside the list: it stays where it is though it does not belong any more, so that nothing jumps under a hand.
 */
export function withNews(list: readonly Alarm[], alarm: Alarm, filter: Filter, me: string, keep: number | null): Alarm[] {
  const place = list.findIndex((one) => one.id === alarm.id)
  const stays = belongs(alarm, filter, me) || alarm.id === keep
  if (place >= 0) return stays ? list.with(place, alarm) : list.filter((one) => one.id !== alarm.id)
  if (!stays || filter.text.trim() !== '') return [...list]
  const after = [alarm, ...list].sort((one, other) => other.id - one.id)
  return after.slice(0, MOST_SHOWN)
}

/** The neighbour of the chosen one, `step` lines down; the first when none is chosen. */
export function stepTo(list: readonly Alarm[], chosen: number | null, step: number): number | null {
  const place = list.findIndex((one) => one.id === chosen)
  if (place < 0) return list[0]?.id ?? null
  return list[Math.min(Math.max(place + step, 0), list.length - 1)]?.id ?? null
}

/** Where its video before and after stands; null when nobody can say which camera sees it. */
export function playbackOf(alarm: Alarm, beforeS: number): { path: string; query: Record<string, string> } | null {
  if (!alarm.video) return null
  const at = String(Math.max(0, Math.floor(alarm.first_at - beforeS)))
  return { path: '/playback', query: { owner: alarm.owner, channel: alarm.video, at } }
}
