import { describe, expect, it } from 'vitest'
import { useOutline, type Page } from '@/platforms/outline'

interface Node {
  id: string
  has_children: boolean
}

const node = (id: string, has_children = false): Node => ({ id, has_children })

/** A tree that can be changed: a, b at the top, two pages in a. */
function grown() {
  const tree: Record<string, Node[]> = { '': [node('a', true), node('b', true)], a: [node('x', true), node('y'), node('z')], b: [node('x', true)], x: [node('k')] }
  const load = async (of: Node | null, after: string | null): Promise<Page<Node>> => {
    const all = tree[of?.id ?? ''] ?? []
    const from = Number(after ?? 0)
    return { children: all.slice(from, from + 2), next: from + 2 < all.length ? String(from + 2) : null }
  }
  const outline = useOutline(load, ({ id }) => id)
  const seen = () => outline.items.value.map((item) => (item.kind === 'line' ? `${'-'.repeat(item.line.above.length)}${item.line.node.id}` : '…'))
  return { tree, outline, seen }
}

describe('an outline', () => {
  it('opens branch by branch, and pages within one', async () => {
    const { outline, seen } = grown()
    await outline.reload()
    expect(seen()).toEqual(['a', 'b'])
    await outline.open('a')
    expect(seen()).toEqual(['a', '-x', '-y', '…', 'b'])
    await outline.more('a')
    expect(seen()).toEqual(['a', '-x', '-y', '-z', 'b'])
    outline.close('a')
    expect(seen()).toEqual(['a', 'b'])
  })

  it('opens a thing that stands in two places in the one place only', async () => {
    const { outline, seen } = grown()
    await outline.reload()
    await outline.open('a')
    await outline.open('b')
    await outline.open('b\nx')
    expect(seen()).toEqual(['a', '-x', '-y', '…', 'b', '-x', '--k'])
  })

  it('keeps its open branches when it is asked for anew, and lets go of those that are gone', async () => {
    const { tree, outline, seen } = grown()
    await outline.reload()
    await outline.open('a')
    await outline.open('b')
    tree[''] = [node('b', true)]
    tree.b = [node('y')]
    await outline.reload()
    expect(seen()).toEqual(['b', '-y'])
  })
})
