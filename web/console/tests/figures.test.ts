import { describe, expect, it } from 'vitest'
import type { InletStatistics, Seat, StreamRow } from '@/api/types'
import { adviceOn, lossWord, slowest, sorted } from '@/streams/figures'
import { History, KEPT_S, lineOf } from '@/streams/history'

const seat = (more: Partial<Seat> = {}): Seat => ({ viewer: 'wang', format: 'ws-fmp4', sent_bytes: 0, queued_bytes: 0, queued_s: 0, skips: 0, dropped: 0, ...more })

const counted = (more: Partial<InletStatistics> = {}): InletStatistics => ({
  packets: 1000, bytes: 1_400_000, lost: 0, reordered: 0, duplicates: 0, resyncs: 0, frames: 250, key_frames: 5, viewers: 1, last_packet_age_s: 0.02,
  video: { codec: 'H.264', width: 1920, height: 1080, fps: 25, mime: '' }, audio: null, bitrate_bps: 4e6, packets_per_s: 376, fps: 25, loss: 0, jitter_s: 0.001,
  gop_frames: 50, gop_s: 2, key_frame_age_s: 0.5, skips: 0, cut: 0, seats: [seat()], ...more,
})

const row = (id: string, statistics: InletStatistics | null = counted(), more: Partial<StreamRow> = {}): StreamRow => ({
  id, owner: 'o', channel: id, state: 'live', stream_number: 0, transport: 'udp', ssrc: '1', call_id: null, viewers: ['wang'], started_at: 100, failure: null, statistics, ...more,
})

describe('advice on a stream', () => {
  it('is none while it comes as it should', () => {
    expect(adviceOn(row('a'))).toEqual([])
    expect(adviceOn(row('a', counted({ loss: 0.009 })))).toEqual([])
  })

  it('is TCP for loss over UDP, and a look at the source for loss over TCP', () => {
    const lossy = counted({ loss: 0.02 })
    expect(adviceOn(row('a', lossy))).toEqual(['tcp'])
    expect(adviceOn(row('a', lossy, { transport: 'tcp-passive' }))).toEqual(['network'])
  })

  it('waits for proof and for pictures', () => {
    expect(adviceOn(row('a', counted({ loss: 0.5, packets_per_s: 2 })))).toEqual([])
    expect(adviceOn(row('a', counted({ loss: 0.5 }), { state: 'retrying' }))).toEqual([])
    expect(adviceOn(row('a', null))).toEqual([])
  })

  it('names rare key frames, missing pictures and slow viewers, the worst first', () => {
    const bad = counted({ loss: 0.1, gop_s: 10, fps: 10, seats: [seat({ skips: 2 })] })
    expect(adviceOn(row('a', bad))).toEqual(['tcp', 'fps', 'gop', 'viewer'])
    expect(adviceOn(row('a', counted({ gop_s: null, fps: 0 })))).toEqual([])
  })
})

describe('rows', () => {
  const nameOf = (code: string) => code
  const ids = (rows: StreamRow[]) => rows.map((one) => one.id).join('')
  const rows = [row('b', counted({ loss: 0.02 })), row('d', null, { state: 'inviting' }), row('a', counted({ loss: 0 })), row('c', counted({ loss: 0.3 }))]

  it('are sorted by any column, up and down', () => {
    expect(ids(sorted(rows, 'channel', false, nameOf))).toBe('abcd')
    expect(ids(sorted(rows, 'channel', true, nameOf))).toBe('dcba')
    expect(ids(sorted(rows, 'loss', true, nameOf))).toBe('cbad')
  })

  it('without a number stand last either way', () => {
    expect(ids(sorted(rows, 'loss', false, nameOf))).toBe('abcd')
  })

  it('stay where they are when their numbers are equal, so that nothing jumps under the hand', () => {
    const equal = ['c', 'a', 'b'].map((id) => row(id))
    expect(ids(sorted(equal, 'bitrate', true, nameOf))).toBe('abc')
  })
})

describe('the slowest viewer', () => {
  it('is who was moved on, before who only waits', () => {
    expect(slowest([seat({ viewer: 'a', queued_s: 1.5 }), seat({ viewer: 'b', skips: 1 }), seat({ viewer: 'c' })])?.viewer).toBe('b')
    expect(slowest([])).toBeUndefined()
  })
})

describe('loss in words', () => {
  it('is short, and never nothing when there is some', () => {
    expect([0, 0.0001, 0.0123, 0.5].map(lossWord)).toEqual(['0', '<0.1%', '1.2%', '50.0%'])
  })
})

describe('the last minutes', () => {
  it('are kept for each stream and no longer', () => {
    const history = new History()
    for (let at = 0; at <= 400; at += 2) history.add('a', { at, bitrate: at, loss: 0 })
    const kept = history.of('a')
    expect(kept.length).toBe(KEPT_S / 2 + 1)
    expect(kept[0]?.at).toBe(100)
    history.sweep(430)
    expect(history.of('a').length).toBeGreaterThan(0)
    history.sweep(470)
    expect(history.of('a')).toEqual([])
  })

  it('hold one sample a second however often somebody asks', () => {
    const history = new History()
    history.add('a', { at: 10, bitrate: 1, loss: 0 })
    history.add('a', { at: 10.4, bitrate: 2, loss: 0 })
    expect(history.of('a')).toEqual([{ at: 10.4, bitrate: 2, loss: 0 }])
  })

  it('are drawn with now at the right and the top value at the upper edge', () => {
    const values = [{ at: 0, value: 0 }, { at: 150, value: 50 }, { at: 300, value: 400 }]
    expect(lineOf(values, 300, 60, 22, 100)).toBe('0,21 30,11 60,1')
    expect(lineOf(values.slice(0, 1), 300, 60, 22, 0)).toBe('0,21')
  })
})
