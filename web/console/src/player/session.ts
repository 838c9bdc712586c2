/** One pane's picture over time: ask for it, play it, lose it, ask again. States are a table; waits grow. */
import { ApiError } from '@/api/http'
import type { Live, LiveWish, OutletFormat, PlayFailure, VideoTrack } from '@/api/types'
import type { Engine, EngineMaker } from './engine'
import { afterFailure, afterLoss } from './backoff'
import { unsupported, type Support } from './support'

export type PlayerState = 'idle' | 'asking' | 'buffering' | 'playing' | 'waiting' | 'failed' | 'unsupported'

export interface Trouble {
  /** the server's code of the error: translated for eyes */
  code: string
  message: string
  failure: PlayFailure | null
  /** numbers and words for the places of its sentence */
  values: Record<string, string | number>
}

export interface SessionView {
  state: PlayerState
  live: Live | null
  trouble: Trouble | null
  unsupported: (Support & { ok: false }) | null
  /** when the next try comes, UNIX milliseconds */
  retryAt: number | null
}

export interface SessionWorld {
  /** `urgent`: a person asked, not a timer. */
  open(wish: LiveWish, signal: AbortSignal, urgent: boolean): Promise<Live>
  close(lease: string): Promise<unknown>
  engineFor(format: Live['format']): EngineMaker
  support(video: VideoTrack, format: OutletFormat): Support
  /** Ways by which the server gives H.264 of a codec that this browser cannot decode. */
  recodings(): readonly OutletFormat[]
  video(): HTMLVideoElement | null
  /** The picture is about to go: keep its last frame for the eyes. */
  hold(): void
  show(view: SessionView): void
}

function isPlayFailure(details: Record<string, unknown>): details is Record<string, unknown> & PlayFailure {
  return Array.isArray(details.hops)
}

export function troubleOf(error: unknown): Trouble {
  if (!(error instanceof ApiError)) {
    return { code: 'unknown', message: error instanceof Error ? error.message : String(error), failure: null, values: {} }
  }
  const values = Object.entries(error.details).filter((entry): entry is [string, string | number] => typeof entry[1] === 'number' || typeof entry[1] === 'string')
  return {
    code: error.code,
    message: error.message,
    failure: isPlayFailure(error.details) ? error.details : null,
    values: Object.fromEntries(values),
  }
}

/** Errors that another try will not mend by itself. */
const FINAL = new Set([400, 401, 403, 404])
/** Errors at which the whole wall should not ask again in step. */
const SPREAD = 0.3

/** A way that showed a picture for so long is a good one: it is tried again when it breaks. */
const STEADY_MS = 4000

export class PlaySession {
  #world: SessionWorld
  #wish: LiveWish | null = null
  /** ways to play, best first, and the one that is on */
  #chain: readonly OutletFormat[] = []
  #at = 0
  /** what was wished, before the server was asked to encode anew */
  #first: readonly OutletFormat[] = []
  #recoding = false
  #engine: Engine | null = null
  #abort: AbortController | null = null
  #timer = 0
  #losses = 0
  #failures = 0
  #view: SessionView = { state: 'idle', live: null, trouble: null, unsupported: null, retryAt: null }

  constructor(world: SessionWorld) {
    this.#world = world
  }

  get engine(): Engine | null {
    return this.#engine
  }

  /** Play this wish from now on, whatever was before; by the next way of `chain` when one does not do. */
  play(wish: LiveWish, chain: readonly OutletFormat[] = [wish.format]): void {
    this.#wish = wish
    this.#first = chain
    this.#begin()
    this.#losses = 0
    this.#failures = 0
    void this.#ask(true)
  }

  /** Try again now. */
  retry(): void {
    this.#begin()
    if (this.#wish) void this.#ask(true)
  }

  #begin(): void {
    this.#chain = this.#first
    this.#at = 0
    this.#recoding = false
  }

  stop(): void {
    this.#wish = null
    this.#letGo()
    this.#show({ state: 'idle', live: null, trouble: null, unsupported: null, retryAt: null })
  }

  /** Something changed for the better outside (the camera came online): do not sit out the wait. */
  nudge(): void {
    if (this.#view.state === 'waiting' || this.#view.state === 'failed') this.retry()
  }

  async #ask(urgent: boolean): Promise<void> {
    const wish = this.#wish
    if (!wish) return
    this.#letGo()
    const abort = new AbortController()
    this.#abort = abort
    this.#show({ state: 'asking', live: null, trouble: null, unsupported: null, retryAt: null })
    let live: Live
    try {
      live = await this.#world.open(this.#asked(wish), abort.signal, urgent)
    } catch (error) {
      if (abort.signal.aborted) return
      this.#failed(error)
      return
    }
    if (abort.signal.aborted) {
      void this.#world.close(live.lease).catch(() => {})
      return
    }
    this.#start(live)
  }

  #start(live: Live): void {
    const video = this.#world.video()
    const support = this.#world.support(live.video, live.format)
    this.#view = { ...this.#view, live }
    if (!support.ok) {
      if (this.#byAnother((format) => this.#world.support(live.video, format).ok) || this.#recode(live.video)) return
      this.#letGo()
      this.#show({ state: 'unsupported', live, trouble: null, unsupported: support, retryAt: null })
      return
    }
    if (!video) return
    this.#show({ state: 'buffering', live, trouble: null, unsupported: null, retryAt: null })
    let showedAt = 0
    this.#engine = this.#world.engineFor(live.format)(live, video, {
      onPicture: () => {
        showedAt ||= Date.now()
        this.#losses = 0
        this.#failures = 0
        this.#show({ ...this.#view, state: 'playing' })
      },
      onEnd: () => {
        const stood = showedAt > 0 && Date.now() - showedAt >= STEADY_MS
        if (stood || !this.#byAnother()) this.#lost()
      },
      onUnfit: () => {
        if (!this.#byAnother()) this.#lost()
      },
      onUnsupported: () => {
        if (this.#byAnother((format) => this.#world.support(live.video, format).ok) || this.#recode(live.video)) return
        this.#letGo()
        this.#show({ ...this.#view, state: 'unsupported', unsupported: unsupported(live.video) })
      },
    })
  }

  #asked(wish: LiveWish): LiveWish {
    const format = this.#chain[this.#at] ?? wish.format
    return this.#recoding ? { ...wish, format, codec: 'h264' } : { ...wish, format }
  }

  /** Have the server encode anew what this browser cannot decode; false when that is no help. */
  #recode(video: VideoTrack): boolean {
    const ways = this.#world.recodings()
    if (this.#recoding || video.codec !== 'H.265' || ways.length === 0) return false
    this.#recoding = true
    this.#chain = ways
    this.#at = 0
    void this.#ask(true)
    return true
  }

  /** Go on by the next way that may do, at once; false when there is none. */
  #byAnother(may: (format: OutletFormat) => boolean = () => true): boolean {
    const next = this.#chain.findIndex((format, place) => place > this.#at && may(format))
    if (next < 0) return false
    this.#at = next
    void this.#ask(true)
    return true
  }

  #lost(): void {
    this.#letGo()
    // What is tried after a wait begins with the best way again, unless this one has shown a picture.
    if (this.#view.state !== 'playing') this.#at = 0
    this.#again('waiting', afterLoss(this.#losses++), null)
  }

  #failed(error: unknown): void {
    const trouble = troubleOf(error)
    const status = error instanceof ApiError ? error.status : 0
    const wait = FINAL.has(status) ? null : status === 0 ? afterLoss(this.#losses++) : afterFailure(this.#failures++)
    this.#again('failed', wait, trouble)
  }

  #again(state: PlayerState, waitS: number | null, trouble: Trouble | null): void {
    const waitMs = waitS === null ? null : waitS * 1000 * (1 + SPREAD * Math.random())
    this.#show({ state, live: null, trouble, unsupported: null, retryAt: waitMs === null ? null : Date.now() + waitMs })
    if (waitMs !== null) this.#timer = globalThis.setTimeout(() => void this.#ask(false), waitMs) as unknown as number
  }

  /** Give back what we hold: the wait, the question, the engine, the lease. */
  #letGo(): void {
    clearTimeout(this.#timer)
    this.#abort?.abort()
    this.#abort = null
    if (this.#engine) {
      this.#world.hold()
      this.#engine.close()
      this.#engine = null
    }
    const lease = this.#view.live?.lease
    if (lease) {
      this.#view = { ...this.#view, live: null }
      void this.#world.close(lease).catch(() => {})
    }
  }

  #show(view: SessionView): void {
    this.#view = view
    this.#world.show(view)
  }
}
