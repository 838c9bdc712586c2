/** A week of recording as it is painted: half hours on a grid, spans of seconds on the wire. */
import type { Day } from '@/api/plans'

export const DAY_S = 86_400
export const STEP_S = 1_800
export const STEPS = DAY_S / STEP_S
/** What devices hold of one day, and so do we. */
export const MOST_A_DAY = 8

export const emptyWeek = (): Day[] => Array.from({ length: 7 }, () => [])
export const wholeDay = (): Day => [[0, DAY_S]]
export const officeHours = (): Day => [[8 * 3600, 18 * 3600]]

/** Spans in order, those that touch as one. */
export function joined(day: Day): Day {
  const out: Day = []
  for (const [start, end] of [...day].sort((a, b) => a[0] - b[0])) {
    const last = out.at(-1)
    if (start >= end) continue
    if (last && start <= last[1]) last[1] = Math.max(last[1], end)
    else out.push([start, end])
  }
  return out
}

/** Without a span. */
export function without(day: Day, from: number, to: number): Day {
  const out: Day = []
  for (const [start, end] of joined(day)) {
    if (start < Math.min(end, from)) out.push([start, Math.min(end, from)])
    if (Math.max(start, to) < end) out.push([Math.max(start, to), end])
  }
  return out
}

/** Half hours `a` to `b`, whichever is first, painted or wiped. More spans than fit leave the day as it was. */
export function painted(day: Day, a: number, b: number, on: boolean): Day {
  const from = Math.min(a, b) * STEP_S
  const to = (Math.max(a, b) + 1) * STEP_S
  const after = on ? joined([...day, [from, to]]) : without(day, from, to)
  return after.length > MOST_A_DAY ? joined(day) : after
}

export const isOn = (day: Day, step: number): boolean => day.some(([start, end]) => start < (step + 1) * STEP_S && end > step * STEP_S)

export const hoursOf = (week: Day[]): number => week.flat().reduce((sum, [start, end]) => sum + end - start, 0) / 3600

const two = (n: number) => String(n).padStart(2, '0')
/** 08:30; midnight at the end of a day is 24:00. */
export const clockOf = (seconds: number): string => `${two(Math.floor(seconds / 3600))}:${two(Math.floor((seconds % 3600) / 60))}`
export const spansOf = (day: Day): string => day.map(([start, end]) => `${clockOf(start)}–${clockOf(end)}`).join('  ')
