/** localStorage under our own prefix; a browser that forbids it just forgets. */

const PREFIX = 'lianwang.'

export function kept<T>(key: string, otherwise: T): T {
  try {
    const text = localStorage.getItem(PREFIX + key)
    return text === null ? otherwise : (JSON.parse(text) as T)
  } catch {
    return otherwise
  }
}

export function keep(key: string, value: unknown): void {
  try {
    localStorage.setItem(PREFIX + key, JSON.stringify(value))
  } catch {
    // private mode or a full store: the choice lasts until the page is closed
  }
}
