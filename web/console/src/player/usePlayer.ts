/** A PlaySession bound to a pane's elements, with the figures that a hovering eye wants. */
import { onBeforeUnmount, ref, shallowRef, type Ref } from 'vue'
import { live as api } from '@/api'
import type { Live, LiveWish, OutletFormat } from '@/api/types'
import { abilities, canPlay } from './choice'
import type { EngineMaker } from './engine'
import { playFlv } from './flv'
import { playFmp4 } from './fmp4'
import { playHls } from './hls'
import { Meter } from './meter'
import { expectFrom } from './policy'
import { PlaySession, type SessionView } from './session'
import { supportOf } from './support'
import { Turns } from './turns'
import { playWebrtc } from './webrtc'

export interface Figures {
  fps: number
  bitsPerSecond: number
  bufferedS: number
  width: number
  height: number
  dropped: number
}

/** one line for all panes */
const turns = new Turns()

const ENGINES: Record<Live['format'], EngineMaker> = {
  'ws-fmp4': playFmp4, 'http-flv': playFlv, 'ws-flv': playFlv, webrtc: playWebrtc, hls: playHls,
}

export interface Player {
  view: Readonly<Ref<SessionView>>
  figures: Readonly<Ref<Figures | null>>
  play(wish: LiveWish, chain?: readonly OutletFormat[]): void
  stop(): void
  retry(): void
  nudge(): void
}

export function usePlayer(video: Ref<HTMLVideoElement | null>, still: Ref<HTMLCanvasElement | null>): Player {
  const view = shallowRef<SessionView>({ state: 'idle', live: null, trouble: null, unsupported: null, retryAt: null })
  const figures = ref<Figures | null>(null)
  const can = abilities()
  let traffic = new Meter()
  let frames = new Meter()
  let lastBytes = 0
  let lastFrames = 0

  function hold(): void {
    const from = video.value
    const to = still.value
    if (!from?.videoWidth || !to) return
    to.width = Math.min(from.videoWidth, 960)
    to.height = Math.round((to.width * from.videoHeight) / from.videoWidth)
    to.getContext('2d')?.drawImage(from, 0, 0, to.width, to.height)
  }

  const session = new PlaySession({
    open: (wish, signal, urgent) =>
      turns.take(urgent, signal, async () => {
        const live = await api.open(wish, signal)
        expectFrom(live.url)
        return live
      }),
    close: (lease) => api.close(lease),
    engineFor: (format) => ENGINES[format],
    support: (video, format) => supportOf(video, undefined, format),
    recodings: () => (['webrtc', 'hls'] as const).filter((format) => canPlay(format, can)),
    video: () => video.value,
    hold,
    show: (next) => {
      if (next.state !== 'playing') {
        figures.value = null
        traffic = new Meter()
        frames = new Meter()
        lastBytes = lastFrames = 0
      }
      view.value = next
    },
  })

  const timer = window.setInterval(() => {
    const engine = session.engine
    const element = video.value
    if (!engine || !element || view.value.state !== 'playing') return
    const at = performance.now() / 1000
    const { bytes, bufferedS } = engine.figures()
    const quality = element.getVideoPlaybackQuality()
    traffic.add(bytes - lastBytes, at)
    frames.add(quality.totalVideoFrames - lastFrames, at)
    lastBytes = bytes
    lastFrames = quality.totalVideoFrames
    figures.value = {
      fps: frames.perSecond(at),
      bitsPerSecond: traffic.perSecond(at) * 8,
      bufferedS,
      width: element.videoWidth,
      height: element.videoHeight,
      dropped: quality.droppedVideoFrames,
    }
  }, 500)
  onBeforeUnmount(() => clearInterval(timer))

  return {
    view,
    figures,
    play: (wish, chain) => session.play(wish, chain),
    stop: () => session.stop(),
    retry: () => session.retry(),
    nudge: () => session.nudge(),
  }
}
