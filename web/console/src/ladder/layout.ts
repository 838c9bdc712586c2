/** A list of messages as a ladder: lifelines, arrows from top to bottom, silences, repeats. Pure; units are pixels. */
import type { LadderMessage } from '@/api/types'
import { commandOf, reasonOf, transactionOf } from './message'

export const ROW = 36
export const GAP = 30
/** A silence longer than this, in seconds, is drawn as one. */
export const SILENCE_S = 2

export type Tone = 'request' | 'provisional' | 'ok' | 'challenge' | 'bad'

export interface Lifeline {
  /** '' is us */
  key: string
  address: string
}

export interface Arrow {
  kind: 'arrow'
  y: number
  /** place in the messages that were given */
  index: number
  message: LadderMessage
  from: number
  to: number
  tone: Tone
  title: string
  note: string
  /** seconds since the arrow before; null for the first */
  after: number | null
  /** seconds from the request to this answer; null when it is none or the request is not here */
  answeredIn: number | null
  /** how many further times it went over the wire, folded into this arrow */
  repeats: number
  /** a request that nobody answered */
  unanswered: boolean
}

export interface Silence {
  kind: 'silence'
  y: number
  seconds: number
}

export interface LadderLayout {
  lifelines: Lifeline[]
  rows: (Arrow | Silence)[]
  height: number
}

export function toneOf(message: LadderMessage): Tone {
  if (message.status === 0) return 'request'
  if (message.status < 200) return 'provisional'
  if (message.status < 300) return 'ok'
  return message.status === 401 || message.status === 407 ? 'challenge' : 'bad'
}

const sameWire = (a: LadderMessage, b: LadderMessage) =>
  a.direction === b.direction && a.method === b.method && a.status === b.status && a.call_id === b.call_id

/** `now` (UNIX seconds) tells whether a request may still be answered. */
export function layOut(messages: readonly LadderMessage[], now: number): LadderLayout {
  const lifelines: Lifeline[] = [{ key: '', address: messages[0]?.local ?? '' }]
  const places = new Map<string, number>()
  const placeOf = (message: LadderMessage) => {
    const key = message.peer || message.remote
    let place = places.get(key)
    if (place === undefined) {
      place = lifelines.push({ key, address: message.remote }) - 1
      places.set(key, place)
    }
    const line = lifelines[place]
    if (line) line.address = message.remote
    return place
  }

  const requests = new Map<string, Arrow>()
  const rows: (Arrow | Silence)[] = []
  let y = 0
  let last: Arrow | null = null
  let lastAt = 0

  messages.forEach((message, index) => {
    if (message.repeated && last && sameWire(last.message, message)) {
      last.repeats += 1
      lastAt = message.at
      return
    }
    const after = last ? message.at - lastAt : null
    if (after !== null && after > SILENCE_S) {
      rows.push({ kind: 'silence', y, seconds: after })
      y += GAP
    }
    const place = placeOf(message)
    const out = message.direction === 'out'
    const tone = toneOf(message)
    const transaction = transactionOf(message)
    const request = message.status ? requests.get(transaction) : undefined
    const arrow: Arrow = {
      kind: 'arrow',
      y: y + ROW / 2,
      index,
      message,
      from: out ? 0 : place,
      to: out ? place : 0,
      tone,
      title: message.status ? `${message.status} ${reasonOf(message)}`.trim() : message.method,
      note: message.status ? message.method : commandOf(message),
      after,
      answeredIn: request && message.status >= 200 ? message.at - request.message.at : null,
      repeats: message.repeated ? 1 : 0,
      unanswered: false,
    }
    if (request) request.unanswered = false
    if (message.status === 0 && message.method !== 'ACK' && !message.repeated) {
      arrow.unanswered = now - message.at > SILENCE_S
      requests.set(transaction, arrow)
    }
    rows.push(arrow)
    y += ROW
    last = arrow
    lastAt = message.at
  })
  return { lifelines, rows, height: y }
}

/** Methods in the order they first appear, with how often. */
export function methodsOf(messages: readonly LadderMessage[]): { method: string; count: number }[] {
  const counts = new Map<string, number>()
  for (const { method } of messages) counts.set(method, (counts.get(method) ?? 0) + 1)
  return [...counts].map(([method, count]) => ({ method, count }))
}

/** Keep the wished methods; keepalives and their answers go when they are hidden. */
export function sieve(messages: readonly LadderMessage[], methods: ReadonlySet<string>, hideKeepalives: boolean): LadderMessage[] {
  const keepalives = new Set<string>()
  if (hideKeepalives) {
    for (const message of messages) {
      if (message.status === 0 && commandOf(message) === 'Keepalive') keepalives.add(transactionOf(message))
    }
  }
  return messages.filter(
    (message) => (methods.size === 0 || methods.has(message.method)) && !(keepalives.size && keepalives.has(transactionOf(message))),
  )
}
