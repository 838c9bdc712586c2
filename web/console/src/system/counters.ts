/** Counters of whatever shape the server keeps, as lines: nested ones get dotted names, long numbers are grouped. */
import { grouped } from '@/i18n/words'

export interface Counter {
  name: string
  value: string
}

const MOST = 60

export function countersOf(said: Record<string, unknown>, prefix = ''): Counter[] {
  const lines: Counter[] = []
  for (const [key, value] of Object.entries(said)) {
    if (lines.length >= MOST) break
    const name = prefix + key
    if (typeof value === 'number') lines.push({ name, value: Number.isInteger(value) ? grouped(value) : value.toFixed(2) })
    else if (typeof value === 'string' || typeof value === 'boolean') lines.push({ name, value: String(value) })
    else if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      lines.push(...countersOf(value as Record<string, unknown>, `${name}.`))
    }
  }
  return lines.slice(0, MOST)
}
