/** A weekly plan as spans of seconds a day, painted and wiped out with a hand. */
import type { Group, Value } from '@/api/settings'
import { isGroup } from './model'

export type Span = readonly [number, number]
export const DAY_S = 86_400
/** The standard's clock ends a second before midnight. */
export const LAST_S = DAY_S - 1
export const STEP_S = 900
export const MOST = 8

/** Add a span; what touches or overlaps becomes one. */
export function paint(spans: readonly Span[], from: number, to: number): Span[] {
  let [start, stop] = [Math.min(from, to), Math.max(from, to)]
  if (start >= stop) return [...spans]
  const kept: Span[] = []
  for (const span of spans) {
    if (span[1] < start - 1 || span[0] > stop + 1) kept.push(span)
    else [start, stop] = [Math.min(start, span[0]), Math.max(stop, span[1])]
  }
  return [...kept, [start, stop] as const].sort((a, b) => a[0] - b[0])
}

/** Take a span away from all that it touches. */
export function wipe(spans: readonly Span[], from: number, to: number): Span[] {
  const [start, stop] = [Math.min(from, to), Math.max(from, to)]
  return spans.flatMap(([a, b]): Span[] => {
    if (b <= start || a >= stop) return [[a, b]]
    const left: Span[] = a < start ? [[a, start]] : []
    const right: Span[] = b > stop ? [[stop, b]] : []
    return [...left, ...right]
  })
}

export const covers = (spans: readonly Span[], at: number) => spans.some(([a, b]) => at >= a && at < b)

const seconds = (thing: Group, end: string) => Number(thing[`${end}Hour`] ?? 0) * 3600 + Number(thing[`${end}Min`] ?? 0) * 60 + Number(thing[`${end}Sec`] ?? 0)

function clockOf(at: number, end: string): Group {
  const held = Math.min(at, LAST_S)
  return { [`${end}Hour`]: Math.floor(held / 3600), [`${end}Min`]: Math.floor(held / 60) % 60, [`${end}Sec`]: held % 60 }
}

/** The seven days of a RecordSchedule, Monday first. */
export function daysOf(schedule: Value | undefined): Span[][] {
  const days: Span[][] = Array.from({ length: 7 }, () => [])
  for (const day of Array.isArray(schedule) ? schedule : []) {
    if (!isGroup(day) || !Array.isArray(day.TimeSegment)) continue
    const spans = days[Number(day.WeekDayNum) - 1]
    spans?.push(...day.TimeSegment.filter(isGroup).map((one): Span => [seconds(one, 'Start'), seconds(one, 'Stop')]))
  }
  return days
}

/** The RecordSchedule of seven days; a day without times is left out. */
export function scheduleOf(days: readonly (readonly Span[])[]): Value[] {
  return days.flatMap((spans, index): Value[] =>
    spans.length === 0 ? [] : [{ WeekDayNum: index + 1, TimeSegment: spans.map(([a, b]): Group => ({ ...clockOf(a, 'Start'), ...clockOf(b, 'Stop') })) }],
  )
}

const two = (n: number) => String(n).padStart(2, '0')

/** 08:15, and 24:00 for the last second. */
export const clock = (at: number) => (at >= LAST_S ? '24:00' : `${two(Math.floor(at / 3600))}:${two(Math.floor(at / 60) % 60)}`)
