/** The figures of streams, asked for every few seconds while somebody looks, once for all who look. */
import { defineStore } from 'pinia'
import { markRaw, onScopeDispose, ref, shallowRef } from 'vue'
import { live as api } from '@/api'
import type { StreamRow, WorkerRow } from '@/api/types'
import { History } from '@/streams/history'
import { complaint } from '@/i18n/words'
import { useFeed } from './feed'

const EVERY_MS = 2500
/** News of many streams at once is one question. */
const GATHER_MS = 300

/** What a looker wants: one channel's streams, or everything and the workers. */
export type Look = { channel: string } | 'all'

export const useFigures = defineStore('figures', () => {
  const rows = shallowRef<StreamRow[]>([])
  const workers = shallowRef<WorkerRow[]>([])
  const trouble = ref('')
  const isLoaded = ref(false)
  const history = markRaw(new History())
  const looks = new Set<Look>()
  let timer = 0
  let isAsking = false

  async function ask(): Promise<void> {
    if (isAsking || looks.size === 0 || document.hidden) return
    isAsking = true
    try {
      const all = [...looks].includes('all')
      const channels = new Set([...looks].map((look) => (look === 'all' ? '' : look.channel)))
      const only = !all && channels.size === 1 ? [...channels][0] : undefined
      const [streams, processes] = await Promise.all([api.streams(only), all ? api.workers() : null])
      rows.value = streams.items
      if (processes) workers.value = processes.items
      const at = Date.now() / 1000
      for (const row of streams.items) {
        if (row.statistics) history.add(row.id, { at, bitrate: row.statistics.bitrate_bps, loss: row.statistics.loss })
      }
      history.sweep(at)
      trouble.value = ''
      isLoaded.value = true
    } catch (error) {
      trouble.value = complaint(error)
    } finally {
      isAsking = false
    }
  }

  function again(afterMs: number): void {
    clearTimeout(timer)
    timer = looks.size === 0 ? 0 : window.setTimeout(() => void ask().finally(() => again(EVERY_MS)), afterMs)
  }

  useFeed().hear('stream', () => again(GATHER_MS))

  /** Look from now on, until the answer is called. */
  function look(at: Look): () => void {
    const mine = at === 'all' ? at : { ...at }
    looks.add(mine)
    again(0)
    return () => {
      looks.delete(mine)
      if (looks.size === 0) again(0)
    }
  }

  /** Look as long as the component lives. */
  function lookHere(at: Look): void {
    onScopeDispose(look(at))
  }

  /** The live stream that a pane shows. */
  const of = (channel: string, owner: string, number: number): StreamRow | undefined =>
    rows.value.find((row) => row.channel === channel && row.owner === owner && row.stream_number === number && (row.kind ?? 'live') === 'live')

  return { rows, workers, trouble, isLoaded, history, look, lookHere, of, refresh: () => again(0) }
})
