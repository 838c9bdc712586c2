/** What plays one address into one <video>: our own fMP4 player, or mpegts.js for FLV. */
import type { Live } from '@/api/types'

export interface EngineEvents {
  /** the first picture is on the screen */
  onPicture(): void
  /** the stream ended or broke; the engine is done */
  onEnd(note: string): void
  /** this browser cannot decode what came */
  onUnsupported(): void
  /** it does not go this way; another one may do */
  onUnfit(): void
}

export interface EngineFigures {
  bytes: number
  /** seconds of picture between what is shown and what has come */
  bufferedS: number
}

export interface Engine {
  /** bytes that came so far, and how far behind the edge we are */
  figures(): EngineFigures
  close(): void
}

export type EngineMaker = (live: Live, video: HTMLVideoElement, events: EngineEvents) => Engine
