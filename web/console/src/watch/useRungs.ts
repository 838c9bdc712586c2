/** The rungs of a failed call in words: who each is by name, and what it said. */
import { computed } from 'vue'
import type { Channel, PlayFailure } from '@/api/types'
import { t, tOr } from '@/i18n'
import { reasonWord, verdictWord } from '@/i18n/words'
import { useNames } from '@/ladder/useNames'
import { firstBelow, ladderOf, type Rung } from './hops'

export function useRungs(failure: () => PlayFailure | null, channel: () => Channel) {
  const nameOf = useNames()
  const rungs = computed(() => ladderOf(failure()?.hops ?? [], failure()?.path ?? []))
  /** where it failed: the last that failed, of the way that was tried last */
  const failing = computed(() => rungs.value.findLast((rung) => rung.fate === 'failed') ?? null)

  function who(rung: Rung): string {
    const { hop } = rung
    const camera = channel()
    const name = hop.who === camera.code ? camera.name || hop.who : nameOf(hop.who, firstBelow(rungs.value, rung))
    return tOr(`hop.${hop.who}`, name)
  }

  /** The neighbour's own words; what our media port saw is said in ours. */
  function answer({ hop, fate }: Rung): string {
    const seen = failure()?.seen
    if (hop.who === 'media' && hop.status === 0 && seen) return verdictWord(seen.verdict)
    if (hop.status === 0) return reasonWord(hop.reason) || t('failure.no-answer')
    // A step that went well has no SIP status worth showing; an INVITE's answer has.
    return fate === 'done' && hop.reason !== 'OK' ? reasonWord(hop.reason) : `${hop.status} ${hop.reason}`
  }

  return { rungs, failing, who, answer }
}
