/** What moves, as last heard, while somebody looks at the map. */
import { defineStore } from 'pinia'
import { computed, reactive, ref, shallowRef } from 'vue'
import { places as api, type Ground, type StandingCamera, type Thing, type Track } from '@/api/places'
import { complaint } from '@/i18n/words'
import { inOrder } from '@/places/ways'

const EVERY_MS = 3000

export const usePlaces = defineStore('places', () => {
  const ground = shallowRef<Ground | null>(null)
  const things = reactive(new Map<string, Thing>())
  const cameras = shallowRef<StandingCamera[]>([])
  const camerasWithout = ref(0)
  const camerasCut = ref(false)
  const track = shallowRef<Track | null>(null)
  const trouble = ref('')
  let since = 0
  let looking = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  let askedCameras = 0
  let askedTrack = 0

  const rows = computed(() => inOrder([...things.values()]))
  const keyOf = (thing: { owner: string; code: string }) => `${thing.owner}/${thing.code}`

  async function look(): Promise<void> {
    clearTimeout(timer)
    try {
      ground.value ??= await api.ground()
      const said = await api.things(since, ground.value.datum)
      // A server that was restarted counts anew.
      if (said.next < since) things.clear()
      since = said.next
      for (const thing of said.items) things.set(keyOf(thing), thing)
      trouble.value = ''
    } catch (error) {
      trouble.value = complaint(error)
    }
    if (looking > 0) timer = setTimeout(() => void look(), document.hidden ? EVERY_MS * 5 : EVERY_MS)
  }

  /** Begin to look; the function that comes back ends it. */
  function begin(): () => void {
    looking += 1
    since = 0
    void look()
    return () => {
      looking -= 1
      if (looking === 0) clearTimeout(timer)
    }
  }

  async function showCameras(node: string | null): Promise<void> {
    const mine = ++askedCameras
    if (node === null || !ground.value) {
      cameras.value = []
      return
    }
    try {
      const said = await api.cameras(node, ground.value.datum)
      if (mine !== askedCameras) return
      cameras.value = said.items
      camerasWithout.value = said.without
      camerasCut.value = !said.complete
    } catch (error) {
      trouble.value = complaint(error)
    }
  }

  async function follow(thing: Thing, start: number, end: number): Promise<void> {
    const mine = ++askedTrack
    try {
      const said = await api.track(thing.owner, thing.code, start, end, ground.value?.datum ?? 'wgs84')
      if (mine === askedTrack) track.value = said
    } catch (error) {
      trouble.value = complaint(error)
    }
  }

  function letGo(): void {
    askedTrack += 1
    track.value = null
  }

  return { ground, things, rows, cameras, camerasWithout, camerasCut, track, trouble, keyOf, begin, showCameras, follow, letGo }
})
