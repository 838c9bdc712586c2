/** The device tree as this console has loaded it: branches by pages, counts kept live by the feed. */
import { defineStore } from 'pinia'
import { computed, reactive, ref, shallowRef } from 'vue'
import { tree as api } from '@/api'
import type { Channel, TreeNode } from '@/api/types'
import { joined, noBranch, ROOT, rowsOf, type TreeState } from '@/tree/rows'
import { isPlatformCode } from '@/watch/ways'
import { useFeed } from './feed'

const PAGE = 200
/** A branch that fills the wall is walked at most so far. */
const MOST_ASKED = 48
const ASKED_AT_ONCE = 6
const DEEPEST_TRUNK = 8

export const useTree = defineStore('tree', () => {
  const state = reactive<TreeState>({ nodes: new Map(), branches: new Map(), open: new Set() })
  const rows = computed(() => rowsOf(state))
  const failed = ref(false)
  const stale = new Set<string>()
  const presences = new Map<string, string>()
  let sweeping = 0
  let hasOpenedTrunk = false

  const askId = (parent: string) => (parent === ROOT ? null : parent)

  async function loadMore(parent: string): Promise<void> {
    const branch = state.branches.get(parent) ?? noBranch()
    if (branch.loading || (branch.loaded && branch.next === null)) return
    state.branches.set(parent, { ...branch, loading: true, failed: false })
    try {
      const page = await api.children(askId(parent), branch.next, PAGE)
      for (const node of page.children) state.nodes.set(node.id, node)
      const before = state.branches.get(parent) ?? noBranch()
      state.branches.set(parent, joined(before, page.children.map((node) => node.id), page.next))
      if (parent === ROOT) failed.value = false
    } catch {
      state.branches.set(parent, { ...branch, loading: false, failed: true })
      if (parent === ROOT) failed.value = true
    }
  }

  /** Load the root, and open a single trunk so that the first look shows something. */
  async function begin(): Promise<void> {
    if (state.branches.get(ROOT)?.loaded) return
    await loadMore(ROOT)
    await openTrunk()
  }

  /** While branches have a single child, open it: a small estate is seen without a click. Done once. */
  async function openTrunk(): Promise<void> {
    let trunk = hasOpenedTrunk ? null : onlyChild(ROOT)
    for (let depth = 0; trunk && depth < DEEPEST_TRUNK; depth++) {
      hasOpenedTrunk = true
      await open(trunk)
      trunk = onlyChild(trunk)
    }
  }

  function onlyChild(parent: string): string | null {
    const children = state.branches.get(parent)?.children ?? []
    const only = children.length === 1 ? children[0] : undefined
    return only !== undefined && state.nodes.get(only)?.has_children ? only : null
  }

  async function open(id: string): Promise<void> {
    state.open.add(id)
    if (!state.branches.get(id)?.loaded) await loadMore(id)
  }

  function close(id: string): void {
    state.open.delete(id)
  }

  const toggle = (id: string) => (state.open.has(id) ? Promise.resolve(close(id)) : open(id))
  const collapse = () => state.open.clear()

  /** Read a loaded branch anew, keeping as many rows as it had. */
  async function refresh(parent: string): Promise<void> {
    const branch = state.branches.get(parent)
    if (!branch?.loaded) return
    const wanted = Math.max(branch.children.length, 1)
    const children: string[] = []
    let after: string | null = null
    try {
      do {
        const page: Awaited<ReturnType<typeof api.children>> = await api.children(askId(parent), after, PAGE)
        for (const node of page.children) {
          state.nodes.set(node.id, node)
          children.push(node.id)
        }
        after = page.next
      } while (after !== null && children.length < wanted)
    } catch {
      return
    }
    state.branches.set(parent, { children, next: after, loading: false, loaded: true, failed: false })
    if (parent === ROOT) await openTrunk()
  }

  /** Read everything on the screen anew; closed branches are forgotten. */
  async function reload(): Promise<void> {
    for (const id of [...state.branches.keys()]) if (id !== ROOT && !state.open.has(id)) state.branches.delete(id)
    if (!state.branches.get(ROOT)?.loaded) {
      state.branches.delete(ROOT)
      await begin()
      return
    }
    await Promise.all([...state.branches.keys()].map(refresh))
  }

  /** Many catalogs may arrive at once: branches are read anew a moment later, each once. */
  function mark(parents: Iterable<string>, after = 600): void {
    for (const parent of parents) stale.add(parent)
    sweeping ||= window.setTimeout(() => {
      const now = [...stale]
      stale.clear()
      sweeping = 0
      void Promise.all(now.map(refresh))
    }, after)
  }

  /** Playable cameras below a node, at most `most`: those online, or when none is, those offline. */
  async function camerasBelow(id: string, most: number): Promise<Channel[]> {
    const online: Channel[] = []
    const offline: Channel[] = []
    const queue = [id]
    for (let asked = 0; queue.length && asked < MOST_ASKED && online.length < most; ) {
      const some = queue.splice(0, ASKED_AT_ONCE)
      asked += some.length
      const pages = await Promise.all(some.map((node) => api.children(node, null, 100)))
      for (const child of pages.flatMap((page) => page.children)) {
        if (child.channel?.playable) (child.channel.online ? online : offline).push(child.channel)
        else if (child.has_children && child.total > 0) queue.push(child.id)
      }
    }
    return (online.length ? online : offline).slice(0, most)
  }

  /** Open the tree down to a channel. */
  async function reveal(id: string): Promise<void> {
    const { nodes } = await api.path(id)
    for (const node of nodes.slice(0, -1)) await open(node.id)
  }

  function listen(): () => void {
    const feed = useFeed()
    const stops = [
      feed.hear('counts', ({ nodes }) => {
        for (const { id, online, total } of nodes) {
          const node = state.nodes.get(id)
          if (node && (node.online !== online || node.total !== total)) state.nodes.set(id, { ...node, online, total })
        }
      }),
      feed.hear('channel', ({ owner, code, online }) => {
        const id = `channel:${owner}/${code}`
        const node = state.nodes.get(id)
        // Where several have the camera, one word does not settle its state, and it may stand under another's name.
        if (isPlatformCode(owner) && !(node?.channel && !node.ways.length)) mark(branchesWith(owner, code))
        else if (node?.channel) state.nodes.set(id, { ...node, channel: { ...node.channel, online } })
      }),
      feed.hear('catalog', ({ owner }) => mark(branchesOf(owner))),
      feed.hear('device', (device) => {
        const id = `device:${device.code}`
        const node = state.nodes.get(id)
        const changed = presences.has(device.code) && presences.get(device.code) !== device.presence
        presences.set(device.code, device.presence)
        // Its channels went with it; the counts are told, the rows are read anew.
        if (changed) mark(branchesOf(device.code))
        if (!node) mark([ROOT], 5000)
        else if (node.name !== device.shown_name) state.nodes.set(id, { ...node, name: device.shown_name })
      }),
      feed.hear('device-removed', ({ code }) => mark(branchesOf(code))),
      feed.hear('resync', () => mark(state.branches.keys())),
    ]
    return () => stops.forEach((stop) => stop())
  }

  /** The loaded branches that show a camera which this owner has among others. */
  function branchesWith(owner: string, code: string): string[] {
    const shows = (id: string) => {
      const node = state.nodes.get(id)
      return node?.code === code && node.ways.includes(owner)
    }
    return [...state.branches].filter(([, branch]) => branch.children.some(shows)).map(([id]) => id)
  }

  /** The root and every loaded branch in which something of this owner may stand. */
  function branchesOf(owner: string): string[] {
    const found = [ROOT]
    for (const [id, branch] of state.branches) {
      const node: TreeNode | undefined = state.nodes.get(id)
      const isHis = (child?: TreeNode) => child?.owner === owner || child?.ways.includes(owner)
      if (id !== ROOT && (isHis(node) || node?.code === owner || branch.children.some((child) => isHis(state.nodes.get(child))))) {
        found.push(id)
      }
    }
    return found
  }

  /** the node that is marked in the tree */
  const current = shallowRef<TreeNode | null>(null)

  return { current, state, rows, failed, begin, loadMore, open, close, toggle, collapse, reload, camerasBelow, reveal, listen }
})
