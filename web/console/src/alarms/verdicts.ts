/** What an alarm may turn out to be, in the order of the number keys. */
import type { Verdict } from '@/api/alarms'

export const VERDICTS: readonly Verdict[] = ['real', 'false', 'drill', 'maintenance', 'other']
