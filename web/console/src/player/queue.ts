/** What waits to be appended to a SourceBuffer: in order, bounded, and never a fragment without its init. Pure. */

export type Item = { kind: 'init'; mime: string; data: Uint8Array<ArrayBuffer> } | { kind: 'media'; data: Uint8Array<ArrayBuffer> }

/** Past this many waiting bytes the browser is not keeping up and old media is given up. */
export const MOST_BYTES = 16 * 1024 * 1024

export class AppendQueue {
  #items: Item[] = []
  #bytes = 0
  #awaited: string | null = null
  dropped = 0

  get length(): number {
    return this.#items.length
  }

  get bytes(): number {
    return this.#bytes
  }

  /** A text message was read: the next binary message is the init segment of this MIME type. */
  announce(mime: string): void {
    this.#awaited = mime
  }

  /** A binary message: the announced init, or media. Media before any init was announced is an error of the sender. */
  push(data: Uint8Array<ArrayBuffer>): void {
    if (this.#awaited !== null) {
      this.#items.push({ kind: 'init', mime: this.#awaited, data })
      this.#awaited = null
    } else {
      this.#items.push({ kind: 'media', data })
    }
    this.#bytes += data.byteLength
    if (this.#bytes > MOST_BYTES) this.#shed()
  }

  /** The next thing to append: an init alone, or all media up to the next init as one run. */
  take(): Item | null {
    const first = this.#items[0]
    if (!first) return null
    if (first.kind === 'init') {
      this.#items.shift()
      this.#bytes -= first.data.byteLength
      return first
    }
    let count = 0
    let size = 0
    while (this.#items[count]?.kind === 'media') size += this.#items[count++]?.data.byteLength ?? 0
    const run = this.#items.splice(0, count)
    this.#bytes -= size
    if (run.length === 1) return first
    const data = new Uint8Array(size)
    let at = 0
    for (const item of run) {
      data.set(item.data, at)
      at += item.data.byteLength
    }
    return { kind: 'media', data }
  }

  /** Put a taken item back in front: the buffer was full. */
  untake(item: Item): void {
    this.#items.unshift(item)
    this.#bytes += item.data.byteLength
  }

  clear(): void {
    this.#items = []
    this.#bytes = 0
    this.#awaited = null
  }

  /** Give up waiting media; inits stay, or nothing later could be decoded. */
  #shed(): void {
    const kept = this.#items.filter((item) => item.kind === 'init')
    this.dropped += this.#items.length - kept.length
    this.#items = kept
    this.#bytes = kept.reduce((sum, item) => sum + item.data.byteLength, 0)
  }
}
