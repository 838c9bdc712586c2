/** Where things are and were, and the ground they are shown on. */
import type * as GeoJSON from 'geojson'
import { http } from './http'

export type Datum = 'wgs84' | 'gcj02'

export interface Ground {
  tiles: string
  attribution: string
  datum: Datum
  has_outline: boolean
  longitude: number
  latitude: number
  zoom: number
}

export interface Thing {
  owner: string
  code: string
  name: string
  online: boolean
  at: number
  longitude: number
  latitude: number
  speed: number | null
  direction: number | null
}

export interface StandingCamera {
  owner: string
  code: string
  name: string
  online: boolean
  longitude: number
  latitude: number
}

/** `[at, longitude, latitude, speed, direction]` */
export type Fix = [number, number, number, number | null, number | null]

export interface Track {
  owner: string
  code: string
  name: string
  start: number
  end: number
  heard: number
  metres: number
  fixes: Fix[]
}

const part = encodeURIComponent

export const places = {
  ground: () => http.get<Ground>('/map'),
  outline: () => http.get<GeoJSON.GeoJSON>('/map/outline'),
  things: (since: number, datum: Datum) => http.get<{ items: Thing[]; next: number }>('/places', { since, datum }),
  cameras: (node: string, datum: Datum) =>
    http.get<{ items: StandingCamera[]; without: number; complete: boolean }>('/places/cameras', { node, datum }),
  track: (owner: string, code: string, start: number, end: number, datum: Datum) =>
    http.get<Track>(`/channels/${part(owner)}/${part(code)}/track`, { start, end, datum }),
}
