/** G.711 A-law, as devices speak it: one byte a sample, 8000 a second. */

export const RATE_HZ = 8000

/** The code of a sample between -1 and 1. */
export function encodeSample(sample: number): number {
  const linear = Math.max(-32768, Math.min(32767, Math.round(sample * 32767)))
  const positive = linear >= 0
  const size = positive ? linear : -linear - 1
  const segment = size >= 256 ? 31 - Math.clz32(size) - 7 : 0
  const code = segment > 0 ? (segment << 4) | ((size >> (segment + 3)) & 0x0f) : size >> 4
  return (code | (positive ? 0x80 : 0)) ^ 0x55
}

export function encode(samples: Float32Array): Uint8Array<ArrayBuffer> {
  const codes = new Uint8Array(samples.length)
  for (let n = 0; n < samples.length; n++) codes[n] = encodeSample(samples[n] ?? 0)
  return codes
}

function decodeSample(code: number): number {
  const plain = code ^ 0x55
  const segment = (plain >> 4) & 7
  const step = plain & 0x0f
  const size = segment === 0 ? (step << 4) | 8 : ((step << 4) | 0x108) << (segment - 1)
  return (plain & 0x80 ? size : -size) / 32768
}

const VALUES = Float32Array.from({ length: 256 }, (_, code) => decodeSample(code))

export function decode(codes: Uint8Array): Float32Array<ArrayBuffer> {
  const samples = new Float32Array(codes.length)
  for (let n = 0; n < codes.length; n++) samples[n] = VALUES[codes[n] ?? 0] ?? 0
  return samples
}
