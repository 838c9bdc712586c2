/** The tree as a flat list of rows: what is open, how deep, and where paging goes on. Pure. */
import type { TreeNode } from '@/api/types'

/** What we hold of one node's children. */
export interface Branch {
  children: string[]
  next: string | null
  loading: boolean
  loaded: boolean
  failed: boolean
}

export interface TreeState {
  nodes: Map<string, TreeNode>
  branches: Map<string, Branch>
  open: Set<string>
}

export const ROOT = ''

export type Row =
  | { kind: 'node'; key: string; node: TreeNode; depth: number; open: boolean; loading: boolean }
  | { kind: 'more'; key: string; parent: string; depth: number; failed: boolean }

export const noBranch = (): Branch => ({ children: [], next: null, loading: false, loaded: false, failed: false })

/** The rows now visible, from the top. */
export function rowsOf(state: TreeState): Row[] {
  const rows: Row[] = []
  const walk = (parent: string, depth: number) => {
    const branch = state.branches.get(parent)
    if (!branch) return
    for (const id of branch.children) {
      const node = state.nodes.get(id)
      if (!node) continue
      const open = state.open.has(id) && node.has_children
      rows.push({ kind: 'node', key: id, node, depth, open, loading: open && state.branches.get(id)?.loading === true })
      if (open) walk(id, depth + 1)
    }
    if (branch.next !== null || branch.failed) {
      rows.push({ kind: 'more', key: `more:${parent}`, parent, depth, failed: branch.failed })
    }
  }
  walk(ROOT, 0)
  return rows
}

/** A page of children joined to what we have: known ones keep their place, doubles are not added. */
export function joined(branch: Branch, page: readonly string[], next: string | null): Branch {
  const known = new Set(branch.children)
  return {
    children: [...branch.children, ...page.filter((id) => !known.has(id))],
    next,
    loading: false,
    loaded: true,
    failed: false,
  }
}

/** Where the keyboard goes from `key`: its parent's row, or null at the top. */
export function parentRow(rows: readonly Row[], key: string): string | null {
  const at = rows.findIndex((row) => row.key === key)
  const depth = rows[at]?.depth ?? 0
  for (let i = at - 1; i >= 0; i--) {
    const row = rows[i]
    if (row && row.kind === 'node' && row.depth < depth) return row.key
  }
  return null
}
