/** What is carried when something is dragged onto the wall: a tree node, a search hit, or another pane. */
import type { Channel } from '@/api/types'

export type Carried = { kind: 'channel'; channel: Channel } | { kind: 'branch'; node: string } | { kind: 'pane'; slot: number }

const TYPE = 'application/x-lianwang'

export function carry(event: DragEvent, carried: Carried): void {
  if (!event.dataTransfer) return
  event.dataTransfer.setData(TYPE, JSON.stringify(carried))
  event.dataTransfer.effectAllowed = 'copyMove'
}

/** Whether something of ours hovers; its content is only readable when it is dropped. */
export const isOurs = (event: DragEvent) => event.dataTransfer?.types.includes(TYPE) ?? false

export function carriedBy(event: DragEvent): Carried | null {
  try {
    return JSON.parse(event.dataTransfer?.getData(TYPE) ?? '') as Carried
  } catch {
    return null
  }
}
