/** The line of a talk: our sound up, news and the device's sound down. Whoever goes silent on it has ended the talk. */
import type { Talk } from './types'

const HERE_MS = 600
const ANSWER_MS = 6000

export interface LineNews {
  talk(talk: Talk): void
  back(sound: Uint8Array): void
  /** the line is gone, by whomever */
  closed(): void
}

export class TalkLine {
  #wire: WebSocket
  #news: LineNews
  #here = 0
  #answer: { settle(sdp: string): void; fail(why: Error): void } | null = null

  constructor(id: string, news: LineNews, wire = new WebSocket(addressOf(id))) {
    this.#wire = wire
    this.#news = news
    wire.binaryType = 'arraybuffer'
    wire.onopen = () => {
      this.#here = window.setInterval(() => this.#say({ here: true }), HERE_MS)
    }
    wire.onmessage = ({ data }: MessageEvent<unknown>) => this.#hear(data)
    wire.onclose = () => {
      clearInterval(this.#here)
      this.#answer?.fail(new Error('line closed'))
      this.#news.closed()
    }
  }

  /** A piece of A-law; dropped while the line is not open or does not keep up. */
  sound(piece: ArrayBuffer): void {
    if (this.#wire.readyState === WebSocket.OPEN && this.#wire.bufferedAmount < 16_000) this.#wire.send(piece)
  }

  /** Have the server take a microphone by WebRTC; its answer. */
  offer(sdp: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('no answer to the offer')), ANSWER_MS)
      const settle = (then: () => void) => {
        clearTimeout(timer)
        this.#answer = null
        then()
      }
      this.#answer = { settle: (answer) => settle(() => resolve(answer)), fail: (why) => settle(() => reject(why)) }
      if (this.#wire.readyState === WebSocket.OPEN) this.#say({ offer: sdp })
      else this.#wire.addEventListener('open', () => this.#say({ offer: sdp }), { once: true })
    })
  }

  /** We have said all. */
  end(): void {
    this.#say({ end: true })
    this.#wire.close()
  }

  #say(words: object): void {
    if (this.#wire.readyState === WebSocket.OPEN) this.#wire.send(JSON.stringify(words))
  }

  #hear(data: unknown): void {
    if (data instanceof ArrayBuffer) {
      this.#news.back(new Uint8Array(data))
      return
    }
    if (typeof data !== 'string') return
    const said = JSON.parse(data) as { talk?: Talk; answer?: string; trouble?: { message: string } }
    if (said.talk) this.#news.talk(said.talk)
    if (said.answer) this.#answer?.settle(said.answer)
    if (said.trouble) this.#answer?.fail(new Error(said.trouble.message))
  }
}

function addressOf(id: string): string {
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws'
  return `${scheme}://${location.host}/api/v1/voice/talks/${encodeURIComponent(id)}/line`
}
