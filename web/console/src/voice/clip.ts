/** A sound file as a voice: works on pages that may have no microphone, too. */
import { encode, RATE_HZ } from './alaw'

export const LONGEST_S = 600
const PIECE_MS = 40
const PIECE = (RATE_HZ * PIECE_MS) / 1000
/** the server's cushion is filled at once, then kept full */
const AHEAD_MS = 80

/** The file's sound as A-law, its channels mixed. Rejects when the browser cannot read it. */
export async function readClip(file: Blob): Promise<Uint8Array<ArrayBuffer>> {
  // A context of 8 kHz takes out what is above, and brings down whatever rate the file has.
  const sound = await new OfflineAudioContext(1, 1, RATE_HZ).decodeAudioData(await file.arrayBuffer())
  const length = Math.min(sound.length, LONGEST_S * RATE_HZ)
  const mixed = new Float32Array(length)
  for (let channel = 0; channel < sound.numberOfChannels; channel++) {
    const samples = sound.getChannelData(channel)
    for (let n = 0; n < length; n++) mixed[n] = (mixed[n] ?? 0) + (samples[n] ?? 0) / sound.numberOfChannels
  }
  return encode(mixed)
}

/** Give a clip to a line, piece by piece as it would be spoken; `told` its progress 0 to 1, and 1 at the end. */
export function playClip(clip: Uint8Array<ArrayBuffer>, say: (piece: ArrayBuffer) => void, told: (part: number) => void): () => void {
  const began = performance.now()
  let sent = 0
  const timer = setInterval(() => {
    const due = ((performance.now() - began + AHEAD_MS) / PIECE_MS) * PIECE
    while (sent < due && sent < clip.length) {
      say(clip.slice(sent, sent + PIECE).buffer)
      sent += PIECE
    }
    told(Math.min(1, sent / clip.length))
    if (sent >= clip.length) clearInterval(timer)
  }, PIECE_MS / 2)
  return () => clearInterval(timer)
}
