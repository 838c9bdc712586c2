import { describe, expect, it } from 'vitest'
import { AppendQueue, MOST_BYTES } from '@/player/queue'
import { announcedMime } from '@/player/fmp4'

const bytes = (...values: number[]) => new Uint8Array(values)

describe('the append queue', () => {
  it('gives the init that was announced before anything else', () => {
    const queue = new AppendQueue()
    queue.announce('video/mp4; codecs="avc1.42C01E"')
    queue.push(bytes(1))
    queue.push(bytes(2))
    expect(queue.take()).toEqual({ kind: 'init', mime: 'video/mp4; codecs="avc1.42C01E"', data: bytes(1) })
    expect(queue.take()).toEqual({ kind: 'media', data: bytes(2) })
    expect(queue.take()).toBeNull()
  })

  it('joins waiting media into one run, but not over a new init', () => {
    const queue = new AppendQueue()
    queue.push(bytes(1, 2))
    queue.push(bytes(3))
    queue.announce('b')
    queue.push(bytes(9))
    queue.push(bytes(4))
    expect(queue.take()).toEqual({ kind: 'media', data: bytes(1, 2, 3) })
    expect(queue.take()?.kind).toBe('init')
    expect(queue.take()).toEqual({ kind: 'media', data: bytes(4) })
    expect(queue.bytes).toBe(0)
  })

  it('takes back what the full buffer refused, in front', () => {
    const queue = new AppendQueue()
    queue.push(bytes(1))
    const item = queue.take()
    queue.push(bytes(2))
    if (item) queue.untake(item)
    expect(queue.take()).toEqual({ kind: 'media', data: bytes(1, 2) })
  })

  it('gives up media and keeps inits when the browser does not keep up', () => {
    const queue = new AppendQueue()
    queue.announce('a')
    queue.push(bytes(7))
    const big = new Uint8Array(MOST_BYTES / 2)
    queue.push(big)
    queue.push(big)
    queue.push(big)
    expect(queue.bytes).toBeLessThan(MOST_BYTES)
    expect(queue.dropped).toBeGreaterThan(0)
    expect(queue.take()).toEqual({ kind: 'init', mime: 'a', data: bytes(7) })
  })
})

describe('an announcement', () => {
  it('carries a whole MIME type or only codecs', () => {
    expect(announcedMime('{"mime":"video/mp4; codecs=\\"avc1.64001F\\""}')).toBe('video/mp4; codecs="avc1.64001F"')
    expect(announcedMime('{"mime":"avc1.64001F,mp4a.40.2"}')).toBe('video/mp4; codecs="avc1.64001F,mp4a.40.2"')
  })

  it('is nothing when it is not JSON or has no MIME type', () => {
    for (const text of ['', 'hello', '[]', 'null', '{"mime":7}', '{"mime":""}']) expect(announcedMime(text)).toBeNull()
  })
})
