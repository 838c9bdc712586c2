import { describe, expect, it } from 'vitest'
import { deedOf, turnOf, type Place, type Stroke } from '@/watch/keys'

const WALL: Place = { inField: false, inTree: false, onControl: false, ptz: false }
const stroke = (key: string, more: Partial<Stroke> = {}): Stroke => ({ key, ctrl: false, alt: false, shift: false, meta: false, ...more })
const deed = (key: string, place: Partial<Place> = {}, more: Partial<Stroke> = {}) => deedOf(stroke(key, more), { ...WALL, ...place })

describe('keys on the watch screen', () => {
  it('change the layout', () => {
    expect(['1', '4', '9', '6'].map((key) => deed(key))).toEqual([1, 4, 9, 16].map((layout) => ({ do: 'layout', layout })))
  })

  it('begin a search by slash, letter, character or digit that means nothing else', () => {
    expect(deed('/')).toEqual({ do: 'search', seed: '' })
    expect(deed('n')).toEqual({ do: 'search', seed: 'n' })
    expect(deed('南')).toEqual({ do: 'search', seed: '南' })
    expect(deed('3')).toEqual({ do: 'search', seed: '3' })
    expect(deed('F5')).toBeNull()
    expect(deed(';')).toBeNull()
  })

  it('show the figures of all pictures by Shift and I, and search by i alone', () => {
    expect(deed('I', {}, { shift: true })).toEqual({ do: 'figures' })
    expect(deed('i')).toEqual({ do: 'search', seed: 'i' })
    expect(deed('I', { inField: true }, { shift: true })).toBeNull()
  })

  it('never take letters from a field, nor the browser’s own chords', () => {
    expect(deed('n', { inField: true })).toBeNull()
    expect(deed('/', { inField: true })).toBeNull()
    expect(deed('c', {}, { ctrl: true })).toBeNull()
    expect(deed('Escape', { inField: true })).toEqual({ do: 'escape' })
  })

  it('leave arrows and Enter to the tree and to controls that use them', () => {
    expect(deed('ArrowDown')).toEqual({ do: 'move', dx: 0, dy: 1 })
    expect(deed('ArrowLeft', {}, { shift: true })).toEqual({ do: 'swap', dx: -1, dy: 0 })
    expect(deed('ArrowDown', { inTree: true })).toBeNull()
    expect(deed('ArrowRight', { inTree: true, ptz: true })).toBeNull()
    expect(deed('Enter', { onControl: true })).toBeNull()
    expect(deed('Enter')).toEqual({ do: 'fullscreen' })
    expect(deed(' ')).toEqual({ do: 'maximise' })
    expect(deed('Delete')).toEqual({ do: 'close' })
  })

  it('steer while PTZ is on, and do not search by accident', () => {
    const ptz = { ptz: true }
    expect(deed('ArrowUp', ptz)).toEqual({ do: 'turn', turn: 'up' })
    expect(deed('a', ptz)).toEqual({ do: 'turn', turn: 'left' })
    expect(deed('+', ptz)).toEqual({ do: 'turn', turn: 'in' })
    expect(deed('4', ptz)).toEqual({ do: 'preset', number: 4 })
    expect(deed('h', ptz)).toEqual({ do: 'hold' })
    expect(deed('b', ptz)).toEqual({ do: 'box' })
    expect(deed('x', ptz)).toBeNull()
    expect(deed('/', ptz)).toEqual({ do: 'search', seed: '' })
    expect(deed('p', ptz)).toEqual({ do: 'ptz' })
    expect(turnOf('D')).toBe('right')
    expect(turnOf('x')).toBeNull()
  })

  it('mute and photograph with Shift', () => {
    expect(deed('M', {}, { shift: true })).toEqual({ do: 'mute' })
    expect(deed('S', { ptz: true }, { shift: true })).toEqual({ do: 'snapshot' })
  })
})
