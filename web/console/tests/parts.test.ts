import { afterEach, describe, expect, it, vi } from 'vitest'
import { isPartMissing, serverAnswers } from '@/parts'

afterEach(() => vi.unstubAllGlobals())

describe('a part of the console that did not come', () => {
  it('is known by its error in every browser, its script and its style', () => {
    expect(isPartMissing(new TypeError('Failed to fetch dynamically imported module: http://x/assets/a.js'))).toBe(true)
    expect(isPartMissing(new TypeError('error loading dynamically imported module'))).toBe(true)
    expect(isPartMissing(new TypeError('Importing a module script failed.'))).toBe(true)
    expect(isPartMissing(new Error('Unable to preload CSS for http://x/assets/DevicesView-1.css'))).toBe(true)
    expect(isPartMissing(new TypeError('x is undefined'))).toBe(false)
    expect(isPartMissing(new Error('other'))).toBe(false)
    expect(isPartMissing(null)).toBe(false)
  })

  it('is a reason to load anew only where the server answers, be it 401', async () => {
    vi.stubGlobal('fetch', async () => new Response('', { status: 401 }))
    expect(await serverAnswers()).toBe(true)
    vi.stubGlobal('fetch', async () => { throw new TypeError('Failed to fetch') })
    expect(await serverAnswers()).toBe(false)
  })
})
