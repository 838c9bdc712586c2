/** Whether this browser can show a codec, and in which words it is told when not. */
import type { AudioTrack, OutletFormat, VideoTrack } from '@/api/types'
import type { MessageKey } from '@/i18n'

type Test = (mime: string) => boolean

function browserTest(): Test | null {
  return typeof MediaSource === 'undefined' ? null : (mime) => MediaSource.isTypeSupported(mime)
}

/** `video/mp4; codecs="..."` of the tracks a browser gets. */
export function mimeOf(video: Pick<VideoTrack, 'mime'>, audio: Pick<AudioTrack, 'playable_as'> | null): string {
  const codecs = audio?.playable_as ? `${video.mime},${audio.playable_as}` : video.mime
  return `video/mp4; codecs="${codecs}"`
}

export type Support = { ok: true } | { ok: false; codec: string; advice: MessageKey }

export function unsupported(video: VideoTrack): Support & { ok: false } {
  const isH265 = video.codec === 'H.265' || video.mime.startsWith('hvc1') || video.mime.startsWith('hev1')
  return { ok: false, codec: video.codec, advice: isH265 ? 'unsupported.h265' : 'unsupported.other' }
}

/** How a codec fares by one way of playing. The server sends nothing but H.264 by WebRTC; HLS is the browser's own. */
export function supportOf(video: VideoTrack, test: Test | null = browserTest(), format: OutletFormat = 'ws-fmp4'): Support {
  if (format === 'webrtc') return video.codec === 'H.264' ? { ok: true } : unsupported(video)
  if (format === 'hls') {
    const element = typeof document === 'undefined' ? null : document.createElement('video')
    return element?.canPlayType(mimeOf(video, null)) ? { ok: true } : unsupported(video)
  }
  if (test === null) return { ok: false, codec: 'MSE', advice: 'unsupported.mse' }
  return test(mimeOf(video, null)) ? { ok: true } : unsupported(video)
}
