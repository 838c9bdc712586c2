import { describe, expect, it } from 'vitest'
import { clockOf, DAY_S, emptyWeek, hoursOf, isOn, joined, MOST_A_DAY, officeHours, painted, spansOf, wholeDay, without } from '@/plans/week'
import { fileAt, placeOf } from '@/plans/reel'

describe('a week of recording', () => {
  it('joins what touches and keeps the order', () => {
    expect(joined([[7200, 9000], [0, 3600], [3600, 5400]])).toEqual([[0, 5400], [7200, 9000]])
  })

  it('is painted in half hours from either end, and wiped', () => {
    const day = painted([], 17, 16, true)
    expect(day).toEqual([[28_800, 32_400]])
    expect(painted(day, 17, 17, false)).toEqual([[28_800, 30_600]])
    expect(isOn(day, 16) && isOn(day, 17) && !isOn(day, 18)).toBe(true)
  })

  it('wipes the middle of a day into two', () => {
    expect(without(wholeDay(), 3600, 7200)).toEqual([[0, 3600], [7200, DAY_S]])
  })

  it('takes no more spans a day than devices do', () => {
    let day = painted([], 0, 0, true)
    for (let step = 2; step < 30; step += 2) day = painted(day, step, step, true)
    expect(day).toHaveLength(MOST_A_DAY)
    expect(painted(day, 40, 40, true)).toEqual(day)
    expect(painted(day, 0, 40, true)).toHaveLength(1)
  })

  it('says its hours and its clock', () => {
    const week = emptyWeek()
    week[0] = officeHours()
    expect(hoursOf(week)).toBe(10)
    expect(spansOf(week[0])).toBe('08:00–18:00')
    expect(clockOf(DAY_S)).toBe('24:00')
  })
})

describe('files one after another', () => {
  const files = [
    { name: 'a', start: 100, end: 200, bytes: 1, frames: 1, url: '/a' },
    { name: 'b', start: 200, end: 300, bytes: 1, frames: 1, url: '/b' },
    { name: 'c', start: 500, end: 600, bytes: 1, frames: 1, url: '/c' },
  ]
  it('finds the file of a moment, and in a hole the next', () => {
    expect(fileAt(files, 250)).toEqual({ index: 1, offset: 50 })
    expect(fileAt(files, 400)).toEqual({ index: 2, offset: 0 })
    expect(fileAt(files, 700)).toBeNull()
  })
  it('places a band on the day', () => {
    expect(placeOf(43_200, 64_800, 0)).toEqual({ left: '50%', width: '25%' })
    expect(placeOf(-100, 43_200, 0)).toEqual({ left: '0%', width: '50%' })
  })
})
