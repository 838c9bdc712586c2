/** How a live player stays near the live edge, and what it throws away behind itself. Pure; seconds. */

export interface Chase {
  rate: number
  seek: number | null
}

/** Behind by more than this: jump. */
export const JUMP_S = 3
/** Behind by more than this: hurry. */
export const HURRY_S = 1.2
/** Close enough again: normal speed. */
export const CALM_S = 0.6
/** Where a jump lands, before the edge. */
export const LANDING_S = 0.4
/** A picture that stands (a hidden tab pauses it) and falls back so far is set to the edge, or the buffer would overflow. */
export const RUNAWAY_S = 8
/** What stays in the buffer behind the picture. */
export const KEEP_BEHIND_S = 10
/** What may be behind before it is worth an eviction. */
export const EVICT_BEHIND_S = 20

/** What to do when `behind` seconds lie between the picture and the edge, at the present `rate`. */
export function chase(behind: number, edge: number, rate: number): Chase {
  if (behind > JUMP_S) return { rate: 1, seek: edge - LANDING_S }
  if (behind > HURRY_S) return { rate: behind > 2 ? 1.1 : 1.05, seek: null }
  if (rate > 1 && behind > CALM_S) return { rate, seek: null }
  return { rate: 1, seek: null }
}

export interface Span {
  start: number
  end: number
}

export function spansOf(ranges: TimeRanges): Span[] {
  return Array.from({ length: ranges.length }, (_, i) => ({ start: ranges.start(i), end: ranges.end(i) }))
}

/** Where the picture must go when it stands in no buffered span: the start of the next one, or null. */
export function overGap(position: number, spans: readonly Span[]): number | null {
  for (const span of spans) {
    if (position >= span.start - 0.05 && position < span.end - 0.05) return null
    if (span.start > position) return span.start + 0.01
  }
  return null
}

/** The span to evict, or null: what lies more than EVICT_BEHIND_S behind the picture goes, KEEP_BEHIND_S stays. */
export function evictable(position: number, spans: readonly Span[]): Span | null {
  const first = spans[0]
  if (!first || position - first.start < EVICT_BEHIND_S) return null
  return { start: first.start, end: position - KEEP_BEHIND_S }
}
