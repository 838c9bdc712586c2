/** A stand-in for the server, inside Vite: enough of the API to look at every screen. `npm run mock`. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Plugin } from 'vite'
import type { CallRow, Channel, Live, PlayFailure, Preset, SystemFacts, TreePage, User } from '../src/api/types'
import { makeEstate } from './estate.ts'
import { refusedTrial, someSources } from './sources.ts'
import { badCall, goodCall, peerTalk } from './ladder.ts'
import { serveMedia } from './media.ts'
import { recordingRow, recordingRows, segmentRows, streamRows, workerRows } from './streams.ts'

const estate = makeEstate()
let sources = someSources()
let user: User | null = null
let wrong = 0
let leases = 0
const presets: Preset[] = [{ number: 1, name: '大门' }, { number: 2, name: '路口东' }, { number: 3, name: '停车场' }, { number: 8, name: '' }]
const ptzSeen: unknown[] = []
const calls = [...badCall('c1-486@10.34.0.8', 400), ...goodCall('a84b4c76e66710@10.34.0.8', 90), ...badCall('f00d2@10.34.0.8', 30)]

class Refused {
  constructor(readonly status: number, readonly code: string, readonly message: string, readonly details: object = {}) {}
}

interface Visit {
  method: string
  path: string[]
  query: URLSearchParams
  body: Record<string, unknown>
}

const everyChannel = () => [...estate.channels.values()].flat()

function treePage({ query }: Visit): TreePage {
  const id = query.get('node') ?? ''
  const all = (estate.children.get(id) ?? []).map((child) => estate.nodes.get(child)).filter((node) => node !== undefined)
  const after = Number(query.get('after') ?? 0)
  const limit = Math.min(Number(query.get('limit') ?? 100), 200)
  const end = after + limit
  return { node: estate.nodes.get(id) ?? null, children: all.slice(after, end), next: end < all.length ? String(end) : null }
}

const INITIALS: Record<string, string> = { 南: 'n', 门: 'm', 口: 'k', 派: 'p', 出: 'c', 所: 's', 小: 'x', 学: 'x', 公: 'g', 园: 'y', 火: 'h', 车: 'c', 站: 'z' }
const initials = (name: string) => [...name].map((letter) => INITIALS[letter] ?? letter).join('').toLowerCase()

function search({ query }: Visit) {
  const q = (query.get('q') ?? '').toLowerCase()
  const hits = everyChannel().filter((c) => c.name.toLowerCase().includes(q) || c.code.startsWith(q) || initials(c.name).includes(q))
  return {
    hits: hits.slice(0, Number(query.get('limit') ?? 50)).map((channel) => ({ channel, path: ['安徽省', '合肥市', estate.devices.find((d) => d.code === channel.owner)?.name ?? ''] })),
  }
}

function live(visit: Visit): Live {
  const channel = everyChannel().find((c) => c.owner === visit.body.owner && c.code === visit.body.channel) as Channel
  const failure = (error: PlayFailure, status: number, message: string) => new Refused(status, error.code, message, error)
  if (!channel.online) {
    throw failure({ code: 'device-offline', status: 480, hops: [{ who: channel.owner, what: 'INVITE', status: 0, reason: 'no live registration' }], seen: null, call_id: null }, 409, 'offline')
  }
  if (channel.name.includes('元一')) {
    throw failure(
      {
        code: 'no-media', status: 504, call_id: 'a84b4c76e66710@10.34.0.8',
        hops: [
          { who: 'media', what: 'open a port', status: 200, reason: 'tcp-passive port 30012, SSRC 0100000001' },
          { who: channel.owner, what: 'INVITE', status: 200, reason: 'OK' },
          { who: 'media', what: 'await the first picture', status: 0, reason: 'nothing: not one packet reached the port' },
          { who: 'media', what: 'open a port', status: 200, reason: 'udp port 30014, SSRC 0100000002' },
          { who: channel.owner, what: 'INVITE', status: 200, reason: 'OK' },
          { who: 'media', what: 'await the first picture', status: 0, reason: 'nothing: not one packet reached the port' },
        ],
        seen: { verdict: 'nothing', packets: 0, bytes: 0, sources: [], ssrcs: [], payload_types: [], codecs: [], note: '' },
      },
      504, 'no media',
    )
  }
  if (channel.name.includes('农贸')) {
    throw failure(
      {
        code: 'device-refused', status: 486, call_id: 'f00d2@10.34.0.8',
        hops: [
          { who: 'media', what: 'open a port', status: 200, reason: 'tcp-passive port 30012, SSRC 0100000001' },
          { who: channel.owner, what: 'INVITE', status: 486, reason: 'Busy Here' },
        ],
        seen: channel.name.includes('农贸') ? null : { verdict: 'not-ps', packets: 412, bytes: 518_220, sources: ['10.34.10.20:62001'], ssrcs: [100_000_001], payload_types: [96], codecs: [], note: '' }, 
      },
      502, 'refused',
    )
  }
  leases += 1
  const h265 = channel.name.includes('H.265')
  return {
    lease: `L${leases}`, url: `/media/mock/${leases}.mp4?n=${Number(channel.code.slice(-3)) || leases}`, format: 'ws-fmp4', call_id: 'a84b4c76e66710@10.34.0.8',
    video: h265 ? { codec: 'H.265', width: 2560, height: 1440, fps: 25, mime: 'hvc1.1.6.L150.B0' } : { codec: 'H.264', width: 640, height: 360, fps: 12, mime: 'avc1.42C01E' },
    audio: null,
  }
}

function login({ body }: Visit) {
  if (body.name === 'admin' && body.password === 'admin') {
    wrong = 0
    user = { name: 'admin', role: 'administrator', must_change: false }
    return { user }
  }
  wrong += 1
  if (wrong > 2) throw new Refused(429, 'too-many-attempts', 'wait', { wait_s: 8 })
  throw new Refused(401, 'wrong-password', 'The name or the password is wrong.')
}

const facts = (): SystemFacts => ({
  name: '合肥市视频联网平台', code: '34010000002000000001', domain: '3401000000', version: '0.1.0', started_at: Date.now() / 1000 - 86_400 * 2.3,
  sip: { host: '10.34.0.8', port: 5060, transports: ['UDP', 'TCP'] }, presence: { online: 4, offline: 1, unconfirmed: 1, never: 1 },
  channels: { online: 361, total: 401 }, streams: 3, viewers: 5,
  sip_statistics: { received: 182_331, sent: 181_902, retransmissions_swallowed: 412, bad_messages: 3, transactions: 18, dialogs: 3, connections: 2 },
  media: { inlets: 3, viewers: 5, packets: 5_129_003, lost: 12, ports_free: 997 },
  web: { listeners: 2, told: 311 },
})

const recordings = recordingRows(everyChannel())

function callRows(): CallRow[] {
  return [...new Set(calls.map((m) => m.call_id))].map((id) => {
    const all = calls.filter((m) => m.call_id === id)
    const status = all.find((m) => m.method === 'INVITE' && m.status >= 200)?.status ?? 0
    return { call_id: id, peer: all[0]?.peer ?? '', target: '34010200001320000003', started_at: all[0]?.at ?? 0, ended_at: all.at(-1)?.at ?? 0, status, messages: all.length }
  }).reverse()
}

type Handler = (visit: Visit) => unknown

/** `:x` stands for any one part. */
const ROUTES: [string, string, Handler][] = [
  ['POST', 'session', login],
  ['GET', 'session', () => ({ user })],
  ['DELETE', 'session', () => void (user = null)],
  ['POST', 'session/password', ({ body }) => { if (body.old !== 'admin') throw new Refused(403, 'wrong-password', 'no'); return null }],
  ['GET', 'tree', treePage],
  ['GET', 'tree/path', () => ({ nodes: [] })],
  ['GET', 'search', search],
  ['GET', 'devices', ({ query }) => {
    const q = query.get('q') ?? ''
    const items = estate.devices.filter((d) => (d.shown_name + d.code + d.remote_host).includes(q) && (!query.get('presence') || d.presence === query.get('presence')) && (!query.get('kind') || d.kind === query.get('kind')))
    return { items, next: null, total: items.length }
  }],
  ['GET', 'devices/:x', ({ path }) => estate.devices.find((d) => d.code === path[1])],
  ['POST', 'devices', () => estate.devices[0]],
  ['PATCH', 'devices/:x', ({ path }) => estate.devices.find((d) => d.code === path[1])],
  ['DELETE', 'devices/:x', () => null],
  ['POST', 'devices/:x/catalog', ({ path }) => {
    const owner = path[1] ?? ''
    for (let i = 1; i <= 10; i++) setTimeout(() => tell('catalog-progress', { owner, got: i * 36, expected: 360 }), i * 400)
    return null
  }],
  ['GET', 'devices/:x/channels', ({ path }) => ({ items: (estate.channels.get(path[1] ?? '') ?? []).slice(0, 100), next: null })],
  ['GET', 'sources', () => ({ items: sources, has_films: true })],
  ['GET', 'sources/films', () => ({ items: ['north/gate.mp4', '演练.mkv'] })],
  ['POST', 'sources', () => sources[0]],
  ['POST', 'sources/trial', () => refusedTrial],
  ['POST', 'sources/:x/trial', () => refusedTrial],
  ['PATCH', 'sources/:x', () => sources[0]],
  ['DELETE', 'sources/:x', ({ path }) => void (sources = sources.filter((one) => one.code !== path[1]))],
  ['GET', 'refusals', () => ({ items: estate.refusals })],
  ['DELETE', 'refusals/:x', ({ path }) => void (estate.refusals = estate.refusals.filter((r) => r.code !== path[1]))],
  ['POST', 'live', live],
  ['DELETE', 'live/:x', () => null],
  ['GET', 'streams', ({ query }) => ({ items: streamRows(everyChannel(), query.get('channel')) })],
  ['GET', 'recordings', ({ query }) => ({ items: recordings.filter((one) => !query.get('running') || one.state !== 'ended') })],
  ['POST', 'recordings', ({ body }) => {
    const begun = recordingRow(String(body.channel), String(body.owner))
    recordings.unshift(begun)
    setTimeout(() => { begun.state = 'recording'; tell('recording', { id: begun.id, owner: begun.owner, channel: begun.channel, state: 'recording', note: '' }) }, 800)
    return begun
  }],
  ['POST', 'recordings/:x/stop', ({ path }) => {
    const one = recordings.find((row) => row.id === path[1])
    if (one) Object.assign(one, { state: 'ended', ended_at: Date.now() / 1000, segments: one.segments + 1, bytes: 21_000_000, seconds: 42 })
    return one
  }],
  ['DELETE', 'recordings/:x', ({ path }) => void recordings.splice(recordings.findIndex((row) => row.id === path[1]), 1)],
  ['GET', 'recordings/:x/segments', ({ path }) => ({ items: segmentRows(path[1] ?? '') })],
  ['GET', 'workers', () => ({ items: workerRows() })],
  ['DELETE', 'streams/:x', () => null],
  ['POST', 'channels/:x/:x/ptz', ({ body }) => void ptzSeen.push(body)],
  ['GET', 'channels/:x/:x/presets', () => ({ items: presets, complete: true })],
  ['GET', 'mock/ptz', () => ptzSeen],
  ['GET', 'ladders/peers/:x', () => ({ messages: peerTalk() })],
  ['GET', 'ladders/calls', () => ({ items: callRows() })],
  ['GET', 'ladders/calls/:x', ({ path }) => ({ messages: calls.filter((m) => m.call_id === path[2]) })],
  ['GET', 'system', facts],
  ['GET', 'users', () => ({ items: [{ name: 'admin', role: 'administrator', must_change: false, created_at: 1.79e9, disabled: false }, { name: '王值班', role: 'operator', must_change: true, created_at: 1.791e9, disabled: false }, { name: 'zhihui', role: 'viewer', must_change: false, created_at: 1.792e9, disabled: true }], next: null })],
  ['GET', 'keys', () => ({ items: [{ id: 'k1', name: '指挥大屏', role: 'viewer', created_at: 1.79e9, last_used: Date.now() / 1000 - 30, expires: null }], next: null })],
  ['POST', 'keys', () => ({ id: 'k2', secret: 'lw_8f3b2c1d9e7a6054c3b2a1908f7e6d5c' })],
]

const listeners = new Set<ServerResponse>()

function tell(kind: string, data: unknown): void {
  for (const listener of listeners) listener.write(`event: ${kind}\ndata: ${JSON.stringify(data)}\n\n`)
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.statusCode = status
  response.setHeader('Content-Type', 'application/json')
  response.end(body === null || body === undefined ? '' : JSON.stringify(body))
}

function match(pattern: string, path: string[]): boolean {
  const parts = pattern.split('/')
  return parts.length === path.length && parts.every((part, i) => part === ':x' || part === path[i])
}

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://mock')
  const path = url.pathname.split('/').filter(Boolean).slice(2).map(decodeURIComponent)
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const body = chunks.length ? (JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>) : {}
  if (!user && request.method !== 'POST') return answer(response, 401, { error: { code: 'not-authenticated', message: 'Log in.' } })
  if (path[0] === 'events') {
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' })
    listeners.add(response)
    response.write('event: hello\ndata: {}\n\n')
    response.on('close', () => listeners.delete(response))
    return
  }
  const found = ROUTES.find(([method, pattern]) => method === request.method && match(pattern, path))
  if (!found) return answer(response, 404, { error: { code: 'not-found', message: 'There is nothing here.' } })
  await new Promise((done) => setTimeout(done, 60))
  try {
    const result = found[2]({ method: request.method ?? '', path, query: url.searchParams, body })
    answer(response, result === null || result === undefined ? 204 : 200, result)
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    answer(response, error.status, { error: { code: error.code, message: error.message, details: error.details } })
  }
}

export function mockServer(): Plugin {
  return {
    name: 'lianwang-mock',
    configureServer(server) {
      server.middlewares.use((request, response, next) => {
        if (request.url?.startsWith('/api/v1/')) void serve(request, response)
        else next()
      })
      server.httpServer?.on('upgrade', (request: IncomingMessage, socket) => {
        if (request.url?.startsWith('/media/')) serveMedia(request, socket)
      })
    },
  }
}
