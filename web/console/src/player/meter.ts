/** A rate over the last seconds: bytes or frames in, per second out. Pure; `at` is seconds. */

export class Meter {
  #marks: { at: number; sum: number }[] = []
  #sum = 0

  constructor(readonly windowS = 3) {}

  add(amount: number, at: number): void {
    this.#sum += amount
    const last = this.#marks.at(-1)
    if (last && at - last.at < 0.1) last.sum = this.#sum
    else this.#marks.push({ at, sum: this.#sum })
    while (this.#marks.length > 2 && (this.#marks[1]?.at ?? at) < at - this.windowS) this.#marks.shift()
  }

  perSecond(at: number): number {
    while (this.#marks.length > 1 && (this.#marks[0]?.at ?? at) < at - this.windowS) this.#marks.shift()
    const first = this.#marks[0]
    if (!first || at - first.at < 0.2) return 0
    return (this.#sum - first.sum) / (at - first.at)
  }
}
