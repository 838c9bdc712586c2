/** The colours of the console, one table a theme. CSS variables and Naive UI's overrides both come from here. */

export interface Palette {
  /** behind everything, seen between panels */
  ground: string
  rail: string
  panel: string
  raised: string
  overlay: string
  hover: string
  selected: string
  line: string
  lineStrong: string
  text: string
  text2: string
  text3: string
  accent: string
  accentHover: string
  accentPressed: string
  /** words on an accent surface */
  accentInk: string
  ok: string
  warn: string
  bad: string
  badSurface: string
  warnSurface: string
  /** where pictures are: dark in both themes */
  stage: string
  stageBar: string
  stageText: string
  stageText2: string
  stageAccent: string
}

export type ThemeName = 'dark' | 'light'

export const PALETTES: Record<ThemeName, Palette> = {
  dark: {
    ground: '#0a0e12',
    rail: '#080b0e',
    panel: '#10161c',
    raised: '#161e26',
    overlay: '#1a232c',
    hover: '#19222b',
    selected: '#1b2f3a',
    line: '#212b35',
    lineStrong: '#3a4856',
    text: '#dfe6ec',
    text2: '#a6b3bf',
    text3: '#8996a4',
    accent: '#5fb3cf',
    accentHover: '#7dc5dd',
    accentPressed: '#4b9cb8',
    accentInk: '#05202a',
    ok: '#69c08f',
    warn: '#e0ae54',
    bad: '#f08379',
    badSurface: '#2a191a',
    warnSurface: '#272117',
    stage: '#05070a',
    stageBar: '#0b1015',
    stageText: '#dfe6ec',
    stageText2: '#9aa8b5',
    stageAccent: '#5fb3cf',
  },
  light: {
    ground: '#e4e9ed',
    rail: '#f7f9fa',
    panel: '#f7f9fa',
    raised: '#ffffff',
    overlay: '#ffffff',
    hover: '#ebf0f3',
    selected: '#d5e8f0',
    line: '#d6dee4',
    lineStrong: '#aab7c1',
    text: '#14202a',
    text2: '#42525d',
    text3: '#55646f',
    accent: '#12657f',
    accentHover: '#0e7896',
    accentPressed: '#0d5168',
    accentInk: '#ffffff',
    ok: '#17703f',
    warn: '#845400',
    bad: '#b0271f',
    badSurface: '#fbeae8',
    warnSurface: '#f8f0de',
    stage: '#0a0e12',
    stageBar: '#0f151b',
    stageText: '#dfe6ec',
    stageText2: '#9aa8b5',
    stageAccent: '#5fb3cf',
  },
}

const kebab = (key: string) => key.replace(/[A-Z0-9]/g, (letter) => `-${letter.toLowerCase()}`)

/** Put the palette on the document as CSS variables: `lineStrong` is `--line-strong`, `text2` is `--text-2`. */
export function paint(name: ThemeName, root: HTMLElement = document.documentElement): void {
  for (const [key, colour] of Object.entries(PALETTES[name])) root.style.setProperty(`--${kebab(key)}`, colour)
  root.dataset.theme = name
  root.style.colorScheme = name
}
