import { beforeEach, describe, expect, it } from 'vitest'
import type { PtzWish } from '@/api/types'
import { dragVector, PtzHand, REFRESH_MS, REPEAT_STOP_MS, THIN_MS, type Timers } from '@/ptz/hand'

/** Timers that a test turns by hand. */
class Clock implements Timers {
  now = 0
  #next = 1
  #work = new Map<number, { at: number; work: () => void }>()

  set(work: () => void, ms: number): number {
    this.#work.set(this.#next, { at: this.now + ms, work })
    return this.#next++
  }

  clear(handle: number): void {
    this.#work.delete(handle)
  }

  async turn(ms: number): Promise<void> {
    this.now += ms
    for (const [handle, { at, work }] of [...this.#work]) {
      if (at <= this.now && this.#work.delete(handle)) work()
    }
    await Promise.resolve()
    await Promise.resolve()
    await Promise.resolve()
  }
}

const right = (pan: number) => ({ pan, tilt: 0, zoom: 0 })
const STOP = { stop: true }

describe('the hand on the lever', () => {
  let clock: Clock
  let sent: PtzWish[]
  let hand: PtzHand

  beforeEach(() => {
    clock = new Clock()
    sent = []
    hand = new PtzHand(async (wish) => void sent.push(wish), clock)
  })

  it('thins a stream of moves and sends the last of them', async () => {
    for (let i = 1; i <= 8; i++) hand.move(right(i / 8))
    await clock.turn(0)
    expect(sent).toEqual([right(0.125)])
    await clock.turn(THIN_MS)
    expect(sent).toEqual([right(0.125), right(1)])
  })

  it('says a held move again until it is let go', async () => {
    hand.move(right(1))
    await clock.turn(THIN_MS)
    await clock.turn(REFRESH_MS)
    await clock.turn(REFRESH_MS)
    expect(sent).toEqual([right(1), right(1), right(1)])
    hand.stop()
    await clock.turn(10_000)
    await clock.turn(10_000)
    expect(sent.slice(3)).toEqual([STOP, STOP])
  })

  it('sends a stop at once and once more', async () => {
    hand.move(right(1))
    hand.stop()
    expect(sent).toEqual([right(1), STOP])
    await clock.turn(REPEAT_STOP_MS)
    expect(sent).toEqual([right(1), STOP, STOP])
    await clock.turn(10_000)
    expect(sent).toHaveLength(3)
  })

  it('stops although the answer to the move never comes', async () => {
    const stuck = new PtzHand((wish) => (sent.push(wish), new Promise(() => {})), clock)
    stuck.move(right(1))
    stuck.stop()
    expect(sent).toEqual([right(1), STOP])
  })

  it('does not say the second stop when it moves again', async () => {
    hand.move(right(1))
    hand.stop()
    await clock.turn(THIN_MS)
    hand.move(right(-1))
    await clock.turn(REPEAT_STOP_MS)
    expect(sent.filter((wish) => 'stop' in wish)).toHaveLength(1)
    expect(sent.at(-1)).toEqual(right(-1))
  })

  it('says nothing when nothing moves', async () => {
    hand.stop()
    hand.move(right(0))
    hand.move(right(0.01))
    await clock.turn(1000)
    expect(sent).toEqual([])
  })

  it('treats a move to nothing as a stop, and goes on after a refused command', async () => {
    const refused = new PtzHand((wish) => (sent.push(wish), Promise.reject(new Error('offline'))), clock)
    refused.move(right(1))
    await clock.turn(THIN_MS)
    refused.move(right(0))
    expect(sent).toEqual([right(1), STOP])
  })
})

describe('a drag', () => {
  it('is faster the farther it goes, up is up, and a tremble is nothing', () => {
    expect(dragVector(2, 2, 400, 300, 1)).toEqual({ pan: 0, tilt: -0, zoom: 0 })
    const { pan, tilt } = dragVector(80, -60, 400, 300, 1)
    expect([pan, tilt]).toEqual([0.5, 0.5])
    expect(dragVector(4000, 0, 400, 300, 0.5).pan).toBe(0.5)
  })
})
