import { describe, expect, it } from 'vitest'
import { versionIn } from '@/api/upgrades'

describe('a version in the name of a file', () => {
  it('is found as makers write it, and is nothing where there is none', () => {
    expect(versionIn('ipc_V5.7.3_build220112.bin')).toBe('5.7.3')
    expect(versionIn('General_IPC_2.800.0000.7.R.210107.bin')).toBe('2.800.0000.7')
    expect(versionIn('firmware.bin')).toBe('')
  })
})
