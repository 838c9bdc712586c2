/** How the console is built, served while it is being made, and tested. */
import { fileURLToPath } from 'node:url'
import vue from '@vitejs/plugin-vue'
import type { ProxyOptions } from 'vite'
import { defineConfig } from 'vitest/config'
import { mockServer } from './dev/mock.ts'

const server = process.env.LIANWANG_SERVER ?? 'http://127.0.0.1:8088'
const toServer: Record<string, ProxyOptions> = { '/api': { target: server, ws: true }, '/media': { target: server, ws: true } }

export default defineConfig(({ mode }) => ({
  plugins: [vue(), ...(mode === 'mock' ? [mockServer()] : [])],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  server: {
    host: '127.0.0.1',
    proxy: mode === 'mock' ? {} : toServer,
  },
  build: {
    target: 'es2022',
    chunkSizeWarningLimit: 1200,
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            { name: 'vue', test: /node_modules[\\/](@vue|vue|vue-router|pinia)[\\/]/ },
            { name: 'mpegts', test: /node_modules[\\/]mpegts/ },
          ],
        },
      },
    },
  },
  test: { include: ['tests/**/*.test.ts'], environment: 'node' },
}))
