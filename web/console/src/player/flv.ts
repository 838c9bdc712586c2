/** HTTP-FLV and WebSocket-FLV by mpegts.js, loaded only when somebody chooses it. */
import type Mpegts from 'mpegts.js'
import type { EngineMaker } from './engine'
import { webSocketAddress } from './fmp4'
import { Silence } from './silence'

const SILENCE_MS = 12_000

export const playFlv: EngineMaker = (live, video, events) => {
  let player: Mpegts.Player | null = null
  let over = false
  let bytes = 0
  let toldAt = performance.now()
  const onPicture = () => events.onPicture()
  video.addEventListener('loadeddata', onPicture, { once: true })

  const end = (note: string) => {
    if (over) return
    close()
    events.onEnd(note)
  }

  const silence = new Silence(SILENCE_MS, () => end('silence'))

  function close(): void {
    if (over) return
    over = true
    silence.stop()
    video.removeEventListener('loadeddata', onPicture)
    player?.destroy()
    player = null
  }

  const start = async () => {
    const { default: mpegts } = await import('mpegts.js')
    if (over) return
    if (!mpegts.getFeatureList().mseLivePlayback) {
      close()
      events.onUnsupported()
      return
    }
    mpegts.LoggingControl.enableAll = false
    const url = live.format === 'ws-flv' ? webSocketAddress(live.url) : new URL(live.url, location.href).href
    player = mpegts.createPlayer(
      { type: 'flv', isLive: true, url, hasAudio: live.audio !== null },
      {
        enableWorker: false,
        enableStashBuffer: false,
        liveSync: true,
        liveSyncMaxLatency: 1.5,
        liveSyncTargetLatency: 0.6,
        liveSyncPlaybackRate: 1.1,
        autoCleanupSourceBuffer: true,
      },
    )
    player.on(mpegts.Events.ERROR, () => end('flv'))
    player.on(mpegts.Events.LOADING_COMPLETE, () => end('closed'))
    // It tells how fast they came in the last second, in units of 1024 bytes, and counts them for nobody.
    player.on(mpegts.Events.STATISTICS_INFO, ({ speed = 0 }: { speed?: number }) => {
      const now = performance.now()
      bytes += (speed * 1024 * (now - toldAt)) / 1000
      toldAt = now
      if (speed > 0) silence.heard()
    })
    player.attachMediaElement(video)
    player.load()
    await player.play()
  }
  void start().catch(() => {
    // play() is also refused when the pane is closed while it starts: then `over` is set and nobody is told
    if (!over && video.error) end('flv')
  })

  return {
    figures: () => {
      const ranges = video.buffered
      const edge = ranges.length > 0 ? ranges.end(ranges.length - 1) : video.currentTime
      return { bytes, bufferedS: Math.max(0, edge - video.currentTime) }
    },
    close,
  }
}
