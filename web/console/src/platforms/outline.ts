/** A tree that is loaded branch by branch, as rows: for any kind of node. Pure but for `load`. */
import { computed, reactive, ref, type ComputedRef } from 'vue'

export interface Leafy {
  has_children: boolean
}

export interface Line<N> {
  key: string
  /** the keys above it, from the top */
  above: readonly string[]
  node: N
  open: boolean
  loading: boolean
}

export type Item<N> = { kind: 'line'; key: string; line: Line<N> } | { kind: 'more'; key: string; parent: string; depth: number }

interface Branch<N> {
  nodes: N[]
  next: string | null
  loading: boolean
}

export interface Page<N> {
  children: N[]
  next: string | null
}

export interface Outline<N> {
  items: ComputedRef<Item<N>[]>
  isLoaded: ComputedRef<boolean>
  isEmpty: ComputedRef<boolean>
  open(key: string): Promise<void>
  close(key: string): void
  more(parent: string): Promise<void>
  /** Everything anew, with the same branches open. */
  reload(): Promise<void>
  /** Nothing is known of what was before. */
  forget(): void
}

export const TOP = ''
const APART = '\n'

/**
 * One thing may stand in several places: a row's key is the codes down to it. `load` asks for some of what stands in a
 * node, null for the top; `idOf` names a node among its neighbours.
 */
export function useOutline<N extends Leafy>(load: (node: N | null, after: string | null) => Promise<Page<N>>, idOf: (node: N) => string): Outline<N> {
  const branches = reactive(new Map<string, Branch<N>>()) as Map<string, Branch<N>>
  const nodes = new Map<string, N>()
  const opened = reactive(new Set<string>())
  const turn = ref(0)

  const keyOf = (parent: string, node: N) => (parent === TOP ? idOf(node) : parent + APART + idOf(node))

  const items = computed(() => {
    const found: Item<N>[] = []
    const walk = (parent: string, above: readonly string[]) => {
      const branch = branches.get(parent)
      if (!branch) return
      for (const node of branch.nodes) {
        const key = keyOf(parent, node)
        const open = opened.has(key) && node.has_children
        found.push({ kind: 'line', key, line: { key, above, node, open, loading: open && branches.get(key)?.loading === true } })
        if (open) walk(key, [...above, key])
      }
      if (branch.next !== null) found.push({ kind: 'more', key: `more${APART}${parent}`, parent, depth: above.length })
    }
    walk(TOP, [])
    return found
  })

  async function ask(parent: string, after: string | null): Promise<void> {
    const asked = turn.value
    const before = branches.get(parent)
    branches.set(parent, { nodes: before?.nodes ?? [], next: before?.next ?? null, loading: true })
    const page = await load(parent === TOP ? null : (nodes.get(parent) ?? null), after).catch((error: unknown) => {
      if (asked === turn.value) {
        if (before) branches.set(parent, { ...before, loading: false })
        else branches.delete(parent)
        opened.delete(parent)
      }
      throw error
    })
    if (asked !== turn.value) return
    for (const node of page.children) nodes.set(keyOf(parent, node), node)
    branches.set(parent, { nodes: after === null ? page.children : [...(before?.nodes ?? []), ...page.children], next: page.next, loading: false })
  }

  async function open(key: string): Promise<void> {
    opened.add(key)
    if (!branches.has(key)) await ask(key, null)
  }

  async function more(parent: string): Promise<void> {
    const branch = branches.get(parent)
    if (branch && branch.next !== null && !branch.loading) await ask(parent, branch.next)
  }

  async function reload(): Promise<void> {
    await ask(TOP, null)
    // Parents first: what is gone from a branch is not asked for again.
    for (const key of [...opened].sort((one, other) => one.split(APART).length - other.split(APART).length)) {
      const at = key.lastIndexOf(APART)
      const siblings = branches.get(at < 0 ? TOP : key.slice(0, at))?.nodes ?? []
      const isThere = siblings.some((node) => idOf(node) === key.slice(at + 1) && node.has_children)
      if (isThere) await ask(key, null)
      else {
        opened.delete(key)
        branches.delete(key)
      }
    }
  }

  function forget(): void {
    turn.value++
    branches.clear()
    opened.clear()
    nodes.clear()
  }

  return {
    items,
    isLoaded: computed(() => branches.has(TOP) && branches.get(TOP)?.loading === false),
    isEmpty: computed(() => branches.get(TOP)?.loading === false && branches.get(TOP)?.nodes.length === 0),
    open,
    close: (key) => void opened.delete(key),
    more,
    reload,
    forget,
  }
}
