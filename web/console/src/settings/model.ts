/** A form's value by its description: what begins it, what changed, what it is called. */
import type { Field, Group, SettingType, Value } from '@/api/settings'
import { t, tOr } from '@/i18n'

export const isGroup = (value: Value | null | undefined): value is Group => typeof value === 'object' && value !== null && !Array.isArray(value)

export const maySet = (field: Field, year: string) => field.set.includes(year)

/** A field is shown when the edition has it, or when the device told it all the same. */
export const isShown = (field: Field, year: string, value: Value | undefined) => value !== undefined || field.told.includes(year) || maySet(field, year)

export const isSettable = (type: SettingType, year: string) => type.years.includes(year) && maySet(type.form, year)

/** What a field holds before anybody has said anything; undefined where that is best left unsaid. */
export function blank(field: Field, year: string): Value | undefined {
  if (field.kind === 'list') return Array.from({ length: field.fewest }, () => blankThing(field, year))
  if (field.kind === 'group') return field.must ? blankThing(field, year) : undefined
  if (!field.must || field.is_made) return undefined
  if (field.usual !== null) return field.kind === 'flag' ? field.usual === 1 : field.usual
  if (field.kind === 'whole' || field.kind === 'decimal') return Math.max(0, field.low ?? 0)
  if (field.kind === 'flag') return false
  if (field.kind === 'choice') return field.choices[0] ?? ''
  if (field.kind === 'corners') return [0, 0, 100, 100]
  return field.kind === 'choices' ? [] : ''
}

/** A new group, or a new thing of a list. */
export function blankThing(field: Field, year: string): Group {
  const made: Group = {}
  for (const part of field.fields) {
    const value = maySet(part, year) ? blank(part, year) : undefined
    if (value !== undefined) made[part.name] = value
  }
  return made
}

/** One more thing for a list, unlike the others where they have to differ. */
export function oneMore(field: Field, things: Value[], year: string): Group {
  const made = blankThing(field, year)
  const named = field.fields.find((part) => part.name === field.distinct)
  if (named) {
    const taken = new Set(things.map((thing) => (isGroup(thing) ? thing[named.name] : undefined)))
    let number = Math.max(0, named.low ?? 0)
    while (taken.has(number)) number += 1
    made[named.name] = number
  }
  return made
}

export const same = (one: Value | undefined, other: Value | undefined) => JSON.stringify(one ?? null) === JSON.stringify(other ?? null)

/** How many fields hold something else than before; a list counts once. */
export function changes(field: Field, value: Value | undefined, before: Value | undefined): number {
  if (field.kind !== 'group') return same(value, before) ? 0 : 1
  const now = isGroup(value) ? value : {}
  const then = isGroup(before) ? before : {}
  return field.fields.reduce((sum, part) => sum + changes(part, now[part.name], then[part.name]), 0)
}

/** The group with one field changed; undefined takes it out. */
export function put(group: Group, name: string, value: Value | undefined): Group {
  const made = { ...group }
  if (value === undefined) delete made[name]
  else made[name] = value
  return made
}

export const fieldName = (name: string) => tOr(`setting.f.${name}`, name)
export const typeName = (name: string) => tOr(`setting.t.${name}`, name)
export const unitName = (unit: string) => tOr(`setting.u.${unit}`, unit)

/** A choice in words: its own, a mode by its number, or as it is. */
export function choiceName(field: string, choice: string): string {
  const word = tOr(`setting.c.${field}.${choice}`, '')
  if (word) return word
  return field.endsWith('Mode') ? t('setting.c.mode', { n: choice }) : choice
}

/** `Item.1.Text` as an operator reads it: Lines 2 · Text. */
export function pathName(path: string, form: Field): string {
  if (!path) return typeName(form.name)
  const words: string[] = []
  for (const step of path.split('.')) {
    if (/^\d+$/.test(step)) words[Math.max(0, words.length - 1)] = `${words.at(-1) ?? typeName(form.name)} ${Number(step) + 1}`
    else words.push(fieldName(step))
  }
  return words.join(' · ')
}

/** The field that a path leads to. */
export function fieldAt(form: Field, path: string): Field | undefined {
  let field: Field | undefined = form
  for (const step of path.split('.')) if (step && !/^\d+$/.test(step)) field = field?.fields.find((part) => part.name === step)
  return field
}

/** A value in few words. */
export function shown(value: Value | null | undefined, field?: Field): string {
  if (value === null || value === undefined || value === '') return t('setting.unread')
  if (typeof value === 'boolean') return t(value ? 'setting.yes' : 'setting.no')
  if (Array.isArray(value)) return value.length === 0 ? t('setting.none') : value.map((one) => shown(one, field)).join(', ')
  if (isGroup(value)) return Object.entries(value).map(([name, one]) => `${fieldName(name)} ${shown(one, field?.fields.find((part) => part.name === name))}`).join(' ')
  if (field && (field.kind === 'choice' || field.kind === 'choices')) return choiceName(field.name, String(value))
  return String(value)
}
