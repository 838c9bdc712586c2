import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Silence } from '@/player/silence'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('silence on a stream', () => {
  it('is told once nothing was heard for so long, not while something is', () => {
    const told = vi.fn()
    const silence = new Silence(12_000, told)
    for (let n = 0; n < 5; n++) {
      vi.advanceTimersByTime(10_000)
      silence.heard()
    }
    expect(told).not.toHaveBeenCalled()
    vi.advanceTimersByTime(12_000)
    expect(told).toHaveBeenCalledTimes(1)
  })

  it('is nobody’s business once the stream was closed', () => {
    const told = vi.fn()
    new Silence(12_000, told).stop()
    vi.advanceTimersByTime(60_000)
    expect(told).not.toHaveBeenCalled()
  })
})
