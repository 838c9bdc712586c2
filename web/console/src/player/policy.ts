/** A media host that registered after this page was loaded stands in no policy of it: the page is loaded anew, seldom. */

const AGAIN_MS = 60_000
const KEY = 'lianwang.policy'

/** Hosts we were told to play from, besides our own. */
const wanted = new Set<string>()

function hostOf(address: string, base: string): string {
  try {
    return new URL(address, base).host
  } catch {
    return ''
  }
}

/** Remember where a picture is to come from. */
export function expectFrom(url: string, base: string = location.href): void {
  const host = hostOf(url, base)
  if (host && host !== hostOf(base, base)) wanted.add(host)
}

/** Whether the browser kept us from a host that the server itself had named, and we did not just load anew for it. */
export function shouldLoadAnew(directive: string, blocked: string, loadedAt: number, now: number): boolean {
  return directive === 'connect-src' && wanted.has(hostOf(blocked, 'http://nowhere.invalid')) && now - loadedAt > AGAIN_MS
}

/** The wall is kept in the browser, so that it stands there again. */
export function loadAnewForNewHosts(): void {
  document.addEventListener('securitypolicyviolation', (event) => {
    if (!shouldLoadAnew(event.effectiveDirective, event.blockedURI, Number(sessionStorage.getItem(KEY) ?? 0), Date.now())) return
    sessionStorage.setItem(KEY, String(Date.now()))
    location.reload()
  })
}
