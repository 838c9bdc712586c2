/** A microphone's 44.1 or 48 kHz down to the telephone's 8 kHz: what is above 3.6 kHz is taken out first. */

export const TO_HZ = 8000
const CUTOFF_HZ = 3600
/** zero crossings of the filter on each side: steep enough that nothing folds back to be heard */
const CROSSINGS = 12
const PHASES = 64

/** Samples in as they come, samples at 8 kHz out; what is at the edge waits for the next. */
export class Downsampler {
  #step: number
  #half: number
  #kernels: Float32Array[]
  #held = new Float32Array(0)
  /** where the next output lies within what is held, in input samples */
  #at: number

  constructor(fromHz: number) {
    this.#step = fromHz / TO_HZ
    const cutoff = Math.min(CUTOFF_HZ, fromHz / 2) / fromHz
    this.#half = Math.ceil(CROSSINGS / (2 * cutoff))
    this.#at = this.#half
    this.#kernels = Array.from({ length: PHASES }, (_, phase) => kernel(this.#half, cutoff, phase / PHASES))
  }

  push(samples: Float32Array): Float32Array<ArrayBuffer> {
    const held = new Float32Array(this.#held.length + samples.length)
    held.set(this.#held)
    held.set(samples, this.#held.length)
    const out: number[] = []
    while (this.#at + this.#half + 1 < held.length) {
      const whole = Math.floor(this.#at)
      const taps = this.#kernels[Math.floor((this.#at - whole) * PHASES)]
      let sum = 0
      if (taps) for (let n = 0; n < taps.length; n++) sum += (taps[n] ?? 0) * (held[whole - this.#half + n] ?? 0)
      out.push(sum)
      this.#at += this.#step
    }
    const spent = Math.max(0, Math.floor(this.#at) - this.#half)
    this.#held = held.slice(spent)
    this.#at -= spent
    return Float32Array.from(out)
  }
}

/** A windowed sinc (Blackman), moved by a part of a sample, whose sum is 1. */
function kernel(half: number, cutoff: number, shift: number): Float32Array {
  const taps = new Float32Array(2 * half + 1)
  let sum = 0
  for (let n = -half; n <= half; n++) {
    const x = n - shift
    const angle = 2 * Math.PI * cutoff * x
    const sinc = x === 0 ? 1 : Math.sin(angle) / angle
    const place = (x + half) / (2 * half)
    const window = 0.42 - 0.5 * Math.cos(2 * Math.PI * place) + 0.08 * Math.cos(4 * Math.PI * place)
    taps[n + half] = sinc * window
    sum += sinc * window
  }
  return taps.map((tap) => tap / sum)
}
