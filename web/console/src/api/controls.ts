/** Everything a camera can be told besides turning, and who holds it. Times are UNIX seconds. */
import { http } from './http'

/** A box in the picture, in pixels from its top left corner, with the window's own size. */
export interface Drawn {
  window_width: number
  window_height: number
  left: number
  top: number
  width: number
  height: number
}

export interface CruiseWish {
  action: 'add' | 'delete' | 'clear' | 'speed' | 'dwell' | 'start' | 'stop'
  group: number
  preset?: number
  value?: number
  name?: string
}

export interface ScanWish {
  action: 'start' | 'left' | 'right' | 'speed' | 'stop'
  group: number
  value?: number
}

export interface Home {
  enabled: boolean | null
  reset_time_s: number | null
  preset: number | null
}

export interface Tour {
  number: number
  name: string
}

/** A camera in somebody's hand; `holder` is user:NAME or upper:CODE. */
export interface Hold {
  owner: string
  code: string
  holder: string
  name: string
  until: number
  on_purpose: boolean
}

export interface Obeyed {
  answered: boolean
}

const part = encodeURIComponent
const at = (owner: string, code: string) => `/channels/${part(owner)}/${part(code)}`

export const controls = {
  cruise: (owner: string, code: string, wish: CruiseWish) => http.post<null>(`${at(owner, code)}/cruise`, wish),
  cruises: (owner: string, code: string) => http.get<{ items: Tour[]; complete: boolean }>(`${at(owner, code)}/cruises`),
  scan: (owner: string, code: string, wish: ScanWish) => http.post<null>(`${at(owner, code)}/scan`, wish),
  turnSwitch: (owner: string, code: string, number: number, on: boolean) => http.post<null>(`${at(owner, code)}/switch`, { number, on }),
  precise: (owner: string, code: string, wish: { pan?: number; tilt?: number; zoom?: number }) => http.post<null>(`${at(owner, code)}/precise`, wish),
  zoomBox: (owner: string, code: string, direction: 'in' | 'out', box: Drawn) => http.post<null>(`${at(owner, code)}/zoom-box`, { direction, box }),
  track: (owner: string, code: string, mode: 'auto' | 'manual' | 'stop', box?: Drawn) =>
    http.post<null>(`${at(owner, code)}/track`, { mode, ...(box ? { box } : {}) }),
  home: (owner: string, code: string) => http.get<Home>(`${at(owner, code)}/home-position`),
  setHome: (owner: string, code: string, wish: { enabled: boolean; reset_time_s?: number; preset?: number }) =>
    http.post<Obeyed>(`${at(owner, code)}/home-position`, wish),
  guard: (owner: string, code: string, on: boolean) => http.post<Obeyed>(`${at(owner, code)}/guard`, { on }),
  resetAlarm: (owner: string, code: string) => http.post<Obeyed>(`${at(owner, code)}/alarm-reset`, {}),
  record: (owner: string, code: string, on: boolean, stream: number) => http.post<Obeyed>(`${at(owner, code)}/device-record`, { on, stream }),
  keyFrame: (owner: string, code: string) => http.post<null>(`${at(owner, code)}/key-frame`),
  reboot: (owner: string, code: string) => http.post<null>(`${at(owner, code)}/reboot`),
  formatCard: (owner: string, code: string, card: number) => http.post<null>(`${at(owner, code)}/format-card`, { card }),
}

export const holds = {
  list: () => http.get<{ items: Hold[] }>('/holds'),
  keep: (owner: string, code: string, minutes: number) => http.put<Hold>(`${at(owner, code)}/hold`, { minutes }),
  giveBack: (owner: string, code: string) => http.delete<null>(`${at(owner, code)}/hold`),
}
