/** Alarms for the whole console: how many wait, those of the highest priority that nobody has seen, and the bell. */
import { defineStore } from 'pinia'
import { computed, ref, shallowRef, watch } from 'vue'
import { alarms as api, type Alarm, type AlarmWords } from '@/api/alarms'
import { ring } from '@/alarms/sound'
import { useFeed } from './feed'
import { keep, kept } from './keeping'

const HIGHEST = 1
const MOST_URGENT = 50

export const useAlarms = defineStore('alarms', () => {
  const open = ref<Record<string, number>>({})
  const unclosed = ref(0)
  /** of priority 1 and still open, newest first: they stay before everybody's eyes */
  const urgent = shallowRef<Alarm[]>([])
  const words = shallowRef<AlarmWords | null>(null)
  const muted = ref(kept<boolean>('alarms.muted', false))
  const waiting = computed(() => Object.values(open.value).reduce((sum, n) => sum + n, 0))

  watch(muted, (is) => keep('alarms.muted', is))

  async function load(): Promise<void> {
    const [counts, first] = await Promise.all([
      api.counts().catch(() => null),
      api.list({ state: 'open', priority: String(HIGHEST), limit: MOST_URGENT }).catch(() => null),
    ])
    if (counts) ({ open: open.value, unclosed: unclosed.value } = counts)
    if (first) urgent.value = first.items
    words.value ??= await api.words().catch(() => null)
  }

  function hear(what: string, alarm: Alarm): void {
    const others = urgent.value.filter((one) => one.id !== alarm.id)
    const isUrgent = alarm.priority === HIGHEST && alarm.state === 'open'
    urgent.value = isUrgent ? [alarm, ...others].sort((one, other) => other.id - one.id).slice(0, MOST_URGENT) : others
    if (what === 'raised' && !muted.value) ring(alarm.priority)
  }

  const feed = useFeed()
  feed.hear('alarm', ({ what, alarm }) => hear(what, alarm))
  feed.hear('alarm-counts', (counts) => ({ open: open.value, unclosed: unclosed.value } = counts))
  feed.hear('hello', () => void load())
  feed.hear('resync', () => void load())

  return { open, unclosed, urgent, words, muted, waiting, load }
})
