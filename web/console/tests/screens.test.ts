import { describe, expect, it } from 'vitest'
import { screensFor } from '@/components/screens'

describe('the screens of the rail', () => {
  it('have a digit each, counted down the rail, the tenth by 0', () => {
    expect(screensFor(true).map((screen) => screen.digit)).toEqual(['1', '2', '3', '4', '5', '6', '7', '8', '9', '0'])
    expect(screensFor(true).find((screen) => screen.digit === '4')?.name).toBe('places')
    expect(screensFor(true).find((screen) => screen.digit === '0')?.name).toBe('system')
  })

  it('hide from viewers what is for operators, and keep the other digits', () => {
    const seen = screensFor(false)
    expect(seen.map((screen) => screen.name)).not.toContain('ladder')
    expect(seen.find((screen) => screen.name === 'devices')?.digit).toBe('5')
  })
})
