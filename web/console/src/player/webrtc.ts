/** WebRTC by WHEP: one offer with all its candidates, one answer, and the tracks go straight into the <video>. */
import type { EngineMaker } from './engine'

/** Candidates of our own machine come at once; a name server that is slow is not waited for. */
const GATHER_MS = 1000
/** From the answer to the first picture. */
const PICTURE_MS = 12_000
const SILENCE_MS = 8_000
const TICK_MS = 1000

interface Inbound {
  type: string
  kind?: string
  bytesReceived?: number
  jitterBufferDelay?: number
  jitterBufferEmittedCount?: number
}

function gathered(peer: RTCPeerConnection): Promise<void> {
  if (peer.iceGatheringState === 'complete') return Promise.resolve()
  return new Promise((done) => {
    const timer = setTimeout(done, GATHER_MS)
    peer.addEventListener('icegatheringstatechange', () => {
      if (peer.iceGatheringState !== 'complete') return
      clearTimeout(timer)
      done()
    })
  })
}

export const playWebrtc: EngineMaker = (live, video, events) => {
  const peer = new RTCPeerConnection()
  const stream = new MediaStream()
  const gone = new AbortController()
  let over = false
  let shown = false
  let bytes = 0
  let bufferedS = 0
  let heardAt = performance.now()
  let before = { delay: 0, count: 0 }

  const end = (note: string) => {
    if (over) return
    close()
    events.onEnd(note)
  }
  const onPicture = () => {
    if (shown || over) return
    shown = true
    events.onPicture()
  }

  function close(): void {
    if (over) return
    over = true
    clearInterval(timer)
    gone.abort()
    peer.close()
    video.removeEventListener('loadeddata', onPicture)
    video.srcObject = null
  }

  async function look(): Promise<void> {
    const now = performance.now()
    if (now - heardAt > (shown ? SILENCE_MS : PICTURE_MS)) return end('silence')
    let received = 0
    for (const one of (await peer.getStats()).values() as Iterable<Inbound>) {
      if (one.type !== 'inbound-rtp') continue
      received += one.bytesReceived ?? 0
      if (one.kind !== 'video') continue
      const delay = one.jitterBufferDelay ?? 0
      const count = one.jitterBufferEmittedCount ?? 0
      if (count > before.count) bufferedS = (delay - before.delay) / (count - before.count)
      before = { delay, count }
    }
    if (received > bytes) heardAt = performance.now()
    bytes = received
    if (video.paused && !document.hidden) void video.play().catch(() => {})
  }

  async function start(): Promise<void> {
    peer.addTransceiver('video', { direction: 'recvonly' })
    peer.addTransceiver('audio', { direction: 'recvonly' })
    peer.ontrack = ({ track }) => {
      stream.addTrack(track)
      video.srcObject = stream
      void video.play().catch(() => {})
    }
    peer.onconnectionstatechange = () => {
      if (peer.connectionState === 'failed') end('failed')
    }
    await peer.setLocalDescription(await peer.createOffer())
    await gathered(peer)
    if (over) return
    const answer = await fetch(live.url, {
      method: 'POST',
      credentials: 'same-origin',
      headers: { 'Content-Type': 'application/sdp' },
      body: peer.localDescription?.sdp ?? '',
      signal: gone.signal,
    })
    if (over) return
    if (answer.status === 406 || answer.status === 503) {
      close()
      events.onUnfit()
      return
    }
    if (!answer.ok) return end(`http-${answer.status}`)
    await peer.setRemoteDescription({ type: 'answer', sdp: await answer.text() })
  }

  const timer = window.setInterval(() => void look().catch(() => {}), TICK_MS)
  video.addEventListener('loadeddata', onPicture)
  start().catch(() => end('failed'))

  return { figures: () => ({ bytes, bufferedS }), close }
}
