/** What a key does on the watch screen. A table and a few rules; pure, so that every key can be tested. */
import type { Layout } from './wall'

export interface Stroke {
  key: string
  ctrl: boolean
  alt: boolean
  shift: boolean
  meta: boolean
}

export interface Place {
  /** typing goes into a field */
  inField: boolean
  /** the tree has the focus and uses arrows and Enter itself */
  inTree: boolean
  /** a button, menu or slider has the focus and uses Enter and Space itself */
  onControl: boolean
  ptz: boolean
}

export type Turn = 'up' | 'down' | 'left' | 'right' | 'in' | 'out'

export type Deed =
  | { do: 'search'; seed: string }
  | { do: 'layout'; layout: Layout }
  | { do: 'move' | 'swap'; dx: number; dy: number }
  | { do: 'turn'; turn: Turn }
  | { do: 'preset'; number: number }
  | { do: 'maximise' | 'fullscreen' | 'close' | 'escape' | 'mute' | 'snapshot' | 'ago' | 'ptz' | 'figures' | 'help' | 'hold' | 'box' }

const LAYOUT_KEYS: Record<string, Layout> = { '1': 1, '4': 4, '9': 9, '6': 16 }

const MOVES: Record<string, [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
}

const TURNS: Record<string, Turn> = {
  ArrowLeft: 'left',
  ArrowRight: 'right',
  ArrowUp: 'up',
  ArrowDown: 'down',
  a: 'left',
  d: 'right',
  w: 'up',
  s: 'down',
  '+': 'in',
  '=': 'in',
  '-': 'out',
  _: 'out',
}

/** One letter or digit, or a CJK character that an input method sent. */
function isTypable(key: string): boolean {
  if ([...key].length !== 1) return false
  return (key >= '0' && key <= '9') || key.toLowerCase() !== key.toUpperCase() || key > '\u2e80'
}

/** The turn a key means while PTZ control is on; also asked when it is released. */
export function turnOf(key: string): Turn | null {
  return TURNS[key.length === 1 ? key.toLowerCase() : key] ?? null
}

export function deedOf(stroke: Stroke, place: Place): Deed | null {
  const { key } = stroke
  if (key === 'Escape') return { do: 'escape' }
  if (place.inField || stroke.ctrl || stroke.alt || stroke.meta) return null
  if (key === '/') return { do: 'search', seed: '' }
  if (key === '?') return { do: 'help' }
  if (key === 'P' || key === 'p') return { do: 'ptz' }
  if (stroke.shift && (key === 'M' || key === 'm')) return { do: 'mute' }
  if (stroke.shift && (key === 'S' || key === 's')) return { do: 'snapshot' }
  if (stroke.shift && (key === 'B' || key === 'b')) return { do: 'ago' }
  if (stroke.shift && (key === 'I' || key === 'i')) return { do: 'figures' }

  if (place.ptz && !place.inTree) {
    const turn = turnOf(key)
    if (turn) return { do: 'turn', turn }
    if (key === 'h' || key === 'H') return { do: 'hold' }
    if (key === 'b' || key === 'B') return { do: 'box' }
    if (key >= '1' && key <= '9' && key.length === 1) return { do: 'preset', number: Number(key) }
  }
  const layout = LAYOUT_KEYS[key]
  if (layout) return { do: 'layout', layout }
  if (!place.inTree) {
    const move = MOVES[key]
    if (move && !place.onControl) return { do: stroke.shift ? 'swap' : 'move', dx: move[0], dy: move[1] }
    if (key === 'Enter' && !place.onControl) return { do: 'fullscreen' }
    if (key === ' ' && !place.onControl) return { do: 'maximise' }
    if (key === 'Delete' || key === 'Backspace') return { do: 'close' }
  }
  if (!place.ptz && isTypable(key)) return { do: 'search', seed: key }
  return null
}
