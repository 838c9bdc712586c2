/** Plays a recording's fMP4 from a WebSocket: as the live player, but it stands when it shall, and steps by pictures. */
import { evictable, overGap, spansOf } from '@/player/edge'
import { announcedMime, webSocketAddress } from '@/player/fmp4'
import { AppendQueue } from '@/player/queue'
import { Sink } from '@/player/sink'

const TICK_MS = 100
/** A recording's player may lag so far behind what came; more is made up for in one jump. */
const LAG_S = 2.5
const LANDING_S = 0.3

export interface RecordedEvents {
  onPicture(): void
  onEnd(): void
  onUnsupported(): void
}

export interface Recorded {
  stand(still: boolean): void
  /** What comes from now on is of another time: show it as soon as it is there. */
  jump(): void
  /** One picture on or back; false when the pictures that came do not reach so far. */
  step(by: 1 | -1, fps: number): boolean
  close(): void
}

export function playRecorded(url: string, video: HTMLVideoElement, events: RecordedEvents): Recorded {
  const queue = new AppendQueue()
  const source = new MediaSource()
  const objectUrl = URL.createObjectURL(source)
  const socket = new WebSocket(webSocketAddress(url))
  socket.binaryType = 'arraybuffer'
  let started = false
  let still = false
  let over = false
  let jumpsFrom: number | null = null

  const sink = new Sink(source, pump, end)
  const edge = () => {
    const spans = sink.buffer?.buffered
    return spans?.length ? spans.end(spans.length - 1) : 0
  }

  function pump(): void {
    const { buffer } = sink
    if (over || source.readyState !== 'open' || buffer?.updating) return
    if (buffer) {
      if (!started && buffer.buffered.length > 0) {
        started = true
        video.currentTime = buffer.buffered.start(0) + 0.001
        if (!still) void video.play().catch(() => {})
      }
      const old = evictable(video.currentTime, spansOf(buffer.buffered))
      if (old) {
        buffer.remove(old.start, old.end)
        return
      }
    }
    const item = queue.take()
    if (!item) return
    try {
      if (!sink.append(item)) {
        close()
        events.onUnsupported()
      }
    } catch {
      end()
    }
  }

  function tick(): void {
    const { buffer } = sink
    if (over || !buffer || !started) return
    const spans = spansOf(buffer.buffered)
    if (spans.length === 0) return
    if (jumpsFrom !== null && edge() > jumpsFrom + 0.06) {
      video.currentTime = jumpsFrom + 0.05
      jumpsFrom = null
    } else if (!still) {
      const next = overGap(video.currentTime, spans)
      if (next !== null) video.currentTime = next
      else if (edge() - video.currentTime > LAG_S) video.currentTime = edge() - LANDING_S
    }
    if (!still && video.paused && !document.hidden) void video.play().catch(() => {})
  }

  function end(): void {
    if (over) return
    close()
    events.onEnd()
  }

  function close(): void {
    if (over) return
    over = true
    clearInterval(timer)
    socket.onclose = socket.onmessage = socket.onerror = null
    socket.close()
    queue.clear()
    video.removeEventListener('loadeddata', events.onPicture)
    video.removeEventListener('error', end)
    video.pause()
    URL.revokeObjectURL(objectUrl)
  }

  const timer = window.setInterval(tick, TICK_MS)
  source.addEventListener('sourceopen', pump)
  video.addEventListener('loadeddata', events.onPicture)
  video.addEventListener('error', end)
  video.src = objectUrl
  socket.onmessage = (message: MessageEvent<string | ArrayBuffer>) => {
    if (typeof message.data === 'string') {
      const mime = announcedMime(message.data)
      if (mime !== null) queue.announce(mime)
      return
    }
    queue.push(new Uint8Array(message.data))
    pump()
  }
  socket.onclose = end
  socket.onerror = end

  return {
    stand(wanted) {
      still = wanted
      if (still) video.pause()
      else if (started) void video.play().catch(() => {})
    },
    jump() {
      jumpsFrom = edge()
    },
    step(by, fps) {
      const to = video.currentTime + by / Math.max(1, fps)
      const spans = sink.buffer ? spansOf(sink.buffer.buffered) : []
      if (!spans.some((span) => to >= span.start && to < span.end)) return false
      video.currentTime = to
      return true
    },
    close,
  }
}
