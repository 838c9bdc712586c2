/** Sources of our own: cameras that speak RTSP, and films. */
import { http } from './http'

export type SourceWay = 'auto' | 'tcp' | 'udp'

export interface Source {
  code: string
  owner: string
  name: string
  url: string
  user: string
  has_password: boolean
  way: SourceWay
  file: string
  civil_code: string
  enabled: boolean
  /** null until it was asked once */
  online: boolean | null
  note: string
  codecs: string[]
  asked_at: number | null
  viewers: number
  added_at: number | null
}

export interface SourceWish {
  name?: string
  url?: string
  user?: string
  password?: string
  way?: SourceWay
  file?: string
  civil_code?: string
  code?: string
  enabled?: boolean
}

export interface TrialStep {
  what: string
  status: number
  reason: string
}

export interface Trial {
  /** null when pictures may be had of it */
  verdict: string | null
  note: string
  codecs: string[]
  steps: TrialStep[]
}

const part = encodeURIComponent

export const sources = {
  list: () => http.get<{ items: Source[]; has_films: boolean }>('/sources'),
  films: () => http.get<{ items: string[] }>('/sources/films'),
  add: (wish: SourceWish) => http.post<Source>('/sources', wish),
  change: (code: string, wish: SourceWish) => http.patch<Source>(`/sources/${part(code)}`, wish),
  remove: (code: string) => http.delete<null>(`/sources/${part(code)}`),
  tryOut: (wish: SourceWish) => http.post<Trial>('/sources/trial', wish),
  ask: (code: string) => http.post<Trial>(`/sources/${part(code)}/trial`),
}
