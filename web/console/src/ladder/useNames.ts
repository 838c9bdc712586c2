/** Names for codes: what the tree has loaded, else one question a code, else the code itself. */
import { reactive } from 'vue'
import { devices, system, tree as api } from '@/api'
import { platforms } from '@/api/platforms'
import { useSession } from '@/stores/session'
import { useTree } from '@/stores/tree'
import { isPlatformCode } from '@/watch/ways'

const known = reactive(new Map<string, string>())
const asked = new Set<string>()
let neighbours: Promise<void> | null = null

/** `owner` is the neighbour through which we know of a thing: a county behind a city is found with it only. */
export function useNames(): (code: string, owner?: string) => string {
  const tree = useTree()
  const session = useSession()
  return (code, owner = '') => {
    const name = known.get(code)
    if (name) return name
    const node = tree.state.nodes.get(`device:${code}`) ?? tree.state.nodes.get(`system:${owner}/${code}`)
    if (node?.name) return node.name
    const question = `${owner}/${code}`
    if (code.length === 20 && !asked.has(question)) {
      asked.add(question)
      void ask(code, owner, session.isOperator)
    }
    return code
  }
}

/** Ourselves and the platforms above: few, and asked for once. */
async function learnNeighbours(isOperator: boolean): Promise<void> {
  const us = system.facts().then((facts) => known.set(facts.code, facts.name))
  const above = isOperator
    ? platforms.list().then(({ items }) => items.forEach((one) => known.set(one.code, one.shown_name)))
    : Promise.resolve()
  await Promise.allSettled([us, above])
}

/** The first question that has an answer; those that fail are passed over. */
async function ask(code: string, owner: string, isOperator: boolean): Promise<void> {
  await (neighbours ??= learnNeighbours(isOperator))
  const asChannel = async () => (await api.search(code, 1)).hits.find((hit) => hit.channel.code === code)?.channel.name
  const asDevice = async () => (await devices.one(code)).shown_name
  const asSystem = async () => (await api.path(`system:${owner}/${code}`)).nodes.at(-1)?.name
  const asPlatform = owner && owner !== code ? [asSystem, asDevice] : [asDevice]
  const questions = [async () => known.get(code), ...(isPlatformCode(code) ? asPlatform : [asChannel, asDevice])]
  for (const question of questions) {
    const name = await question().catch(() => undefined)
    if (name) {
      known.set(code, name)
      return
    }
  }
}
