import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pause, systemClock } from '../../../base/clock.ts'
import { OperatorError } from '../../../base/errors.ts'
import type { SetResult } from '../../../config/edge/state.ts'
import type { ConfigReader } from '../../../store/config/config-reader.ts'
import type { ConfigOrder } from '../../../store/orders.ts'
import { withConfigs } from './with-configs.ts'

/** A running edge looks for orders twice a second. */
const ANSWER_MS_MAX = 10_000
const POLL_EVERY_MS = 50
/** After so long without an answer it is asked whether an edge runs at all. */
const ASK_EVERY_MS = 1_000
const LOCK_FILE = 'tidegate.lock'

/** What became of an order. */
export type Outcome =
  | { readonly kind: 'done'; readonly result: SetResult | undefined }
  | { readonly kind: 'refused'; readonly code: number; readonly message: string }
  /** Nobody has looked at it yet: no edge runs, or the one that runs is not able to. It stays, and will be carried out. */
  | { readonly kind: 'left'; readonly edgeRuns: boolean }

/**
 * Leaves an order for the edge of a data folder and waits for what becomes of it. It is on the disk from the beginning:
 * whoever is interrupted meanwhile has still ordered it.
 * @throws OperatorError when it cannot be left
 */
export async function carryOut(folder: string, order: ConfigOrder): Promise<Outcome> {
  const { placeOrder } = await import('../../../store/orders.ts')
  return withConfigs(folder, async (configs) => {
    placeOrder(folder, order, systemClock.now())
    const begun = performance.now()
    let asked = 0
    while (configs.isOrdered(order)) {
      const ms = performance.now() - begun
      if (ms >= ANSWER_MS_MAX) return { kind: 'left', edgeRuns: true }
      if (ms >= asked + ASK_EVERY_MS) {
        asked = ms
        if (!(await edgeRuns(folder))) return { kind: 'left', edgeRuns: false }
      }
      await pause(POLL_EVERY_MS)
    }
    return answerTo(configs, order)
  })
}

/** An order and its answer are one commit: where the order is gone, the answer is there. */
function answerTo(configs: ConfigReader, order: ConfigOrder): Outcome {
  if (order.kind === 'config-retry') return { kind: 'done', result: undefined }
  const state = configs.state(order.device)
  const result = state?.answers.find(({ id }) => id === order.id)
  if (result === undefined) return unanswered(order, state !== undefined)
  if (result.code === 200) return { kind: 'done', result }
  return { kind: 'refused', code: result.code, message: result.message }
}

function unanswered({ device }: ConfigOrder, known: boolean): Outcome {
  if (!known) {
    const message = `the edge has no room for the config of one more device, "${device}": config.devicesMax is reached`
    return { kind: 'refused', code: 429, message }
  }
  throw new OperatorError(`so much has happened since to device "${device}" that the edge's answer is gone`, {
    remedy: '`tidegate config history` tells what was done',
  })
}

/**
 * Whether a process holds the data folder. Asking takes the folder's lock for a moment where it is free, so it is asked
 * only when an order has waited in vain.
 */
async function edgeRuns(folder: string): Promise<boolean> {
  const { FolderLock } = await import('../../../store/lock.ts')
  if (!existsSync(join(folder, LOCK_FILE))) return false // an edge makes it; made here, it might be another user's
  try {
    FolderLock.take(folder).release()
    return false
  } catch {
    return true // held; or this user may not even try, cannot know, and waits on
  }
}
