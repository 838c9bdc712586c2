/** Which icon stands for a node of the tree. */
import type { Channel, TreeNode } from '@/api/types'
import type { IconName } from '@/icons/paths'

/** Digits 11 to 13 of a code are its type: 111 to 130 recorders and the like, 131 and 132 cameras, 200 platforms. */
const typeOf = (code: string) => Number(code.slice(10, 13))
const SPEAKER = 137

export function channelIcon(channel: Channel): IconName {
  if (!channel.playable) return typeOf(channel.code) === SPEAKER ? 'sound' : 'sensor'
  return channel.has_ptz ? 'dome' : 'camera'
}

export function nodeIcon(node: TreeNode): IconName {
  switch (node.kind) {
    case 'division':
      return 'division'
    case 'system':
      return 'node'
    case 'group':
      return 'group'
    case 'organisation':
      return 'organisation'
    case 'channel':
      return node.channel ? channelIcon(node.channel) : 'sensor'
    case 'device':
      return deviceIcon(node.code)
  }
}

/** Of a channel of which no more is known. */
export function iconOfCode(code: string): IconName {
  const type = typeOf(code)
  if (type === SPEAKER) return 'sound'
  return type > 132 && type < 200 ? 'sensor' : 'camera'
}

function deviceIcon(code: string): IconName {
  const type = typeOf(code)
  if (type === 131 || type === 132) return 'camera'
  return type >= 200 && type < 300 ? 'platform' : 'recorder'
}
