/** Words and marks for platforms above. */
import type { Standing } from '@/api/platforms'
import type { State } from '@/icons/StateMark.vue'
import { t } from '@/i18n'

export const MARK: Record<Standing, State> = {
  registered: 'online',
  registering: 'unconfirmed',
  redirected: 'unconfirmed',
  refused: 'refused',
  lost: 'refused',
  disabled: 'offline',
  unknown: 'never',
}

export const year = (edition: string): string => ({ '2.0': '2016', '3.0': '2022' })[edition] ?? edition

export const editionOptions = () => [
  { value: '3.0', label: 'GB/T 28181-2022' },
  { value: '2.0', label: 'GB/T 28181-2016' },
]

export const transportOptions = () => [
  { value: 'udp', label: 'UDP' },
  { value: 'tcp', label: 'TCP' },
]

export const arrangementOptions = () =>
  (['as-is', 'civil', 'group'] as const).map((value) => ({ value, label: t(`sharing.arrangement.${value}`) }))

export const charsetOptions = () => [{ value: '', label: t('platforms.field.charset.auto') }, ...['GB2312', 'GB18030', 'UTF-8'].map((value) => ({ value, label: value }))]

export const mediaOptions = () => [
  { value: '', label: t('platforms.field.media.auto') },
  ...(['udp', 'tcp-passive', 'tcp-active'] as const).map((value) => ({ value, label: t(`transport.${value}`) })),
]
