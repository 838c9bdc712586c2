/** Two cameras by RTSP and a film, and what one of them answers when it is tried. */
import type { Source, Trial } from '../src/api/sources'

const at = () => Date.now() / 1000

const source = (number: number, name: string, more: Partial<Source>): Source => ({
  code: `340100000013209000${String(number).padStart(2, '0')}`, owner: '34010000001120900001', name, url: '', user: '', has_password: false, way: 'auto', file: '', civil_code: '340104',
  enabled: true, online: true, note: '', codecs: ['H.264', 'AAC'], asked_at: at() - 12, viewers: 0, added_at: at() - 90_000, ...more,
})

export const someSources = (): Source[] => [
  source(1, '地下车库 入口', { url: 'rtsp://10.34.5.61/Streaming/Channels/101', user: 'admin', has_password: true, viewers: 2 }),
  source(2, '旧厂区 北墙', { url: 'rtsp://10.34.5.77:8554/live', way: 'udp', online: false, note: 'DESCRIBE was answered 401 Unauthorized: it does not take our user and password', codecs: [] }),
  source(3, '演练录像', { file: '演练.mkv', codecs: ['H.265', 'G.711A'] }),
]

export const refusedTrial: Trial = {
  verdict: 'refused', note: 'DESCRIBE was answered 401 Unauthorized: it does not take our user and password', codecs: [],
  steps: [{ what: 'OPTIONS', status: 200, reason: 'OK' }, { what: 'DESCRIBE', status: 401, reason: 'Unauthorized' }, { what: 'DESCRIBE', status: 401, reason: 'Unauthorized' }],
}
