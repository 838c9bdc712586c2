/** One stream of news from the server for the whole console; screens listen by kind. */
import { defineStore } from 'pinia'
import { ref } from 'vue'
import { checkSession } from '@/api/http'
import { NEWS_KINDS, readNews, type News, type NewsKind } from '@/api/feed'

type Listener<K extends NewsKind> = (news: News[K]) => void
type Listeners = { [K in NewsKind]: Set<Listener<K>> }

/** A short break is nobody's business. */
const GRACE_MS = 4000
const RETRY_MS = [1000, 2000, 4000, 8000, 15_000]
/** How many beats of the server may be missed: a cable that was pulled closes no socket. */
const MISSED_BEATS = 2

function noListeners(): Listeners {
  return Object.fromEntries(NEWS_KINDS.map((kind) => [kind, new Set()])) as unknown as Listeners
}

export const useFeed = defineStore('feed', () => {
  const isOpen = ref(false)
  /** lost for so long that what is shown may be old */
  const isLost = ref(false)
  const listeners = noListeners()
  let source: EventSource | null = null
  let failures = 0
  let timer = 0
  let grace = 0
  let silence = 0
  let beatMs = 0
  let wasOpen = false

  function tell<K extends NewsKind>(kind: K, news: News[K]): void {
    for (const listener of listeners[kind]) listener(news)
  }

  /** The server has just been heard; when it is not heard again in good time, the line is dead. */
  function heard(): void {
    clearTimeout(silence)
    if (beatMs > 0) silence = window.setTimeout(lose, beatMs * MISSED_BEATS)
  }

  function lose(): void {
    clearTimeout(silence)
    isOpen.value = false
    grace ||= window.setTimeout(() => (isLost.value = !isOpen.value), GRACE_MS)
    source?.close()
    source = null
    // An event source does not say why it failed: perhaps we were shown out.
    if (failures === 1) void checkSession()
    timer = window.setTimeout(open, RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)])
  }

  function open(): void {
    if (source) return
    clearTimeout(timer)
    source = new EventSource('/api/v1/events')
    source.onopen = () => {
      failures = 0
      isOpen.value = true
      isLost.value = false
      clearTimeout(grace)
      grace = 0
      // What happened while we were deaf is not repeated: everybody asks anew.
      if (wasOpen) tell('resync', {})
      wasOpen = true
    }
    source.onerror = lose
    source.addEventListener('beat', heard)
    for (const kind of NEWS_KINDS) {
      source.addEventListener(kind, (event: MessageEvent<string>) => {
        const news = readNews(event.data)
        if (kind === 'hello' && news) beatMs = 1000 * ((news as News['hello']).heartbeat_s ?? 0)
        heard()
        if (news) tell(kind, news as News[typeof kind])
      })
    }
  }

  function close(): void {
    clearTimeout(timer)
    clearTimeout(grace)
    clearTimeout(silence)
    grace = 0
    source?.close()
    source = null
    isOpen.value = false
    isLost.value = false
    wasOpen = false
  }

  /** Hear news of one kind; the answer stops it. */
  function hear<K extends NewsKind>(kind: K, listener: Listener<K>): () => void {
    listeners[kind].add(listener)
    return () => listeners[kind].delete(listener)
  }

  return { isOpen, isLost, open, close, hear }
})
