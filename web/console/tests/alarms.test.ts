import { describe, expect, it } from 'vitest'
import { belongs, playbackOf, queryOf, stepTo, withNews, type Filter } from '@/alarms/list'
import type { Alarm } from '@/api/alarms'

const ALL: Filter = { tab: 'all', priorities: [], method: null, since: 'any', text: '' }
const OPEN: Filter = { ...ALL, tab: 'open' }

function alarm(id: number, changes: Partial<Alarm> = {}): Alarm {
  return {
    id, owner: 'o', channel: 'c', name: '东门', owner_name: '', region: '', video: 'c', priority: 2, method: 5, type: '6', event_type: null,
    title: { zh: '入侵检测', en: 'Intrusion' }, method_name: { zh: '视频报警', en: 'Video' }, description: '', longitude: null, latitude: null,
    first_at: 1000.5, last_at: 1000.5, heard_at: 1000.5, count: 1, state: 'open', acknowledged_by: '', acknowledged_at: null, assigned_to: '',
    closed_by: '', closed_at: null, verdict: '', reset: '', reset_note: '', snapshot: '', ...changes,
  }
}

describe('the list of alarms', () => {
  it('puts a new one on top and changes a known one in its place', () => {
    const list = [alarm(3), alarm(1)]
    expect(withNews(list, alarm(4), OPEN, 'wang', null).map(({ id }) => id)).toEqual([4, 3, 1])
    expect(withNews(list, alarm(1, { count: 5 }), OPEN, 'wang', null).map(({ count }) => count)).toEqual([1, 5])
  })

  it('drops what belongs no more, but never the one that is open beside it', () => {
    const list = [alarm(3), alarm(1)]
    const done = alarm(3, { state: 'acknowledged' })
    expect(withNews(list, done, OPEN, 'wang', null).map(({ id }) => id)).toEqual([1])
    expect(withNews(list, done, OPEN, 'wang', 3).map(({ state }) => state)).toEqual(['acknowledged', 'open'])
  })

  it('leaves a search by words to the server', () => {
    expect(withNews([], alarm(1), { ...OPEN, text: 'gate' }, 'wang', null)).toEqual([])
  })

  it('asks for what the filter says', () => {
    expect(queryOf({ tab: 'mine', priorities: [1, 2], method: 2, since: 'hour', text: ' 东门 ' }, 'wang', 10_000)).toEqual({
      state: 'open,acknowledged,assigned', priority: '1,2', method: '2', assigned_to: 'wang', q: '东门', since: 6400,
    })
    expect(queryOf(ALL, 'wang', 10_000).since).toBe(null)
  })

  it('knows what is mine', () => {
    const mine: Filter = { ...ALL, tab: 'mine' }
    expect(belongs(alarm(1, { state: 'assigned', assigned_to: 'wang' }), mine, 'wang')).toBe(true)
    expect(belongs(alarm(1, { state: 'assigned', assigned_to: 'li' }), mine, 'wang')).toBe(false)
  })

  it('is walked by keys and stops at its ends', () => {
    const list = [alarm(3), alarm(2), alarm(1)]
    expect(stepTo(list, null, 1)).toBe(3)
    expect(stepTo(list, 3, 1)).toBe(2)
    expect(stepTo(list, 1, 1)).toBe(1)
    expect(stepTo([], null, 1)).toBe(null)
  })

  it('leads to the video from some seconds before', () => {
    expect(playbackOf(alarm(1), 10)).toEqual({ path: '/playback', query: { owner: 'o', channel: 'c', at: '990' } })
    expect(playbackOf(alarm(1, { video: '' }), 10)).toBe(null)
  })
})
