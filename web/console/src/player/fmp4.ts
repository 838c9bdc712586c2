/** fMP4 over WebSocket into Media Source Extensions: text announces an init, binary brings it and its fragments. */
import type { Engine, EngineMaker } from './engine'
import { chase, evictable, LANDING_S, overGap, RUNAWAY_S, spansOf } from './edge'
import { AppendQueue } from './queue'
import { Sink } from './sink'

/** No byte for so long: the stream is gone although the socket is not. */
const SILENCE_MS = 12_000
const TICK_MS = 250

/** The MIME type an announcement carries, or null when it is not one. */
export function announcedMime(text: string): string | null {
  try {
    const said: unknown = JSON.parse(text)
    const mime = typeof said === 'object' && said !== null && 'mime' in said ? said.mime : null
    if (typeof mime !== 'string' || !mime) return null
    return mime.includes('/') ? mime : `video/mp4; codecs="${mime}"`
  } catch {
    return null
  }
}

export function webSocketAddress(url: string, base: string = location.href): string {
  const address = new URL(url, base)
  address.protocol = address.protocol.replace('http', 'ws')
  return address.href
}

export const playFmp4: EngineMaker = (live, video, events) => {
  const queue = new AppendQueue()
  const source = new MediaSource()
  const objectUrl = URL.createObjectURL(source)
  const socket = new WebSocket(webSocketAddress(live.url))
  socket.binaryType = 'arraybuffer'
  let bytes = 0
  let heardAt = performance.now()
  let shown = false
  let over = false
  let started = false

  const end = (note: string) => {
    if (over) return
    close()
    events.onEnd(note)
  }
  const sink = new Sink(source, pump, () => end('append'))

  function unsupported(): void {
    close()
    events.onUnsupported()
  }

  /** Append what waits, one piece at a time; before that, make room behind the picture. */
  function pump(): void {
    const { buffer } = sink
    if (over || source.readyState !== 'open' || buffer?.updating) return
    if (buffer) {
      begin(buffer.buffered)
      const spans = spansOf(buffer.buffered)
      const edge = spans.at(-1)?.end ?? 0
      if (started && edge - video.currentTime > RUNAWAY_S) video.currentTime = edge - LANDING_S
      const old = evictable(video.currentTime, spans)
      if (old) {
        buffer.remove(old.start, old.end)
        return
      }
    }
    const item = queue.take()
    if (!item) return
    try {
      if (!sink.append(item)) unsupported()
    } catch (error) {
      const past = buffer?.buffered.length ? video.currentTime - 1 - buffer.buffered.start(0) : 0
      if (error instanceof DOMException && error.name === 'QuotaExceededError' && buffer && past > 0) {
        queue.untake(item)
        buffer.remove(buffer.buffered.start(0), video.currentTime - 1)
      } else {
        end('append')
      }
    }
  }

  /** Start at the first picture that came: the stream's clock does not begin at zero. */
  function begin(buffered: TimeRanges): void {
    if (started || buffered.length === 0) return
    started = true
    video.currentTime = buffered.start(0) + 0.001
    void video.play().catch(() => {})
  }

  function tick(): void {
    if (over) return
    if (performance.now() - heardAt > SILENCE_MS) {
      end('silence')
      return
    }
    const { buffer } = sink
    if (!buffer || !started) return
    const spans = spansOf(buffer.buffered)
    const edge = spans.at(-1)?.end
    if (edge === undefined) return
    const next = overGap(video.currentTime, spans)
    if (next !== null) video.currentTime = next
    else {
      const plan = chase(edge - video.currentTime, edge, video.playbackRate)
      if (plan.seek !== null) video.currentTime = plan.seek
      if (video.playbackRate !== plan.rate) video.playbackRate = plan.rate
    }
    if (video.paused && !document.hidden) void video.play().catch(() => {})
  }

  const onPicture = () => {
    if (shown || over) return
    shown = true
    events.onPicture()
  }
  const onError = () => end('decode')
  const timer = window.setInterval(tick, TICK_MS)

  function close(): void {
    if (over) return
    over = true
    clearInterval(timer)
    socket.onclose = socket.onmessage = socket.onerror = null
    socket.close()
    queue.clear()
    video.removeEventListener('loadeddata', onPicture)
    video.removeEventListener('error', onError)
    video.removeAttribute('src')
    video.load()
    URL.revokeObjectURL(objectUrl)
  }

  source.addEventListener('sourceopen', pump)
  video.addEventListener('loadeddata', onPicture)
  video.addEventListener('error', onError)
  video.src = objectUrl

  socket.onmessage = (message: MessageEvent<string | ArrayBuffer>) => {
    heardAt = performance.now()
    if (typeof message.data === 'string') {
      const mime = announcedMime(message.data)
      if (mime !== null) queue.announce(mime)
      return
    }
    bytes += message.data.byteLength
    queue.push(new Uint8Array(message.data))
    pump()
  }
  socket.onclose = () => end('closed')
  socket.onerror = () => end('closed')

  const engine: Engine = {
    figures: () => {
      const ranges = sink.buffer && !over ? video.buffered : null
      const edge = ranges && ranges.length > 0 ? ranges.end(ranges.length - 1) : video.currentTime
      return { bytes, bufferedS: Math.max(0, edge - video.currentTime) }
    },
    close,
  }
  return engine
}
