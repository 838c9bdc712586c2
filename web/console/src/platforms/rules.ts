/** Rules of sharing as a person sets them: a node's own word, or the nearest one above it. Pure. */
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

/** Whether the platform above sees a node: its own word, else the nearest above it, else what holds for everything. */
export function isShared(sharing: Sharing, node: string, above: readonly string[]): boolean {
  for (const place of [node, ...[...above].reverse()]) {
    const word = wordOf(sharing.rules, place)
    if (word !== 'inherit') return word === 'include'
  }
  return sharing.share_all
}

/** The names with one channel called otherwise; nothing said takes its row away. */
export function rename(names: readonly ShareName[], owner: string, code: string, codeThere: string, nameThere: string): ShareName[] {
  const others = names.filter((one) => one.owner !== owner || one.code !== code)
  if (!codeThere && !nameThere) return others
  return [...others, { owner, code, code_there: codeThere, name_there: nameThere }]
}

export const namedOf = (names: readonly ShareName[], owner: string, code: string): ShareName | undefined =>
  names.find((one) => one.owner === owner && one.code === code)

/** A code of its own has twenty digits; empty leaves it as it is. */
export const isCodeThere = (code: string) => code === '' || (code.length === 20 && [...code].every((digit) => digit >= '0' && digit <= '9'))

/** Some name that cannot be kept as it is. */
export const hasBadName = (names: readonly ShareName[]) => names.some((one) => !isCodeThere(one.code_there ?? ''))

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

/** In which order the rules and names were set does not matter. */
export const same = (one: Sharing, other: Sharing): boolean => JSON.stringify(sorted(one)) === JSON.stringify(sorted(other))

function sorted(sharing: Sharing): Sharing {
  const { rules, names, ...rest } = plain(sharing)
  const byText = (a: unknown, b: unknown) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)
  return { ...rest, rules: rules.sort(byText), names: names.sort(byText) }
}
