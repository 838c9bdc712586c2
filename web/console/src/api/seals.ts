/** Signed signalling: with whom, and how it goes. */
import { http } from './http'

export type SealAlgorithm = 'SM3' | 'SHA-256' | 'SHA-1' | 'MD5'

export interface Seal {
  code: string
  name: string
  side: 'below' | 'above' | ''
  algorithm: SealAlgorithm
  is_hex: boolean
  is_of_uris: boolean
  since: number | null
  signed: number
  believed: number
  disbelieved: number
  last_why: string
}

export interface SealWish {
  algorithm: SealAlgorithm
  seed?: string
  is_hex: boolean
  is_of_uris: boolean
}

const part = encodeURIComponent

export const seals = {
  all: () => http.get<{ items: Seal[] }>('/seals'),
  keep: (code: string, wish: SealWish) => http.put<Seal>(`/seals/${part(code)}`, wish),
  drop: (code: string) => http.delete<null>(`/seals/${part(code)}`),
}
