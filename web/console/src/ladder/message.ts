/** What a ladder reads out of a message's own text: header values, the command in its body. Pure; no regex. */
import type { LadderMessage } from '@/api/types'

const COMPACT: Record<string, string> = { f: 'from', t: 'to', i: 'call-id', v: 'via', m: 'contact', c: 'content-type', l: 'content-length' }

export interface Split {
  start: string
  headers: { name: string; value: string }[]
  body: string
}

/** The three parts of a SIP message. A line without a colon continues the header before it. */
export function split(text: string): Split {
  const whole = text.replaceAll('\r\n', '\n')
  const end = whole.indexOf('\n\n')
  const head = end < 0 ? whole : whole.slice(0, end)
  const [start = '', ...lines] = head.split('\n')
  const headers: Split['headers'] = []
  for (const line of lines) {
    const colon = line.indexOf(':')
    const last = headers.at(-1)
    if ((line.startsWith(' ') || line.startsWith('\t')) && last) last.value += ` ${line.trim()}`
    else if (colon > 0) headers.push({ name: line.slice(0, colon).trim(), value: line.slice(colon + 1).trim() })
  }
  return { start, headers, body: end < 0 ? '' : whole.slice(end + 2).trimEnd() }
}

export function headerOf(text: string, name: string): string {
  const wanted = name.toLowerCase()
  const found = split(text).headers.find((header) => {
    const said = header.name.toLowerCase()
    return said === wanted || COMPACT[said] === wanted
  })
  return found?.value ?? ''
}

const transactions = new WeakMap<LadderMessage, string>()

/** Requests and their answers share this: the call and the CSeq; an ACK stands alone. Read once a message. */
export function transactionOf(message: LadderMessage): string {
  let key = transactions.get(message)
  if (key === undefined) {
    key = `${message.call_id} ${headerOf(message.text, 'CSeq') || message.method}`
    transactions.set(message, key)
  }
  return key
}

/** Names of the command in a MANSCDP body or of the session in an SDP, as the server summed it up. */
export function commandOf(message: LadderMessage): string {
  const dot = message.summary.indexOf(' · ')
  return dot < 0 ? '' : message.summary.slice(dot + 3)
}

/** The words of a response's status: "486 Busy Here" gives "Busy Here". */
export function reasonOf(message: LadderMessage): string {
  const said = message.summary.split(' · ')[0] ?? ''
  return message.status ? said.slice(String(message.status).length).trim() : ''
}

export type BodyKind = 'xml' | 'sdp' | 'other'

export function bodyKind(body: string): BodyKind {
  const trimmed = body.trimStart()
  if (trimmed.startsWith('<')) return 'xml'
  return trimmed.startsWith('v=') ? 'sdp' : 'other'
}

export interface Piece {
  text: string
  mark: 'plain' | 'tag' | 'key'
}

/** A line of a body cut into pieces for the eye: tags of XML, letters of SDP. */
export function pieces(line: string, kind: BodyKind): Piece[] {
  if (kind === 'sdp' && line[1] === '=') {
    return [{ text: line.slice(0, 2), mark: 'key' }, { text: line.slice(2), mark: 'plain' }]
  }
  if (kind !== 'xml') return [{ text: line, mark: 'plain' }]
  const cut: Piece[] = []
  let at = 0
  while (at < line.length) {
    const open = line.indexOf('<', at)
    const close = open < 0 ? -1 : line.indexOf('>', open)
    if (close < 0) {
      cut.push({ text: line.slice(at), mark: 'plain' })
      break
    }
    if (open > at) cut.push({ text: line.slice(at, open), mark: 'plain' })
    cut.push({ text: line.slice(open, close + 1), mark: 'tag' })
    at = close + 1
  }
  return cut
}
