/** One transport bar for the channels on the screen: what was asked of the server, and where it says they stand. */
import { computed, onBeforeUnmount, ref, shallowRef } from 'vue'
import { playbacks as api, type Origin, type Playback, type TransportWish, type Which } from '@/api/playback'
import { ApiError } from '@/api/http'
import { complaint } from '@/i18n/words'

const LOOK_MS = 1000

export function usePlayback() {
  const state = shallowRef<Playback | null>(null)
  const busy = ref(false)
  const trouble = ref('')
  /** grows whenever what flows is of another time */
  const jumps = ref(0)
  /** when `state` was told, by the clock of this page */
  let toldAt = performance.now()
  let channels: Which[] = []
  let origin: Origin = 'auto'
  let turn = 0
  let clock = 0
  const tick = ref(0)

  function learn(next: Playback | null): void {
    state.value = next
    toldAt = performance.now()
  }

  /** Where the recordings stand now, between two looks by their own speed. */
  const position = computed(() => {
    void tick.value
    const it = state.value
    if (!it) return null
    const lead = it.channels.find((one) => one.state === 'playing')
    if (it.paused || !lead) return it.position
    return it.position + (Math.min(1500, performance.now() - toldAt) / 1000) * lead.real_speed
  })

  async function ask(deed: () => Promise<Playback>): Promise<boolean> {
    const mine = ++turn
    busy.value = true
    trouble.value = ''
    try {
      const next = await deed()
      if (mine === turn) learn(next)
      return true
    } catch (error) {
      if (mine === turn) trouble.value = complaint(error)
      return false
    } finally {
      if (mine === turn) busy.value = false
    }
  }

  /** Play these from a moment on, whatever was before. */
  async function start(wanted: Which[], at: number, from: Origin): Promise<void> {
    await stop()
    channels = wanted
    origin = from
    if (wanted.length > 0) await ask(() => api.start(wanted, at, 1, from))
  }

  async function move(wish: TransportWish): Promise<boolean> {
    const it = state.value
    if (!it) return false
    return ask(() => api.move(it.id, wish))
  }

  async function seek(at: number): Promise<void> {
    const it = state.value
    if (!it) {
      await start(channels, at, origin)
      return
    }
    learn({ ...it, position: at, paused: false })
    if (await move({ do: 'seek', at })) jumps.value += 1
  }

  async function stop(): Promise<void> {
    turn += 1
    const it = state.value
    learn(null)
    trouble.value = ''
    if (it) await api.stop(it.id).catch(() => {})
  }

  async function look(): Promise<void> {
    const it = state.value
    if (!it || busy.value) return
    const mine = turn
    try {
      const next = await api.look(it.id)
      if (mine === turn && !busy.value) learn(next)
    } catch (error) {
      if (mine === turn && error instanceof ApiError && error.status === 404) learn(null)
    }
  }

  const looking = window.setInterval(() => void look(), LOOK_MS)
  clock = window.setInterval(() => (tick.value += 1), 200)
  onBeforeUnmount(() => {
    clearInterval(looking)
    clearInterval(clock)
    void stop()
  })

  return { state, busy, trouble, jumps, position, start, move, seek, stop }
}
