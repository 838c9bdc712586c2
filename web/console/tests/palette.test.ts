import { describe, expect, it } from 'vitest'
import { PALETTES, type Palette } from '@/theme/palette'

/** WCAG 2.1 relative luminance of #rrggbb. */
function luminance(colour: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const c = parseInt(colour.slice(at, at + 2), 16) / 255
    return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}

function contrast(one: string, other: string): number {
  const [light = 0, dark = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a)
  return (light + 0.05) / (dark + 0.05)
}

const WORDS: (keyof Palette)[] = ['text', 'text2', 'text3', 'accent', 'ok', 'warn', 'bad']
const SURFACES: (keyof Palette)[] = ['ground', 'rail', 'panel', 'raised', 'overlay', 'hover', 'selected']

describe.each(['dark', 'light'] as const)('the %s palette', (name) => {
  const p = PALETTES[name]

  it.each(WORDS.flatMap((word) => SURFACES.map((surface) => [word, surface] as const)))('lets %s be read on %s (WCAG AA)', (word, surface) => {
    expect(contrast(p[word], p[surface])).toBeGreaterThanOrEqual(4.5)
  })

  it.each([['accentInk', 'accent'], ['accentInk', 'accentHover'], ['text', 'badSurface'], ['text2', 'badSurface'], ['text', 'warnSurface'], ['stageText', 'stage'], ['stageText2', 'stageBar']] as const)(
    'lets %s be read on %s',
    (word, surface) => expect(contrast(p[word], p[surface])).toBeGreaterThanOrEqual(4.5),
  )
})
