/** The three roles, for choosing. */
import type { Role } from '@/api/types'
import { t } from '@/i18n'

const ROLES: Role[] = ['viewer', 'operator', 'administrator']

export const roleOptions = () => ROLES.map((value) => ({ value, label: t(`role.${value}`) }))
