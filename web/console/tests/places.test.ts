import { describe, expect, it } from 'vitest'
import type { Fix } from '@/api/places'
import { boxAround, degrees, distance, gridOf, inOrder, namesApart, placeAt, spanOf, stepFor } from '@/places/ways'

const TRACK: Fix[] = [
  [100, 118, 31, null, null],
  [110, 118.1, 31, null, null],
  [130, 118.1, 31.2, null, null],
]

describe('a track', () => {
  it('says where the thing was at any moment of it and nothing outside', () => {
    expect(placeAt(TRACK, 100)).toEqual([118, 31])
    expect(placeAt(TRACK, 105)?.[0]).toBeCloseTo(118.05)
    expect(placeAt(TRACK, 120)?.[1]).toBeCloseTo(31.1)
    expect(placeAt(TRACK, 130)).toEqual([118.1, 31.2])
    expect(placeAt(TRACK, 99)).toBeNull()
    expect(placeAt(TRACK, 131)).toBeNull()
    expect(placeAt([], 1)).toBeNull()
    expect(placeAt([[5, 1, 2, null, null]], 5)).toEqual([1, 2])
  })

  it('fits into a box', () => {
    expect(boxAround(TRACK.map((fix) => [fix[1], fix[2]]))).toEqual({ west: 118, east: 118.1, south: 31, north: 31.2 })
    expect(boxAround([])).toBeNull()
  })
})

describe('the list of what moves', () => {
  it('stands by name, whoever reported last', () => {
    const things = [{ name: '巡逻车 10', code: '3' }, { name: '巡逻车 2', code: '2' }, { name: '巡逻车 2', code: '1' }]
    expect(inOrder(things).map((each) => each.code)).toEqual(['1', '2', '3'])
  })
})

describe('names on the map', () => {
  it('stand beside their spots and hide no other name', () => {
    const [one, other, far] = namesApart([{ x: 300, y: 50, name: '巡逻车 天河 01' }, { x: 100, y: 56, name: '巡逻车 越秀 01' }, { x: 700, y: 400, name: '巡逻车 南山 01' }])
    expect(one).toEqual({ x: 312, y: 41 })
    expect(other).toEqual({ x: 112, y: 47 })
    expect(far).toEqual({ x: 712, y: 391 })
  })

  it('hide no other spot', () => {
    const [one] = namesApart([{ x: 300, y: 50, name: '越秀 01' }, { x: 340, y: 45, name: '天河 01' }])
    expect(one?.x).toBeLessThan(300)
  })

  it('give way to the left, below or above where two spots are near', () => {
    const [one, two] = namesApart([{ x: 300, y: 50, name: '越秀 01' }, { x: 300, y: 60, name: '越秀 02' }])
    expect(one).toEqual({ x: 312, y: 41 })
    expect(two?.x).toBeLessThan(300)
  })
})

describe('the grid', () => {
  it('has a handful of lines however near one looks', () => {
    for (const wide of [300, 90, 12, 1, 0.3, 0.02, 0.004]) {
      const grid = gridOf({ west: 113, east: 113 + wide, south: 23, north: 23 + Math.min(wide, 50) / 2 })
      expect(grid.meridians.length).toBeGreaterThanOrEqual(5)
      expect(grid.meridians.length).toBeLessThanOrEqual(16)
    }
    expect(stepFor(0)).toBe(0.0005)
  })

  it('labels a line with as many places as it needs', () => {
    expect(degrees(113.35, 0.05, 'EW')).toBe('113.35° E')
    expect(degrees(-33, 1, 'NS')).toBe('33° S')
  })
})

describe('words', () => {
  it('tell distances as people do', () => {
    expect([distance(12.4), distance(1234), distance(123456)]).toEqual(['12 m', '1.2 km', '123 km'])
  })

  it('name spans that end now', () => {
    const now = 1_795_000_000
    expect(spanOf('hour', now)).toEqual([now - 3600, now + 60])
    const [start] = spanOf('today', now)
    expect(new Date(start * 1000).getHours()).toBe(0)
    expect(now - start).toBeLessThan(86_400)
  })
})
