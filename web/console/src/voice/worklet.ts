/** Runs beside the page, on the audio thread: the microphone's samples become pieces of A-law, 40 ms each. */
import { encode } from './alaw'
import { Downsampler } from './resample'

// What TypeScript's library does not know of this place.
declare const sampleRate: number
declare function registerProcessor(name: string, processor: new () => object): void
declare class AudioWorkletProcessor {
  readonly port: MessagePort
}

const PIECE = 320

class MicrophoneProcessor extends AudioWorkletProcessor {
  #down = new Downsampler(sampleRate)
  #held = new Uint8Array(PIECE)
  #length = 0

  process(inputs: Float32Array[][]): boolean {
    const heard = inputs[0]?.[0]
    if (!heard) return true
    for (const code of encode(this.#down.push(heard))) {
      this.#held[this.#length++] = code
      if (this.#length === PIECE) {
        const piece = this.#held.slice()
        this.port.postMessage(piece.buffer, [piece.buffer])
        this.#length = 0
      }
    }
    return true
  }
}

registerProcessor('microphone', MicrophoneProcessor)
