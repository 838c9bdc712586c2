import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ApiError } from '@/api/http'
import type { Live, LiveWish } from '@/api/types'
import type { EngineEvents } from '@/player/engine'
import { PlaySession, type SessionView } from '@/player/session'
import { supportOf, unsupported } from '@/player/support'

const WISH: LiveWish = { owner: 'o', channel: 'c', format: 'ws-fmp4', stream: 0, audio: false }
const live = (lease: string, codec = 'H.264', mime = 'avc1.42C01E'): Live => ({
  lease, url: '/media/x', format: 'ws-fmp4', call_id: 'id', video: { codec, width: 640, height: 360, fps: 25, mime }, audio: null,
})

/** A world that keeps its promises: leases are counted, engines remember what they were told. */
function world(answers: (Live | Error)[], recodings: Live['format'][] = []) {
  const held = new Set<string>()
  const views: SessionView[] = []
  const engines: EngineEvents[] = []
  const formats: string[] = []
  let asked = 0
  const session = new PlaySession({
    open: async ({ format, codec }) => {
      formats.push(codec ? `${format} ${codec}` : format)
      const answer = answers[Math.min(asked++, answers.length - 1)]
      if (!answer || answer instanceof Error) throw answer
      held.add(answer.lease)
      return answer
    },
    close: async (lease) => held.delete(lease),
    engineFor: () => (_live, _video, events) => {
      engines.push(events)
      return { figures: () => ({ bytes: 0, bufferedS: 0 }), close: () => {} }
    },
    support: (video, format) => supportOf(video, (mime) => mime.includes('avc1'), format),
    recodings: () => recodings,
    video: () => ({}) as HTMLVideoElement,
    hold: () => {},
    show: (view) => views.push(view),
  })
  return { session, held, views, engines, formats, asked: () => asked, state: () => views.at(-1)?.state }
}

const settle = () => vi.advanceTimersByTimeAsync(0)

describe('a pane’s play session', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  it('asks, waits for the first picture and plays', async () => {
    const { session, engines, views } = world([live('1')])
    session.play(WISH)
    await settle()
    engines[0]?.onPicture()
    expect(views.map((view) => view.state)).toEqual(['asking', 'buffering', 'playing'])
  })

  it('gives the lease back and asks again when the stream breaks, waiting longer each time', async () => {
    const { session, engines, held, asked, state } = world([live('1'), live('2'), live('3')])
    session.play(WISH)
    await settle()
    engines[0]?.onEnd('closed')
    expect(state()).toBe('waiting')
    await settle()
    expect([...held]).toEqual([])
    await vi.advanceTimersByTimeAsync(1400)
    expect(asked()).toBe(2)
    engines[1]?.onEnd('closed')
    await vi.advanceTimersByTimeAsync(1400)
    expect(asked()).toBe(2)
    await vi.advanceTimersByTimeAsync(1300)
    expect(asked()).toBe(3)
    expect([...held]).toEqual(['3'])
  })

  it('shows the hops of a call that failed, and tries again by itself', async () => {
    const details = { code: 'no-media', status: 504, hops: [{ who: 'media', what: 'wait', status: 0, reason: '' }], seen: null, call_id: 'x' }
    const { session, views, asked } = world([new ApiError(504, 'no-media', 'no', details), live('1')])
    session.play(WISH)
    await settle()
    expect(views.at(-1)?.state).toBe('failed')
    expect(views.at(-1)?.trouble?.failure?.hops).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(27_000)
    expect(asked()).toBe(2)
  })

  it('does not repeat what another try cannot mend', async () => {
    const { session, views, asked } = world([new ApiError(404, 'unknown-channel', 'no')])
    session.play(WISH)
    await vi.advanceTimersByTimeAsync(1_000_000)
    expect(views.at(-1)?.retryAt).toBeNull()
    expect(asked()).toBe(1)
  })

  it('tries at once when the camera comes online while it waits', async () => {
    const { session, asked } = world([new ApiError(409, 'device-offline', 'no'), live('1')])
    session.play(WISH)
    await settle()
    session.nudge()
    await settle()
    expect(asked()).toBe(2)
  })

  it('gives the lease back and says so when the browser cannot decode', async () => {
    const { session, held, views } = world([live('1', 'H.265', 'hvc1.1.6.L120.90')])
    session.play(WISH)
    await settle()
    expect(views.at(-1)?.state).toBe('unsupported')
    expect(views.at(-1)?.unsupported).toEqual({ ok: false, codec: 'H.265', advice: 'unsupported.h265' })
    expect([...held]).toEqual([])
  })

  it('goes on by the next way when one shows no picture, and asks from the first one again after all failed', async () => {
    const { session, engines, held, formats, state } = world([live('1'), { ...live('2'), format: 'webrtc' }, live('3')])
    session.play(WISH, ['ws-fmp4', 'webrtc'])
    await settle()
    engines[0]?.onEnd('decode')
    await settle()
    expect(formats).toEqual(['ws-fmp4', 'webrtc'])
    engines[1]?.onUnfit()
    expect(state()).toBe('waiting')
    await vi.advanceTimersByTimeAsync(2000)
    expect(formats).toEqual(['ws-fmp4', 'webrtc', 'ws-fmp4'])
    expect([...held]).toEqual(['3'])
  })

  it('stays with the way that has shown a picture', async () => {
    const { session, engines, formats } = world([live('1'), { ...live('2'), format: 'webrtc' }])
    session.play(WISH, ['ws-fmp4', 'webrtc'])
    await settle()
    engines[0]?.onEnd('decode')
    await settle()
    engines[1]?.onPicture()
    await vi.advanceTimersByTimeAsync(5000)
    engines[1]?.onEnd('silence')
    await vi.advanceTimersByTimeAsync(2000)
    expect(formats).toEqual(['ws-fmp4', 'webrtc', 'webrtc'])
  })

  it('passes over ways that cannot show the codec either', async () => {
    const { session, formats, views } = world([live('1', 'H.265', 'hvc1.1.6.L120.90')])
    session.play(WISH, ['ws-fmp4', 'webrtc'])
    await settle()
    expect(formats).toEqual(['ws-fmp4'])
    expect(views.at(-1)?.state).toBe('unsupported')
  })

  it('has the server encode anew what no way can show, once, and says when there is no place', async () => {
    const full = new ApiError(503, 'transcode-full', 'full', { used: 2, most: 2 })
    const { session, formats, views, held } = world([live('1', 'H.265', 'hvc1.1.6.L120.90'), full], ['webrtc', 'hls'])
    session.play(WISH, ['ws-fmp4', 'webrtc'])
    await settle()
    expect(formats).toEqual(['ws-fmp4', 'webrtc h264'])
    expect(views.at(-1)?.state).toBe('failed')
    expect(views.at(-1)?.trouble?.values).toEqual({ used: 2, most: 2 })
    expect([...held]).toEqual([])
  })

  it('holds no lease when it was stopped while the answer was on its way', async () => {
    const { session, held, state } = world([live('1')])
    session.play(WISH)
    session.stop()
    await settle()
    expect([...held]).toEqual([])
    expect(state()).toBe('idle')
  })
})

describe('support', () => {
  it('is told with a word for each case', () => {
    expect(supportOf(live('1').video, null)).toEqual({ ok: false, codec: 'MSE', advice: 'unsupported.mse' })
    expect(unsupported({ ...live('1').video, codec: 'SVAC', mime: 'svac' }).advice).toBe('unsupported.other')
    expect(supportOf(live('1').video, () => true)).toEqual({ ok: true })
  })
})
