import { describe, expect, it } from 'vitest'
import type { Source } from '@/api/sources'
import { formOf, isCivilGood, isCodeGood, isReady, isUrlGood, wishOf } from '@/sources/rules'

const KEPT: Source = {
  code: '34020000001320900001', owner: '34020000001120900001', name: '北门', url: 'rtsp://10.0.0.9/live', user: 'admin', has_password: true, way: 'udp', file: '',
  civil_code: '340202', enabled: true, online: true, note: '', codecs: ['H.264'], asked_at: 1, viewers: 0, added_at: 1,
}

describe('a source in its form', () => {
  it('wants an RTSP address or a film, and codes that can be ones', () => {
    expect(['rtsp://h', ' RTSP://10.0.0.9/x '].map(isUrlGood)).toEqual([true, true])
    expect(['', 'rtsp://', 'http://h/'].map(isUrlGood)).toEqual([false, false, false])
    expect(['', '34', '340202', '34020201'].map(isCivilGood)).toEqual([true, true, true, true])
    expect(['3', '34x2', '340202011'].map(isCivilGood)).toEqual([false, false, false])
    expect(['', '34020000001320900001', '123'].map(isCodeGood)).toEqual([true, true, false])
  })

  it('is ready with an address alone, and a film with its name alone', () => {
    const form = formOf(null)
    expect(isReady(form)).toBe(false)
    expect(isReady({ ...form, url: 'rtsp://h/' })).toBe(true)
    expect(isReady({ ...form, kind: 'film' })).toBe(false)
    expect(isReady({ ...form, kind: 'film', file: 'a.mp4' })).toBe(true)
  })

  it('keeps the password that it has unless another is typed', () => {
    const form = formOf(KEPT)
    expect(form.password).toBe('')
    expect(wishOf(form, KEPT)).not.toHaveProperty('password')
    expect(wishOf({ ...form, password: 'new' }, KEPT).password).toBe('new')
  })

  it('sends of a film no address, and of a new source only a code that was given', () => {
    const film = { ...formOf(null), kind: 'film' as const, file: 'a.mp4', url: 'rtsp://left/over' }
    expect(wishOf(film, null)).toEqual({ name: '', civil_code: '', file: 'a.mp4' })
    expect(wishOf({ ...film, code: ' 34020000001320000009 ' }, null).code).toBe('34020000001320000009')
  })
})
