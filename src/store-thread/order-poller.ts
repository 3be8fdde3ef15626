import { isStoreTrouble } from '../store/housekeeping/space.ts'
import { isConfigOrder } from '../store/orders.ts'
import type { Store } from '../store/store.ts'
import type { ConfigRequests } from './config/config-requests.ts'
import type { UplinkRequests } from './delivery/uplink-requests.ts'

/** How often it looks whether a command has left an order (ms). */
const POLL_EVERY_MS = 500

/** Carries out what commands have left for the edge, each order in the transaction that takes it out of the box. */
export class OrderPoller {
  readonly #store: Store
  readonly #uplinks: UplinkRequests
  readonly #configs: ConfigRequests
  readonly #onCarriedOut: () => void
  readonly #timer: NodeJS.Timeout
  /** What lay in the box could not be carried out: it is tried again. */
  #owed = false

  constructor(
    store: Store,
    uplinkRequests: { readonly uplinks: UplinkRequests; readonly configs: ConfigRequests },
    onCarriedOut: () => void,
  ) {
    this.#store = store
    this.#uplinks = uplinkRequests.uplinks
    this.#configs = uplinkRequests.configs
    this.#onCarriedOut = onCarriedOut
    this.#timer = setInterval(() => this.#poll(), POLL_EVERY_MS)
    this.#timer.unref()
  }

  /** A full disk leaves the orders where they are, and so does an edge that syncs no configs those about configs. */
  #poll(): void {
    const { orders } = this.#store
    if (!orders.mayHaveCome && !this.#owed) return
    const configs = this.#configs.begin()
    this.#owed = true
    try {
      this.#store.write(() => {
        for (const order of orders.take((one) => this.#configs.enabled || !isConfigOrder(one))) {
          if (isConfigOrder(order)) configs.take(order)
          else this.#uplinks.carryOut(order)
        }
      })
    } catch (failure) {
      if (!isStoreTrouble(failure)) throw failure
      return
    }
    this.#owed = false
    configs.done()
    this.#onCarriedOut()
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
