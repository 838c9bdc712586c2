import { describe, expect, it } from 'vitest'
import type { Sharing } from '@/api/platforms'
import { hasBadName, isShared, namedOf, plain, rename, same, say, wordOf } from '@/platforms/rules'

const sharing = (more: Partial<Sharing> = {}): Sharing => ({ share_all: false, secrecy: false, arrangement: 'as-is', rules: [], names: [], ...more })
const CODE = '34010000001320000001'

describe('a node’s word', () => {
  it('is its rule, and none without one', () => {
    const rules = say(say([], 'a', 'include'), 'b', 'exclude')
    expect(['a', 'b', 'c'].map((node) => wordOf(rules, node))).toEqual(['include', 'exclude', 'inherit'])
  })

  it('replaces what it said before, and is taken back by "inherit"', () => {
    const rules = say(say([], 'a', 'include'), 'a', 'exclude')
    expect(rules).toEqual([{ node: 'a', include: false }])
    expect(say(rules, 'a', 'inherit')).toEqual([])
  })
})

describe('what the platform above sees', () => {
  const rules = [{ node: 'city', include: true }, { node: 'jail', include: false }]

  it('is what the nearest rule up the tree says', () => {
    const drawn = sharing({ rules })
    expect(isShared(drawn, 'gate', ['city', 'jail'])).toBe(false)
    expect(isShared(drawn, 'gate', ['city', 'park'])).toBe(true)
    expect(isShared(drawn, 'jail', ['city'])).toBe(false)
    expect(isShared(drawn, 'city', [])).toBe(true)
  })

  it('is everything or nothing where no rule speaks', () => {
    expect(isShared(sharing({ rules }), 'gate', ['village'])).toBe(false)
    expect(isShared(sharing({ rules, share_all: true }), 'gate', ['village'])).toBe(true)
  })
})

describe('a channel’s own code and name there', () => {
  it('are one row a channel, and gone when nothing is said', () => {
    const one = rename([], 'o', 'c', CODE, '')
    expect(namedOf(one, 'o', 'c')).toEqual({ owner: 'o', code: 'c', code_there: CODE, name_there: '' })
    expect(rename(rename(one, 'o', 'c', CODE, '北门'), 'p', 'c', '', '南门')).toHaveLength(2)
    expect(rename(one, 'o', 'c', '', '')).toEqual([])
  })

  it('cannot be kept while the code is no code', () => {
    expect(hasBadName(rename([], 'o', 'c', '3401', ''))).toBe(true)
    expect(hasBadName(rename([], 'o', 'c', `${CODE.slice(0, 19)}x`, ''))).toBe(true)
    expect(hasBadName(rename(rename([], 'o', 'c', CODE, ''), 'o', 'd', '', '北门'))).toBe(false)
  })
})

describe('sharing as it is sent', () => {
  it('is without the words that the server added for eyes', () => {
    const told = sharing({ rules: [{ node: 'a', include: true, name: '合肥' }], names: [{ owner: 'o', code: 'c', name_there: 'x', name: 'y' }] })
    expect(plain(told).rules).toEqual([{ node: 'a', include: true }])
    expect(plain(told).names).toEqual([{ owner: 'o', code: 'c', code_there: '', name_there: 'x' }])
  })

  it('is the same in whatever order it was set', () => {
    const rules = [{ node: 'a', include: true }, { node: 'b', include: false }]
    expect(same(sharing({ rules }), sharing({ rules: [...rules].reverse() }))).toBe(true)
    expect(same(sharing({ rules }), sharing({ rules: say(rules, 'a', 'exclude') }))).toBe(false)
    expect(same(sharing(), sharing({ secrecy: true }))).toBe(false)
  })
})
