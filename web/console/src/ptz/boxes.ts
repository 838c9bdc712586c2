/** A box drawn on the picture: where the picture lies in its pane, and what the box is in its pixels. Pure. */
import type { Drawn } from '@/api/controls'

export interface Area {
  left: number
  top: number
  width: number
  height: number
}

export interface Point {
  x: number
  y: number
}

/** Smaller boxes are a slip of the hand. */
export const SMALLEST_PX = 8

/** Where a picture of this shape lies in a pane that shows it whole; all of the pane when the shape is not known. */
export function pictureIn(width: number, height: number, pictureWidth: number, pictureHeight: number): Area {
  if (!(pictureWidth > 0 && pictureHeight > 0)) return { left: 0, top: 0, width, height }
  const scale = Math.min(width / pictureWidth, height / pictureHeight)
  const [w, h] = [pictureWidth * scale, pictureHeight * scale]
  return { left: (width - w) / 2, top: (height - h) / 2, width: w, height: h }
}

/** The box between two points, kept within the picture; null when it is too small to be meant. */
export function boxBetween(from: Point, to: Point, picture: Area): Area | null {
  const within = (value: number, low: number, size: number) => Math.max(low, Math.min(low + size, value))
  const [x1, x2] = [from.x, to.x].map((x) => within(x, picture.left, picture.width)).sort((a, b) => a - b) as [number, number]
  const [y1, y2] = [from.y, to.y].map((y) => within(y, picture.top, picture.height)).sort((a, b) => a - b) as [number, number]
  if (x2 - x1 < SMALLEST_PX || y2 - y1 < SMALLEST_PX) return null
  return { left: x1, top: y1, width: x2 - x1, height: y2 - y1 }
}

/** The box as the server wants it: whole pixels of the picture as it is shown. */
export function drawn(box: Area, picture: Area): Drawn {
  const [windowWidth, windowHeight] = [Math.round(picture.width), Math.round(picture.height)]
  const left = Math.min(windowWidth - 1, Math.max(0, Math.round(box.left - picture.left)))
  const top = Math.min(windowHeight - 1, Math.max(0, Math.round(box.top - picture.top)))
  return {
    window_width: windowWidth,
    window_height: windowHeight,
    left,
    top,
    width: Math.max(1, Math.min(windowWidth - left, Math.round(box.width))),
    height: Math.max(1, Math.min(windowHeight - top, Math.round(box.height))),
  }
}

/** Drawn to the right it enlarges, drawn to the left it shrinks, as a box does in a drawing program's zoom. */
export const directionOf = (from: Point, to: Point): 'in' | 'out' => (to.x >= from.x ? 'in' : 'out')
