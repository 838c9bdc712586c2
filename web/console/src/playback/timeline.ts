/** The arithmetic of a timeline: what of time is seen, where a moment lies, and which moments are written. Pure. */

export interface Span {
  start: number
  end: number
}

export const DAY_S = 86_400
export const SHORTEST_S = 120
export const LONGEST_S = 7 * DAY_S

/** The day, by the local clock, in which a moment lies. */
export function dayOf(at: number): Span {
  const day = new Date(at * 1000)
  day.setHours(0, 0, 0, 0)
  const start = day.getTime() / 1000
  day.setDate(day.getDate() + 1)
  return { start, end: day.getTime() / 1000 }
}

/** Every day that a window touches, as its own span. */
export function daysOf(seen: Span): Span[] {
  const days: Span[] = []
  for (let day = dayOf(seen.start); day.start < seen.end; day = dayOf(day.end + 1)) days.push(day)
  return days
}

/** Nearer or farther by a factor, with the moment under the pointer where it is. */
export function zoomed(seen: Span, at: number, factor: number): Span {
  const length = Math.min(LONGEST_S, Math.max(SHORTEST_S, (seen.end - seen.start) * factor))
  const share = (at - seen.start) / (seen.end - seen.start)
  const start = at - share * length
  return { start, end: start + length }
}

export function moved(seen: Span, by: number): Span {
  return { start: seen.start + by, end: seen.end + by }
}

/** The same length around a moment, when the moment is not seen well; else as it is. */
export function following(seen: Span, at: number): Span {
  const length = seen.end - seen.start
  if (at >= seen.start && at <= seen.end - length * 0.02) return seen
  const start = at - length * 0.1
  return { start, end: start + length }
}

export const placeOf = (seen: Span, at: number, width: number) => ((at - seen.start) / (seen.end - seen.start)) * width
export const momentOf = (seen: Span, x: number, width: number) => seen.start + (x / width) * (seen.end - seen.start)

const STEPS = [10, 30, 60, 300, 600, 1800, 3600, 7200, 10_800, 21_600, 43_200, DAY_S]
/** Pixels that a written time needs. */
const ROOM = 76

export interface Tick {
  at: number
  text: string
  isDay: boolean
}

const two = (n: number) => String(n).padStart(2, '0')

/** Moments to write, at round local times. */
export function ticks(seen: Span, width: number): Tick[] {
  const least = ((seen.end - seen.start) * ROOM) / Math.max(width, 1)
  const step = STEPS.find((one) => one >= least) ?? DAY_S
  const found: Tick[] = []
  const midnight = dayOf(seen.start).start
  for (let at = midnight + Math.ceil((seen.start - midnight) / step) * step; at < seen.end; at += step) {
    const d = new Date(at * 1000)
    const isDay = d.getHours() === 0 && d.getMinutes() === 0 && d.getSeconds() === 0
    const text = isDay ? `${two(d.getMonth() + 1)}-${two(d.getDate())}` : `${two(d.getHours())}:${two(d.getMinutes())}${step < 60 ? `:${two(d.getSeconds())}` : ''}`
    found.push({ at, text, isDay })
  }
  return found
}

/** A span of two moments in whichever order they were dragged. */
export function spanned(a: number, b: number): Span {
  return { start: Math.min(a, b), end: Math.max(a, b) }
}

/** The days of the month in which a moment lies, in whole weeks from Monday on. */
export function weeksOf(at: number): Span[][] {
  const first = new Date(at * 1000)
  first.setHours(0, 0, 0, 0)
  first.setDate(1)
  const month = first.getMonth()
  const day = new Date(first)
  day.setDate(1 - ((first.getDay() + 6) % 7))
  const weeks: Span[][] = []
  do {
    const week: Span[] = []
    for (let i = 0; i < 7; i++) {
      const start = day.getTime() / 1000
      day.setDate(day.getDate() + 1)
      week.push({ start, end: day.getTime() / 1000 })
    }
    weeks.push(week)
  } while (day.getMonth() === month)
  return weeks
}

export const touches = (one: Span, other: Span) => one.start < other.end && one.end > other.start
