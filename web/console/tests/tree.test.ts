import { describe, expect, it } from 'vitest'
import type { TreeNode } from '@/api/types'
import { joined, noBranch, parentRow, ROOT, rowsOf, type Branch, type TreeState } from '@/tree/rows'

const node = (id: string, has_children = false): TreeNode => ({
  id, kind: has_children ? 'division' : 'channel', code: id, name: id, parent: null, owner: '', online: 0, total: 0, has_children, channel: null, ways: [],
})
const branch = (children: string[], more: Partial<Branch> = {}): Branch => ({ ...noBranch(), children, loaded: true, ...more })

function state(open: string[]): TreeState {
  return {
    nodes: new Map([node('a', true), node('b', true), node('a1'), node('a2'), node('b1')].map((one) => [one.id, one])),
    branches: new Map([[ROOT, branch(['a', 'b'])], ['a', branch(['a1', 'a2'], { next: 'cursor' })], ['b', branch(['b1'])]]),
    open: new Set(open),
  }
}

describe('the tree’s rows', () => {
  it('are those of open branches, each with its depth', () => {
    expect(rowsOf(state(['b'])).map((row) => [row.key, row.depth])).toEqual([['a', 0], ['b', 0], ['b1', 1]])
  })

  it('end with one that loads on where a branch has more', () => {
    expect(rowsOf(state(['a'])).map((row) => row.key)).toEqual(['a', 'a1', 'a2', 'more:a', 'b'])
  })

  it('know their parent', () => {
    const rows = rowsOf(state(['a']))
    expect(parentRow(rows, 'a2')).toBe('a')
    expect(parentRow(rows, 'more:a')).toBe('a')
    expect(parentRow(rows, 'b')).toBeNull()
  })

  it('are none before anything is loaded', () => {
    expect(rowsOf({ nodes: new Map(), branches: new Map(), open: new Set() })).toEqual([])
  })
})

describe('a branch', () => {
  it('takes a further page without doubles', () => {
    expect(joined(branch(['a', 'b']), ['b', 'c'], null).children).toEqual(['a', 'b', 'c'])
  })
})
