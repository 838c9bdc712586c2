/** Every call the console makes, by the server's own nouns. */
import { http } from './http'
import type {
  ApiKey,
  AuditLine,
  CallRow,
  Channel,
  Device,
  DevicePage,
  DeviceWish,
  KeyRole,
  LadderMessage,
  Live,
  LiveWish,
  NewApiKey,
  Page,
  PresetList,
  PtzWish,
  Recording,
  RecordingSegment,
  Refusal,
  Role,
  SearchHit,
  StreamRow,
  SystemFacts,
  TreeNode,
  TreePage,
  User,
  UserRow,
  Way,
  WorkerRow,
} from './types'

const part = encodeURIComponent

export const session = {
  open: (name: string, password: string) => http.post<{ user: User }>('/session', { name, password }),
  current: () => http.get<{ user: User }>('/session'),
  close: () => http.delete<null>('/session'),
  changePassword: (old: string, fresh: string) => http.post<null>('/session/password', { old, new: fresh }),
}

export const tree = {
  children: (node: string | null, after: string | null, limit: number, signal?: AbortSignal) =>
    http.get<TreePage>('/tree', { node, after, limit }, signal),
  path: (node: string) => http.get<{ nodes: TreeNode[] }>('/tree/path', { node }),
  /** Ask whoever told of a node what stands under it now. */
  ask: (node: string) => http.post<{ owners: string[]; added: number; changed: number }>('/tree/catalog', { node }),
  search: (q: string, limit: number, signal?: AbortSignal) =>
    http.get<{ hits: SearchHit[] }>('/search', { q, limit }, signal),
}

export interface DeviceQuery {
  q?: string
  presence?: string
  kind?: string
  sort?: string
  after?: string
  limit?: number
}

export const devices = {
  list: (query: DeviceQuery, signal?: AbortSignal) => http.get<DevicePage>('/devices', { ...query }, signal),
  one: (code: string) => http.get<Device>(`/devices/${part(code)}`),
  add: (wish: DeviceWish) => http.post<Device>('/devices', wish),
  change: (code: string, wish: DeviceWish) => http.patch<Device>(`/devices/${part(code)}`, wish),
  remove: (code: string) => http.delete<null>(`/devices/${part(code)}`),
  refreshCatalog: (code: string) => http.post<null>(`/devices/${part(code)}/catalog`),
  channels: (code: string, after: string | null, limit: number) =>
    http.get<Page<Channel>>(`/devices/${part(code)}/channels`, { after, limit }),
  renameChannel: (owner: string, code: string, nameHere: string | null) =>
    http.patch<Channel>(`/channels/${part(owner)}/${part(code)}`, { name_here: nameHere }),
  refusals: () => http.get<{ items: Refusal[] }>('/refusals'),
  forgetRefusal: (code: string) => http.delete<null>(`/refusals/${part(code)}`),
}

export const live = {
  open: (wish: LiveWish, signal?: AbortSignal) => http.post<Live>('/live', wish, signal),
  close: (lease: string) => http.delete<null>(`/live/${part(lease)}`, true),
  ways: (owner: string, code: string) => http.get<{ items: Way[] }>(`/channels/${part(owner)}/${part(code)}/paths`),
  streams: (channel?: string) => http.get<{ items: StreamRow[] }>('/streams', { channel }),
  workers: () => http.get<{ items: WorkerRow[] }>('/workers'),
  cut: (id: string) => http.delete<null>(`/streams/${part(id)}`),
}

export const recordings = {
  list: () => http.get<{ items: Recording[] }>('/recordings'),
  running: () => http.get<{ items: Recording[] }>('/recordings', { running: true }),
  begin: (wish: { owner: string; channel: string; stream: number }) => http.post<Recording>('/recordings', wish),
  end: (id: string) => http.post<Recording>(`/recordings/${part(id)}/stop`),
  remove: (id: string) => http.delete<null>(`/recordings/${part(id)}`),
  segments: (id: string) => http.get<{ items: RecordingSegment[] }>(`/recordings/${part(id)}/segments`),
}

export const ptz = {
  send: (owner: string, code: string, wish: PtzWish) =>
    http.post<null>(`/channels/${part(owner)}/${part(code)}/ptz`, wish),
  presets: (owner: string, code: string) =>
    http.get<PresetList>(`/channels/${part(owner)}/${part(code)}/presets`),
}

interface LadderAnswer {
  messages: LadderMessage[]
}

export const ladders = {
  ofPeer: (code: string, limit: number) => http.get<LadderAnswer>(`/ladders/peers/${part(code)}`, { limit }),
  ofCall: (callId: string) => http.get<LadderAnswer>(`/ladders/calls/${part(callId)}`),
  calls: (limit: number) => http.get<{ items: CallRow[] }>('/ladders/calls', { limit }),
}

export const system = {
  facts: () => http.get<SystemFacts>('/system'),
  users: () => http.get<{ items: UserRow[] }>('/users'),
  addUser: (wish: { name: string; password: string; role: Role }) => http.post<UserRow>('/users', wish),
  changeUser: (name: string, wish: { role?: Role; password?: string; disabled?: boolean }) =>
    http.patch<UserRow>(`/users/${part(name)}`, wish),
  removeUser: (name: string) => http.delete<null>(`/users/${part(name)}`),
  keys: () => http.get<{ items: ApiKey[] }>('/keys'),
  addKey: (wish: { name: string; role: KeyRole }) => http.post<NewApiKey>('/keys', wish),
  removeKey: (id: string) => http.delete<null>(`/keys/${part(id)}`),
  audit: (after: string | null, limit: number, q: string, what: string | null) =>
    http.get<{ items: AuditLine[]; next: string | null }>('/audit', { after, limit, q: q || null, what }),
}
