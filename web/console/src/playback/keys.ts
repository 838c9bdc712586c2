/** What a key does on the playback screen. Pure, so that every key can be tested. */

export type Deed =
  | { do: 'toggle' }
  | { do: 'skip'; by: number }
  | { do: 'frame'; by: 1 | -1 }
  | { do: 'speed'; by: 1 | -1 }
  | { do: 'normal' }
  | { do: 'back' }

export interface Stroke {
  key: string
  ctrl: boolean
  alt: boolean
  shift: boolean
  meta: boolean
}

export const SPEEDS = [0.125, 0.25, 0.5, 1, 2, 4, 8, 16] as const
export const BACKWARDS = [-1, -2, -4] as const

export function deedOf(stroke: Stroke, inField: boolean, onControl: boolean): Deed | null {
  const { key } = stroke
  if (inField || stroke.ctrl || stroke.alt || stroke.meta) return null
  if (key === ' ' && !onControl) return { do: 'toggle' }
  const far = stroke.shift ? 60 : 10
  if (key === 'ArrowLeft') return { do: 'skip', by: -far }
  if (key === 'ArrowRight') return { do: 'skip', by: far }
  if (key === ',' || key === '<') return { do: 'frame', by: -1 }
  if (key === '.' || key === '>') return { do: 'frame', by: 1 }
  if (key === '+' || key === '=') return { do: 'speed', by: 1 }
  if (key === '-' || key === '_') return { do: 'speed', by: -1 }
  if (key === '1') return { do: 'normal' }
  if (key === 'r' || key === 'R') return { do: 'back' }
  return null
}

/** The next speed up or down from one; from backwards, forward again. */
export function nextSpeed(speed: number, by: 1 | -1): number {
  if (speed < 0) return 1
  const at = SPEEDS.findIndex((one) => one >= speed)
  return SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, (at < 0 ? SPEEDS.length - 1 : at) + by))] ?? 1
}

/** 1/8×, 0.5×, 4×, −2× as people write it. */
export function speedWord(speed: number): string {
  const size = Math.abs(speed)
  const word = size < 1 ? `1/${Math.round(1 / size)}` : String(size)
  return `${speed < 0 ? '−' : ''}${word}×`
}
