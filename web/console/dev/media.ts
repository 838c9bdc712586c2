/** A moving picture for the mock: ffmpeg's test source as fMP4 over a hand-made WebSocket. */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

function frame(opcode: 1 | 2, data: Buffer): Buffer {
  const head = data.length < 126 ? Buffer.from([0x80 | opcode, data.length]) : data.length < 65_536 ? Buffer.alloc(4) : Buffer.alloc(10)
  if (data.length >= 126) {
    head[0] = 0x80 | opcode
    head[1] = data.length < 65_536 ? 126 : 127
    if (data.length < 65_536) head.writeUInt16BE(data.length, 2)
    else head.writeBigUInt64BE(BigInt(data.length), 2)
  }
  return Buffer.concat([head, data])
}

export function serveMedia(request: IncomingMessage, socket: Duplex): void {
  const key = String(request.headers['sec-websocket-key'] ?? '')
  const accept = createHash('sha1').update(key + GUID).digest('base64')
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`)
  const seed = Number(new URL(request.url ?? '/', 'http://x').searchParams.get('n') ?? 1)
  const picture = ['testsrc2', 'smptehdbars', 'mandelbrot', 'testsrc'][seed % 4] ?? 'testsrc2'
  const size = '=size=640x360:rate=12'
  const encoder = spawn('ffmpeg', [
    '-v', 'error', '-re', '-f', 'lavfi', '-i', picture + size, '-pix_fmt', 'yuv420p', '-c:v', 'libx264', '-preset', 'ultrafast', '-profile:v', 'baseline', '-tune', 'zerolatency',
    '-g', '24', '-f', 'mp4', '-movflags', 'frag_every_frame+empty_moov+default_base_moof', 'pipe:1',
  ])
  let rest = Buffer.alloc(0)
  let init: Buffer[] | null = []
  let moof: Buffer | null = null
  encoder.stdout.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk])
    while (rest.length >= 8 && rest.length >= rest.readUInt32BE(0)) {
      const size = rest.readUInt32BE(0)
      const kind = rest.toString('latin1', 4, 8)
      const box = rest.subarray(0, size)
      rest = rest.subarray(size)
      if (kind === 'ftyp' || kind === 'moov') init?.push(box)
      if (kind === 'moov' && init) {
        const mime = 'video/mp4; codecs="avc1.42C01E"'
        socket.write(frame(1, Buffer.from(JSON.stringify({ mime, video: { codec: 'H.264', width: 640, height: 360, fps: 12 }, audio: null }))))
        socket.write(frame(2, Buffer.concat(init)))
        init = null
      }
      if (kind === 'moof') moof = box
      if (kind === 'mdat' && moof) socket.write(frame(2, Buffer.concat([moof, box])))
    }
  })
  const end = () => encoder.kill('SIGKILL')
  socket.on('close', end)
  socket.on('error', end)
  encoder.on('exit', () => socket.end())
}
