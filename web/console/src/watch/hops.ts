/** The hops of a call that failed, as rungs of a ladder through all tiers. Pure. */
import type { Hop } from '@/api/types'

/** "passed": a tier above the failing one, which only hands its answer on. */
export type Fate = 'done' | 'passed' | 'failed'

export interface Rung {
  hop: Hop
  fate: Fate
  /** tiers below us: 0 is this platform */
  depth: number
  /** the same platform as on the rung above: its name need not stand twice */
  again: boolean
  /** which way was tried, counted from 0 */
  attempt: number
}

const hasFailed = (hop: Hop) => hop.status === 0 || hop.status >= 300
const isOurs = (hop: Hop) => hop.who === 'us' || hop.who === 'media'

/** A new way is tried where we open a port once more. */
const begins = (hop: Hop) => hop.who === 'media' && hop.what === 'open a port'

/** `path` are the platforms that were asked last, ours first; whoever does not stand in it is one below the one before. */
export function ladderOf(hops: readonly Hop[], path: readonly string[] = []): Rung[] {
  const rungs: Rung[] = []
  let attempt = 0
  for (const hop of hops) {
    if (begins(hop) && rungs.length) attempt++
    const before = rungs.at(-1)
    const again = before !== undefined && before.attempt === attempt && before.hop.who === hop.who
    const fate = hasFailed(hop) ? 'failed' : 'done'
    // What one says of itself is nearer to the cause than what was heard of it: one rung for both.
    if (before && again && fate === 'failed' && before.fate === 'failed' && before.hop.status === hop.status) {
      rungs[rungs.length - 1] = { ...before, hop: { ...before.hop, reason: hop.reason || before.hop.reason } }
    } else {
      rungs.push({ hop, fate, depth: depthOf(hop, path, before?.attempt === attempt ? before : undefined), again, attempt })
    }
  }
  return rungs.map((rung, i) => (rung.fate === 'failed' && failsDeeper(rungs, i) ? { ...rung, fate: 'passed' } : rung))
}

function depthOf(hop: Hop, path: readonly string[], before: Rung | undefined): number {
  if (isOurs(hop)) return 0
  const at = path.indexOf(hop.who)
  if (at >= 0) return at
  return before?.hop.who === hop.who ? before.depth : (before?.depth ?? 0) + 1
}

/** The neighbour of ours that this rung's way begins with: what stands below is known through it. */
export const firstBelow = (rungs: readonly Rung[], rung: Rung): string =>
  rungs.find((one) => one.attempt === rung.attempt && !isOurs(one.hop))?.hop.who ?? ''

const failsDeeper = (rungs: readonly Rung[], at: number) =>
  rungs.some((rung, i) => i > at && rung.attempt === rungs[at]?.attempt && rung.fate === 'failed')
