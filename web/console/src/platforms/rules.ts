/** Rules of sharing as a person sets them: a node's own word, or none. Pure. */
import type { ShareName, ShareRule, Sharing } from '@/api/platforms'

export type Word = 'inherit' | 'include' | 'exclude'

export const wordOf = (rules: readonly ShareRule[], node: string): Word => {
  const rule = rules.find((one) => one.node === node)
  return rule === undefined ? 'inherit' : rule.include ? 'include' : 'exclude'
}

/** The rules with `node` saying `word`; "inherit" takes its rule away. */
export function say(rules: readonly ShareRule[], node: string, word: Word): ShareRule[] {
  const others = rules.filter((one) => one.node !== node)
  return word === 'inherit' ? others : [...others, { node, include: word === 'include' }]
}

/** The names with one channel called otherwise; nothing said takes its row away. */
export function rename(names: readonly ShareName[], owner: string, code: string, codeThere: string, nameThere: string): ShareName[] {
  const others = names.filter((one) => one.owner !== owner || one.code !== code)
  if (!codeThere && !nameThere) return others
  return [...others, { owner, code, code_there: codeThere, name_there: nameThere }]
}

/** What the server wants back: without the words it added for eyes. */
export const plain = (sharing: Sharing): Sharing => ({
  share_all: sharing.share_all,
  secrecy: sharing.secrecy,
  arrangement: sharing.arrangement,
  rules: sharing.rules.map(({ node, include }) => ({ node, include })),
  names: sharing.names.map(({ owner, code, code_there, name_there }) => ({
    owner,
    code,
    code_there: code_there ?? '',
    name_there: name_there ?? '',
  })),
})

export const same = (one: Sharing, other: Sharing): boolean => JSON.stringify(plain(one)) === JSON.stringify(plain(other))
