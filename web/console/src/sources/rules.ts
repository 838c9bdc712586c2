/** What a form of a source must hold before it is worth sending, and what of it is sent. */
import type { Source, SourceWay, SourceWish } from '@/api/sources'

export interface SourceForm {
  kind: 'rtsp' | 'film'
  name: string
  url: string
  user: string
  password: string
  way: SourceWay
  file: string
  civil: string
  code: string
  enabled: boolean
}

export const formOf = (source: Source | null): SourceForm => ({
  kind: source?.file ? 'film' : 'rtsp',
  name: source?.name ?? '',
  url: source?.url ?? '',
  user: source?.user ?? '',
  password: '',
  way: source?.way ?? 'auto',
  file: source?.file ?? '',
  civil: source?.civil_code ?? '',
  code: '',
  enabled: source?.enabled ?? true,
})

const digits = (text: string) => [...text].every((sign) => sign >= '0' && sign <= '9')

export const isUrlGood = (url: string) => url.trim().toLowerCase().startsWith('rtsp://') && url.trim().length > 'rtsp://'.length
export const isCivilGood = (civil: string) => civil === '' || (digits(civil) && [2, 4, 6, 8].includes(civil.length))
export const isCodeGood = (code: string) => code === '' || (digits(code) && code.length === 20)

export const isReady = (form: SourceForm) =>
  (form.kind === 'rtsp' ? isUrlGood(form.url) : form.file !== '') && isCivilGood(form.civil.trim()) && isCodeGood(form.code.trim())

/** What is asked of the server. A password that was not typed is not sent, so that the one it has stays. */
export function wishOf(form: SourceForm, before: Source | null): SourceWish {
  const wish: SourceWish = { name: form.name.trim(), civil_code: form.civil.trim() }
  if (form.kind === 'rtsp') {
    Object.assign(wish, { url: form.url.trim(), user: form.user.trim(), way: form.way })
    if (form.password) wish.password = form.password
  } else {
    wish.file = form.file
  }
  if (before) wish.enabled = form.enabled
  else if (form.code.trim()) wish.code = form.code.trim()
  return wish
}
