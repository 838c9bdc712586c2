/** The key T, held: talk. Tapped, or the first letter of a name: search, as any letter is. */

export const HOLD_MS = 220

export interface TalkKeyDeeds {
  /** whether there is somebody to talk to */
  may(): boolean
  begin(): void
  end(): void
  search(seed: string): void
}

export interface Key {
  key: string
  repeat: boolean
  ctrlKey: boolean
  altKey: boolean
  metaKey: boolean
  shiftKey: boolean
}

export class TalkKey {
  #deeds: TalkKeyDeeds
  #pending = 0
  #talks = false

  constructor(deeds: TalkKeyDeeds) {
    this.#deeds = deeds
  }

  /** A key went down outside of fields; true when it is ours. */
  down(event: Key): boolean {
    const isPlain = !event.ctrlKey && !event.altKey && !event.metaKey
    const isTalk = isPlain && !event.shiftKey && event.key.toLowerCase() === 't'
    if (this.#pending && !isTalk && isPlain && event.key.length === 1) {
      // Somebody types a name.
      this.#forget()
      this.#deeds.search(`t${event.key}`)
      return true
    }
    if (!isTalk) return false
    if (event.repeat || this.#pending || this.#talks) return this.#pending !== 0 || this.#talks
    if (!this.#deeds.may()) return false
    this.#pending = globalThis.setTimeout(() => {
      this.#pending = 0
      this.#talks = true
      this.#deeds.begin()
    }, HOLD_MS) as unknown as number
    return true
  }

  up(event: { key: string }): void {
    if (event.key.toLowerCase() !== 't') return
    if (this.#pending) {
      this.#forget()
      this.#deeds.search('t')
    } else if (this.#talks) {
      this.#talks = false
      this.#deeds.end()
    }
  }

  #forget(): void {
    clearTimeout(this.#pending)
    this.#pending = 0
  }
}
