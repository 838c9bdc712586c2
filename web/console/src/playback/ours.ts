/** Which of what we recorded ourselves covers a span. Pure; UNIX seconds. */
import type { Span } from './timeline'

/** Files that lie so close to each other follow without a gap. */
const SEAM_S = 2

/** Whether a span is there from its beginning to its end; a second at either end is not missed. */
export function covers(own: readonly Span[], wanted: Span): boolean {
  let reached = wanted.start + 1
  for (const one of [...own].sort((a, b) => a.start - b.start)) {
    if (one.start > reached + SEAM_S) break
    reached = Math.max(reached, one.end)
  }
  return reached >= wanted.end - 1
}
