/** Two short tones for a new alarm, three for the highest priority; made on the spot, no file. */

const GAP_MS = 1500
let context: AudioContext | null = null
let lastAt = 0

/** Ring, unless it rang just now; a browser that forbids sound before the first click stays silent. */
export function ring(priority: number, now = performance.now()): void {
  if (now - lastAt < GAP_MS) return
  lastAt = now
  try {
    context ??= new AudioContext()
    const tones = priority === 1 ? [880, 660, 880] : [660, 880]
    tones.forEach((hertz, place) => tone(context as AudioContext, hertz, place * 0.18))
  } catch {
    context = null
  }
}

function tone(audio: AudioContext, hertz: number, after: number): void {
  const from = audio.currentTime + after
  const volume = audio.createGain()
  volume.gain.setValueAtTime(0, from)
  volume.gain.linearRampToValueAtTime(0.12, from + 0.02)
  volume.gain.linearRampToValueAtTime(0, from + 0.16)
  const source = audio.createOscillator()
  source.frequency.value = hertz
  source.connect(volume).connect(audio.destination)
  source.start(from)
  source.stop(from + 0.17)
}
