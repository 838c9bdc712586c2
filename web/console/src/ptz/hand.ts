/** The hand on the lever: moves are thinned, a held one is said again, a stop is never lost and is said twice. */
import type { PtzWish } from '@/api/types'

export interface Vector {
  pan: number
  tilt: number
  zoom: number
}

export const STILL: Vector = { pan: 0, tilt: 0, zoom: 0 }

/** Between two changes of speed while the hand moves. */
export const THIN_MS = 120
/** A stop is repeated once after this, in case the first was lost on the way to the device. */
export const REPEAT_STOP_MS = 250
/** A move that goes on is said again: the server stops cameras of which it hears nothing for a few seconds. */
export const REFRESH_MS = 1500

export interface Timers {
  set(work: () => void, ms: number): number
  clear(handle: number): void
}

const REAL_TIMERS: Timers = {
  set: (work, ms) => globalThis.setTimeout(work, ms) as unknown as number,
  clear: (handle) => globalThis.clearTimeout(handle),
}

/** Steps of 1/16: finer than any device, coarse enough that a still hand sends nothing. */
const coarse = (x: number) => Math.round(Math.max(-1, Math.min(1, x)) * 16) / 16

export const isStill = (v: Vector) => v.pan === 0 && v.tilt === 0 && v.zoom === 0
const same = (a: Vector, b: Vector) => a.pan === b.pan && a.tilt === b.tilt && a.zoom === b.zoom

export class PtzHand {
  #send: (wish: PtzWish) => Promise<unknown>
  #timers: Timers
  /** what the device was last told, as far as we know */
  #told: Vector = STILL
  #next: Vector | null = null
  #flight: Promise<unknown> | null = null
  #thin = 0
  #repeat = 0
  #refresh = 0

  constructor(send: (wish: PtzWish) => Promise<unknown>, timers: Timers = REAL_TIMERS) {
    this.#send = send
    this.#timers = timers
  }

  get isMoving(): boolean {
    return !isStill(this.#next ?? this.#told)
  }

  /** Go this way from now on. The still vector is a stop. */
  move(vector: Vector): void {
    const wish = { pan: coarse(vector.pan), tilt: coarse(vector.tilt), zoom: coarse(vector.zoom) }
    if (isStill(wish)) {
      this.stop()
      return
    }
    this.#timers.clear(this.#repeat)
    if (same(wish, this.#next ?? this.#told)) return
    this.#next = wish
    if (!this.#thin) this.#flush()
  }

  /** Stop now; nothing sent when nothing moves. */
  stop(): void {
    if (!this.isMoving) return
    this.#next = null
    if (isStill(this.#told)) return
    this.#told = STILL
    this.#timers.clear(this.#refresh)
    // A stop does not wait for the answer to a move: a slow device would turn on.
    this.#post({ stop: true })
    this.#timers.clear(this.#repeat)
    this.#repeat = this.#timers.set(() => {
      if (!this.isMoving) this.#post({ stop: true })
    }, REPEAT_STOP_MS)
  }

  #flush(): void {
    if (this.#flight || this.#next === null) return
    const wish = this.#next
    this.#next = null
    if (same(wish, this.#told)) return
    this.#told = wish
    this.#post(wish)
    this.#goOn()
    this.#timers.clear(this.#thin)
    this.#thin = this.#timers.set(() => {
      this.#thin = 0
      this.#flush()
    }, THIN_MS)
  }

  /** Say the move again and again while it lasts; what is still under way is word enough. */
  #goOn(): void {
    this.#timers.clear(this.#refresh)
    this.#refresh = this.#timers.set(() => {
      if (isStill(this.#told)) return
      if (!this.#flight && this.#next === null) this.#post(this.#told)
      this.#goOn()
    }, REFRESH_MS)
  }

  #post(wish: PtzWish): void {
    const flight = this.#send(wish).then(
      () => {},
      () => {},
    )
    this.#flight = flight
    void flight.then(() => {
      if (this.#flight !== flight) return
      this.#flight = null
      if (!this.#thin) this.#flush()
    })
  }
}

/** A drag on the picture as a vector: the farther from where it began, the faster. Sizes in pixels. */
export function dragVector(dx: number, dy: number, width: number, height: number, speed: number): Vector {
  const dead = 0.03
  const scale = (delta: number, size: number) => {
    const part = delta / (size * 0.4)
    return Math.abs(part) < dead ? 0 : Math.max(-1, Math.min(1, part)) * speed
  }
  return { pan: scale(dx, width), tilt: -scale(dy, height), zoom: 0 }
}

/** A hand that only meant to click moves a little too. */
const SLIP_PX = 10
export const isSlip = (dx: number, dy: number) => Math.hypot(dx, dy) < SLIP_PX
