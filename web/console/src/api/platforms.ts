/** Platforms above us: what the server says of them and what may be asked about them. */
import { http } from './http'

export type Edition = '2.0' | '3.0'
export type Arrangement = 'civil' | 'group' | 'as-is'
export type MediaWord = '' | 'udp' | 'tcp-passive' | 'tcp-active'
export type Standing = 'disabled' | 'registering' | 'registered' | 'refused' | 'lost' | 'redirected' | 'unknown'

export interface Subscription {
  subject: 'catalog' | 'alarm' | 'position' | 'ptz'
  target: string
  expires_at: number
  notified: number
  pending: number
}

export interface PlatformState {
  state: Standing
  reason: string
  since: number | null
  registered_at: number | null
  expires_at: number | null
  keepalives_missed: number
  address: string
  edition: string
  subscriptions: Subscription[]
  calls: number
  last_exchange_at: number | null
  catalog_sent: { sent: number; total: number } | null
}

export interface Platform {
  code: string
  name: string
  shown_name: string
  address: string
  domain: string
  shown_domain: string
  user: string
  shown_user: string
  has_password: boolean
  edition: Edition
  transport: 'udp' | 'tcp'
  charset: string
  shown_charset: string
  our_code: string
  shown_our_code: string
  local_host: string
  expires_s: number
  keepalive_interval_s: number
  keepalive_count: number
  page_size: number
  arrangement: Arrangement
  share_all: boolean
  secrecy: boolean
  push_alarms: boolean
  push_positions: boolean
  initial_report: boolean
  enabled: boolean
  media_transport: MediaWord
  state: PlatformState
}

export interface PlatformWish {
  address?: string
  code?: string
  domain?: string
  user?: string
  password?: string
  edition?: Edition
  name?: string
  transport?: 'udp' | 'tcp'
  charset?: string
  our_code?: string
  local_host?: string
  page_size?: number
  media_transport?: MediaWord
  initial_report?: boolean
  expires_s?: number
  keepalive_interval_s?: number
  keepalive_count?: number
  push_alarms?: boolean
  push_positions?: boolean
  enabled?: boolean
}

export interface Step {
  who: string
  what: string
  status: number
  reason: string
}

export interface ConnectReport {
  ok: boolean
  steps: Step[]
  said_code: string | null
  said_realm: string
  said_version: string
  offers: { field: 'code' | 'domain' | 'edition'; configured: string; said: string }[]
}

export interface ShareRule {
  node: string
  include: boolean
  name?: string | null
}

export interface ShareName {
  owner: string
  code: string
  code_there?: string
  name_there?: string
  name?: string | null
}

export interface Sharing {
  share_all: boolean
  secrecy: boolean
  arrangement: Arrangement
  rules: ShareRule[]
  names: ShareName[]
}

export interface PreviewNode {
  code: string
  name: string
  kind: 'own' | 'division' | 'system' | 'group' | 'organisation' | 'device' | 'channel'
  parents: string[]
  is_on: boolean
  /** cameras anywhere below */
  online: number
  total: number
  has_children: boolean
  secrecy: boolean
}

export interface PreviewPage {
  node: PreviewNode
  children: PreviewNode[]
  next: string | null
  /** of all that will be sent */
  total: number
  rendered_at: number
}

export interface PreviewHit {
  node: PreviewNode
  path: PreviewNode[]
}

export interface Named {
  code: string
  name: string
}

export interface Diff {
  total: number
  sent: number
  added_count: number
  changed_count: number
  removed_count: number
  added: Named[]
  changed: Named[]
  removed: Named[]
  next: number | null
}

export type DiffKind = 'added' | 'changed' | 'removed'

const part = encodeURIComponent

export const platforms = {
  list: () => http.get<{ items: Platform[] }>('/platforms'),
  one: (code: string) => http.get<Platform>(`/platforms/${part(code)}`),
  add: (wish: PlatformWish) => http.post<Platform>('/platforms', wish),
  change: (code: string, wish: PlatformWish) =>
    http.patch<{ platform: Platform; changed: string[]; registers_anew: boolean }>(`/platforms/${part(code)}`, wish),
  remove: (code: string) => http.delete<null>(`/platforms/${part(code)}`),
  tryOut: (wish: PlatformWish) => http.post<ConnectReport>('/platforms/test', wish),
  test: (code: string) => http.post<ConnectReport>(`/platforms/${part(code)}/test`),
  adopt: (code: string, said: Partial<Record<'code' | 'domain' | 'edition', string>>) =>
    http.post<Platform>(`/platforms/${part(code)}/adopt`, said),
  sharing: (code: string) => http.get<Sharing>(`/platforms/${part(code)}/sharing`),
  share: (code: string, sharing: Sharing) =>
    http.put<{ changed: string[]; sharing: Sharing }>(`/platforms/${part(code)}/sharing`, sharing),
  preview: (code: string, node: string | null, after: string | null, limit: number) =>
    http.get<PreviewPage>(`/platforms/${part(code)}/preview`, { node, after, limit }),
  find: (code: string, q: string, limit: number, signal?: AbortSignal) =>
    http.get<{ hits: PreviewHit[] }>(`/platforms/${part(code)}/preview/search`, { q, limit }, signal),
  diff: (code: string) => http.get<Diff>(`/platforms/${part(code)}/diff`),
  moreDiff: (code: string, kind: DiffKind, after: number, limit: number) =>
    http.get<Diff>(`/platforms/${part(code)}/diff`, { kind, after, limit }),
  resend: (code: string) => http.post<null>(`/platforms/${part(code)}/resend`),
}
