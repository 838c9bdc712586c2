import { describe, expect, it } from 'vitest'
import { Turns } from '@/player/turns'

const never = () => new AbortController().signal
const settle = async () => {
  for (let i = 0; i < 8; i++) await Promise.resolve()
}

/** Work that ends when it is told to. */
function desk(turns: Turns) {
  const begun: string[] = []
  const ends = new Map<string, () => void>()
  const ask = (name: string, urgent: boolean, signal = never()) =>
    turns.take(urgent, signal, () => {
      begun.push(name)
      return new Promise<void>((end) => ends.set(name, end))
    })
  return { begun, ask, end: (name: string) => ends.get(name)?.() }
}

describe('turns', () => {
  it('lets so many ask at once and the others in order', async () => {
    const { begun, ask, end } = desk(new Turns(2))
    for (const name of ['a', 'b', 'c', 'd']) void ask(name, true)
    expect(begun).toEqual(['a', 'b'])
    end('a')
    await settle()
    expect(begun).toEqual(['a', 'b', 'c'])
  })

  it('lets people pass retries', async () => {
    const { begun, ask, end } = desk(new Turns(1))
    void ask('first', true)
    void ask('retry', false)
    void ask('person', true)
    end('first')
    await settle()
    end('person')
    await settle()
    expect(begun).toEqual(['first', 'person', 'retry'])
  })

  it('forgets who has left the line', async () => {
    const { begun, ask, end } = desk(new Turns(1))
    const gone = new AbortController()
    void ask('first', true)
    const left = ask('gone', true, gone.signal)
    void ask('next', true)
    gone.abort(new Error('left'))
    await expect(left).rejects.toThrow('left')
    end('first')
    await settle()
    expect(begun).toEqual(['first', 'next'])
  })

  it('gives the place on when the work fails', async () => {
    const turns = new Turns(1)
    await expect(turns.take(true, never(), () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    await expect(turns.take(true, never(), async () => 7)).resolves.toBe(7)
  })
})
