/** HLS by the browser's own player: phones and Safari. It fetches for itself, so there is little to be counted. */
import type { EngineMaker } from './engine'
import { Silence } from './silence'

const PICTURE_MS = 25_000

export const playHls: EngineMaker = (live, video, events) => {
  let over = false
  const end = (note: string) => {
    if (over) return
    close()
    events.onEnd(note)
  }
  const onPicture = () => events.onPicture()
  const onError = () => end('hls')
  // It stands still where nothing more comes, and says no word about it; a hidden page may be put to sleep.
  const silence = new Silence(PICTURE_MS, () => (document.hidden ? silence.heard() : end('silence')))
  const onMove = () => silence.heard()

  function close(): void {
    if (over) return
    over = true
    silence.stop()
    video.removeEventListener('loadeddata', onPicture)
    video.removeEventListener('timeupdate', onMove)
    video.removeEventListener('error', onError)
    video.removeEventListener('ended', onError)
    video.removeAttribute('src')
    video.load()
  }

  video.addEventListener('loadeddata', onPicture, { once: true })
  video.addEventListener('timeupdate', onMove)
  video.addEventListener('error', onError)
  video.addEventListener('ended', onError)
  video.src = live.url
  void video.play().catch(() => {})

  return {
    figures: () => {
      const ranges = video.buffered
      const edge = ranges.length > 0 ? ranges.end(ranges.length - 1) : video.currentTime
      return { bytes: 0, bufferedS: Math.max(0, edge - video.currentTime) }
    },
    close,
  }
}
