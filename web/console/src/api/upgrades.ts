/** Firmware on the shelf, and devices that fetch it. Times are UNIX seconds. */
import { ApiError, errorFrom, http, withQuery } from './http'

export interface Package {
  id: string
  name: string
  version: string
  manufacturer: string
  size: number
  sha256: string
  by: string
  at: number
}

export interface Upgrade {
  session: string
  owner: string
  code: string
  package: string
  name: string
  version: string
  manufacturer: string
  by: string
  ordered_at: number
  size: number
  sent: number
  state: 'ordered' | 'accepted' | 'fetching' | 'fetched' | 'done' | 'failed' | 'timed-out'
  failure: string
  note: string
  firmware_now: string
  ended_at: number | null
}

const part = encodeURIComponent

export const upgrades = {
  packages: () => http.get<{ items: Package[] }>('/firmware'),
  drop: (id: string) => http.delete<null>(`/firmware/${part(id)}`),
  list: () => http.get<{ items: Upgrade[] }>('/upgrades'),
  begin: (owner: string, code: string, id: string) => http.post<Upgrade>(`/channels/${part(owner)}/${part(code)}/upgrade`, { package: id }),
}

/** Bring a file; `progress` hears what share of it has gone. A request object, for fetch tells no progress. */
export function bring(file: File, version: string, manufacturer: string, progress: (share: number) => void): Promise<Package> {
  return new Promise((done, failed) => {
    const request = new XMLHttpRequest()
    request.open('POST', `/api/v1${withQuery('/firmware', { name: file.name.slice(0, 128), version, manufacturer })}`)
    request.setRequestHeader('Content-Type', 'application/octet-stream')
    request.responseType = 'json'
    request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total)
    request.onload = () => (request.status < 300 ? done(request.response as Package) : failed(errorFrom(request.status, request.response)))
    request.onerror = () => failed(new ApiError(0, 'unreachable', 'The server cannot be reached.'))
    request.send(file)
  })
}

/** A version in a file's name, as makers write them: ipc_V5.7.3_build220112.bin gives 5.7.3. */
export function versionIn(name: string): string {
  const parts = name.split('').map((letter) => ((letter >= '0' && letter <= '9') || letter === '.' ? letter : ' ')).join('').split(' ')
  const trimmed = parts.map((piece) => piece.replace(/^\.+/, '').replace(/\.+$/, ''))
  return trimmed.find((piece) => piece.includes('.')) ?? ''
}
