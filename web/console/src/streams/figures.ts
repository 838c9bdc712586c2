/** What the figures of a stream mean: what stands in which column, what is worse, and what to do about it. Pure. */
import type { Seat, StreamRow } from '@/api/types'

/** Loss that eyes see: pains of others begin at one in a hundred. */
export const LOSS_THAT_SHOWS = 0.01
/** Newcomers wait for a picture as long as a group lasts, and one lost packet spoils so much. */
const LONG_GOP_S = 4.5
const SLOW_VIEWER_S = 1
/** Fewer packets than this in ten seconds prove nothing. */
const PROOF_PACKETS_PER_S = 20
/** Pictures that come are fewer than promised by more than this part. */
const MISSING_PICTURES = 0.4

export type Advice = 'tcp' | 'network' | 'gop' | 'fps' | 'viewer'

export const isFlowing = (row: StreamRow) => row.state === 'live' || row.state === 'lingering'

/** What is wrong with a stream, the worst first. */
export function adviceOn(row: StreamRow): Advice[] {
  const s = row.statistics
  if (!s || !isFlowing(row)) return []
  const said: Advice[] = []
  if (s.loss > LOSS_THAT_SHOWS && s.packets_per_s >= PROOF_PACKETS_PER_S) said.push(row.transport === 'udp' ? 'tcp' : 'network')
  if (s.video && s.video.fps > 0 && s.fps > 0 && s.fps < s.video.fps * (1 - MISSING_PICTURES)) said.push('fps')
  if (s.gop_s !== null && s.gop_s > LONG_GOP_S) said.push('gop')
  if (s.seats.some((seat) => seat.queued_s > SLOW_VIEWER_S || seat.skips > 0)) said.push('viewer')
  return said
}

export const lossWord = (loss: number) => (loss === 0 ? '0' : loss < 0.0005 ? '<0.1%' : `${(loss * 100).toFixed(1)}%`)

/** The viewer that keeps up worst. */
export function slowest(seats: readonly Seat[]): Seat | undefined {
  return seats.reduce<Seat | undefined>((worst, seat) => (!worst || lagOf(seat) > lagOf(worst) ? seat : worst), undefined)
}

const lagOf = (seat: Seat) => seat.queued_s + seat.skips * 10

/** A recording watches like anybody else: whose it is, or null for a person or a platform. */
export const recordedBy = (viewer: string): string | null => (viewer.startsWith('recording:') ? viewer.slice('recording:'.length) : null)

export type Column = 'channel' | 'bitrate' | 'fps' | 'codec' | 'loss' | 'jitter' | 'gop' | 'key' | 'transport' | 'path' | 'viewers' | 'started'

/** By what a column sorts. Streams that do not flow have nothing to compare and stand last either way. */
export function weightOf(row: StreamRow, column: Column, nameOf: (code: string, owner: string) => string): number | string | null {
  const s = row.statistics
  switch (column) {
    case 'channel': return nameOf(row.channel, row.owner)
    case 'transport': return row.transport
    case 'started': return -row.started_at
    case 'path': return row.path?.length ?? 0
    case 'viewers': return row.viewers.length
    case 'bitrate': return s?.bitrate_bps ?? null
    case 'fps': return s?.fps ?? null
    case 'codec': return s?.video ? s.video.width * s.video.height : null
    case 'loss': return s?.loss ?? null
    case 'jitter': return s?.jitter_s ?? null
    case 'gop': return s?.gop_s ?? null
    case 'key': return s?.key_frame_age_s ?? null
  }
}

export function sorted(rows: readonly StreamRow[], column: Column, down: boolean, nameOf: (code: string, owner: string) => string): StreamRow[] {
  const turn = down ? -1 : 1
  const weighed = rows.map((row) => ({ row, weight: weightOf(row, column, nameOf) }))
  weighed.sort((a, b) => {
    if (a.weight === null || b.weight === null) return Number(a.weight === null) - Number(b.weight === null) || a.row.id.localeCompare(b.row.id)
    const by = typeof a.weight === 'string' || typeof b.weight === 'string' ? String(a.weight).localeCompare(String(b.weight), 'zh-CN') : a.weight - b.weight
    return by * turn || a.row.id.localeCompare(b.row.id)
  })
  return weighed.map(({ row }) => row)
}
