import { describe, expect, it } from 'vitest'
import type { Way } from '@/api/types'
import { askedOf, chosen, healthOf } from '@/watch/ways'

const US = '44000000002000000001'
const CITY = '44010000002000000001'
const COUNTY = '44010600002000000001'
const RECORDER = '44010600001180000001'

const way = (more: Partial<Way> = {}): Way => ({
  owner: CITY, owner_name: '', owner_kind: 'platform', presence: 'online', name: '', online: true, tiers: 2, trouble: 0, in_use: false, streams: [], path: [], ...more,
})

describe('a way to a camera', () => {
  it('is left to the house for a platform’s camera, and is the device itself for a device of ours', () => {
    expect(askedOf(CITY, null)).toEqual({ owner: '' })
    expect(askedOf(RECORDER, null)).toEqual({ owner: RECORDER })
  })

  it('is wished for by the platforms that it takes', () => {
    expect(askedOf(CITY, chosen(way({ path: [US, CITY, COUNTY] })))).toEqual({ owner: '', via: [CITY, COUNTY] })
    expect(askedOf(CITY, chosen(way()))).toEqual({ owner: '', via: [CITY] })
  })

  it('is asked of a device by its own code', () => {
    expect(askedOf(CITY, chosen(way({ owner: RECORDER, owner_kind: 'recorder' })))).toEqual({ owner: RECORDER })
  })

  it('is healthy while its platform and its camera are online and it did not fail lately', () => {
    expect(healthOf(way())).toBe('online')
    expect(healthOf(way({ trouble: 1 }))).toBe('troubled')
    expect(healthOf(way({ online: false }))).toBe('offline')
    expect(healthOf(way({ presence: 'offline', trouble: 1 }))).toBe('offline')
  })
})
