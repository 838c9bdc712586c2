/** What an operator chose on this machine: theme, language, the width of the tree. Survives a reload. */
import { defineStore } from 'pinia'
import { ref, watch } from 'vue'
import { language, languageTag, t, type Language } from '@/i18n'
import { paint, type ThemeName } from '@/theme/palette'
import { keep, kept } from './keeping'

interface Chosen {
  theme: ThemeName
  language: Language
  treeWidth: number
  treeShown: boolean
  /** figures on every picture, not only under the pointer */
  figures: boolean
}

const FIRST: Chosen = { theme: 'dark', language: 'zh', treeWidth: 300, treeShown: true, figures: false }

export const usePreferences = defineStore('preferences', () => {
  const chosen = { ...FIRST, ...kept<Partial<Chosen>>('preferences', {}) }
  const theme = ref<ThemeName>(chosen.theme === 'light' ? 'light' : 'dark')
  const treeWidth = ref(chosen.treeWidth)
  const treeShown = ref(chosen.treeShown)
  const figures = ref(chosen.figures === true)
  language.value = chosen.language === 'en' ? 'en' : 'zh'

  watch(theme, (name) => paint(name), { immediate: true })
  watch(
    language,
    () => {
      document.documentElement.lang = languageTag.value
      document.title = t('product.name')
    },
    { immediate: true },
  )
  watch([theme, language, treeWidth, treeShown, figures], () =>
    keep('preferences', {
      theme: theme.value,
      language: language.value,
      treeWidth: treeWidth.value,
      treeShown: treeShown.value,
      figures: figures.value,
    }),
  )

  const turnTheme = () => (theme.value = theme.value === 'dark' ? 'light' : 'dark')
  const turnLanguage = () => (language.value = language.value === 'zh' ? 'en' : 'zh')
  return { theme, language, treeWidth, treeShown, figures, turnTheme, turnLanguage }
})
