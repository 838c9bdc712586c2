/** Which channels are being recorded now, for the red dots; begun and ended from here. */
import { defineStore } from 'pinia'
import { ref, shallowRef } from 'vue'
import { recordings as api } from '@/api'
import type { Recording } from '@/api/types'
import { useFeed } from './feed'
import { useSession } from './session'

const GATHER_MS = 400

export const useRecordings = defineStore('recordings', () => {
  const session = useSession()
  const running = shallowRef<Recording[]>([])
  /** grows with every piece of news: lists that are open load anew */
  const turns = ref(0)
  let timer = 0
  let isLoaded = false

  async function load(): Promise<void> {
    if (!session.isOperator) return
    isLoaded = true
    running.value = await api.running().then(({ items }) => items, () => running.value)
    turns.value += 1
  }

  function loadSoon(): void {
    clearTimeout(timer)
    timer = window.setTimeout(() => void load(), GATHER_MS)
  }

  useFeed().hear('recording', loadSoon)
  useFeed().hear('resync', loadSoon)
  useFeed().hear('hello', loadSoon)

  /** What people record of a channel, whatever stream it takes; plans are not theirs to end by the red dot. */
  const of = (channel: string): Recording | undefined => running.value.find((one) => one.channel === channel && (one.kind ?? 'manual') === 'manual')

  async function begin(owner: string, channel: string, stream: number): Promise<Recording> {
    const begun = await api.begin({ owner, channel, stream })
    await load()
    return begun
  }

  async function end(id: string): Promise<Recording> {
    const ended = await api.end(id)
    await load()
    return ended
  }

  if (!isLoaded) void load()
  return { running, turns, of, begin, end, load }
})
