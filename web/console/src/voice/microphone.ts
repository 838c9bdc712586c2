/** The operator's microphone, and the two ways by which its sound goes to the server. */
import workletUrl from './worklet.ts?worker&url'
import type { TalkLine } from './line'

export type Way = 'webrtc' | 'websocket'
export type Hindrance = 'insecure' | 'unsupported' | null

/** Why this page can have no microphone: browsers give it to pages by HTTPS, or of this very machine, alone. */
export function hindrance(): Hindrance {
  if (!window.isSecureContext) return 'insecure'
  return typeof navigator.mediaDevices?.getUserMedia === 'function' ? null : 'unsupported'
}

const CONNECT_MS = 3000
/** kept open for so long after a talk: the next one begins at once */
const KEEP_MS = 60_000

/** One microphone for the whole page. */
export class Microphone {
  #stream: MediaStream | null = null
  #context: AudioContext | null = null
  #source: MediaStreamAudioSourceNode | null = null
  #analyser: AnalyserNode | null = null
  #module: Promise<void> | null = null
  #heard = new Float32Array(512)
  #closing = 0

  /** Ask for it, unless it is open. Rejects with the browser's DOMException. */
  async open(): Promise<void> {
    clearTimeout(this.#closing)
    if (this.#stream?.active) {
      await this.#context?.resume()
      return
    }
    this.#stream = await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 },
    })
    this.#context = new AudioContext()
    this.#source = this.#context.createMediaStreamSource(this.#stream)
    this.#analyser = this.#context.createAnalyser()
    this.#analyser.fftSize = 512
    this.#source.connect(this.#analyser)
    this.#module = null
    await this.#context.resume()
  }

  /** How loud it is now, 0 to 1. */
  level(): number {
    if (!this.#analyser) return 0
    this.#analyser.getFloatTimeDomainData(this.#heard)
    return this.#heard.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0)
  }

  /** Give its sound to a line until the result is called; tells which way it goes. `wish` null takes the better. */
  async speak(line: TalkLine, wish: Way | null): Promise<{ way: Way; stop: () => void }> {
    if (wish !== 'websocket' && typeof RTCPeerConnection === 'function') {
      try {
        return { way: 'webrtc', stop: await this.#byRtc(line) }
      } catch (error) {
        // UDP does not get through everywhere; the line does.
        if (wish === 'webrtc') throw error
      }
    }
    return { way: 'websocket', stop: await this.#byLine(line) }
  }

  /** Close it, in a while. */
  rest(): void {
    clearTimeout(this.#closing)
    this.#closing = window.setTimeout(() => {
      this.#stream?.getTracks().forEach((track) => track.stop())
      void this.#context?.close()
      this.#stream = this.#context = this.#source = this.#analyser = null
    }, KEEP_MS)
  }

  async #byRtc(line: TalkLine): Promise<() => void> {
    const stream = this.#stream
    const track = stream?.getAudioTracks()[0]
    if (!stream || !track) throw new Error('no microphone')
    const connection = new RTCPeerConnection()
    try {
      const transceiver = connection.addTransceiver(track, { direction: 'sendonly', streams: [stream] })
      // A-law first: it is what devices want, and nothing is encoded twice.
      const codecs = RTCRtpSender.getCapabilities('audio')?.codecs ?? []
      const isAlaw = (codec: { mimeType: string }) => codec.mimeType.toLowerCase() === 'audio/pcma'
      transceiver.setCodecPreferences([...codecs.filter(isAlaw), ...codecs.filter((codec) => !isAlaw(codec))])
      await connection.setLocalDescription(await connection.createOffer())
      await gathered(connection)
      const answer = await line.offer(connection.localDescription?.sdp ?? '')
      await connection.setRemoteDescription({ type: 'answer', sdp: answer })
      await connected(connection)
    } catch (error) {
      connection.close()
      throw error
    }
    return () => connection.close()
  }

  async #byLine(line: TalkLine): Promise<() => void> {
    const context = this.#context
    const source = this.#source
    if (!context || !source) throw new Error('no microphone')
    this.#module ??= context.audioWorklet.addModule(workletUrl)
    await this.#module
    const node = new AudioWorkletNode(context, 'microphone', { numberOfOutputs: 0 })
    node.port.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => line.sound(data)
    source.connect(node)
    return () => {
      node.port.onmessage = null
      source.disconnect(node)
    }
  }
}

function gathered(connection: RTCPeerConnection): Promise<void> {
  return new Promise((resolve) => {
    const look = () => connection.iceGatheringState === 'complete' && resolve()
    connection.addEventListener('icegatheringstatechange', look)
    setTimeout(resolve, 800)
    look()
  })
}

function connected(connection: RTCPeerConnection): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no connection')), CONNECT_MS)
    const look = () => {
      const state = connection.connectionState
      if (state === 'connected') {
        clearTimeout(timer)
        resolve()
      } else if (state === 'failed' || state === 'closed') {
        clearTimeout(timer)
        reject(new Error('no connection'))
      }
    }
    connection.addEventListener('connectionstatechange', look)
    look()
  })
}
