/** Boxes on a picture in its own pixels, drawn and moved with a hand. */

export type Box = readonly [number, number, number, number]
export interface Size { wide: number; high: number }
export interface Point { x: number; y: number }

const SIZES: Record<string, Size> = {
  '1': { wide: 176, high: 144 },
  '2': { wide: 352, high: 288 },
  '3': { wide: 704, high: 576 },
  '4': { wide: 720, high: 576 },
  '5': { wide: 1280, high: 720 },
  '6': { wide: 1920, high: 1080 },
}

/** The pixels of a resolution: a code of the f= line, or WxH. */
export function sizeOf(resolution: unknown): Size | null {
  if (typeof resolution !== 'string') return null
  const said = /^(\d+)[xX*](\d+)$/.exec(resolution)
  return said ? { wide: Number(said[1]), high: Number(said[2]) } : (SIZES[resolution] ?? null)
}

const within = (value: number, low: number, high: number) => Math.round(Math.min(high, Math.max(low, value)))

/** The box between two points, held within the picture; null when it is next to nothing. */
export function drawn(from: Point, to: Point, size: Size): Box | null {
  const box: Box = [
    within(Math.min(from.x, to.x), 0, size.wide),
    within(Math.min(from.y, to.y), 0, size.high),
    within(Math.max(from.x, to.x), 0, size.wide),
    within(Math.max(from.y, to.y), 0, size.high),
  ]
  return box[2] - box[0] < size.wide / 100 || box[3] - box[1] < size.high / 100 ? null : box
}

/** The box moved by so much, as far as the picture goes. */
export function moved(box: Box, by: Point, size: Size): Box {
  const x = within(by.x, -box[0], size.wide - box[2])
  const y = within(by.y, -box[1], size.high - box[3])
  return [box[0] + x, box[1] + y, box[2] + x, box[3] + y]
}

export const holds = (box: Box, at: Point) => at.x >= box[0] && at.x <= box[2] && at.y >= box[1] && at.y <= box[3]
