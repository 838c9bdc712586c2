/** The menu of a pane: which stream it takes and how it is played. */
import type { DropdownOption } from 'naive-ui'
import { h } from 'vue'
import type { OutletFormat } from '@/api/types'
import { t } from '@/i18n'
import AppIcon from '@/icons/AppIcon.vue'
import type { Pane } from '@/stores/wall'

/** A browser opens six HTTP connections to a server: pictures by HTTP must leave some for everything else. */
const MOST_HTTP = 2

const FORMATS: readonly OutletFormat[] = ['ws-fmp4', 'http-flv', 'ws-flv']

export type Choice = { stream: Pane['stream'] } | { format: OutletFormat } | null

const tick = (on: boolean) => () => (on ? h(AppIcon, { name: 'check', size: 14 }) : null)

export function paneMenu(pane: Pane, all: readonly Pane[]): DropdownOption[] {
  const byHttp = all.filter((one) => one.format === 'http-flv' && one.id !== pane.id).length
  return [
    { key: 'auto', label: t('pane.stream.auto'), icon: tick(pane.stream === 'auto') },
    { key: 'main', label: t('pane.stream.main'), icon: tick(pane.stream === 0) },
    { key: 'sub', label: t('pane.stream.sub'), icon: tick(pane.stream === 1), disabled: !pane.channel?.streams.includes(1) },
    { key: 'line', type: 'divider' },
    ...FORMATS.map((key) => ({
      key,
      label: t(`pane.format.${key}`),
      icon: tick(pane.format === key),
      disabled: key === 'http-flv' && byHttp >= MOST_HTTP,
    })),
    { key: 'line2', type: 'divider' },
    { key: 'retry', label: t('common.retry') },
  ]
}

/** What a key of the menu chooses; null when it chooses nothing. */
export function choiceOf(key: string): Choice {
  if (key === 'auto') return { stream: 'auto' }
  if (key === 'main') return { stream: 0 }
  if (key === 'sub') return { stream: 1 }
  const format = FORMATS.find((one) => one === key)
  return format ? { format } : null
}
