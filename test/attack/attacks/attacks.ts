import type { Attack } from '../attack.ts'
import { BATCHES } from './batches.ts'
import { CONNECTIONS } from './connections.ts'
import { HTTP } from './http.ts'
import { LEVELS } from './levels.ts'
import { MEMORY } from './memory.ts'
import { PAYLOADS } from './payloads.ts'
import { RECEIPTS } from './receipts.ts'
import { STORE } from './store.ts'
import { SUBSCRIPTIONS } from './subscriptions.ts'

/** In the order of the table. */
export const ATTACKS: readonly Attack[] = [
  ...LEVELS,
  ...SUBSCRIPTIONS,
  ...CONNECTIONS,
  ...MEMORY,
  ...HTTP,
  ...PAYLOADS,
  ...STORE,
  ...RECEIPTS,
  ...BATCHES,
]
