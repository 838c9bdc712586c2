import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { useFeed } from '@/stores/feed'

/** The browser's side of an event stream; a test speaks for the server. */
class Source {
  static made: Source[] = []
  onopen: () => void = () => {}
  onerror: () => void = () => {}
  closed = false
  private readonly listeners = new Map<string, (event: { data: string }) => void>()

  constructor(readonly url: string) {
    Source.made.push(this)
  }

  addEventListener(kind: string, listener: (event: { data: string }) => void): void {
    this.listeners.set(kind, listener)
  }

  say(kind: string, data: unknown = {}): void {
    this.listeners.get(kind)?.({ data: JSON.stringify(data) })
  }

  close(): void {
    this.closed = true
  }
}
const line = () => Source.made.at(-1) as Source

beforeEach(() => {
  vi.useFakeTimers()
  Source.made = []
  vi.stubGlobal('EventSource', Source)
  vi.stubGlobal('window', globalThis)
  setActivePinia(createPinia())
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

describe('the news from the server', () => {
  it('are lost when the server is silent for two beats, and are heard again on a new line', () => {
    const feed = useFeed()
    const missed = vi.fn()
    feed.hear('resync', missed)
    feed.open()
    line().onopen()
    line().say('hello', { heartbeat_s: 15 })
    for (let beats = 0; beats < 4; beats++) {
      vi.advanceTimersByTime(15_000)
      line().say('beat')
    }
    expect(feed.isOpen).toBe(true)

    vi.advanceTimersByTime(30_000)
    expect([feed.isOpen, Source.made[0]?.closed]).toEqual([false, true])
    vi.advanceTimersByTime(5000)
    expect(feed.isLost).toBe(true)

    expect(Source.made.length).toBe(2)
    line().onopen()
    expect([feed.isOpen, feed.isLost, missed.mock.calls.length]).toEqual([true, false, 1])
    feed.close()
  })

  it('end with the page that listened: no timer is left', () => {
    const feed = useFeed()
    feed.open()
    line().onopen()
    line().say('hello', { heartbeat_s: 15 })
    feed.close()
    vi.advanceTimersByTime(60_000)
    expect(Source.made.length).toBe(1)
  })
})
