import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { decode, encode } from '@/voice/alaw'
import { Downsampler } from '@/voice/resample'
import { HOLD_MS, TalkKey } from '@/voice/talkKey'
import type { Talk, Target } from '@/voice/types'
import { toneOf, verdictOn } from '@/voice/verdict'

/** the loudness of one pitch in samples at 8 kHz */
function strength(samples: Float32Array, hz: number, rate = 8000): number {
  let real = 0
  let imaginary = 0
  samples.forEach((sample, n) => {
    real += sample * Math.cos((2 * Math.PI * hz * n) / rate)
    imaginary += sample * Math.sin((2 * Math.PI * hz * n) / rate)
  })
  return (2 * Math.hypot(real, imaginary)) / samples.length
}

const sine = (hz: number, rate: number, seconds: number) =>
  Float32Array.from({ length: rate * seconds }, (_, n) => 0.5 * Math.sin((2 * Math.PI * hz * n) / rate))

describe('A-law', () => {
  it('says the codes of the recommendation for silence, the loudest and the smallest', () => {
    expect([...encode(Float32Array.of(0, 1, -1, -0.00001))]).toEqual([0xd5, 0xaa, 0x2a, 0xd5])
  })

  it('comes back nearly as it went, louder sounds more coarsely', () => {
    const samples = sine(440, 8000, 1)
    decode(encode(samples)).forEach((sample, n) => {
      const was = samples[n] ?? 0
      expect(Math.abs(sample - was)).toBeLessThan(Math.max(0.0006, Math.abs(was) / 30))
    })
  })

  it('never leaves a byte, whatever comes', () => {
    expect([...encode(Float32Array.of(7, -7, NaN))].every((code) => code >= 0 && code <= 255)).toBe(true)
  })
})

describe('the way down to 8 kHz', () => {
  it.each([48000, 44100, 16000])('keeps a voice of 1 kHz from %i Hz and takes out what would fold back', (rate) => {
    const heard = (hz: number) => {
      const down = new Downsampler(rate)
      const all = sine(hz, rate, 1)
      const out: number[] = []
      for (let at = 0; at < all.length; at += 128) out.push(...down.push(all.subarray(at, at + 128)))
      return Float32Array.from(out)
    }
    const voice = heard(1000)
    expect(Math.abs(voice.length - 8000)).toBeLessThan(60)
    expect(strength(voice.subarray(200), 1000)).toBeGreaterThan(0.47)
    expect(strength(heard(5000).subarray(200), 3000)).toBeLessThan(0.01)
  })
})

describe('the key T', () => {
  const deeds = { may: vi.fn(() => true), begin: vi.fn(), end: vi.fn(), search: vi.fn() }
  const stroke = (key: string, repeat = false) => ({ key, repeat, ctrlKey: false, altKey: false, metaKey: false, shiftKey: false })
  beforeEach(() => {
    vi.useFakeTimers()
    Object.values(deeds).forEach((deed) => deed.mockClear())
  })
  afterEach(() => void vi.useRealTimers())

  it('talks while it is held', () => {
    const key = new TalkKey(deeds)
    expect(key.down(stroke('t'))).toBe(true)
    vi.advanceTimersByTime(HOLD_MS)
    expect(key.down(stroke('t', true))).toBe(true)
    expect(deeds.begin).toHaveBeenCalledTimes(1)
    key.up({ key: 't' })
    expect(deeds.end).toHaveBeenCalledTimes(1)
    expect(deeds.search).not.toHaveBeenCalled()
  })

  it('begins a search when it is tapped, or when a name is typed with it', () => {
    const key = new TalkKey(deeds)
    key.down(stroke('t'))
    key.up({ key: 't' })
    expect(deeds.search).toHaveBeenLastCalledWith('t')
    key.down(stroke('t'))
    expect(key.down(stroke('h'))).toBe(true)
    expect(deeds.search).toHaveBeenLastCalledWith('th')
    vi.advanceTimersByTime(1000)
    expect(deeds.begin).not.toHaveBeenCalled()
  })

  it('is a letter like others where nobody is there to talk to', () => {
    deeds.may.mockReturnValueOnce(false)
    expect(new TalkKey(deeds).down(stroke('t'))).toBe(false)
  })
})

describe('the verdict of the self-test', () => {
  const sound = {
    state: 'open' as const, target: '10.0.0.9:8000', packets: 50, bytes: 8600, dropped: 0, reports: 0, lost_there: null,
    heard_packets: 0, heard_bytes: 0, heard_level: 0, heard_from: '', note: '',
  }
  const target = (more: Partial<Target> = {}): Target => ({
    owner: 'a', channel: 'b', target: 'c', style: 'broadcast', stage: 'talking', obstacle: '', reason: '', hops: [], steps: [],
    legs: [{ name: 'c', call_id: 'x', transport: 'udp', form: 'PCMA', sound }], holder: '', held_since: null, name: '', ...more,
  })
  const talk = (heard = 16000, pieces = 90): Talk => ({
    id: '1', by: 'wang', since: 0, source: 's', ended: '', targets: [],
    voice: { level: 0, waiting_s: 0, heard_bytes: heard, pieces, silences: 0, dropped: 0 },
  })

  it.each([
    ['not-called', target({ obstacle: 'not-called', stage: 'failed' }), talk(), 'bad'],
    ['asking', target({ stage: 'asking', legs: [] }), talk(), 'faint'],
    ['answered', target({ stage: 'answered', legs: [] }), talk(), 'faint'],
    ['no-voice', target(), talk(0, 0), 'warn'],
    ['quiet', target(), talk(16000, 0), 'warn'],
    ['sending', target(), talk(), 'good'],
    ['received', target({ legs: [{ name: 'c', call_id: 'x', transport: 'udp', form: 'PCMA', sound: { ...sound, reports: 2 } }] }), talk(), 'good'],
    ['lossy', target({ legs: [{ name: 'c', call_id: 'x', transport: 'udp', form: 'PCMA', sound: { ...sound, reports: 2, lost_there: 0.3 } }] }), talk(), 'warn'],
    ['connecting', target({ legs: [{ name: 'c', call_id: 'x', transport: 'tcp-active', form: 'PCMA', sound: { ...sound, state: 'waiting' } }] }), talk(), 'faint'],
  ] as const)('%s', (word, one, whole, tone) => {
    expect(verdictOn(one, whole)).toBe(word)
    expect(toneOf(verdictOn(one, whole))).toBe(tone)
  })
})
