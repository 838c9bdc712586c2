/** A question to a device: asked when its answer is first wanted, asked anew by hand, and how old the answer is. */
import { ref, type Ref } from 'vue'
import { ApiError } from '@/api/http'
import { t } from '@/i18n'
import { complaint, reasonWord } from '@/i18n/words'

export interface Asking<T> {
  answer: Ref<T | null>
  trouble: Ref<string>
  busy: Ref<boolean>
  ask: () => Promise<void>
  forget: () => void
}

/** What the device said against it, when it gave a reason. */
export function reasonOf(error: unknown): string {
  const reason = error instanceof ApiError && error.code === 'device-refused' ? error.details.reason : ''
  return typeof reason === 'string' && reason ? `${complaint(error)}${t('common.stop')}${reasonWord(reason)}` : complaint(error)
}

/** `question` is asked with whatever it closes over; of two that run at once the later counts. */
export function useAsking<T>(question: () => Promise<T>): Asking<T> {
  const answer = ref<T | null>(null) as Ref<T | null>
  const trouble = ref('')
  const busy = ref(false)
  let turn = 0

  async function ask(): Promise<void> {
    turn += 1
    const mine = turn
    busy.value = true
    trouble.value = ''
    try {
      const said = await question()
      if (mine === turn) answer.value = said
    } catch (error) {
      if (mine === turn) trouble.value = reasonOf(error)
    } finally {
      if (mine === turn) busy.value = false
    }
  }

  function forget(): void {
    turn += 1
    answer.value = null
    trouble.value = ''
    busy.value = false
  }

  return { answer, trouble, busy, ask, forget }
}
