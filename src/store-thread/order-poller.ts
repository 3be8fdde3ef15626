import { isStoreTrouble } from '../store/housekeeping/space.ts'
import { type ClockOrder, type ConfigOrder, isClockOrder, isConfigOrder, type Order } from '../store/orders.ts'
import type { Store } from '../store/store.ts'
import type { UnroutedOrder, UnroutedProgress } from './commit/unrouted-replay.ts'
import type { ConfigRequests } from './config/config-requests.ts'
import type { UplinkRequests } from './delivery/uplink-requests.ts'

/** How often to check whether a command has written an order (ms). */
const POLL_EVERY_MS = 500
/** Pause (ms) between two slices of an order, for the commits of publishes. */
const SLICE_EVERY_MS = 20

/** Orders that the store carries out itself; both are called inside `write`. */
export interface StoreOrders {
  /** Returns how many of these rejects were stored. */
  replay(ids: readonly number[]): number
  /** Carries out a slice of an order about messages without a route. */
  unrouted(order: UnroutedOrder): UnroutedProgress
  /** Discards messages from the cloud. Returns how many there were. */
  dropDown(order: { readonly filter: string; readonly upTo: number }): number
  forget(order: { readonly devices: string; readonly unconfirmed: boolean }): void
}

/**
 * Carries out the orders that commands have written for the edge. Each is removed in the transaction that carries it
 * out.
 */
export class OrderPoller {
  readonly #store: Store
  readonly #uplinks: UplinkRequests
  readonly #configs: ConfigRequests
  readonly #ofStore: StoreOrders
  readonly #onCarriedOut: (done: readonly string[]) => void
  readonly #timer: NodeJS.Timeout
  /** True while orders could not be carried out, or not completely: they are tried again. */
  #owed = false
  #next: NodeJS.Timeout | undefined

  constructor(
    store: Store,
    requests: { readonly uplinks: UplinkRequests; readonly configs: ConfigRequests; readonly store: StoreOrders },
    onCarriedOut: (done: readonly string[]) => void,
  ) {
    this.#store = store
    this.#uplinks = requests.uplinks
    this.#configs = requests.configs
    this.#ofStore = requests.store
    this.#onCarriedOut = onCarriedOut
    this.#timer = setInterval(() => this.#poll(), POLL_EVERY_MS)
    this.#timer.unref()
  }

  /** When the disk is full, orders stay queued. When config sync is off, orders about configs stay queued. */
  #poll(): void {
    const { orders } = this.#store
    if (!orders.mayHaveCome && !this.#owed) return
    const configs = this.#configs.begin()
    let done: string[] = []
    let isLeft = false
    this.#owed = true
    try {
      this.#store.write(() => {
        done = []
        isLeft = false
        for (const order of orders.take((one) => this.#configs.enabled || !isConfigOrder(one))) {
          if (isConfigOrder(order)) configs.take(order)
          else if (order.kind === 'unrouted') isLeft = this.#takeSlice(order, done) || isLeft
          else done.push(this.#carryOut(order))
        }
      })
    } catch (failure) {
      if (!isStoreTrouble(failure)) throw failure
      return
    }
    this.#owed = isLeft
    clearTimeout(this.#next)
    if (isLeft) this.#next = setTimeout(() => this.#poll(), SLICE_EVERY_MS).unref()
    configs.done()
    this.#onCarriedOut(done)
  }

  /** @returns whether something is left of the order, which is placed again */
  #takeSlice(order: UnroutedOrder, done: string[]): boolean {
    const { left, text } = this.#ofStore.unrouted(order)
    if (left === undefined) done.push(text)
    else this.#store.orders.put(left, this.#store.time.now())
    return left !== undefined
  }

  /** @returns what was done, for the log */
  #carryOut(order: Exclude<Order, ConfigOrder | UnroutedOrder>): string {
    if (isClockOrder(order)) return this.#decideClock(order)
    if (order.kind === 'replay-undecodable') {
      return `rejects replay: ${this.#ofStore.replay(order.ids)} of ${order.ids.length} rejects are stored`
    }
    if (order.kind === 'drop-down') return `down drop: ${this.#ofStore.dropDown(order)} messages`
    if (order.kind === 'forget-devices') {
      this.#ofStore.forget(order)
      return `devices forget "${order.devices}": its readings are being removed`
    }
    if (order.kind === 'uplink-resume') {
      this.#store.delivery.pauses.end(order.uplink)
      return `uplink resume: ${order.uplink}`
    }
    this.#uplinks.carryOut(order)
    return `${order.kind}: ${order.ids.length}`
  }

  #decideClock(order: ClockOrder): string {
    const { time, upkeep } = this.#store
    if (order.kind === 'retention-accept') upkeep.housekeeping.expiry.accept(time.now())
    else if (order.kind === 'clock-reject') {
      if (!time.reject()) return 'clock reject: nothing, because the system clock has made no step'
    } else if (!time.accept(order))
      return 'clock accept: nothing, because the system clock does not show that time any more'
    return order.kind.replace('-', ' ')
  }

  stop(): void {
    clearInterval(this.#timer)
    clearTimeout(this.#next)
  }
}
