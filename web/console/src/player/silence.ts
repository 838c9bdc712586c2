/** Tells when nothing was heard for too long: a stream may be gone although its socket is not. */
export class Silence {
  #timer = 0

  constructor(
    readonly patienceMs: number,
    readonly whenSilent: () => void,
  ) {
    this.heard()
  }

  heard(): void {
    clearTimeout(this.#timer)
    this.#timer = globalThis.setTimeout(this.whenSilent, this.patienceMs) as unknown as number
  }

  stop(): void {
    clearTimeout(this.#timer)
  }
}
