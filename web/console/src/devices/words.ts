/** A device's facts in words. */
import type { Device, DeviceKind } from '@/api/types'
import { t } from '@/i18n'
import type { IconName } from '@/icons/paths'

const YEARS: Record<string, string> = { '1.0': '2011', '1.1': '2011+', '2.0': '2016', '3.0': '2022' }

/** X-GB-Ver as the year of the edition that people know it by. */
export const editionYear = (edition: string) => YEARS[edition] ?? (edition || '–')

export const KIND_ICON: Record<DeviceKind, IconName> = { camera: 'camera', recorder: 'recorder', platform: 'platform', other: 'sensor', own: 'recorder' }

export const address = (device: Device) =>
  device.remote_host ? `${device.remote_host.includes(':') ? `[${device.remote_host}]` : device.remote_host}:${device.remote_port}` : '–'

export const kindOptions = () => (['camera', 'recorder', 'platform', 'other'] as const).map((value) => ({ value, label: t(`device-kind.${value}`) }))
export const presenceOptions = () => (['online', 'offline', 'unconfirmed', 'never'] as const).map((value) => ({ value, label: t(`presence.${value}`) }))
export const transportOptions = () => (['tcp-passive', 'udp', 'tcp-active'] as const).map((value) => ({ value, label: t(`transport.${value}`) }))
export const charsetOptions = () => [{ value: '', label: t('devices.field.charset.auto') }, ...['GB2312', 'GB18030', 'UTF-8'].map((value) => ({ value, label: value }))]
