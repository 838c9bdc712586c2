/** Which cameras are in whose hand, kept fresh by the feed. */
import { defineStore } from 'pinia'
import { ref } from 'vue'
import { holds as api, type Hold } from '@/api/controls'
import type { Channel } from '@/api/types'
import { useFeed } from './feed'
import { useSession } from './session'

const placeOf = (owner: string, code: string) => `${owner}/${code}`

export const useHolds = defineStore('holds', () => {
  const feed = useFeed()
  const session = useSession()
  const held = ref(new Map<string, Hold>())
  /** the last camera that was taken from us, and by whom */
  const lost = ref<{ owner: string; code: string; by: string } | null>(null)

  const me = () => `user:${session.user?.name ?? ''}`

  async function load(): Promise<void> {
    if (!session.isOperator) return
    try {
      const { items } = await api.list()
      held.value = new Map(items.map((hold) => [placeOf(hold.owner, hold.code), hold]))
    } catch {
      // the feed tells the next change
    }
  }

  function of(channel: Channel | null, now: number): Hold | null {
    const hold = channel ? held.value.get(placeOf(channel.owner, channel.code)) : undefined
    return hold && hold.until > now ? hold : null
  }

  const isMine = (hold: Hold) => hold.holder === me()

  feed.hear('steering', (news) => {
    const place = placeOf(news.owner, news.code)
    if (news.holder) held.value.set(place, { owner: news.owner, code: news.code, holder: news.holder, name: news.name, until: news.until, on_purpose: news.on_purpose })
    else held.value.delete(place)
    if (news.lost_by === me()) lost.value = { owner: news.owner, code: news.code, by: news.taken_by }
    else if (news.holder === me() && lost.value?.owner === news.owner && lost.value.code === news.code) lost.value = null
  })
  feed.hear('hello', () => void load())
  feed.hear('resync', () => void load())
  void load()

  return { held, lost, of, isMine, load }
})
