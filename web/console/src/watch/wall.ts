/** The wall's arithmetic: layouts, and where the keyboard goes among panes. Pure. */

export type Layout = 1 | 4 | 9 | 16

export const LAYOUTS: readonly Layout[] = [1, 4, 9, 16]
export const MOST_PANES = 16

export const sideOf = (layout: Layout) => Math.sqrt(layout)

export function isLayout(value: unknown): value is Layout {
  return LAYOUTS.some((layout) => layout === value)
}

/** The slot one step from `slot`; at the wall's border it stays. */
export function step(layout: Layout, slot: number, dx: number, dy: number): number {
  const side = sideOf(layout)
  const x = Math.min(side - 1, Math.max(0, (slot % side) + dx))
  const y = Math.min(side - 1, Math.max(0, Math.floor(slot / side) + dy))
  return y * side + x
}

/** Where something new goes: the active slot when it is empty, else the next empty one, else the active one. */
export function landing(occupied: readonly boolean[], layout: Layout, active: number): number {
  if (!occupied[active]) return active
  for (let i = 1; i < layout; i++) {
    const slot = (active + i) % layout
    if (!occupied[slot]) return slot
  }
  return active
}

/** The smallest layout with room for `count` pictures, not smaller than `least`. */
export function layoutFor(count: number, least: Layout): Layout {
  return LAYOUTS.find((layout) => layout >= count && layout >= least) ?? 16
}

/** Which stream a pane takes: the sub stream in a dense wall when there is one, the main one when it is large. */
export function streamFor(choice: 'auto' | 0 | 1, streams: readonly number[], layout: Layout, large: boolean): 0 | 1 {
  if (choice !== 'auto') return choice
  return layout >= 9 && !large && streams.includes(1) ? 1 : 0
}
