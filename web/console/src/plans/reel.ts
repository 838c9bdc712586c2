/** The files of a day played one after another: which one shows a moment, and where a span stands on the day. */
import type { KeptFile } from '@/api/plans'
import { DAY_S } from './week'

/** The file that shows a moment and the seconds into it; where there is a hole, the next one. */
export function fileAt(files: KeptFile[], at: number): { index: number; offset: number } | null {
  const index = files.findIndex((file) => file.end > at)
  return index < 0 ? null : { index, offset: Math.max(0, at - files[index]!.start) }
}

/** Left and width of a span on the bar of a day that begins at `midnight`. */
export function placeOf(start: number, end: number, midnight: number): { left: string; width: string } {
  const from = Math.max(0, start - midnight)
  const to = Math.min(DAY_S, end - midnight)
  return { left: `${(from / DAY_S) * 100}%`, width: `${(Math.max(0, to - from) / DAY_S) * 100}%` }
}

/** Midnight of the local day `back` days ago, UNIX seconds. */
export function midnightOf(back: number, now = Date.now()): number {
  const day = new Date(now)
  day.setHours(0, 0, 0, 0)
  day.setDate(day.getDate() - back)
  return day.getTime() / 1000
}
