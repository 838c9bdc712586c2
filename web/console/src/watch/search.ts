/** The search box by keyboard: what is marked, and what Enter means while the answer is still on its way. Pure. */

export interface SearchState<Hit> {
  text: string
  /** the text that `hits` answer; null before any answer */
  answered: string | null
  hits: readonly Hit[]
  marked: number
  /** Enter was pressed before the answer came: the first hit is played when it does */
  eager: boolean
}

export type SearchEvent<Hit> =
  | { is: 'typed'; text: string }
  | { is: 'answered'; text: string; hits: readonly Hit[] }
  | { is: 'moved'; by: number }
  | { is: 'entered' }
  | { is: 'cleared' }

export interface SearchStep<Hit> {
  state: SearchState<Hit>
  play: Hit | null
}

export const emptySearch = <Hit>(): SearchState<Hit> => ({ text: '', answered: null, hits: [], marked: 0, eager: false })

export function stepSearch<Hit>(state: SearchState<Hit>, event: SearchEvent<Hit>): SearchStep<Hit> {
  const stay = (next: SearchState<Hit>): SearchStep<Hit> => ({ state: next, play: null })
  switch (event.is) {
    case 'typed':
      if (event.text.trim() === '') return stay({ ...emptySearch<Hit>(), text: event.text })
      return stay({ ...state, text: event.text, eager: false })
    case 'answered': {
      // An answer to an older text is late news.
      if (event.text !== state.text.trim()) return stay(state)
      const next = { ...state, answered: event.text, hits: event.hits, marked: 0, eager: false }
      return { state: next, play: state.eager ? (event.hits[0] ?? null) : null }
    }
    case 'moved': {
      const last = state.hits.length - 1
      return stay({ ...state, marked: Math.max(0, Math.min(last, state.marked + event.by)) })
    }
    case 'entered': {
      if (state.text.trim() === '') return stay(state)
      if (state.answered !== state.text.trim()) return stay({ ...state, eager: true })
      return { state, play: state.hits[state.marked] ?? null }
    }
    case 'cleared':
      return stay(emptySearch<Hit>())
  }
}
