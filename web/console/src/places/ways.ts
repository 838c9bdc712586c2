/** A track as a way through time, and the grid that stands for the ground. Pure. */
import type { Fix, Thing } from '@/api/places'

const NAMES = new Intl.Collator('zh-CN', { numeric: true })

/** By name and code: a list ordered by who reported last would move under the pointer every few seconds. */
export function inOrder<T extends Pick<Thing, 'name' | 'code'>>(things: T[]): T[] {
  return things.sort((one, other) => NAMES.compare(one.name, other.name) || NAMES.compare(one.code, other.code))
}

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

const NAME_HEIGHT = 18
const BESIDE = 12
const ARROW = 16

/** How wide a name stands at 12 px, with its padding: a Chinese character is twice a letter. */
const widthOf = (name: string) => 8 + [...name].reduce((sum, each) => sum + (each > '\u2e80' ? 12 : 7), 0)

/** Where names stand so that none hides another or a spot: at the right, else left, below or above, where there is room. */
export function namesApart(spots: readonly { x: number; y: number; name: string }[]): { x: number; y: number }[] {
  const arrows = spots.map(({ x, y }) => ({ x: x - ARROW / 2, y: y - NAME_HEIGHT / 2, width: ARROW }))
  const taken: { x: number; y: number; width: number }[] = []
  for (const { x, y, name } of spots) {
    const width = widthOf(name)
    const places = [
      { x: x + BESIDE, y: y - NAME_HEIGHT / 2 },
      { x: x - BESIDE - width, y: y - NAME_HEIGHT / 2 },
      { x: x - width / 2, y: y + BESIDE },
      { x: x - width / 2, y: y - BESIDE - NAME_HEIGHT },
    ]
    const hides = (at: { x: number; y: number }) =>
      [...arrows, ...taken].some((other) => at.x < other.x + other.width && other.x < at.x + width && Math.abs(at.y - other.y) < NAME_HEIGHT)
    taken.push({ ...(places.find((at) => !hides(at)) ?? (places[0] as { x: number; y: number })), width })
  }
  return taken.map(({ x, y }) => ({ x, y }))
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
