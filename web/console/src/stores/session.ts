/** Who is signed in, and what the role allows. */
import { defineStore } from 'pinia'
import { computed, ref } from 'vue'
import { session as api } from '@/api'
import { ApiError } from '@/api/http'
import type { Role, User } from '@/api/types'

const RANK: Record<Role, number> = { viewer: 0, operator: 1, administrator: 2 }

export const useSession = defineStore('session', () => {
  const user = ref<User | null>(null)
  /** false until the server has said whether our cookie still stands */
  const asked = ref(false)
  /** the server ended our session while we were at work: the login says so */
  const wasShownOut = ref(false)

  const may = (role: Role) => user.value !== null && RANK[user.value.role] >= RANK[role]
  const isOperator = computed(() => may('operator'))
  const isAdministrator = computed(() => may('administrator'))

  /** Ask once whether we are signed in; an unreachable server is thrown on. */
  async function recall(): Promise<User | null> {
    if (asked.value) return user.value
    try {
      user.value = (await api.current()).user
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) throw error
      user.value = null
    }
    asked.value = true
    return user.value
  }

  async function signIn(name: string, password: string): Promise<User> {
    user.value = (await api.open(name, password)).user
    asked.value = true
    wasShownOut.value = false
    return user.value
  }

  async function signOut(): Promise<void> {
    try {
      await api.close()
    } finally {
      user.value = null
    }
  }

  /** The server no longer knows us. */
  function lost(): void {
    wasShownOut.value ||= user.value !== null
    user.value = null
  }

  return { user, asked, wasShownOut, isOperator, isAdministrator, recall, signIn, signOut, lost }
})
