/** The last minutes of every stream, kept in the browser: enough to see whether a number is a moment or a habit. Pure. */

export interface Sample {
  /** seconds */
  at: number
  bitrate: number
  loss: number
}

export const KEPT_S = 300
/** A stream that was not seen for so long is forgotten. */
const FORGOTTEN_S = 60

export class History {
  #samples = new Map<string, Sample[]>()

  /** One look at one stream. */
  add(id: string, sample: Sample): void {
    const samples = this.#samples.get(id) ?? []
    const last = samples.at(-1)
    if (last && sample.at - last.at < 1) samples.pop()
    samples.push(sample)
    while (samples[0] && sample.at - samples[0].at > KEPT_S) samples.shift()
    this.#samples.set(id, samples)
  }

  /** Let go of streams that have ended. */
  sweep(at: number): void {
    for (const [id, samples] of this.#samples) {
      if (at - (samples.at(-1)?.at ?? 0) > FORGOTTEN_S) this.#samples.delete(id)
    }
  }

  of(id: string): readonly Sample[] {
    return this.#samples.get(id) ?? []
  }
}

/** The points of a line in a box, oldest at the left: "x,y x,y". Time runs to `now`; `top` is the value at the upper edge. */
export function lineOf(values: readonly { at: number; value: number }[], now: number, width: number, height: number, top: number): string {
  const scale = top > 0 ? (height - 2) / top : 0
  return values
    .map(({ at, value }) => `${round(width * (1 - (now - at) / KEPT_S))},${round(height - 1 - Math.min(value, top) * scale)}`)
    .join(' ')
}

const round = (n: number) => Math.round(n * 10) / 10
