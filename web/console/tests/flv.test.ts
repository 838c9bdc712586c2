import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Live } from '@/api/types'
import { playFlv } from '@/player/flv'

const told = new Map<string, (info: object) => void>()
vi.mock('mpegts.js', () => ({
  default: {
    getFeatureList: () => ({ mseLivePlayback: true }),
    LoggingControl: {},
    Events: { ERROR: 'error', LOADING_COMPLETE: 'complete', STATISTICS_INFO: 'statistics' },
    createPlayer: () => ({
      on: (event: string, listener: (info: object) => void) => told.set(event, listener),
      attachMediaElement: () => {}, load: () => {}, play: async () => {}, destroy: () => {},
    }),
  },
}))

const LIVE = { format: 'http-flv', url: 'http://x/media/a.flv', audio: null } as Live
const video = { addEventListener: () => {}, removeEventListener: () => {}, buffered: { length: 0 }, currentTime: 0 } as unknown as HTMLVideoElement

beforeEach(() => {
  vi.useFakeTimers()
  vi.stubGlobal('location', { href: 'http://x/' })
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

describe('FLV', () => {
  it('counts what came from the speed that its player tells, and ends when nothing comes for 12 seconds', async () => {
    const ends: string[] = []
    const engine = playFlv(LIVE, video, { onPicture: () => {}, onEnd: (note) => ends.push(note), onUnsupported: () => {}, onUnfit: () => {} })
    await vi.waitFor(() => expect(told.has('statistics')).toBe(true))
    for (let n = 0; n < 30; n++) {
      vi.advanceTimersByTime(1000)
      told.get('statistics')?.({ speed: 50 })
    }
    expect(engine.figures().bytes / (30 * 50 * 1024)).toBeCloseTo(1, 1)
    expect(ends).toEqual([])
    for (let n = 0; n < 12; n++) {
      vi.advanceTimersByTime(1000)
      told.get('statistics')?.({ speed: 0 })
    }
    expect(ends).toEqual(['silence'])
  })
})
