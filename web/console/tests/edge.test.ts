import { describe, expect, it } from 'vitest'
import { chase, EVICT_BEHIND_S, evictable, JUMP_S, KEEP_BEHIND_S, LANDING_S, overGap } from '@/player/edge'
import { afterFailure, afterLoss } from '@/player/backoff'
import { Meter } from '@/player/meter'

describe('the live edge', () => {
  it('is chased a little faster when behind, and left alone when near', () => {
    expect(chase(0.3, 10, 1)).toEqual({ rate: 1, seek: null })
    expect(chase(1.5, 10, 1)).toEqual({ rate: 1.05, seek: null })
    expect(chase(2.5, 10, 1)).toEqual({ rate: 1.1, seek: null })
  })

  it('goes on hurrying until it is calm, so that the rate does not flutter', () => {
    expect(chase(1.0, 10, 1.05).rate).toBe(1.05)
    expect(chase(1.0, 10, 1).rate).toBe(1)
    expect(chase(0.5, 10, 1.05).rate).toBe(1)
  })

  it('is jumped to when more than three seconds behind', () => {
    expect(chase(JUMP_S + 0.1, 100, 1)).toEqual({ rate: 1, seek: 100 - LANDING_S })
  })
})

describe('the buffer', () => {
  it('is stepped over where it has a gap', () => {
    const spans = [{ start: 0, end: 5 }, { start: 7, end: 9 }]
    expect(overGap(3, spans)).toBeNull()
    expect(overGap(5, spans)).toBeCloseTo(7.01)
    expect(overGap(9.5, spans)).toBeNull()
    expect(overGap(1, [])).toBeNull()
  })

  it('loses what is long past and keeps some seconds behind the picture', () => {
    expect(evictable(EVICT_BEHIND_S - 1, [{ start: 0, end: 30 }])).toBeNull()
    expect(evictable(100, [{ start: 60, end: 101 }])).toEqual({ start: 60, end: 100 - KEEP_BEHIND_S })
    expect(evictable(100, [])).toBeNull()
  })
})

describe('waiting', () => {
  it('grows to a bound, quickly after a loss and seldom after a failed call', () => {
    expect([0, 1, 2, 99].map(afterLoss)).toEqual([1, 2, 4, 30])
    expect([0, 1, 99].map(afterFailure)).toEqual([20, 40, 300])
  })
})

describe('a meter', () => {
  it('tells the rate of the last seconds only', () => {
    const meter = new Meter(3)
    for (let i = 0; i <= 100; i++) meter.add(i < 50 ? 1000 : 10, i / 10)
    expect(meter.perSecond(10)).toBeCloseTo(100, 0)
  })

  it('tells nothing before it has seen anything', () => {
    const meter = new Meter()
    expect(meter.perSecond(1)).toBe(0)
    meter.add(5, 1)
    expect(meter.perSecond(1)).toBe(0)
  })
})
