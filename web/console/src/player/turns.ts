/** Who may ask next: few calls at once, people before retries. A browser has six connections to a server. Pure. */

/** Calls that may wait for their first picture at the same time; the other connections are for everything else. */
export const AT_ONCE = 4

interface Waiting {
  urgent: boolean
  go: () => void
  leave: (reason: unknown) => void
}

export class Turns {
  #busy = 0
  #waiting: Waiting[] = []

  constructor(readonly atOnce = AT_ONCE) {}

  /** Run `work` when its turn comes. `urgent` ones pass those that are not; a signal leaves the line. */
  async take<T>(urgent: boolean, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (this.#busy >= this.atOnce) await this.#line(urgent, signal)
    else this.#busy += 1
    try {
      signal.throwIfAborted()
      return await work()
    } finally {
      this.#next()
    }
  }

  #line(urgent: boolean, signal: AbortSignal): Promise<void> {
    return new Promise((go, leave) => {
      const waiting: Waiting = { urgent, go, leave }
      const behind = urgent ? this.#waiting.findIndex((other) => !other.urgent) : -1
      this.#waiting.splice(behind < 0 ? this.#waiting.length : behind, 0, waiting)
      signal.addEventListener('abort', () => {
        const at = this.#waiting.indexOf(waiting)
        if (at < 0) return
        this.#waiting.splice(at, 1)
        leave(signal.reason)
      })
    })
  }

  /** The place goes straight to the next in line, so that nobody slips in between. */
  #next(): void {
    const next = this.#waiting.shift()
    if (next) next.go()
    else this.#busy -= 1
  }
}
