import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pause, systemClock } from '../../../base/clock.ts'
import { OperatorError } from '../../../base/errors.ts'
import type { SetResult } from '../../../config/edge/state.ts'
import type { ConfigReader } from '../../../store/config/config-reader.ts'
import type { ConfigOrder } from '../../../store/orders.ts'
import { withConfigReader } from './with-config-reader.ts'

/** How long to wait for the answer (milliseconds); a running edge polls for orders twice a second. */
const ANSWER_MS_MAX = 10_000
const POLL_EVERY_MS = 50
/** While there is no answer, check this often whether an edge is running (milliseconds). */
const LOCK_CHECK_EVERY_MS = 1_000
const LOCK_FILE = 'tidegate.lock'

/** The outcome of an order. */
export type OrderOutcome =
  | { readonly kind: 'done'; readonly result: SetResult | undefined }
  | { readonly kind: 'refused'; readonly code: number; readonly message: string }
  /** Not processed yet: no edge runs, or it cannot write at present. The order stays and will be carried out. */
  | { readonly kind: 'left'; readonly edgeRuns: boolean }

/**
 * Places an order for the edge of a data folder and waits for the outcome. The order is on disk before the wait begins: an
 * interrupted command does not withdraw it.
 * @throws OperatorError if the order cannot be placed
 */
export async function carryOut(folder: string, order: ConfigOrder): Promise<OrderOutcome> {
  const { placeOrder } = await import('../../../store/orders.ts')
  return withConfigReader(folder, async (configs) => {
    placeOrder(folder, order, systemClock.now())
    const begun = performance.now()
    let checkedAt = 0
    while (configs.isOrdered(order)) {
      const ms = performance.now() - begun
      if (ms >= ANSWER_MS_MAX) return { kind: 'left', edgeRuns: true }
      if (ms >= checkedAt + LOCK_CHECK_EVERY_MS) {
        checkedAt = ms
        if (!(await edgeRuns(folder))) return { kind: 'left', edgeRuns: false }
      }
      await pause(POLL_EVERY_MS)
    }
    return answerTo(configs, order)
  })
}

/** The edge removes an order and stores its answer in one commit: if the order is gone, the answer is there. */
function answerTo(configs: ConfigReader, order: ConfigOrder): OrderOutcome {
  if (order.kind === 'config-retry') return { kind: 'done', result: undefined }
  const state = configs.state(order.device)
  const result = state?.answers.find(({ id }) => id === order.id)
  if (result === undefined) return unanswered(order, state !== undefined)
  if (result.code === 200) return { kind: 'done', result }
  return { kind: 'refused', code: result.code, message: result.message }
}

function unanswered({ device }: ConfigOrder, known: boolean): OrderOutcome {
  if (!known) {
    const message = `the edge cannot store a config for one more device ("${device}"): config.devicesMax is reached`
    return { kind: 'refused', code: 429, message }
  }
  throw new OperatorError(`the answer of the edge for device "${device}" is gone: later edits have replaced it`, {
    remedy: 'check with `tidegate config history` whether the edit was made',
  })
}

/**
 * Whether a process holds the lock of the data folder. The check takes the lock for a moment if it is free, so it is made
 * only if an order is not answered at once.
 */
async function edgeRuns(folder: string): Promise<boolean> {
  const { FolderLock } = await import('../../../store/lock.ts')
  if (!existsSync(join(folder, LOCK_FILE))) return false // only an edge creates this file; created here, it could belong to the wrong user
  try {
    FolderLock.take(folder).release()
    return false
  } catch {
    return true // the lock is held; or this user has no permission to try: assume that an edge runs
  }
}
