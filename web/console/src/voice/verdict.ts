/** How a talk went with one device, as a word to translate and its numbers; pure. */
import type { Sound, Talk, Target } from './types'

export type Verdict =
  | 'asking' | 'answered' | 'no-voice' | 'quiet' | 'connecting' | 'sending' | 'received' | 'lossy' | 'ended'
  | 'busy' | 'offline' | 'unknown' | 'edition' | 'refused' | 'silent' | 'not-called' | 'no-form' | 'no-ack'
  | 'hung-up' | 'no-connection' | 'unreachable' | 'source' | 'no-capacity' | 'no-address'

const QUIET_BYTES = 8000
const LOSSY = 0.1

export function verdictOn(target: Target, talk: Talk): Verdict {
  if (target.obstacle) return target.obstacle as Verdict
  if (target.stage === 'asking') return 'asking'
  if (target.stage === 'answered') return 'answered'
  const sounds = soundsOf(target)
  if (sounds.some((sound) => sound.state === 'waiting')) return 'connecting'
  if (talk.voice.heard_bytes === 0) return target.stage === 'ended' && !sounds.length ? 'ended' : 'no-voice'
  if (talk.voice.heard_bytes > QUIET_BYTES && talk.voice.pieces === 0) return 'quiet'
  if (sounds.some((sound) => (sound.lost_there ?? 0) > LOSSY)) return 'lossy'
  if (sounds.some((sound) => sound.reports > 0 || sound.heard_packets > 0)) return 'received'
  return sounds.length ? 'sending' : 'ended'
}

export const soundsOf = (target: Target): Sound[] => target.legs.flatMap((leg) => (leg.sound ? [leg.sound] : []))

/** Green, amber or red, and grey while nobody knows. */
export function toneOf(verdict: Verdict): 'good' | 'warn' | 'bad' | 'faint' {
  if (verdict === 'sending' || verdict === 'received') return 'good'
  if (verdict === 'asking' || verdict === 'answered' || verdict === 'connecting' || verdict === 'ended') return 'faint'
  return verdict === 'lossy' || verdict === 'quiet' || verdict === 'no-voice' || verdict === 'busy' ? 'warn' : 'bad'
}
