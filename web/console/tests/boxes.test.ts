import { describe, expect, it } from 'vitest'
import { boxBetween, directionOf, drawn, pictureIn } from '@/ptz/boxes'

describe('a box on the picture', () => {
  it('knows where the picture lies between its black bars', () => {
    expect(pictureIn(1000, 500, 1280, 720)).toEqual({ left: 500 - (500 * 16) / 9 / 2, top: 0, width: (500 * 16) / 9, height: 500 })
    expect(pictureIn(500, 1000, 1280, 720).top).toBeCloseTo((1000 - 281.25) / 2)
    expect(pictureIn(300, 200, 0, 0)).toEqual({ left: 0, top: 0, width: 300, height: 200 })
  })

  it('is the same from whichever corner it is drawn, and stays in the picture', () => {
    const picture = { left: 100, top: 0, width: 800, height: 450 }
    const box = { left: 200, top: 50, width: 300, height: 200 }
    expect(boxBetween({ x: 200, y: 50 }, { x: 500, y: 250 }, picture)).toEqual(box)
    expect(boxBetween({ x: 500, y: 250 }, { x: 200, y: 50 }, picture)).toEqual(box)
    expect(boxBetween({ x: 0, y: -50 }, { x: 5000, y: 5000 }, picture)).toEqual(picture)
  })

  it('is nothing when the hand only slipped', () => {
    expect(boxBetween({ x: 200, y: 50 }, { x: 204, y: 300 }, { left: 0, top: 0, width: 800, height: 450 })).toBeNull()
  })

  it('is told in whole pixels of the picture and never leaves it', () => {
    const picture = { left: 55.5, top: 0, width: 888.9, height: 500 }
    const said = drawn({ left: 500, top: 250.4, width: 444.4, height: 249.6 }, picture)
    expect(said).toEqual({ window_width: 889, window_height: 500, left: 445, top: 250, width: 444, height: 250 })
    expect(said.left + said.width).toBeLessThanOrEqual(said.window_width)
    const all = drawn(picture, picture)
    expect(all.width).toBe(all.window_width)
  })

  it('enlarges to the right and shrinks to the left', () => {
    expect(directionOf({ x: 1, y: 9 }, { x: 5, y: 1 })).toBe('in')
    expect(directionOf({ x: 5, y: 1 }, { x: 1, y: 9 })).toBe('out')
  })
})
