/** Ways to a camera: whom to ask for it, and in which words a way is wished for. Pure. */
import type { Way } from '@/api/types'

export interface ChosenWay {
  owner: string
  /** the platforms below us that it shall come by */
  via: string[]
}

/** Digits 11 to 13 of a code are its type; 200 is a system: a platform of its own. */
export const isPlatformCode = (code: string) => code.length === 20 && code.slice(10, 13) === '200'

/**
 * A platform's camera may be had from another as well: the house chooses, and takes a second way when one fails. What a
 * device of ours calls its channel is its own affair: the same code elsewhere may be another camera.
 */
export function askedOf(owner: string, way: ChosenWay | null): { owner: string; via?: string[] } {
  if (!way) return { owner: isPlatformCode(owner) ? '' : owner }
  return isPlatformCode(way.owner) ? { owner: '', via: way.via } : { owner: way.owner }
}

/** The wish that a way of the list stands for: by the platforms it is known to take, else by its first. */
export function chosen(way: Way): ChosenWay {
  const below = way.path.slice(1)
  return { owner: way.owner, via: below[0] === way.owner ? below : [way.owner] }
}

export type Health = 'online' | 'offline' | 'troubled'

export function healthOf(way: Way): Health {
  if (!way.online || (way.presence !== null && way.presence !== 'online')) return 'offline'
  return way.trouble > 0.1 ? 'troubled' : 'online'
}
