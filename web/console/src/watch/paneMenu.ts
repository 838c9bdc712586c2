/** The menu of a pane: which stream it takes, how it is played, and by which way it comes. */
import type { DropdownOption } from 'naive-ui'
import { h } from 'vue'
import type { Way } from '@/api/types'
import { t } from '@/i18n'
import AppIcon from '@/icons/AppIcon.vue'
import StateMark, { type State } from '@/icons/StateMark.vue'
import { canPlay, FORMATS, type Abilities } from '@/player/choice'
import type { Choice, Pane } from '@/stores/wall'
import { chosen, healthOf, type Health } from './ways'

/** A browser opens six HTTP connections to a server: pictures by HTTP must leave some for everything else. */
const MOST_HTTP = 2

const BY = 'way:'
const ANY_WAY = 'any-way'
const BY_ITSELF = 'format:auto'
/** For all panes of this person. */
export const LOW_DELAY = 'low-delay'
export const SNAPSHOTS = 'snapshots'
/** The recording of ten minutes ago. */
export const AGO = 'ago'

const tick = (on: boolean) => () => (on ? h(AppIcon, { name: 'check', size: 14 }) : null)

export function paneMenu(pane: Pane, all: readonly Pane[], ways: readonly Way[], can: Abilities, lowDelay: boolean, canPlayBack = false): DropdownOption[] {
  const byHttp = all.filter((one) => one.format === 'http-flv' && one.id !== pane.id).length
  return [
    { key: 'auto', label: t('pane.stream.auto'), icon: tick(pane.stream === 'auto') },
    { key: 'main', label: t('pane.stream.main'), icon: tick(pane.stream === 0) },
    { key: 'sub', label: t('pane.stream.sub'), icon: tick(pane.stream === 1), disabled: !pane.channel?.streams.includes(1) },
    { key: 'line', type: 'divider' },
    { key: BY_ITSELF, label: t('pane.format.auto'), icon: tick(pane.format === 'auto') },
    ...FORMATS.map((key) => ({
      key,
      label: t(`pane.format.${key}`),
      icon: tick(pane.format === key),
      disabled: !canPlay(key, can) || (key === 'http-flv' && byHttp >= MOST_HTTP),
    })),
    { key: LOW_DELAY, label: t('pane.low-delay'), icon: tick(lowDelay), disabled: !can.webrtc },
    ...(ways.length > 1 ? waysMenu(pane, ways) : []),
    { key: 'line2', type: 'divider' },
    ...(canPlayBack ? [{ key: AGO, label: t('playback.ago') }] : []),
    { key: SNAPSHOTS, label: t('pane.snapshots') },
    { key: 'retry', label: t('common.retry') },
  ]
}

const MARKS: Record<Health, State> = { online: 'online', offline: 'offline', troubled: 'refused' }

/** Each other way with its health; the house's own choice stands first. */
function waysMenu(pane: Pane, ways: readonly Way[]): DropdownOption[] {
  return [
    { key: 'line-ways', type: 'divider' },
    { key: ANY_WAY, label: t('way.any'), icon: tick(pane.way === null) },
    ...ways.map((way) => ({
      key: BY + way.owner,
      label: () => h('span', { style: 'display: inline-flex; align-items: center; gap: 8px', title: way.path.length > 1 ? way.path.join(' › ') : way.owner }, [h(StateMark, { state: MARKS[healthOf(way)], size: 10 }), wordsOf(way)]),
      icon: tick(pane.way?.owner === way.owner),
    })),
  ]
}

function wordsOf(way: Way): string {
  const said = [t('way.by', { name: way.owner_name })]
  if (way.tiers > 1) said.push(t('way.tiers', { n: way.tiers }))
  const health = healthOf(way)
  if (health !== 'online') said.push(t(`way.${health}`))
  else if (way.in_use) said.push(t('way.used'))
  return said.join(' · ')
}

/** What a key of the menu chooses; null when it chooses nothing. */
export function choiceOf(key: string, ways: readonly Way[]): Choice {
  if (key === 'auto') return { stream: 'auto' }
  if (key === 'main') return { stream: 0 }
  if (key === 'sub') return { stream: 1 }
  if (key === ANY_WAY) return { way: null }
  if (key === BY_ITSELF) return { format: 'auto' }
  const way = ways.find((one) => key === BY + one.owner)
  if (way) return { way: chosen(way) }
  const format = FORMATS.find((one) => one === key)
  return format ? { format } : null
}
