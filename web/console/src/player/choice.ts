/** How a picture is played: by what was chosen, what the person prefers, and what the browser can. Pure. */
import type { OutletFormat } from '@/api/types'

export interface Abilities {
  /** Media Source Extensions: fMP4 and FLV */
  mse: boolean
  webrtc: boolean
  /** the <video> plays playlists by itself: phones, Safari */
  hls: boolean
}

export type Chosen = 'auto' | OutletFormat

export const FORMATS: readonly OutletFormat[] = ['ws-fmp4', 'http-flv', 'ws-flv', 'webrtc', 'hls']

export function canPlay(format: OutletFormat, can: Abilities): boolean {
  if (format === 'webrtc') return can.webrtc
  if (format === 'hls') return can.hls
  return can.mse
}

/** What to try, best first. fMP4 is quick, cheap and robust; WebRTC has less delay and costs the server far more. */
export function chainFor(chosen: Chosen, lowDelay: boolean, can: Abilities): OutletFormat[] {
  const usual: OutletFormat[] = lowDelay ? ['webrtc', 'ws-fmp4', 'hls'] : ['ws-fmp4', 'webrtc', 'hls']
  const wanted = chosen === 'auto' ? usual : [chosen, ...usual.filter((format) => format !== chosen)]
  const possible = wanted.filter((format) => canPlay(format, can))
  return possible.length ? possible : ['ws-fmp4']
}

export function abilities(): Abilities {
  return {
    mse: typeof MediaSource !== 'undefined',
    webrtc: typeof RTCPeerConnection !== 'undefined',
    hls: document.createElement('video').canPlayType('application/vnd.apple.mpegurl') !== '',
  }
}
