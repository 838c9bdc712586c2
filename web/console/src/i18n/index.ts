/** Two languages, one typed dictionary: a key missing in English does not compile. */
import { computed, ref } from 'vue'
import { en } from './en'
import { zh, type MessageKey } from './zh'

export type Language = 'zh' | 'en'
export type { MessageKey }
export type Values = Record<string, string | number>

const DICTIONARIES: Record<Language, Record<MessageKey, string>> = { zh, en }

export const language = ref<Language>('zh')
export const languageTag = computed(() => (language.value === 'zh' ? 'zh-CN' : 'en'))

/** Put values in the places of a sentence: `{name}`. An unknown place is left as it stands. */
export function fill(sentence: string, values: Values = {}): string {
  let said = ''
  let at = 0
  for (;;) {
    const open = sentence.indexOf('{', at)
    const close = open < 0 ? -1 : sentence.indexOf('}', open)
    if (close < 0) return said + sentence.slice(at)
    const value = values[sentence.slice(open + 1, close)]
    said += sentence.slice(at, open) + (value === undefined ? sentence.slice(open, close + 1) : String(value))
    at = close + 1
  }
}

/** The sentence of `key` in the language now shown. */
export function t(key: MessageKey, values?: Values): string {
  return fill(DICTIONARIES[language.value][key], values)
}

export function isKey(key: string): key is MessageKey {
  return Object.hasOwn(zh, key)
}

/** The sentence of a key that the server chose, or `otherwise` when we do not know the word. */
export function tOr(key: string, otherwise: string, values?: Values): string {
  return isKey(key) ? t(key, values) : otherwise
}
