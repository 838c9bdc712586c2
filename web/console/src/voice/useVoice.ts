/** Speaking to devices: the key that is held, the talk it makes, and what came of it. */
import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import { ApiError } from '@/api/http'
import type { Channel } from '@/api/types'
import { t } from '@/i18n'
import { complaint, age } from '@/i18n/words'
import { keep, kept } from '@/stores/keeping'
import { now } from '@/stores/now'
import { useSession } from '@/stores/session'
import { useWall } from '@/stores/wall'
import { voice as api } from './api'
import { BackSound } from './back'
import { playClip, readClip } from './clip'
import { TalkLine } from './line'
import { hindrance, Microphone, type Way } from './microphone'
import type { Style, Talk } from './types'

export type Phase = 'idle' | 'microphone' | 'connecting' | 'talking'

/** Whom to speak to: a channel, a device with its own code as channel, or all under a node of the tree. */
export interface Whom {
  id: string
  name: string
  owner: string
  channel: string
  node?: string
}

export const whomOf = (channel: Channel): Whom => ({
  id: `${channel.owner}/${channel.code}`,
  name: channel.name || channel.code,
  owner: channel.owner,
  channel: channel.code,
})

const SHOW_TROUBLE_MS = 8000
const LEVEL_MS = 80
const TAIL_MS = 400
/** until the server has hung up everywhere */
const LAST_WORD_MS = 400

export const useVoice = defineStore('voice', () => {
  const session = useSession()
  const wall = useWall()

  const panel = ref(false)
  const phase = ref<Phase>('idle')
  /** the talk that goes on, or the last one, for the self-test */
  const talk = shallowRef<Talk | null>(null)
  const spokenTo = shallowRef<Whom[]>([])
  const trouble = ref<string | null>(null)
  const troubleOf = shallowRef<Whom[]>([])
  const level = ref(0)
  const since = ref(0)
  const way = ref<Way | 'file' | null>(null)
  /** what the broadcast panel speaks to */
  const chosen = shallowRef<Whom[]>([])
  const latched = ref(false)
  const clipPart = ref<number | null>(null)
  const style = ref<Style>(kept('voice.style', 'auto' as Style))
  const wayWish = ref<Way | null>(kept('voice.way', null as Way | null))

  const why = hindrance()
  const isBusy = computed(() => phase.value !== 'idle')

  const microphone = new Microphone()
  const back = new BackSound()
  let turn = 0
  let line: TalkLine | null = null
  let stopSound: (() => void) | null = null
  let meter = 0
  let hiding = 0
  let restoreSound: (() => void) | null = null

  const isSpokenTo = (channel: Channel | null): boolean =>
    channel !== null && spokenTo.value.some((one) => one.owner === channel.owner && one.channel === channel.code)

  function complain(words: string, whom: Whom[]): void {
    trouble.value = words
    troubleOf.value = whom
    clearTimeout(hiding)
    hiding = window.setTimeout(() => (trouble.value = null), SHOW_TROUBLE_MS)
  }

  /** The key is down. Comes back when the voice flows, or does not. */
  async function begin(whom: Whom[]): Promise<void> {
    if (!session.isOperator || isBusy.value || whom.length === 0) return
    if (why) {
      panel.value = true
      complain(t(`voice.hindrance.${why}`), whom)
      return
    }
    const mine = ++turn
    open(whom, 'microphone')
    try {
      await microphone.open()
    } catch (error) {
      if (mine === turn) fail(microphoneTrouble(error), whom)
      return
    }
    if (mine !== turn) {
      microphone.rest()
      return
    }
    meter = window.setInterval(() => (level.value = microphone.level()), LEVEL_MS)
    await connect(mine, whom, async (wire) => {
      const speaking = await microphone.speak(wire, wayWish.value)
      way.value = speaking.way
      return speaking.stop
    })
  }

  /** Speak a sound file; it ends by itself. */
  async function playFile(whom: Whom[], file: Blob): Promise<void> {
    if (!session.isOperator || isBusy.value || whom.length === 0) return
    const mine = ++turn
    open(whom, 'connecting')
    let clip: Uint8Array<ArrayBuffer>
    try {
      clip = await readClip(file)
    } catch {
      if (mine === turn) fail(t('voice.file.unreadable'), whom)
      return
    }
    await connect(mine, whom, async (wire) => {
      way.value = 'file'
      clipPart.value = 0
      // Nothing of it is lost: it begins when somebody hears.
      const heard = new Promise<void>((resolve) => {
        const look = window.setInterval(() => {
          if (mine === turn && phase.value !== 'talking') return
          clearInterval(look)
          resolve()
        }, 50)
      })
      let stop = () => {}
      void heard.then(() => {
        if (mine !== turn) return
        stop = playClip(clip, (piece) => wire.sound(piece), (part) => {
          clipPart.value = part
          if (part >= 1) window.setTimeout(() => mine === turn && release(), TAIL_MS)
        })
      })
      return () => stop()
    })
  }

  /** The key is up: silence at once, everywhere. */
  function release(): void {
    if (!isBusy.value) return
    turn++
    close()
    line?.end()
    line = null
    window.setTimeout(() => void lookBack(), LAST_WORD_MS)
  }

  /** What was sent and what came back, once all is over. */
  async function lookBack(): Promise<void> {
    const last = talk.value
    if (!last || isBusy.value) return
    const said = await api.one(last.id).catch(() => null)
    if (said && talk.value?.id === said.id) talk.value = said
  }

  function open(whom: Whom[], first: Phase): void {
    phase.value = first
    spokenTo.value = whom
    trouble.value = null
    talk.value = null
    way.value = null
    since.value = now.value
  }

  async function connect(mine: number, whom: Whom[], speak: (wire: TalkLine) => Promise<() => void>): Promise<void> {
    phase.value = 'connecting'
    let begun: Talk
    try {
      begun = await api.begin({
        targets: whom.filter((one) => !one.node).map(({ owner, channel }) => ({ owner, channel })),
        nodes: whom.flatMap((one) => (one.node ? [one.node] : [])),
        style: style.value,
      })
    } catch (error) {
      if (mine === turn) fail(refusal(error), whom)
      return
    }
    if (mine !== turn) {
      void api.stop(begun.id).catch(() => {})
      return
    }
    talk.value = begun
    const wire = new TalkLine(begun.id, {
      talk: (news) => hear(mine, news, whom),
      back: (sound) => {
        if (mine === turn && talk.value?.targets.some((one) => one.style === 'talk')) back.play(sound)
      },
      closed: () => {
        if (mine === turn) fail(t('voice.line.lost'), whom)
      },
    })
    line = wire
    listenToo(whom)
    try {
      const stop = await speak(wire)
      if (mine === turn) stopSound = stop
      else stop()
    } catch (error) {
      if (mine !== turn) return
      wire.end()
      fail(t('voice.microphone.failed', { reason: error instanceof Error ? error.message : String(error) }), whom)
    }
  }

  /** The device is heard, too, where its picture is on the wall. */
  function listenToo(whom: Whom[]): void {
    const pane = whom.length === 1 ? wall.panes.find((one) => one.channel && whomOf(one.channel).id === whom[0]?.id) : undefined
    if (!pane || wall.sounding === pane.id) return
    const before = wall.sounding
    wall.sounding = pane.id
    restoreSound = () => {
      if (wall.sounding === pane.id) wall.sounding = before
    }
  }

  function hear(mine: number, news: Talk, whom: Whom[]): void {
    if (talk.value && talk.value.id !== news.id) return
    talk.value = news
    if (mine !== turn) return
    if (news.targets.some((one) => one.stage === 'talking') && phase.value === 'connecting') {
      phase.value = 'talking'
      since.value = now.value
    }
    if (news.ended) fail(ending(news), whom)
  }

  function ending(news: Talk): string {
    const failed = news.targets.find((one) => one.obstacle)
    if (news.ended === 'nobody-hears' && failed) return t(`voice.verdict.${failed.obstacle}` as 'voice.verdict.silent')
    return t(`voice.ended.${news.ended}` as 'voice.ended.too-long')
  }

  function fail(words: string, whom: Whom[]): void {
    turn++
    close()
    line = null
    complain(words, whom)
  }

  function close(): void {
    phase.value = 'idle'
    latched.value = false
    clipPart.value = null
    clearInterval(meter)
    level.value = 0
    stopSound?.()
    stopSound = null
    restoreSound?.()
    restoreSound = null
    back.stop()
    microphone.rest()
  }

  function refusal(error: unknown): string {
    if (error instanceof ApiError && error.code === 'somebody-talks') {
      const { holder, since: from } = error.details as { holder: string; since: number }
      return t('voice.busy', { who: holder, since: age(from, now.value) })
    }
    return complaint(error)
  }

  function microphoneTrouble(error: unknown): string {
    const name = error instanceof DOMException ? error.name : ''
    if (name === 'NotAllowedError') return t('voice.microphone.denied')
    if (name === 'NotFoundError') return t('voice.microphone.none')
    return t('voice.microphone.failed', { reason: error instanceof Error ? error.message : String(error) })
  }

  function choose(whom: Whom[]): void {
    const known = new Map([...chosen.value, ...whom].map((one) => [one.id, one]))
    chosen.value = [...known.values()]
  }

  function setStyle(next: Style): void {
    style.value = next
    keep('voice.style', next)
  }

  function setWay(next: Way | null): void {
    wayWish.value = next
    keep('voice.way', next)
  }

  // A hand that cannot be seen letting go has let go; whoever latched it meant it.
  const letGo = () => {
    if (!latched.value && way.value !== 'file') release()
  }
  window.addEventListener('blur', letGo)
  document.addEventListener('visibilitychange', () => document.hidden && letGo())
  window.addEventListener('pagehide', release)

  return {
    panel, phase, talk, spokenTo, trouble, troubleOf, level, since, way, chosen, latched, clipPart, style, wayWish, why, isBusy,
    isSpokenTo, begin, playFile, release, choose, setStyle, setWay,
  }
})
