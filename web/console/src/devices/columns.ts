/** The columns of the device table. */
import { NDropdown, NProgress, type DataTableColumns, type DropdownOption } from 'naive-ui'
import { h } from 'vue'
import type { Device } from '@/api/types'
import AgeText from '@/components/AgeText.vue'
import StateWord from '@/components/StateWord.vue'
import { t } from '@/i18n'
import { stamp } from '@/i18n/words'
import AppIcon from '@/icons/AppIcon.vue'
import type { IconName } from '@/icons/paths'
import RefusalNote from './RefusalNote.vue'
import { address, editionYear, KIND_ICON } from './words'

export interface Deeds {
  ladder(device: Device): void
  sync(device: Device): void
  edit(device: Device): void
  remove(device: Device): void
  isOperator: boolean
  isAdministrator: boolean
}

const tool = (icon: IconName, label: string, act: () => void, disabled = false) =>
  h('button', { class: 'tool', type: 'button', title: label, 'aria-label': label, disabled, onClick: (event: Event) => { event.stopPropagation(); act() } }, h(AppIcon, { name: icon, size: 17 }))

const menu = (): DropdownOption[] => [
  { key: 'edit', label: t('common.edit') },
  { key: 'remove', label: t('common.delete') },
]

function channelsCell(device: Device) {
  const progress = device.catalog_progress
  if (progress) {
    return h('div', { class: 'progress' }, [
      h('span', { class: 'number' }, `${progress.got}/${progress.expected}`),
      h(NProgress, { type: 'line', percentage: progress.expected ? (100 * progress.got) / progress.expected : 0, showIndicator: false, height: 3 }),
    ])
  }
  return h('span', { class: 'number' }, [
    h('b', { class: device.channels_online ? '' : 'faint' }, device.channels_online),
    h('span', { class: 'faint' }, ` / ${device.channels_total}`),
    device.catalog_at !== null && !device.catalog_complete ? h('span', { class: 'warn', title: t('devices.fact.catalog.part', { age: stamp(device.catalog_at) }) }, ' !') : null,
  ])
}

export const deviceColumns = (deeds: Deeds): DataTableColumns<Device> => [
  { key: 'state', title: t('devices.col.state'), width: 124, render: (d) => h(StateWord, { presence: d.presence, enabled: d.enabled }) },
  {
    key: 'name', title: t('devices.col.name'), minWidth: 196,
    render: (d) => h('div', { class: 'two' }, d.shown_name === d.code ? [h('span', { class: 'mono' }, d.code)] : [h('span', { class: 'clip' }, d.shown_name), h('span', { class: 'mono faint' }, d.code)]),
  },
  { key: 'kind', title: t('devices.col.kind'), width: 108, render: (d) => h('span', { class: 'kind' }, [h(AppIcon, { name: KIND_ICON[d.kind], size: 16 }), t(`device-kind.${d.kind}`)]) },
  {
    key: 'address', title: t('devices.col.address'), width: 180,
    render: (d) => h('div', { class: 'two' }, [h('span', { class: 'mono' }, address(d)), h('span', { class: 'faint' }, d.transport)]),
  },
  { key: 'media', title: t('devices.col.media'), width: 92, render: (d) => t(`transport.${d.media_transport}`) },
  { key: 'edition', title: t('devices.col.edition'), width: 64, render: (d) => h('span', { class: 'number' }, editionYear(d.edition)) },
  { key: 'channels', title: t('devices.col.channels'), width: 112, render: channelsCell },
  { key: 'heard', title: t('devices.col.heard'), width: 100, render: (d) => h(AgeText, { at: d.heard_at }) },
  { key: 'refusal', title: t('devices.col.refusal'), minWidth: 220, render: (d) => h(RefusalNote, { reason: d.refusal, detail: d.refusal_note, at: d.refused_at }) },
  {
    key: 'deeds', title: '', width: deeds.isAdministrator ? 112 : 76, align: 'right', fixed: 'right',
    render: (d) => h('div', { class: 'deeds' }, [
      deeds.isOperator ? tool('ladder', t('devices.ladder'), () => deeds.ladder(d)) : null,
      deeds.isOperator ? tool('sync', t('devices.sync'), () => deeds.sync(d), d.presence !== 'online') : null,
      deeds.isAdministrator
        ? h(NDropdown, { trigger: 'click', placement: 'bottom-end', options: menu(), onSelect: (key: string) => (key === 'edit' ? deeds.edit(d) : deeds.remove(d)) }, { default: () => tool('more', t('pane.menu'), () => {}) })
        : null,
    ]),
  },
]
