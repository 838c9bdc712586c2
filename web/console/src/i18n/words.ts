/** Numbers, ages and the server's errors in the operator's language. */
import { ApiError } from '@/api/http'
import { language, t, tOr } from './index'

/** How long ago, in one unit. `at` and `now` are UNIX seconds. */
export function age(at: number | null, now: number): string {
  if (at === null) return t('age.never')
  const n = Math.max(0, Math.floor(now - at))
  if (n < 3) return t('age.now')
  if (n < 60) return t('age.seconds', { n })
  if (n < 3600) return t('age.minutes', { n: Math.floor(n / 60) })
  if (n < 86_400) return t('age.hours', { n: Math.floor(n / 3600) })
  return t('age.days', { n: Math.floor(n / 86_400) })
}

/** A length of time in two units at most. */
export function span(seconds: number): string {
  const n = Math.max(0, Math.floor(seconds))
  if (n < 60) return t('span.seconds', { n })
  if (n < 3600) return t('span.minutes', { n: Math.floor(n / 60), s: n % 60 })
  if (n < 86_400) return t('span.hours', { n: Math.floor(n / 3600), m: Math.floor((n % 3600) / 60) })
  return t('span.days', { n: Math.floor(n / 86_400), h: Math.floor((n % 86_400) / 3600) })
}

/** Short lengths, for ladders: 12 ms, 1.25 s, 31.0 s. */
export function shortSpan(seconds: number): string {
  if (seconds < 0.001) return '<1 ms'
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`
  if (seconds < 10) return `${seconds.toFixed(2)} s`
  return seconds < 100 ? `${seconds.toFixed(1)} s` : span(seconds)
}

export function bytes(n: number): string {
  if (n < 1000) return `${n} B`
  if (n < 1_000_000) return `${(n / 1000).toFixed(1)} kB`
  if (n < 1_000_000_000) return `${(n / 1_000_000).toFixed(1)} MB`
  return `${(n / 1_000_000_000).toFixed(2)} GB`
}

export function bitrate(bitsPerSecond: number): string {
  return bitsPerSecond < 1_000_000
    ? `${Math.round(bitsPerSecond / 1000)} kbit/s`
    : `${(bitsPerSecond / 1_000_000).toFixed(2)} Mbit/s`
}

export function grouped(n: number): string {
  return n.toLocaleString(language.value === 'zh' ? 'zh-CN' : 'en-GB')
}

const two = (n: number) => String(n).padStart(2, '0')

/** 2026-11-21 09:05:33, local time; the same in both languages. */
export function stamp(at: number | null): string {
  if (at === null) return '–'
  const d = new Date(at * 1000)
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`
}

/** 09:05:33.127 */
export function clock(at: number): string {
  const d = new Date(at * 1000)
  return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}.${String(d.getMilliseconds()).padStart(3, '0')}`
}

/** What went wrong, for eyes: our word for the server's code, else the server's own sentence. */
export function complaint(error: unknown): string {
  if (!(error instanceof ApiError)) return t('error.unknown', { message: error instanceof Error ? error.message : String(error) })
  return tOr(`error.${error.code}`, t('error.unknown', { message: error.message }), { message: error.message })
}

export const refusalWord = (reason: string) => tOr(`refusal.${reason}`, reason)
export const refusalAdvice = (reason: string) => tOr(`refusal.${reason}.do`, '')
export const verdictWord = (verdict: string) => tOr(`verdict.${verdict}`, verdict)
export const verdictAdvice = (verdict: string) => tOr(`verdict.${verdict}.do`, '')

/** What our own kind of platform says of a hop; the words of others are shown as they came. */
const SAID: readonly [RegExp, (found: RegExpExecArray) => string][] = [
  [/^no answer$/, () => t('failure.no-answer')],
  [/^no answer in ([\d.]+) s$/, ([, n = '']) => t('said.no-answer', { n })],
  [/^not supported$/, () => t('said.not-supported')],
  [/^(udp|tcp-passive|tcp-active) port (\d+)(.*)$/, ([, way = '', port = '', rest = '']) => t('said.port', { way: tOr(`transport.${way}`, way), port }) + rest],
]

/** A reason in the operator's language where we know it. */
export function reasonWord(reason: string): string {
  for (const [form, say] of SAID) {
    const found = form.exec(reason)
    if (found) return say(found)
  }
  return reason
}
