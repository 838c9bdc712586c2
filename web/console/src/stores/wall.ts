/** The wall of panes: what plays where, which one is active, and what is remembered for each user. */
import { defineStore } from 'pinia'
import { computed, ref, watch } from 'vue'
import type { Channel } from '@/api/types'
import type { Chosen } from '@/player/choice'
import { isLayout, landing, layoutFor, MOST_PANES, step, type Layout } from '@/watch/wall'
import type { ChosenWay } from '@/watch/ways'
import { keep, kept } from './keeping'
import { useSession } from './session'

export interface Pane {
  /** stays with the picture when panes are swapped, so that nothing restarts */
  readonly id: number
  channel: Channel | null
  stream: 'auto' | 0 | 1
  format: Chosen
  /** the way that was chosen for it; null leaves it to the house */
  way: ChosenWay | null
}

interface Remembered {
  layout: Layout
  active: number
  fit: boolean
  lowDelay: boolean
  panes: (Channel | null)[]
}

/** What a person may choose of a pane: which stream, how it is played, by which way; null is to try again. */
export type Choice = { stream: Pane['stream'] } | { format: Chosen } | { way: ChosenWay | null } | null

export const useWall = defineStore('wall', () => {
  const session = useSession()
  const panes = ref<Pane[]>([])
  const layout = ref<Layout>(4)
  const active = ref(0)
  const maximised = ref(false)
  /** keep the picture's proportions (true) or fill the pane */
  const fit = ref(true)
  /** this person would rather have less delay than a cheaper and steadier picture */
  const lowDelay = ref(false)
  /** the pane whose sound is on */
  const sounding = ref<number | null>(null)

  const activePane = computed<Pane | undefined>(() => panes.value[active.value])
  const shown = computed(() => panes.value.slice(0, layout.value))
  const count = computed(() => shown.value.filter((pane) => pane.channel).length)

  const storeKey = () => `wall.${session.user?.name ?? ''}`

  /** Put up what this user had last. */
  function recall(): void {
    const last = kept<Partial<Remembered>>(storeKey(), {})
    layout.value = isLayout(last.layout) ? last.layout : 4
    fit.value = last.fit !== false
    lowDelay.value = last.lowDelay === true
    maximised.value = false
    sounding.value = null
    panes.value = Array.from({ length: MOST_PANES }, (_, id) => ({
      id,
      channel: last.panes?.[id] ?? null,
      stream: 'auto',
      format: 'auto',
      way: null,
    }))
    active.value = Math.min(Math.max(0, Math.trunc(last.active ?? 0)), layout.value - 1)
  }

  watch(
    [panes, layout, active, fit, lowDelay],
    () => {
      if (!session.user || panes.value.length === 0) return
      const remembered: Remembered = {
        layout: layout.value,
        active: active.value,
        fit: fit.value,
        lowDelay: lowDelay.value,
        panes: panes.value.map((pane) => pane.channel),
      }
      keep(storeKey(), remembered)
    },
    { deep: true },
  )

  function setLayout(next: Layout): void {
    layout.value = next
    maximised.value = false
    if (active.value >= next) active.value = 0
  }

  function activate(slot: number): void {
    if (slot >= 0 && slot < layout.value) active.value = slot
  }

  function move(dx: number, dy: number): void {
    if (!maximised.value) activate(step(layout.value, active.value, dx, dy))
  }

  function put(slot: number, channel: Channel | null): void {
    const pane = panes.value[slot]
    if (!pane) return
    if (sounding.value === pane.id && pane.channel?.id !== channel?.id) sounding.value = null
    pane.channel = channel
    pane.stream = 'auto'
    pane.way = null
  }

  /** Play in the active pane. */
  function play(channel: Channel): void {
    put(active.value, channel)
  }

  /** Play where there is room, beginning at the active pane, and go there. */
  function playNext(channel: Channel): void {
    const slot = landing(shown.value.map((pane) => pane.channel !== null), layout.value, active.value)
    put(slot, channel)
    activate(slot)
  }

  /** Many at once: the wall grows to hold them, old pictures beyond them go. */
  function fill(channels: readonly Channel[]): void {
    setLayout(layoutFor(channels.length, layout.value))
    for (let slot = 0; slot < layout.value; slot++) put(slot, channels[slot] ?? null)
    active.value = 0
  }

  function close(slot: number): void {
    put(slot, null)
    if (slot === active.value) maximised.value = false
  }

  function clear(): void {
    panes.value.forEach((_, slot) => close(slot))
  }

  function swap(one: number, other: number): void {
    const a = panes.value[one]
    const b = panes.value[other]
    if (!a || !b || one === other) return
    panes.value[one] = b
    panes.value[other] = a
    active.value = other
  }

  /** Change places with the neighbour on one side. */
  function swapBy(dx: number, dy: number): void {
    if (!maximised.value) swap(active.value, step(layout.value, active.value, dx, dy))
  }

  function toggleMaximised(slot = active.value): void {
    activate(slot)
    maximised.value = !maximised.value && layout.value > 1
  }

  /** Another stream or another way to play it. */
  function choose({ id }: Pane, choice: Choice): void {
    const pane = panes.value.find((one) => one.id === id)
    if (pane && choice) Object.assign(pane, choice)
  }

  /** One pane at most has sound. */
  function toggleSound(pane: Pane): void {
    sounding.value = sounding.value === pane.id ? null : pane.id
  }

  return {
    panes, layout, active, maximised, fit, lowDelay, sounding, activePane, shown, count,
    recall, setLayout, activate, move, put, play, playNext, fill, close, clear, swap, swapBy, toggleMaximised, choose, toggleSound,
  }
})
