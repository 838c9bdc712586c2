/** The screens of the console in the rail's order, who sees each, and the key that opens it with Alt. */
import type { MessageKey } from '@/i18n'
import type { IconName } from '@/icons/paths'

export interface Screen {
  name: string
  icon: IconName
  label: MessageKey
  /** the digit that opens it, with Alt */
  digit: string
}

const ALL: Omit<Screen, 'digit'>[] = [
  { name: 'watch', icon: 'watch', label: 'nav.watch' },
  { name: 'alarms', icon: 'bell', label: 'nav.alarms' },
  { name: 'playback', icon: 'recorder', label: 'nav.playback' },
  { name: 'places', icon: 'place', label: 'nav.places' },
  { name: 'devices', icon: 'devices', label: 'nav.devices' },
  { name: 'platforms', icon: 'platform', label: 'nav.platforms' },
  { name: 'streams', icon: 'streams', label: 'nav.streams' },
  { name: 'ladder', icon: 'ladder', label: 'nav.ladder' },
  { name: 'snapshots', icon: 'snapshot', label: 'nav.snapshots' },
  { name: 'system', icon: 'system', label: 'nav.system' },
]

/** SIP shows whole messages, the cascade shows what others may see. */
const FOR_OPERATORS = ['playback', 'platforms', 'ladder']

/** A screen keeps its digit whoever looks, so that hands need not learn anew. */
export function screensFor(isOperator: boolean): Screen[] {
  return ALL.map((screen, at) => ({ ...screen, digit: String((at + 1) % 10) })).filter(
    (screen) => isOperator || !FOR_OPERATORS.includes(screen.name),
  )
}
