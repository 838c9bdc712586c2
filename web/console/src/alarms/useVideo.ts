/** From an alarm to its pictures: what was recorded around it, and what is there now. */
import { useMessage } from 'naive-ui'
import { useRouter } from 'vue-router'
import { tree } from '@/api'
import type { Alarm } from '@/api/alarms'
import { t } from '@/i18n'
import { complaint } from '@/i18n/words'
import { useSession } from '@/stores/session'
import { useWall } from '@/stores/wall'
import { playbackOf } from './list'

export const BEFORE_S = 10

export function useVideo() {
  const router = useRouter()
  const wall = useWall()
  const message = useMessage()
  /** recordings are for operators; who may only watch goes to the live picture */
  const hasPlayback = useSession().isOperator

  /** Put a channel on the wall; false when nobody has it. */
  async function show(owner: string, code: string): Promise<boolean> {
    const { hits } = await tree.search(code, 20)
    const hit = hits.find(({ channel }) => channel.code === code && channel.owner === owner) ?? hits.find(({ channel }) => channel.code === code)
    if (!hit) return false
    wall.playNext(hit.channel)
    return true
  }

  async function live(alarm: Alarm): Promise<void> {
    try {
      if (alarm.video && (await show(alarm.owner, alarm.video))) await router.push({ name: 'watch' })
      else message.warning(t('alarms.video.none'))
    } catch (error) {
      message.error(complaint(error))
    }
  }

  /** One click: what was recorded around it, or the live picture for who may only watch. */
  async function video(alarm: Alarm): Promise<void> {
    const place = hasPlayback ? playbackOf(alarm, BEFORE_S) : null
    if (place) await router.push(place)
    else await live(alarm)
  }

  return { hasPlayback, show, live, video }
}
