/** SIP messages that never were, for drawing ladders. */
import type { LadderMessage } from '../src/api/types'

const US = '10.34.0.8:5060'
const DEVICE = '10.34.10.20:5060'
const PEER = '34010200001180000001'

const SDP = [
  'v=0', 'o=34010000002000000001 0 0 IN IP4 10.34.0.8', 's=Play', 'c=IN IP4 10.34.0.8', 't=0 0', 'm=video 30012 TCP/RTP/AVP 96 98 97',
  'a=recvonly', 'a=rtpmap:96 PS/90000', 'a=rtpmap:98 H264/90000', 'a=rtpmap:97 MPEG4/90000', 'a=setup:passive', 'a=connection:new', 'y=0100000001',
]

interface Sketch {
  after: number
  out: boolean
  first: string
  cseq: string
  body?: string[]
  type?: string
  repeated?: boolean
}

function draw(callId: string, start: number, sketches: Sketch[]): LadderMessage[] {
  let at = start
  return sketches.map((sketch) => {
    at += sketch.after
    const [number = '1', method = ''] = sketch.cseq.split(' ')
    const status = sketch.first.startsWith('SIP/2.0') ? Number(sketch.first.slice(8, 11)) : 0
    const body = (sketch.body ?? []).join('\r\n') + (sketch.body ? '\r\n' : '')
    const text = [
      sketch.first, `Via: SIP/2.0/UDP ${sketch.out ? US : DEVICE};rport;branch=z9hG4bK${callId.slice(0, 8)}${number}`,
      'From: <sip:34010000002000000001@3401000000>;tag=9fd1c0', `To: <sip:${PEER}@3401000000>${status >= 200 ? ';tag=1733a' : ''}`,
      `Call-ID: ${callId}`, `CSeq: ${number} ${method}`, 'Max-Forwards: 70', ...(sketch.type ? [`Content-Type: ${sketch.type}`] : []),
      `Content-Length: ${body.length}`, '', body,
    ].join('\r\n')
    return {
      at, direction: sketch.out ? 'out' : 'in', transport: 'UDP', local: US, remote: DEVICE, peer: PEER, call_id: callId, method, status,
      summary: (status ? sketch.first.slice(8) : sketch.first.replace(' SIP/2.0', '')) + (sketch.type === 'application/sdp' ? ' · SDP Play' : sketch.type ? ' · DeviceControl' : ''), text, size: text.length, repeated: sketch.repeated ?? false,
    }
  })
}

const INVITE = 'INVITE sip:34010200001320000003@10.34.10.20:5060 SIP/2.0'
const now = () => Date.now() / 1000

export const goodCall = (id: string, ago: number) =>
  draw(id, now() - ago, [
    { after: 0, out: true, first: INVITE, cseq: '1 INVITE', body: SDP, type: 'application/sdp' },
    { after: 0.5, out: true, first: INVITE, cseq: '1 INVITE', body: SDP, type: 'application/sdp', repeated: true },
    { after: 0.031, out: false, first: 'SIP/2.0 100 Trying', cseq: '1 INVITE' },
    { after: 0.212, out: false, first: 'SIP/2.0 200 OK', cseq: '1 INVITE', body: SDP, type: 'application/sdp' },
    { after: 0.002, out: true, first: 'ACK sip:34010200001320000003@10.34.10.20:5060 SIP/2.0', cseq: '1 ACK' },
    { after: 4.2, out: true, first: 'MESSAGE sip:34010200001320000003@10.34.10.20:5060 SIP/2.0', cseq: '20 MESSAGE', type: 'Application/MANSCDP+xml', body: ['<?xml version="1.0" encoding="GB2312"?>', '<Control>', '<CmdType>DeviceControl</CmdType>', '<SN>17</SN>', '<DeviceID>34010200001320000003</DeviceID>', '<PTZCmd>A50F01021F0000D6</PTZCmd>', '</Control>'] },
    { after: 0.024, out: false, first: 'SIP/2.0 200 OK', cseq: '20 MESSAGE' },
    { after: 37.8, out: true, first: 'BYE sip:34010200001320000003@10.34.10.20:5060 SIP/2.0', cseq: '2 BYE' },
    { after: 0.018, out: false, first: 'SIP/2.0 200 OK', cseq: '2 BYE' },
  ])

export const badCall = (id: string, ago: number) =>
  draw(id, now() - ago, [
    { after: 0, out: true, first: INVITE, cseq: '1 INVITE', body: SDP, type: 'application/sdp' },
    { after: 0.04, out: false, first: 'SIP/2.0 100 Trying', cseq: '1 INVITE' },
    { after: 3.4, out: false, first: 'SIP/2.0 486 Busy Here', cseq: '1 INVITE' },
    { after: 0.001, out: true, first: 'ACK sip:34010200001320000003@10.34.10.20:5060 SIP/2.0', cseq: '1 ACK' },
  ])

export const peerTalk = () => [
  ...draw('reg-7781', now() - 400, [
    { after: 0, out: false, first: 'REGISTER sip:34010000002000000001@3401000000 SIP/2.0', cseq: '1 REGISTER' },
    { after: 0.003, out: true, first: 'SIP/2.0 401 Unauthorized', cseq: '1 REGISTER' },
    { after: 0.06, out: false, first: 'REGISTER sip:34010000002000000001@3401000000 SIP/2.0', cseq: '2 REGISTER' },
    { after: 0.004, out: true, first: 'SIP/2.0 200 OK', cseq: '2 REGISTER' },
  ]),
  ...Array.from({ length: 4 }, (_, i) =>
    draw(`keep-${i}`, now() - 340 + i * 60, [
      { after: 0, out: false, first: 'MESSAGE sip:34010000002000000001@3401000000 SIP/2.0', cseq: `${20 + i} MESSAGE`, type: 'Application/MANSCDP+xml', body: ['<?xml version="1.0"?>', '<Notify>', '<CmdType>Keepalive</CmdType>', `<SN>${20 + i}</SN>`, `<DeviceID>${PEER}</DeviceID>`, '<Status>OK</Status>', '</Notify>'] },
      { after: 0.001, out: true, first: 'SIP/2.0 200 OK', cseq: `${20 + i} MESSAGE` },
    ]).map((m) => (m.status ? m : { ...m, summary: `${m.text.split('\r\n')[0]?.replace(' SIP/2.0', '')} · Keepalive` })),
  ).flat(),
  ...goodCall('a84b4c76e66710@10.34.0.8', 90),
].sort((a, b) => a.at - b.at)
