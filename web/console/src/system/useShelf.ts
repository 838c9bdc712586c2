/** A list that an administrator keeps: read when the pane opens and again after every deed; what went wrong is said. */
import { useDialog, useMessage } from 'naive-ui'
import { ref, type Ref } from 'vue'
import { t } from '@/i18n'
import { complaint } from '@/i18n/words'

/** What a form that adds or changes a row has beside its fields. */
export interface Filling {
  shown: boolean
  busy: boolean
  trouble: string
}

export interface Shelf<Row> {
  rows: Ref<Row[]>
  loading: Ref<boolean>
  trouble: Ref<string>
  load: () => Promise<void>
  /** Do it, say how it went, and read the list again. */
  attempt: (deed: () => Promise<unknown>, done: string) => Promise<void>
  /** Do what a form wants; it closes when that went well, and says why it did not. */
  submit: (form: Filling, deed: () => Promise<unknown>) => Promise<void>
  /** Ask whether it is really to go. */
  remove: (title: string, text: string, deed: () => Promise<unknown>) => void
}

export function useShelf<Row>(fetch: () => Promise<{ items: Row[] }>): Shelf<Row> {
  const dialog = useDialog()
  const message = useMessage()
  const rows = ref([]) as Ref<Row[]>
  const loading = ref(true)
  const trouble = ref('')

  async function load(): Promise<void> {
    try {
      rows.value = (await fetch()).items
      trouble.value = ''
    } catch (error) {
      trouble.value = complaint(error)
    }
    loading.value = false
  }

  async function attempt(deed: () => Promise<unknown>, done: string): Promise<void> {
    try {
      await deed()
      message.success(done)
    } catch (error) {
      message.error(complaint(error))
    }
    await load()
  }

  async function submit(form: Filling, deed: () => Promise<unknown>): Promise<void> {
    form.busy = true
    form.trouble = ''
    try {
      await deed()
      form.shown = false
      await load()
    } catch (error) {
      form.trouble = complaint(error)
    } finally {
      form.busy = false
    }
  }

  function remove(title: string, text: string, deed: () => Promise<unknown>): void {
    dialog.warning({
      title,
      content: text,
      positiveText: t('common.delete'),
      negativeText: t('common.cancel'),
      onPositiveClick: () => attempt(deed, t('common.deleted')),
    })
  }

  void load()
  return { rows, loading, trouble, load, attempt, submit, remove }
}
