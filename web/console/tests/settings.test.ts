import { afterEach, describe, expect, it } from 'vitest'
import type { Field, SettingType } from '@/api/settings'
import { language } from '@/i18n'
import { drawn, holds, moved, sizeOf } from '@/settings/boxes'
import { blankThing, changes, choiceName, fieldAt, isSettable, isShown, oneMore, pathName, put, shown } from '@/settings/model'
import { clock, covers, daysOf, LAST_S, paint, scheduleOf, wipe } from '@/settings/week'

const BOTH = ['2016', '2022']
const field = (name: string, kind: Field['kind'], more: Partial<Field> = {}): Field => ({
  name, kind, must: false, must_when: null, told: BOTH, set: BOTH, low: null, high: null, unit: '', choices: [], pattern: '', fewest: 0, longest: 0,
  usual: null, is_made: false, fields: [], most: 0, distinct: '', ...more,
})
const MASKS = field('RegionList', 'list', {
  must: true, most: 4, distinct: 'Seq', fields: [field('Seq', 'whole', { low: 1, high: 4, must: true }), field('Point', 'corners', { must: true })],
})
const MASK = field('PictureMask', 'group', { set: ['2022'], fields: [field('On', 'flag', { must: true, set: ['2022'] }), MASKS] })
const TYPE: SettingType = { form: MASK, years: ['2022'], of: 'channel', widget: 'mask' }

afterEach(() => void (language.value = 'zh'))

describe('a form', () => {
  it('begins with what must be there, and with nothing that need not', () => {
    expect(blankThing(MASK, '2022')).toEqual({ On: false, RegionList: [] })
    expect(blankThing(field('BasicParam', 'group', { fields: [field('Name', 'text'), field('Expiration', 'whole')] }), '2022')).toEqual({})
  })

  it('adds things that differ where they have to', () => {
    expect(oneMore(MASKS, [{ Seq: 1, Point: [0, 0, 1, 1] }, { Seq: 3, Point: [0, 0, 1, 1] }], '2022')).toEqual({ Seq: 2, Point: [0, 0, 100, 100] })
  })

  it('counts what changed, a list once', () => {
    const before = { On: false, RegionList: [] }
    expect(changes(MASK, before, { ...before })).toBe(0)
    expect(changes(MASK, { On: true, RegionList: [{ Seq: 1, Point: [0, 0, 5, 5] }] }, before)).toBe(2)
    expect(changes(MASK, put(before, 'On', undefined), before)).toBe(1)
  })

  it('shows a field that the edition does not have when the device told it all the same', () => {
    const place = field('Longitude', 'decimal', { told: ['2016'], set: [] })
    expect([isShown(place, '2016', undefined), isShown(place, '2022', undefined), isShown(place, '2022', 117.2)]).toEqual([true, false, true])
    expect([isSettable(TYPE, '2022'), isSettable(TYPE, '2016')]).toEqual([true, false])
  })

  it('says where and what in words', () => {
    expect(pathName('RegionList.1.Point', MASK)).toBe('遮挡区域 2 · 左, 上, 右, 下')
    expect(pathName('', MASK)).toBe('画面遮挡')
    expect(fieldAt(MASK, 'RegionList.1.Seq')?.name).toBe('Seq')
    expect([shown(true), shown(null), shown([1, 2]), shown([])]).toEqual(['是', '未报告', '1, 2', '无'])
    expect(shown('5', field('VideoFormat', 'choice'))).toBe('H.265')
    expect([choiceName('Resolution', '640x360'), choiceName('SVCSTMMode', '2')]).toEqual(['640x360', '模式 2'])
  })
})

describe('a week', () => {
  const h = 3600

  it('is painted, and what touches becomes one', () => {
    expect(paint([[8 * h, 9 * h]], 9 * h, 12 * h)).toEqual([[8 * h, 12 * h]])
    expect(paint([[8 * h, 9 * h], [11 * h, 12 * h]], 10 * h, 8.5 * h)).toEqual([[8 * h, 10 * h], [11 * h, 12 * h]])
    expect(paint([[1, 2]], 5, 5)).toEqual([[1, 2]])
  })

  it('is wiped out, also from the middle', () => {
    expect(wipe([[8 * h, 12 * h]], 9 * h, 10 * h)).toEqual([[8 * h, 9 * h], [10 * h, 12 * h]])
    expect(wipe([[8 * h, 12 * h]], 12 * h, 13 * h)).toEqual([[8 * h, 12 * h]])
    expect(wipe([[8 * h, 12 * h]], 0, LAST_S)).toEqual([])
    expect([covers([[8 * h, 9 * h]], 8 * h), covers([[8 * h, 9 * h]], 9 * h)]).toEqual([true, false])
  })

  it('is the schedule that the standard has, and back', () => {
    const days = daysOf(undefined)
    days[6] = [[0, LAST_S]]
    const schedule = scheduleOf(days)
    expect(schedule).toEqual([{ WeekDayNum: 7, TimeSegment: [{ StartHour: 0, StartMin: 0, StartSec: 0, StopHour: 23, StopMin: 59, StopSec: 59 }] }])
    expect(daysOf(schedule)).toEqual(days)
    expect([clock(8.25 * h), clock(LAST_S)]).toEqual(['08:15', '24:00'])
    expect(daysOf([{ WeekDayNum: 9, TimeSegment: [] }, 'x', { WeekDayNum: 1 }])).toEqual(daysOf(undefined))
  })
})

describe('a box on the picture', () => {
  const size = { wide: 1920, high: 1080 }

  it('is drawn from any corner, held within, and not when it is next to nothing', () => {
    expect(drawn({ x: 500, y: 400 }, { x: 100, y: -20 }, size)).toEqual([100, 0, 500, 400])
    expect(drawn({ x: 1900, y: 1000 }, { x: 5000, y: 5000 }, size)).toEqual([1900, 1000, 1920, 1080])
    expect(drawn({ x: 10, y: 10 }, { x: 14, y: 500 }, size)).toBeNull()
  })

  it('is moved as far as the picture goes', () => {
    expect(moved([100, 100, 200, 200], { x: 50, y: -500 }, size)).toEqual([150, 0, 250, 100])
    expect(moved([100, 100, 200, 200], { x: 9000, y: 0 }, size)).toEqual([1820, 100, 1920, 200])
    expect([holds([0, 0, 10, 10], { x: 10, y: 5 }), holds([0, 0, 10, 10], { x: 11, y: 5 })]).toEqual([true, false])
  })

  it('is measured in the pixels of the stream', () => {
    expect([sizeOf('6'), sizeOf('640x360'), sizeOf('?'), sizeOf(6)]).toEqual([size, { wide: 640, high: 360 }, null, null])
  })
})
