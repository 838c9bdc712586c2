/** The picture now on the screen, saved as PNG under the camera's name and the time. */

const two = (n: number) => String(n).padStart(2, '0')

/** A file name that every system takes: the camera's name without what paths forbid, and the local time. */
export function snapshotName(name: string, at: Date): string {
  const kept = [...name].filter((letter) => !'\\/:*?"<>|'.includes(letter) && letter >= ' ').join('').trim() || 'camera'
  const date = `${at.getFullYear()}${two(at.getMonth() + 1)}${two(at.getDate())}`
  return `${kept}_${date}_${two(at.getHours())}${two(at.getMinutes())}${two(at.getSeconds())}.png`
}

/** Save a frame; the file's name, or null when there is no picture. */
export async function saveSnapshot(video: HTMLVideoElement, name: string): Promise<string | null> {
  if (!video.videoWidth || video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return null
  const canvas = document.createElement('canvas')
  canvas.width = video.videoWidth
  canvas.height = video.videoHeight
  canvas.getContext('2d')?.drawImage(video, 0, 0)
  const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, 'image/png'))
  if (!blob) return null
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = snapshotName(name, new Date())
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
  return link.download
}
