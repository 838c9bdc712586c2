/** The server's doors for voices. */
import { http } from '@/api/http'
import type { Talk, TalkWish } from './types'

export const voice = {
  begin: (wish: TalkWish) => http.post<Talk>('/voice/talks', wish),
  all: () => http.get<{ items: Talk[] }>('/voice/talks'),
  one: (id: string) => http.get<Talk>(`/voice/talks/${encodeURIComponent(id)}`),
  stop: (id: string) => http.delete<null>(`/voice/talks/${encodeURIComponent(id)}`, true),
}
