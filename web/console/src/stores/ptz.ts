/** Steering the active pane's camera: which keys are held, how fast, and the presets it knows. */
import { defineStore } from 'pinia'
import { computed, ref, watch } from 'vue'
import { devices, ptz as api } from '@/api'
import { holds as holdsApi } from '@/api/controls'
import type { Channel, Preset } from '@/api/types'
import { ApiError } from '@/api/http'
import { t } from '@/i18n'
import { reasonOf } from '@/devices/asking'
import { PtzHand, REFRESH_MS, STILL, type Vector } from '@/ptz/hand'
import type { Turn } from '@/watch/keys'
import { keep, kept } from './keeping'
import { useHolds } from './holds'
import { useSession } from './session'
import { useWall } from './wall'

const DIRECTION: Record<Turn, Vector> = {
  up: { pan: 0, tilt: 1, zoom: 0 },
  down: { pan: 0, tilt: -1, zoom: 0 },
  left: { pan: -1, tilt: 0, zoom: 0 },
  right: { pan: 1, tilt: 0, zoom: 0 },
  in: { pan: 0, tilt: 0, zoom: 1 },
  out: { pan: 0, tilt: 0, zoom: -1 },
}

/** What a drag on the picture means: turning, or a box to zoom by or to track. */
export type DragMode = 'turn' | 'zoom' | 'track'

/** Why a command was not carried out; of a camera in another hand, in whose and for how long. */
export function troubleOf(error: unknown): string {
  if (error instanceof ApiError && error.code === 'steering-held') {
    const { holder, until } = error.details
    const n = typeof until === 'number' ? Math.max(1, Math.ceil(until - Date.now() / 1000)) : 0
    return t('hold.refused', { name: String(holder), n })
  }
  return reasonOf(error)
}

const KEEP_MINUTES = 5

export const usePtz = defineStore('ptz', () => {
  const session = useSession()
  const wall = useWall()
  const holds = useHolds()
  const on = ref(kept('ptz.on', false) && session.isOperator)
  const mode = ref<DragMode>('turn')
  /** the edition that the camera's neighbour speaks, "" while not known */
  const edition = ref('')
  /** 1 to 10, as an operator thinks of it */
  const speed = ref(kept('ptz.speed', 5))
  const held = ref<Turn[]>([])
  const presets = ref<Preset[]>([])
  const presetsWhole = ref(true)
  const presetsState = ref<'idle' | 'loading' | 'ready' | 'failed'>('idle')
  /** the last refusal, for the panel; null when the last command went through */
  const trouble = ref<string | null>(null)

  const target = computed<Channel | null>(() => wall.activePane?.channel ?? null)
  const targetId = computed(() => target.value?.id ?? null)
  let hand: PtzHand | null = null
  let handOf: string | null = null
  let lensGoesOn = 0

  function handFor(channel: Channel): PtzHand {
    if (!hand || handOf !== channel.id) {
      hand?.stop()
      handOf = channel.id
      hand = new PtzHand((wish) =>
        api.send(channel.owner, channel.code, wish).then(
          () => (trouble.value = null),
          (error: unknown) => (trouble.value = troubleOf(error)),
        ),
      )
    }
    return hand
  }

  function vectorOfKeys(): Vector {
    const sum = held.value.reduce<Vector>((v, turn) => {
      const d = DIRECTION[turn]
      return { pan: v.pan + d.pan, tilt: v.tilt + d.tilt, zoom: v.zoom + d.zoom }
    }, STILL)
    const k = speed.value / 10
    return { pan: sum.pan * k, tilt: sum.tilt * k, zoom: sum.zoom * k }
  }

  function steer(vector: Vector): void {
    if (target.value) handFor(target.value).move(vector)
  }

  function press(...turns: Turn[]): void {
    held.value = [...new Set([...held.value, ...turns])]
    steer(vectorOfKeys())
  }

  function release(...turns: Turn[]): void {
    if (!turns.some((turn) => held.value.includes(turn))) return
    held.value = held.value.filter((turn) => !turns.includes(turn))
    steer(vectorOfKeys())
  }

  /** Let go of everything. */
  function stop(): void {
    held.value = []
    clearTimeout(lensGoesOn)
    hand?.stop()
  }

  /** Said again while the button is held, as the hand does with the head. */
  async function lens(focus: number, iris: number): Promise<void> {
    clearTimeout(lensGoesOn)
    const channel = target.value
    if (!channel) return
    if (focus !== 0 || iris !== 0) lensGoesOn = window.setTimeout(() => void lens(focus, iris), REFRESH_MS)
    try {
      await api.send(channel.owner, channel.code, { focus: (focus * speed.value) / 10, iris: (iris * speed.value) / 10 })
      trouble.value = null
    } catch (error) {
      trouble.value = troubleOf(error)
    }
  }

  /** A lens's stop is said twice too. */
  function lensStop(): void {
    void lens(0, 0)
    setTimeout(() => void lens(0, 0), 250)
  }

  async function readPresets(): Promise<void> {
    const channel = target.value
    presets.value = []
    if (!channel) {
      presetsState.value = 'idle'
      return
    }
    presetsState.value = 'loading'
    try {
      const list = await api.presets(channel.owner, channel.code)
      if (targetId.value !== channel.id) return
      presets.value = [...list.items].sort((a, b) => a.number - b.number)
      presetsWhole.value = list.complete
      presetsState.value = 'ready'
    } catch {
      if (targetId.value === channel.id) presetsState.value = 'failed'
    }
  }

  async function preset(action: 'set' | 'call' | 'delete', number: number, name = ''): Promise<boolean> {
    const channel = target.value
    if (!channel) return false
    stop()
    try {
      await api.send(channel.owner, channel.code, { preset: { action, number, ...(name ? { name } : {}) } })
      trouble.value = null
      return true
    } catch (error) {
      trouble.value = troubleOf(error)
      return false
    }
  }

  /** Do something to the camera; true when it went through, else `trouble` says why not. */
  async function attempt(deed: () => Promise<unknown>): Promise<boolean> {
    try {
      await deed()
      trouble.value = null
      return true
    } catch (error) {
      trouble.value = troubleOf(error)
      return false
    }
  }

  /** Keep the camera for some minutes, or give back what is kept so. */
  async function toggleHold(): Promise<void> {
    const channel = target.value
    if (!channel) return
    const hold = holds.of(channel, Date.now() / 1000)
    if (hold?.on_purpose && holds.isMine(hold)) await attempt(() => holdsApi.giveBack(channel.owner, channel.code))
    else await attempt(() => holdsApi.keep(channel.owner, channel.code, KEEP_MINUTES))
  }

  async function readEdition(): Promise<void> {
    const owner = target.value?.owner
    edition.value = ''
    if (!owner) return
    try {
      const device = await devices.one(owner)
      if (target.value?.owner === owner) edition.value = device.edition || '2.0'
    } catch {
      // what the edition forbids the server refuses
    }
  }
  const isTooOld = computed(() => edition.value !== '' && Number.parseFloat(edition.value) < 3)

  async function callPreset(number: number): Promise<void> {
    await preset('call', number)
  }

  function turnOn(): void {
    if (session.isOperator) on.value = true
  }
  function turnOff(): void {
    stop()
    on.value = false
  }
  const toggle = () => (on.value ? turnOff() : turnOn())

  watch(speed, (value) => keep('ptz.speed', value))
  watch(on, (value) => keep('ptz.on', value))
  watch([on, targetId], ([isOn]) => {
    stop()
    mode.value = 'turn'
    trouble.value = null
    if (!isOn) return
    void readPresets()
    void readEdition()
  }, { immediate: true })

  // A hand that cannot be seen letting go has let go.
  window.addEventListener('blur', stop)
  document.addEventListener('visibilitychange', () => document.hidden && stop())
  window.addEventListener('pagehide', stop)

  return {
    on, mode, edition, isTooOld, attempt, toggleHold, speed, held, target, presets, presetsWhole, presetsState, trouble,
    steer, press, release, stop, lens, lensStop, readPresets, preset, callPreset, turnOn, turnOff, toggle,
  }
})
