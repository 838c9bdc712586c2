import { describe, expect, it } from 'vitest'
import { errorFrom, withQuery } from '@/api/http'
import { snapshotName } from '@/watch/snapshot'
import { isLayout, landing, layoutFor, step, streamFor } from '@/watch/wall'

describe('the wall', () => {
  it('is walked by arrows and has borders', () => {
    expect(step(9, 4, 1, 0)).toBe(5)
    expect(step(9, 4, 0, -1)).toBe(1)
    expect(step(9, 2, 1, 0)).toBe(2)
    expect(step(4, 3, 0, 1)).toBe(3)
    expect(step(1, 0, 1, 1)).toBe(0)
  })

  it('puts a new picture where there is room', () => {
    expect(landing([true, false, false, false], 4, 0)).toBe(1)
    expect(landing([true, false, true, true], 4, 2)).toBe(1)
    expect(landing([true, true, true, true], 4, 2)).toBe(2)
    expect(landing([false, false, false, false], 4, 3)).toBe(3)
  })

  it('grows to hold a branch and never shrinks under the hand', () => {
    expect(layoutFor(3, 1)).toBe(4)
    expect(layoutFor(5, 4)).toBe(9)
    expect(layoutFor(2, 9)).toBe(9)
    expect(layoutFor(99, 1)).toBe(16)
    expect([1, 4, 9, 16, 2, '4', null].map(isLayout)).toEqual([true, true, true, true, false, false, false])
  })

  it('takes the sub stream in a dense wall and the main one when a pane is large', () => {
    expect(streamFor('auto', [0, 1], 9, false)).toBe(1)
    expect(streamFor('auto', [0, 1], 9, true)).toBe(0)
    expect(streamFor('auto', [0, 1], 4, false)).toBe(0)
    expect(streamFor('auto', [0], 16, false)).toBe(0)
    expect(streamFor(1, [0, 1], 1, true)).toBe(1)
  })
})

describe('a snapshot’s name', () => {
  it('says camera and time, without what paths forbid', () => {
    expect(snapshotName('东门/1:“北”?', new Date(2026, 10, 5, 7, 8, 9))).toBe('东门1“北”_20261105_070809.png')
    expect(snapshotName('///', new Date(2026, 0, 1))).toBe('camera_20260101_000000.png')
  })
})

describe('a request', () => {
  it('leaves empty values out of its query', () => {
    expect(withQuery('/tree', { node: 'device:1', after: null, q: '', limit: 5 })).toBe('/tree?node=device%3A1&limit=5')
    expect(withQuery('/tree', {})).toBe('/tree')
  })

  it('reads an error of any shape', () => {
    expect(errorFrom(409, { error: { code: 'device-offline', message: 'm', details: { a: 1 } } })).toMatchObject({ code: 'device-offline', details: { a: 1 } })
    expect(errorFrom(502, null)).toMatchObject({ code: 'http-502', status: 502 })
    expect(errorFrom(500, { error: 'x' })).toMatchObject({ code: 'http-500' })
  })
})
