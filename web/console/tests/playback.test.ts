import { describe, expect, it } from 'vitest'
import { deedOf, nextSpeed, speedWord } from '@/playback/keys'
import { covers } from '@/playback/ours'
import { DAY_S, dayOf, daysOf, following, momentOf, placeOf, SHORTEST_S, spanned, ticks, touches, weeksOf, zoomed } from '@/playback/timeline'

const at = (text: string) => new Date(text).getTime() / 1000
const stroke = (key: string, more = {}) => ({ key, ctrl: false, alt: false, shift: false, meta: false, ...more })

describe('what we have ourselves', () => {
  const wanted = { start: 1000, end: 1600 }

  it('covers a span from its beginning to its end, over seams between files', () => {
    expect(covers([{ start: 900, end: 1300 }, { start: 1301, end: 2000 }], wanted)).toBe(true)
    expect(covers([{ start: 1301, end: 2000 }, { start: 900, end: 1300 }], wanted)).toBe(true)
    expect(covers([{ start: 1000.8, end: 1599.3 }], wanted)).toBe(true)
  })

  it('does not cover what begins later, ends sooner, or has a gap', () => {
    expect(covers([], wanted)).toBe(false)
    expect(covers([{ start: 1010, end: 2000 }], wanted)).toBe(false)
    expect(covers([{ start: 900, end: 1500 }], wanted)).toBe(false)
    expect(covers([{ start: 900, end: 1200 }, { start: 1210, end: 2000 }], wanted)).toBe(false)
  })
})

describe('the timeline', () => {
  const noon = at('2026-11-29T12:00:00')

  it('shows the local day in which a moment lies', () => {
    const day = dayOf(noon)
    expect(day).toEqual({ start: at('2026-11-29T00:00:00'), end: at('2026-11-30T00:00:00') })
    expect(daysOf({ start: noon, end: noon + DAY_S })).toHaveLength(2)
    expect(daysOf(day)).toEqual([day])
  })

  it('comes nearer with the moment under the pointer where it is, and not too near', () => {
    let seen = dayOf(noon)
    const x = placeOf(seen, noon, 1000)
    seen = zoomed(seen, noon, 0.5)
    expect(seen.end - seen.start).toBe(DAY_S / 2)
    expect(placeOf(seen, noon, 1000)).toBeCloseTo(x)
    for (let i = 0; i < 40; i++) seen = zoomed(seen, noon, 0.5)
    expect(seen.end - seen.start).toBe(SHORTEST_S)
  })

  it('finds the moment of a place and the place of a moment', () => {
    const seen = dayOf(noon)
    expect(momentOf(seen, placeOf(seen, noon, 777), 777)).toBeCloseTo(noon)
  })

  it('follows what is played when it leaves the window, and stands otherwise', () => {
    const seen = { start: noon, end: noon + 600 }
    expect(following(seen, noon + 300)).toBe(seen)
    const next = following(seen, noon + 599)
    expect(next.end - next.start).toBe(600)
    expect(next.start).toBeLessThan(noon + 599)
    expect(next.end).toBeGreaterThan(noon + 1000)
  })

  it('writes round times with room for each', () => {
    const day = ticks(dayOf(noon), 1200)
    expect(day[0]?.text).toBe('11-29')
    expect(day.map((tick) => tick.text)).toContain('12:00')
    expect(day.length).toBeLessThan(1200 / 70)
    const minute = ticks({ start: noon, end: noon + 120 }, 1200)
    expect(minute[0]?.text).toBe('12:00:00')
  })

  it('takes two moments in whichever order they were dragged', () => {
    expect(spanned(5, 3)).toEqual({ start: 3, end: 5 })
    expect(touches({ start: 0, end: 5 }, { start: 5, end: 9 })).toBe(false)
  })

  it('shows a month in whole weeks from Monday on', () => {
    const weeks = weeksOf(noon)
    expect(weeks.every((week) => week.length === 7 && new Date((week[0]?.start ?? 0) * 1000).getDay() === 1)).toBe(true)
    expect(weeks[0]?.some((day) => new Date(day.start * 1000).getDate() === 1)).toBe(true)
    expect(weeks.at(-1)?.some((day) => new Date(day.start * 1000).getDate() === 30)).toBe(true)
  })
})

describe('the keys of the transport', () => {
  const deed = (key: string, more = {}) => deedOf(stroke(key, more), false, false)

  it('skips ten seconds, with Shift a minute', () => {
    expect(deed('ArrowLeft')).toEqual({ do: 'skip', by: -10 })
    expect(deed('ArrowRight', { shift: true })).toEqual({ do: 'skip', by: 60 })
  })

  it('steps by pictures, changes the speed and stands still', () => {
    expect(deed('.')).toEqual({ do: 'frame', by: 1 })
    expect(deed(',')).toEqual({ do: 'frame', by: -1 })
    expect(deed('+')).toEqual({ do: 'speed', by: 1 })
    expect(deed('-')).toEqual({ do: 'speed', by: -1 })
    expect(deed(' ')).toEqual({ do: 'toggle' })
  })

  it('leaves keys to fields and buttons that use them', () => {
    expect(deedOf(stroke(' '), true, false)).toBeNull()
    expect(deedOf(stroke(' '), false, true)).toBeNull()
    expect(deed('ArrowLeft', { ctrl: true })).toBeNull()
  })

  it('goes through the speeds and stops at the ends', () => {
    expect(nextSpeed(1, 1)).toBe(2)
    expect(nextSpeed(0.125, -1)).toBe(0.125)
    expect(nextSpeed(16, 1)).toBe(16)
    expect(nextSpeed(-2, 1)).toBe(1)
    expect([0.125, 0.5, 1, 4, -2].map(speedWord)).toEqual(['1/8×', '1/2×', '1×', '4×', '−2×'])
  })
})
