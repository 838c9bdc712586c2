/** Names for codes on the ladder: what the tree has loaded, else one question a code, else the code itself. */
import { reactive } from 'vue'
import { devices, tree as api } from '@/api'
import { useTree } from '@/stores/tree'

const known = reactive(new Map<string, string>())
const asked = new Set<string>()

export function useNames(): (code: string) => string {
  const tree = useTree()
  return (code) => {
    const name = known.get(code)
    if (name !== undefined) return name || code
    const node = tree.state.nodes.get(`device:${code}`)
    if (node?.name) return node.name
    if (!asked.has(code)) {
      asked.add(code)
      void ask(code)
    }
    return code
  }
}

async function ask(code: string): Promise<void> {
  if (code.length !== 20) return
  try {
    const { hits } = await api.search(code, 1)
    const hit = hits.find((one) => one.channel.code === code)
    known.set(code, hit?.channel.name ?? (await devices.one(code)).shown_name)
  } catch {
    known.set(code, '')
  }
}
