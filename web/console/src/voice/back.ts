/** What a device says back on the talk's own line, played as it comes. */
import { decode, RATE_HZ } from './alaw'

const CUSHION_S = 0.12
const MOST_S = 0.6

export class BackSound {
  #context: AudioContext | null = null
  #next = 0

  play(codes: Uint8Array): void {
    this.#context ??= new AudioContext()
    const context = this.#context
    const buffer = context.createBuffer(1, codes.length, RATE_HZ)
    buffer.copyToChannel(decode(codes), 0)
    const now = context.currentTime
    if (this.#next < now || this.#next > now + MOST_S) this.#next = now + CUSHION_S
    const node = context.createBufferSource()
    node.buffer = buffer
    node.connect(context.destination)
    node.start(this.#next)
    this.#next += buffer.duration
  }

  stop(): void {
    void this.#context?.close()
    this.#context = null
    this.#next = 0
  }
}
