/** One way to the server: JSON over fetch, every refusal an `ApiError` with the server's own code. */

const BASE = '/api/v1'

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly details: Record<string, unknown> = {},
  ) {
    super(message)
    this.name = 'ApiError'
  }
}

type Query = Record<string, string | number | boolean | null | undefined>

let onSignedOut: () => void = () => {}

/** Called once a request is answered 401, so that the console can show the login again. */
export function whenSignedOut(listener: () => void): void {
  onSignedOut = listener
}

/** Ask whether our session still stands; when it does not, the listener above is told. */
export async function checkSession(): Promise<void> {
  try {
    await send('GET', '/session')
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) onSignedOut()
  }
}

/** A path with its query; empty values are left out. */
export function withQuery(path: string, query: Query = {}): string {
  const said = new URLSearchParams()
  for (const [key, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== '') said.set(key, String(value))
  }
  const text = said.toString()
  return text ? `${path}?${text}` : path
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Read an error body of whatever shape; a proxy's HTML page becomes `http-502` and the like. */
export function errorFrom(status: number, body: unknown): ApiError {
  const error = isRecord(body) && isRecord(body.error) ? body.error : {}
  const code = typeof error.code === 'string' ? error.code : `http-${status}`
  const message = typeof error.message === 'string' ? error.message : `HTTP ${status}`
  return new ApiError(status, code, message, isRecord(error.details) ? error.details : {})
}

interface Options {
  query?: Query
  body?: unknown
  signal?: AbortSignal
  keepalive?: boolean
}

async function send<T>(method: string, path: string, options: Options = {}): Promise<T> {
  const init: RequestInit = {
    method,
    credentials: 'same-origin',
    headers: { Accept: 'application/json' },
    signal: options.signal ?? null,
    keepalive: options.keepalive ?? false,
  }
  if (method !== 'GET') {
    init.headers = { ...init.headers, 'Content-Type': 'application/json' }
    init.body = JSON.stringify(options.body ?? {})
  }
  let answer: Response
  try {
    answer = await fetch(BASE + withQuery(path, options.query), init)
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause
    throw new ApiError(0, 'unreachable', 'The server cannot be reached.')
  }
  const text = await answer.text()
  let body: unknown = null
  try {
    body = text ? JSON.parse(text) : null
  } catch {
    body = null
  }
  if (!answer.ok) {
    const error = errorFrom(answer.status, body)
    if (answer.status === 401 && path !== '/session') onSignedOut()
    throw error
  }
  return body as T
}

export const http = {
  get: <T>(path: string, query?: Query, signal?: AbortSignal) => send<T>('GET', path, { query, signal }),
  post: <T>(path: string, body?: unknown, signal?: AbortSignal) => send<T>('POST', path, { body, signal }),
  put: <T>(path: string, body: unknown) => send<T>('PUT', path, { body }),
  patch: <T>(path: string, body: unknown) => send<T>('PATCH', path, { body }),
  delete: <T>(path: string, keepalive = false) => send<T>('DELETE', path, { keepalive }),
}
