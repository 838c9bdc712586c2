/** The roles, for choosing. */
import type { KeyRole, Role } from '@/api/types'
import { t } from '@/i18n'

const ROLES: Role[] = ['viewer', 'operator', 'administrator']

const KEY_ROLES: KeyRole[] = ['scraper', ...ROLES]

export const keyRoleOptions = () => KEY_ROLES.map((value) => ({ value, label: t(`role.${value}`) }))
export const roleOptions = () => ROLES.map((value) => ({ value, label: t(`role.${value}`) }))
