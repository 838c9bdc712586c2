import { describe, expect, it } from 'vitest'
import { emptySearch, stepSearch, type SearchEvent, type SearchState } from '@/watch/search'

function story(...events: SearchEvent<string>[]) {
  let state: SearchState<string> = emptySearch()
  const played: string[] = []
  for (const event of events) {
    const step = stepSearch(state, event)
    state = step.state
    if (step.play) played.push(step.play)
  }
  return { state, played }
}

describe('the search box', () => {
  it('plays the marked hit on Enter', () => {
    const { played } = story({ is: 'typed', text: 'nm' }, { is: 'answered', text: 'nm', hits: ['a', 'b'] }, { is: 'moved', by: 1 }, { is: 'entered' })
    expect(played).toEqual(['b'])
  })

  it('plays the first hit when Enter came before the answer', () => {
    const { played } = story({ is: 'typed', text: 'nm' }, { is: 'entered' }, { is: 'answered', text: 'nm', hits: ['a', 'b'] })
    expect(played).toEqual(['a'])
  })

  it('forgets an early Enter when the text goes on', () => {
    const { played } = story({ is: 'typed', text: 'n' }, { is: 'entered' }, { is: 'typed', text: 'nm' }, { is: 'answered', text: 'nm', hits: ['a'] })
    expect(played).toEqual([])
  })

  it('ignores an answer to an older text', () => {
    const { state } = story({ is: 'typed', text: 'n' }, { is: 'typed', text: 'nm' }, { is: 'answered', text: 'n', hits: ['old'] })
    expect(state.hits).toEqual([])
    expect(state.answered).toBeNull()
  })

  it('plays nothing when nothing was found or nothing is written', () => {
    expect(story({ is: 'typed', text: 'zz' }, { is: 'answered', text: 'zz', hits: [] }, { is: 'entered' }).played).toEqual([])
    expect(story({ is: 'entered' }).played).toEqual([])
  })

  it('keeps the mark within the hits', () => {
    const base: SearchEvent<string>[] = [{ is: 'typed', text: 'n' }, { is: 'answered', text: 'n', hits: ['a', 'b'] }]
    expect(story(...base, { is: 'moved', by: 8 }).state.marked).toBe(1)
    expect(story(...base, { is: 'moved', by: -8 }).state.marked).toBe(0)
  })

  it('is empty again when cleared or rubbed out', () => {
    const found: SearchEvent<string>[] = [{ is: 'typed', text: 'n' }, { is: 'answered', text: 'n', hits: ['a'] }]
    expect(story(...found, { is: 'cleared' }).state).toEqual(emptySearch())
    expect(story(...found, { is: 'typed', text: ' ' }).state.hits).toEqual([])
  })
})
