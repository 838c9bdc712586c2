import { expect, it } from 'vitest'
import { expectFrom, shouldLoadAnew } from '../src/player/policy'

const HERE = 'http://console.test:8088/watch'

it('loads the page anew for a media host that the server named and the browser does not allow yet', () => {
  expectFrom('http://10.0.0.7:8089/media/i/o.flv?e=1&s=a', HERE)
  expect(shouldLoadAnew('connect-src', 'ws://10.0.0.7:8089/media/i/o.mp4', 0, 100_000)).toBe(true)
  expect(shouldLoadAnew('connect-src', 'http://10.0.0.7:8089', 0, 100_000)).toBe(true)
})

it('does so seldom, and for nobody else', () => {
  expect(shouldLoadAnew('connect-src', 'http://10.0.0.7:8089', 90_000, 100_000)).toBe(false)
  expect(shouldLoadAnew('connect-src', 'http://tracker.test', 0, 100_000)).toBe(false)
  expect(shouldLoadAnew('img-src', 'http://10.0.0.7:8089', 0, 100_000)).toBe(false)
  expect(shouldLoadAnew('connect-src', 'inline', 0, 100_000)).toBe(false)
})

it('expects nothing special of our own server', () => {
  expectFrom('/media/i/o.mp4?e=1&s=a', HERE)
  expect(shouldLoadAnew('connect-src', 'http://console.test:8088/media', 0, 100_000)).toBe(false)
})
