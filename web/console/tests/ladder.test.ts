import { describe, expect, it } from 'vitest'
import type { LadderMessage } from '@/api/types'
import { GAP, layOut, methodsOf, ROW, sieve, toneOf, type Arrow } from '@/ladder/layout'
import { bodyKind, commandOf, headerOf, pieces, reasonOf, split } from '@/ladder/message'

interface Sketch {
  at: number
  out?: boolean
  method?: string
  status?: number
  cseq?: string
  call?: string
  peer?: string
  repeated?: boolean
  summary?: string
}

function message({ at, out = true, method = 'INVITE', status = 0, cseq = `1 ${method}`, call = 'c', peer = 'cam', repeated = false, summary }: Sketch): LadderMessage {
  return {
    at, direction: out ? 'out' : 'in', transport: 'UDP', local: 'us:5060', remote: `${peer}:5060`, peer, call_id: call, method, status,
    summary: summary ?? (status ? `${status} Word` : `${method} sip:x`), text: `X\r\nCSeq: ${cseq}\r\n\r\n`, size: 10, repeated,
  }
}

const arrows = (messages: LadderMessage[], now = 0) => layOut(messages, now).rows.filter((row): row is Arrow => row.kind === 'arrow')

describe('a ladder', () => {
  it('has us at the left and every neighbour once', () => {
    const { lifelines } = layOut([message({ at: 0 }), message({ at: 1, peer: 'other' }), message({ at: 1.1 })], 1)
    expect(lifelines.map((line) => line.key)).toEqual(['', 'cam', 'other'])
    expect(lifelines[0]?.address).toBe('us:5060')
  })

  it('draws outgoing messages away from us and incoming ones towards us', () => {
    const [there, back] = arrows([message({ at: 0 }), message({ at: 0.1, out: false, status: 200 })])
    expect([there?.from, there?.to]).toEqual([0, 1])
    expect([back?.from, back?.to]).toEqual([1, 0])
  })

  it('tells how long an answer took from the first time the request was sent', () => {
    const drawn = arrows([message({ at: 0 }), message({ at: 0.5, repeated: true }), message({ at: 0.75, out: false, status: 200 })])
    expect(drawn).toHaveLength(2)
    expect(drawn[0]?.repeats).toBe(1)
    expect(drawn[1]?.answeredIn).toBeCloseTo(0.75)
    expect(drawn[1]?.after).toBeCloseTo(0.25)
  })

  it('draws a long silence and makes room for it', () => {
    const { rows, height } = layOut([message({ at: 0 }), message({ at: 30, method: 'BYE', cseq: '2 BYE' })], 31)
    expect(rows.map((row) => row.kind)).toEqual(['arrow', 'silence', 'arrow'])
    expect(height).toBe(2 * ROW + GAP)
  })

  it('marks a request that nobody answered, and not one that may still be', () => {
    const lost = message({ at: 0, method: 'BYE', cseq: '2 BYE' })
    expect(arrows([lost], 10)[0]?.unanswered).toBe(true)
    expect(arrows([lost], 1)[0]?.unanswered).toBe(false)
    expect(arrows([lost, message({ at: 1, out: false, status: 200, method: 'BYE', cseq: '2 BYE' })], 10)[0]?.unanswered).toBe(false)
    expect(arrows([message({ at: 0, method: 'ACK' })], 10)[0]?.unanswered).toBe(false)
  })

  it('tells errors from challenges', () => {
    const tones = [0, 100, 200, 401, 404, 503].map((status) => toneOf(message({ at: 0, status })))
    expect(tones).toEqual(['request', 'provisional', 'ok', 'challenge', 'bad', 'bad'])
  })

  it('is sieved by method, and keepalives go with their answers', () => {
    const keepalive = message({ at: 0, out: false, method: 'MESSAGE', call: 'k', cseq: '7 MESSAGE', summary: 'MESSAGE sip:x · Keepalive' })
    const answer = message({ at: 0.1, method: 'MESSAGE', status: 200, call: 'k', cseq: '7 MESSAGE' })
    const catalog = message({ at: 1, method: 'MESSAGE', call: 'q', cseq: '8 MESSAGE', summary: 'MESSAGE sip:x · Catalog' })
    const all = [keepalive, answer, catalog, message({ at: 2 })]
    expect(sieve(all, new Set(), true)).toEqual([catalog, all[3]])
    expect(sieve(all, new Set(['INVITE']), false)).toEqual([all[3]])
    expect(methodsOf(all)).toEqual([{ method: 'MESSAGE', count: 3 }, { method: 'INVITE', count: 1 }])
  })

  it('is empty when there is nothing', () => {
    expect(layOut([], 0)).toMatchObject({ rows: [], height: 0 })
  })
})

describe('a message’s text', () => {
  const text = 'INVITE sip:a SIP/2.0\r\nv: one\r\nSubject: a,\r\n b\r\nbroken\r\nCSeq: 4 INVITE\r\n\r\nv=0\r\ny=0100000001\r\n'

  it('is split into start line, headers and body; folded lines are joined, broken ones left out', () => {
    const parts = split(text)
    expect(parts.start).toBe('INVITE sip:a SIP/2.0')
    expect(parts.headers).toEqual([{ name: 'v', value: 'one' }, { name: 'Subject', value: 'a, b' }, { name: 'CSeq', value: '4 INVITE' }])
    expect(parts.body).toBe('v=0\ny=0100000001')
  })

  it('is read by long and compact names', () => {
    expect(headerOf(text, 'cseq')).toBe('4 INVITE')
    expect(headerOf(text, 'Via')).toBe('one')
    expect(headerOf(text, 'To')).toBe('')
  })

  it('gives its command and its reason', () => {
    expect(commandOf(message({ at: 0, summary: 'MESSAGE sip:x · Catalog' }))).toBe('Catalog')
    expect(reasonOf(message({ at: 0, status: 486, summary: '486 Busy Here' }))).toBe('Busy Here')
  })

  it('is cut for the eye without losing a letter', () => {
    expect(bodyKind('<?xml?>')).toBe('xml')
    expect(bodyKind('v=0')).toBe('sdp')
    for (const line of ['<A>b</A>', 'a<b', '', '<<>>x', 'y=1']) {
      for (const kind of ['xml', 'sdp', 'other'] as const) expect(pieces(line, kind).map((piece) => piece.text).join('')).toBe(line)
    }
  })
})
