import { describe, expect, it } from 'vitest'
import { canPlay, chainFor } from '@/player/choice'

const DESKTOP = { mse: true, webrtc: true, hls: false }
const IPHONE = { mse: false, webrtc: true, hls: true }

describe('the way to play', () => {
  it('is fMP4 where it can be, and WebRTC for who wants less delay', () => {
    expect(chainFor('auto', false, DESKTOP)).toEqual(['ws-fmp4', 'webrtc'])
    expect(chainFor('auto', true, DESKTOP)).toEqual(['webrtc', 'ws-fmp4'])
  })

  it('is WebRTC without media sources, and HLS when neither is there', () => {
    expect(chainFor('auto', false, IPHONE)).toEqual(['webrtc', 'hls'])
    expect(chainFor('auto', false, { mse: false, webrtc: false, hls: true })).toEqual(['hls'])
    expect(chainFor('auto', true, { mse: false, webrtc: false, hls: false })).toEqual(['ws-fmp4'])
  })

  it('begins with what was chosen and goes on as usual', () => {
    expect(chainFor('http-flv', false, DESKTOP)).toEqual(['http-flv', 'ws-fmp4', 'webrtc'])
    expect(chainFor('hls', false, DESKTOP)).toEqual(['ws-fmp4', 'webrtc'])
    expect(canPlay('ws-flv', IPHONE)).toBe(false)
  })
})
