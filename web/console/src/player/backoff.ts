/** How long to wait before the next try. Pure; seconds. */

/** After a picture that came and went: quickly at first. */
const AFTER_LOSS_S = [1, 2, 4, 8, 15, 30]
/** After a call that failed: the device or the network needs a hand, so seldom. */
const AFTER_FAILURE_S = [20, 40, 60, 120, 300]

const step = (table: readonly number[], tries: number) => table[Math.min(tries, table.length - 1)] ?? 30

export const afterLoss = (tries: number) => step(AFTER_LOSS_S, tries)
export const afterFailure = (tries: number) => step(AFTER_FAILURE_S, tries)
