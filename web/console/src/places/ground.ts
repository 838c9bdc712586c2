/** What the map is drawn with: a style without a single address that the settings did not name. */
import type * as GeoJSON from 'geojson'
import type { LayerSpecification, SourceSpecification, StyleSpecification } from 'maplibre-gl'
import type { Ground } from '@/api/places'
import type { Palette } from '@/theme/palette'
import { gridOf, type Box } from './ways'

export const EMPTY: GeoJSON.FeatureCollection = { type: 'FeatureCollection', features: [] }

const data = (): SourceSpecification => ({ type: 'geojson', data: EMPTY })

/** Ground, grid, outline, then what stands, then ways, then what moves. */
export function styleOf(ground: Ground, outline: GeoJSON.GeoJSON | null, colours: Palette): StyleSpecification {
  const sources: Record<string, SourceSpecification> = {
    grid: data(),
    cameras: { type: 'geojson', data: EMPTY, cluster: true, clusterRadius: 44, clusterMaxZoom: 15 },
    track: data(),
    moment: data(),
    things: data(),
  }
  const layers: LayerSpecification[] = [{ id: 'ground', type: 'background', paint: { 'background-color': colours.ground } }]
  if (ground.tiles) {
    sources.tiles = { type: 'raster', tiles: [ground.tiles], tileSize: 256, attribution: ground.attribution }
    layers.push({ id: 'tiles', type: 'raster', source: 'tiles' })
  } else layers.push({ id: 'grid', type: 'line', source: 'grid', paint: { 'line-color': colours.line, 'line-width': 1 } })
  if (outline) {
    sources.outline = { type: 'geojson', data: outline, attribution: ground.attribution }
    layers.push({ id: 'outline', type: 'line', source: 'outline', paint: { 'line-color': colours.text3, 'line-width': 1.2 } })
  }
  layers.push(
    {
      id: 'clusters', type: 'circle', source: 'cameras', filter: ['has', 'point_count'],
      paint: {
        'circle-color': colours.raised, 'circle-stroke-color': colours.lineStrong, 'circle-stroke-width': 1,
        'circle-radius': ['step', ['get', 'point_count'], 13, 50, 17, 500, 22],
      },
    },
    {
      id: 'cameras', type: 'circle', source: 'cameras', filter: ['!', ['has', 'point_count']],
      paint: {
        'circle-radius': 5, 'circle-stroke-width': 1.5, 'circle-stroke-color': colours.panel,
        'circle-color': ['case', ['get', 'online'], colours.ok, colours.text3],
      },
    },
    {
      id: 'track-edge', type: 'line', source: 'track', layout: { 'line-cap': 'round', 'line-join': 'round' },
      paint: { 'line-color': colours.ground, 'line-width': 7, 'line-opacity': 0.7 },
    },
    {
      id: 'track', type: 'line', source: 'track', layout: { 'line-cap': 'round', 'line-join': 'round' },
      paint: { 'line-color': colours.accent, 'line-width': 3 },
    },
    {
      id: 'moment', type: 'circle', source: 'moment',
      paint: { 'circle-radius': 7, 'circle-color': colours.warn, 'circle-stroke-color': colours.panel, 'circle-stroke-width': 2 },
    },
    {
      id: 'things', type: 'symbol', source: 'things',
      layout: {
        'icon-image': ['case', ['get', 'chosen'], 'arrow-chosen', ['get', 'online'], 'arrow', 'arrow-off'],
        'icon-rotate': ['coalesce', ['get', 'direction'], 0], 'icon-rotation-alignment': 'map', 'icon-allow-overlap': true,
        'icon-ignore-placement': true,
      },
    },
  )
  return { version: 8, sources, layers }
}

/** An arrow head that points north, in its colour. */
export function arrow(colour: string, edge: string): ImageData {
  const size = 44
  const canvas = document.createElement('canvas')
  canvas.width = canvas.height = size
  const brush = canvas.getContext('2d') as CanvasRenderingContext2D
  brush.translate(size / 2, size / 2)
  brush.beginPath()
  brush.moveTo(0, -17)
  brush.lineTo(12, 15)
  brush.lineTo(0, 8)
  brush.lineTo(-12, 15)
  brush.closePath()
  brush.fillStyle = colour
  brush.strokeStyle = edge
  brush.lineWidth = 4
  brush.lineJoin = 'round'
  brush.stroke()
  brush.fill()
  return brush.getImageData(0, 0, size, size)
}

const line = (coordinates: [number, number][]): GeoJSON.Feature => ({
  type: 'Feature',
  properties: {},
  geometry: { type: 'LineString', coordinates },
})

/** The grid over a box, a little beyond its edges. */
export function gridLines(box: Box): GeoJSON.FeatureCollection {
  const wide = box.east - box.west
  const high = box.north - box.south
  const wider = { west: box.west - wide, east: box.east + wide, south: Math.max(-85, box.south - high), north: Math.min(85, box.north + high) }
  const { step } = gridOf(box)
  const features: GeoJSON.Feature[] = []
  for (let x = Math.ceil(wider.west / step) * step; x <= wider.east && features.length < 200; x += step) {
    features.push(line([[x, wider.south], [x, wider.north]]))
  }
  for (let y = Math.ceil(wider.south / step) * step; y <= wider.north && features.length < 400; y += step) {
    features.push(line([[wider.west, y], [wider.east, y]]))
  }
  return { type: 'FeatureCollection', features }
}

export const point = (longitude: number, latitude: number, properties: Record<string, unknown>): GeoJSON.Feature => ({
  type: 'Feature',
  properties,
  geometry: { type: 'Point', coordinates: [longitude, latitude] },
})

export const collection = (features: GeoJSON.Feature[]): GeoJSON.FeatureCollection => ({ type: 'FeatureCollection', features })
