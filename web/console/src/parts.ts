/** Screens are fetched when they are first opened. What to do when such a part does not come. */

/** Whether an error says that a part of the console could not be fetched: its script, or its style. */
export function isPartMissing(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return (error instanceof TypeError && /import/i.test(error.message)) || error.message.startsWith('Unable to preload')
}

/** Whether the server answers at all, whatever it says. */
export async function serverAnswers(patienceMs = 4000): Promise<boolean> {
  try {
    await fetch('/api/v1/session', { method: 'GET', cache: 'no-store', signal: AbortSignal.timeout(patienceMs) })
    return true
  } catch {
    return false
  }
}
