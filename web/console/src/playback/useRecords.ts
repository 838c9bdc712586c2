/** What devices and we ourselves have of the channels on the screen, a day at a time, as far as it was looked at. */
import { reactive } from 'vue'
import { records as api, type RecordPiece, type Span, type Which } from '@/api/playback'
import { complaint } from '@/i18n/words'
import { daysOf } from './timeline'

export interface DayRecords {
  state: 'asking' | 'told' | 'failed'
  pieces: RecordPiece[]
  runs: Span[]
  own: Span[]
  got: number
  expected: number
  complete: boolean
  trouble: string
}

const keyOf = (which: Which, day: Span) => `${which.owner}/${which.channel}/${day.start}`
/** A day that is not over is asked for again after this. */
const FRESH_MS = 30_000

export function useRecords() {
  const days = reactive(new Map<string, DayRecords>())
  const askedAt = new Map<string, number>()

  async function ask(which: Which, day: Span, fresh: boolean): Promise<void> {
    const key = keyOf(which, day)
    askedAt.set(key, Date.now())
    const before = days.get(key)
    if (!before || before.state === 'failed') {
      days.set(key, { state: 'asking', pieces: [], runs: [], own: [], got: 0, expected: 0, complete: true, trouble: '' })
    }
    const [told, own] = await Promise.allSettled([api.search(which, day.start, day.end, fresh), api.kept(which, day.start, day.end)])
    const ours = own.status === 'fulfilled' ? own.value.items : []
    if (told.status === 'fulfilled') {
      const { items, runs, got, expected, complete } = told.value
      days.set(key, { state: 'told', pieces: items, runs, own: ours, got, expected, complete, trouble: '' })
    } else {
      days.set(key, { state: 'failed', pieces: before?.pieces ?? [], runs: before?.runs ?? [], own: ours, got: 0, expected: 0, complete: false, trouble: complaint(told.reason) })
    }
  }

  /** Have what a window touches; `fresh` asks the device though it has been asked. */
  function want(which: Which, seen: Span, fresh = false): void {
    const now = Date.now()
    for (const day of daysOf(seen)) {
      if (day.start * 1000 > now) continue
      const last = askedAt.get(keyOf(which, day))
      const isOver = day.end * 1000 < now
      if (fresh || last === undefined || (!isOver && now - last > FRESH_MS)) void ask(which, day, fresh)
    }
  }

  function of(which: Which, seen: Span): DayRecords[] {
    return daysOf(seen).flatMap((day) => days.get(keyOf(which, day)) ?? [])
  }

  return { want, of }
}
