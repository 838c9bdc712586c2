import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { ApiError } from '@/api/http'
import { fill, language, t, tOr } from '@/i18n'
import { en } from '@/i18n/en'
import { age, bytes, complaint, refusalAdvice, refusalWord, shortSpan, span, verdictAdvice, verdictWord } from '@/i18n/words'
import { zh } from '@/i18n/zh'

const REFUSALS = [
  'unknown-device', 'wrong-password', 'no-retry', 'wrong-realm', 'wrong-algorithm', 'nonce-replayed', 'nonce-unknown', 'malformed-credentials',
  'locked-out', 'denied-code', 'denied-address', 'disabled', 'malformed-code', 'code-mismatch', 'not-registered', 'table-full', 'duplicate-code', 'unproven', 'wrong-certificate',
]
const VERDICTS = ['nothing', 'connected-silent', 'cannot-connect', 'other-ssrc', 'not-rtp', 'not-ps', 'no-key-frame', 'unsupported-codec', 'lost', 'refused']

/** Keys that are put together from a server's word. */
const BUILT = [
  'audit.did.', 'snapshots.reason.', 'shots.state.',
  'voice.phase.', 'voice.way.', 'voice.verdict.', 'voice.advice.', 'voice.ended.', 'voice.style.', 'voice.hindrance.',
  'hold.', 'upgrade.state.', 'upgrade.failure.',
  'alarms.tab.', 'alarms.priority.', 'alarms.since.', 'alarms.state.', 'alarms.verdict.', 'alarms.reset.', 'alarms.step.',
  'playback.state.', 'playback.origin.', 'download.state.', 'download.note.',
  'follow.choice.', 'follow.standing.',
  'plans.state.', 'plans.week.', 'gaps.state.', 'gaps.reason.', 'kept.kind.',
  'way.', 'sources.way.', 'sender.', 'connect.', 'above.', 'below.', 'diff.',
  'platforms.state.',
  'platforms.subject.',
  'platforms.tab.',
  'sharing.arrangement.',
  'sharing.rule.','advice.', 'worker.state.', 'recording.state.', 'recording.trouble.', 'streams.kind.', 'error.', 'refusal.', 'verdict.', 'presence.', 'device-kind.', 'transport.', 'role.', 'stream.', 'reason.', 'hop.', 'player.', 'system.tab.', 'kind.', 'pane.format.', 'setting.', 'duty.', 'card.', 'week.', 'device.tab.', 'places.span.', 'places.datum.']

const isCjk = (text: string) => [...text].some((letter) => letter >= '\u4e00' && letter <= '\u9fff')
const places = (text: string) => text.split('{').slice(1).map((rest) => rest.split('}')[0]).sort()

afterEach(() => void (language.value = 'zh'))

describe('the dictionary', () => {
  it('has every sentence in both languages, with the same places', () => {
    expect(Object.keys(en).sort()).toEqual(Object.keys(zh).sort())
    for (const key of Object.keys(zh) as (keyof typeof zh)[]) {
      expect(zh[key].trim(), key).not.toBe('')
      expect(en[key].trim(), key).not.toBe('')
      expect(places(en[key]), key).toEqual(places(zh[key]))
    }
  })

  it('holds no Chinese in English but the name of the other language', () => {
    const mixed = Object.entries(en).filter(([key, text]) => isCjk(text) && key !== 'nav.language')
    expect(mixed).toEqual([])
  })

  it('knows every refusal and every verdict of the server, and what to do', () => {
    for (const lang of ['zh', 'en'] as const) {
      language.value = lang
      for (const reason of REFUSALS) {
        expect(refusalWord(reason)).not.toBe(reason)
        expect(refusalAdvice(reason)).not.toBe('')
      }
      for (const verdict of VERDICTS) {
        expect(verdictWord(verdict)).not.toBe(verdict)
        expect(verdictAdvice(verdict)).not.toBe('')
      }
    }
  })

  it('is used for every word a screen shows: no Chinese stands in a component', () => {
    const root = join(import.meta.dirname, '../src')
    const files = readdirSync(root, { recursive: true, encoding: 'utf-8' }).filter((file) => file.endsWith('.vue'))
    expect(files.length).toBeGreaterThan(20)
    expect(files.filter((file) => isCjk(readFileSync(join(root, file), 'utf-8')))).toEqual([])
  })

  it('holds no sentence that nobody says', () => {
    const root = join(import.meta.dirname, '../src')
    const files = readdirSync(root, { recursive: true, encoding: 'utf-8' }).filter((file) => (file.endsWith('.vue') || file.endsWith('.ts')) && !file.startsWith('i18n/zh') && !file.startsWith('i18n/en'))
    const said = files.map((file) => readFileSync(join(root, file), 'utf-8')).join('\n')
    const idle = Object.keys(zh).filter((key) => !BUILT.some((prefix) => key.startsWith(prefix)) && !said.includes(`'${key}'`))
    expect(idle).toEqual([])
  })
})

describe('a sentence', () => {
  it('takes values in its places and leaves unknown places alone', () => {
    expect(fill('{a} of {b} {', { a: 1 })).toBe('1 of {b} {')
    expect(t('wall.layout', { n: 9 })).toBe('9 画面')
    language.value = 'en'
    expect(t('wall.layout', { n: 9 })).toBe('9 panes')
    expect(tOr('no.such', 'otherwise')).toBe('otherwise')
  })
})

describe('words for numbers', () => {
  it('tell ages in one unit', () => {
    expect([0, 40, 130, 7300, 200_000].map((s) => age(1_000_000 - s, 1_000_000))).toEqual(['刚刚', '40 秒前', '2 分钟前', '2 小时前', '2 天前'])
    expect(age(null, 5)).toBe('从未')
    expect(age(10, 5)).toBe('刚刚')
  })

  it('tell lengths', () => {
    expect(span(61)).toBe('1 分 1 秒')
    expect([0.0312, 1.25, 42, 0.9996].map(shortSpan)).toEqual(['31 ms', '1.25 s', '42.0 s', '1.00 s'])
    expect([12, 1500, 2_500_000].map(bytes)).toEqual(['12 B', '1.5 kB', '2.5 MB'])
  })

  it('tell errors in our words, and in the server’s when the code is new', () => {
    expect(complaint(new ApiError(409, 'device-offline', 'x'))).toBe('设备离线')
    expect(complaint(new ApiError(500, 'never-heard', 'The thing broke.'))).toContain('The thing broke.')
    expect(complaint(new Error('boom'))).toContain('boom')
  })
})
