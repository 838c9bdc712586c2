/** The one SourceBuffer of a MediaSource: made by the first init that comes, changed by those that follow. */
import type { Item } from './queue'

export class Sink {
  buffer: SourceBuffer | null = null
  readonly #source: MediaSource
  readonly #done: () => void
  readonly #failed: () => void

  /** `done` hears that a piece is in and the next may come, `failed` that what was in it cannot be decoded. */
  constructor(source: MediaSource, done: () => void, failed: () => void) {
    this.#source = source
    this.#done = done
    this.#failed = failed
  }

  /** Begin to append a piece; false when this browser plays no such MIME type. Throws as `appendBuffer` does. */
  append(item: Item): boolean {
    if (item.kind === 'init') {
      if (!MediaSource.isTypeSupported(item.mime)) return false
      if (this.buffer) this.buffer.changeType(item.mime)
      else this.#make(item.mime)
    }
    this.buffer?.appendBuffer(item.data)
    return true
  }

  #make(mime: string): void {
    const buffer = this.#source.addSourceBuffer(mime)
    buffer.mode = 'segments'
    buffer.addEventListener('updateend', this.#done)
    buffer.addEventListener('error', this.#failed)
    this.buffer = buffer
  }
}
