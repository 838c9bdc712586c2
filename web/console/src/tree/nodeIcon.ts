/** Which icon stands for a node of the tree. */
import type { Channel, TreeNode } from '@/api/types'
import type { IconName } from '@/icons/paths'

export function channelIcon(channel: Channel): IconName {
  if (!channel.playable) return 'sensor'
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

/** Digits 11 to 13 of a code are its type: 111 to 130 recorders and the like, 131 and 132 cameras, 200 platforms. */
function deviceIcon(code: string): IconName {
  const type = Number(code.slice(10, 13))
  if (type === 131 || type === 132) return 'camera'
  return type >= 200 && type < 300 ? 'platform' : 'recorder'
}
