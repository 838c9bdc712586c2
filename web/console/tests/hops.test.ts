import { describe, expect, it } from 'vitest'
import type { Hop } from '@/api/types'
import { language } from '@/i18n'
import { reasonWord } from '@/i18n/words'
import { firstBelow, ladderOf } from '@/watch/hops'

const US = '44000000002000000001'
const CITY = '44010000002000000001'
const OTHER = '44030000002000000001'
const COUNTY = '44010600002000000001'
const CAMERA = '44010600001320000002'

const hop = (who: string, status: number, reason = '', what = 'INVITE'): Hop => ({ who, what, status, reason })
const port = hop('media', 200, 'tcp-passive port 30008', 'open a port')
const seen = (hops: Hop[], path?: string[]) => ladderOf(hops, path).map((rung) => [rung.hop.who, rung.fate, rung.depth])

describe('the ladder of hops', () => {
  it('marks the deepest failure, and what stands above it as handed on', () => {
    expect(seen([port, hop(CITY, 403, 'Forbidden'), hop(COUNTY, 480, 'camera offline')], [US, CITY, COUNTY])).toEqual([
      ['media', 'done', 0],
      [CITY, 'passed', 1],
      [COUNTY, 'failed', 2],
    ])
  })

  it('says once what a platform was heard to say and says itself', () => {
    const rungs = ladderOf([port, hop(COUNTY, 403, 'Forbidden'), hop(COUNTY, 403, 'it is disabled here')], [US, COUNTY])
    expect(rungs.map((rung) => rung.hop.reason)).toEqual(['tcp-passive port 30008', 'it is disabled here'])
    expect(rungs.at(-1)?.fate).toBe('failed')
  })

  it('takes silence for a failure', () => {
    expect(seen([port, hop(CITY, 0, 'no answer in 15 s')], [US, CITY]).at(-1)).toEqual([CITY, 'failed', 1])
  })

  it('puts the camera behind the last platform', () => {
    expect(seen([port, hop(CITY, 486), hop(CAMERA, 486)], [US, CITY]).at(-1)).toEqual([CAMERA, 'failed', 2])
    expect(seen([hop(CAMERA, 486)])).toEqual([[CAMERA, 'failed', 1]])
  })

  it('has a failing hop for each way that was tried', () => {
    const rungs = ladderOf([port, hop(CITY, 408), port, hop(OTHER, 486)], [US, OTHER])
    expect(rungs.map((rung) => [rung.attempt, rung.fate])).toEqual([[0, 'done'], [0, 'failed'], [1, 'done'], [1, 'failed']])
    expect(rungs.map((rung) => rung.depth)).toEqual([0, 1, 0, 1])
    expect(rungs.map((rung) => firstBelow(rungs, rung))).toEqual([CITY, CITY, OTHER, OTHER])
  })

  it('does not name a platform twice in a row', () => {
    const rungs = ladderOf([hop(CITY, 403), hop(CITY, 200, 'port 30224'), hop(COUNTY, 403)], [US, CITY, COUNTY])
    expect(rungs.map((rung) => rung.again)).toEqual([false, true, false])
  })
})

describe('a reason', () => {
  it('of our own kind of platform is said in the operator’s language, any other as it came', () => {
    language.value = 'zh'
    expect(reasonWord('no answer in 25 s')).toBe('25 秒内没有应答')
    expect(reasonWord('not supported')).toBe('不支持这项请求')
    expect(reasonWord('tcp-passive port 30050, SSRC 0000000026')).toBe('TCP 被动 端口 30050, SSRC 0000000026')
    expect(reasonWord('镜头被遮挡')).toBe('镜头被遮挡')
    language.value = 'en'
    expect(reasonWord('no answer in 25 s')).toBe('no answer in 25 s')
    language.value = 'zh'
  })
})
