/** A track as a way through time, and the grid that stands for the ground. Pure. */
import type { Fix } from '@/api/places'

export interface Box {
  west: number
  south: number
  east: number
  north: number
}

/** Where the thing was at a moment, straight on between two places; null outside of its track. */
export function placeAt(fixes: readonly Fix[], at: number): [number, number] | null {
  const first = fixes[0]
  const last = fixes[fixes.length - 1]
  if (!first || !last || at < first[0] || at > last[0]) return null
  let low = 0
  let high = fixes.length - 1
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if ((fixes[middle] as Fix)[0] <= at) low = middle
    else high = middle
  }
  const one = fixes[low] as Fix
  const other = fixes[high] as Fix
  const part = other[0] > one[0] ? (at - one[0]) / (other[0] - one[0]) : 0
  return [one[1] + (other[1] - one[1]) * part, one[2] + (other[2] - one[2]) * part]
}

/** The box around places, null around none. */
export function boxAround(points: readonly (readonly [number, number])[]): Box | null {
  if (points.length === 0) return null
  const box: Box = { west: Infinity, south: Infinity, east: -Infinity, north: -Infinity }
  for (const [longitude, latitude] of points) {
    box.west = Math.min(box.west, longitude)
    box.east = Math.max(box.east, longitude)
    box.south = Math.min(box.south, latitude)
    box.north = Math.max(box.north, latitude)
  }
  return box
}

const STEPS = [30, 20, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005]
const LINES = 6

/** How many degrees lie between two lines, so that a handful of them is seen. */
export function stepFor(degrees: number): number {
  return STEPS.find((step) => degrees / step >= LINES) ?? (STEPS[STEPS.length - 1] as number)
}

export interface Grid {
  step: number
  meridians: number[]
  parallels: number[]
}

/** The lines that cross a box. */
export function gridOf(box: Box): Grid {
  const step = stepFor(Math.max(box.east - box.west, 1e-4))
  const along = (from: number, to: number) => {
    const lines: number[] = []
    for (let n = Math.ceil(from / step); n * step <= to && lines.length < 100; n++) lines.push(n * step)
    return lines
  }
  return { step, meridians: along(box.west, box.east), parallels: along(Math.max(box.south, -85), Math.min(box.north, 85)) }
}

/** Degrees as a line's label says them: as many places as its step has. */
export function degrees(value: number, step: number, letters: string): string {
  const places = Math.max(0, Math.ceil(-Math.log10(step)))
  return `${Math.abs(value).toFixed(places)}° ${value < 0 ? letters[1] : letters[0]}`
}

/** Metres for people. */
export function distance(metres: number): string {
  if (metres < 1000) return `${Math.round(metres)} m`
  return `${(metres / 1000).toFixed(metres < 100_000 ? 1 : 0)} km`
}

export type SpanName = 'hour' | 'today' | 'day' | 'week'

/** From when to when, by now, in UNIX seconds. */
export function spanOf(name: SpanName, now: number): [number, number] {
  if (name === 'today') {
    const midnight = new Date(now * 1000)
    midnight.setHours(0, 0, 0, 0)
    return [midnight.getTime() / 1000, now + 60]
  }
  const hours = { hour: 1, day: 24, week: 168 }[name]
  return [now - hours * 3600, now + 60]
}
