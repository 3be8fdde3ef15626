import type { EdgeEvent, SyncRules } from '../../config/edge/state.ts'
import type { Operation } from '../../config/operations.ts'
import type { ConfigOrder } from '../../store/orders.ts'
import type { Store } from '../../store/store.ts'
import type { ConfigAnswer, ConfigEvent, ConfigMessage, ConfigStatus } from '../config-protocol.ts'
import { WorkBudget } from '../work-budget.ts'
import { ConfigCounts } from './counts.ts'
import { readEvent, readOrder } from './events.ts'
import { type ConfigTransactionsOptions, Turns } from './turns.ts'

/** Devices that one transaction of a restart or a tick handles at most. */
const DEVICES_AT_ONCE = 200
/** A step reads and writes the state of a device: it takes at least as long as a message of this size (bytes). */
const STEP_BYTES_MIN = 4_096

/**
 * Configs of devices on the store thread. Every event is one step of the pure core (src/config). Its effects are
 * committed together, several events in one transaction, and leave the thread only after the commit.
 */
export class ConfigTransactions {
  readonly #store: Store
  readonly #options: ConfigTransactionsOptions
  readonly #rules: SyncRules
  readonly #counts = new ConfigCounts()
  readonly #budget = new WorkBudget()
  /** Rows that were sent to the cloud on this connection and are not answered yet. */
  readonly #inFlight = new Map<string, Operation>()

  constructor(store: Store, options: ConfigTransactionsOptions) {
    this.#store = store
    this.#options = options
    const { policies, deleteModify, keyedArrays, local, conflictDeadlineMs, afterDeadline } = options.settings
    this.#rules = { policies, deleteModify, keyedArrays, localForm: local, conflictDeadlineMs, afterDeadline }
  }

  /**
   * @param now UTC ms @returns the number of events that were handled, the first ones: the transaction ends when it takes
   * long. @throws errors of the disk; then nothing happened
   */
  events(events: readonly ConfigEvent[], now: number): number {
    return this.#commit(
      now,
      events,
      (event) => event.payload.length,
      (turns, event) => {
        turns.take(event.device, readEvent(event, this.#options.settings))
      },
    )
  }

  /** Carries out an order of a command; call it inside the transaction of `turns`. */
  order(turns: Turns, order: ConfigOrder, now: number): void {
    const { device } = order
    if (order.kind === 'config-retry') {
      this.#store.configs.retry(device, now)
      turns.waiting = true
    } else turns.take(device, readOrder(order))
  }

  /** Steps for a transaction that the caller begins; call `done` after the commit. */
  turns(now: number): Turns {
    return new Turns(this.#store, { now, rules: this.#rules, options: this.#options, counts: this.#counts })
  }

  restart(after: string, now: number): string | undefined {
    const devices = this.#store.configs.after(after, DEVICES_AT_ONCE)
    const handled = this.#steps(now, devices, { kind: 'restart' })
    return handled < DEVICES_AT_ONCE && handled === devices.length ? undefined : devices[handled - 1]
  }

  /** @returns whether there is more to do */
  tick(now: number): boolean {
    const devices = this.#store.configs.due(now, DEVICES_AT_ONCE)
    if (devices.length === 0) return false
    return this.#steps(now, devices, { kind: 'tick' }) < devices.length
  }

  #steps(now: number, devices: readonly string[], event: EdgeEvent): number {
    return this.#commit(
      now,
      devices,
      () => 0,
      (turns, device) => void turns.take(device, { ok: true, event }),
    )
  }

  /**
   * Messages that may leave for the cloud. When this returns, it is on disk that they leave: the cloud may know them
   * now.
   */
  next(countMax: number, now: number): { messages: ConfigMessage[]; waitMs: number | undefined } {
    const { configs } = this.#store
    const rows = configs.operations(now, countMax + this.#inFlight.size)
    const free = rows.filter((row) => !this.#inFlight.has(keyOf(row))).slice(0, countMax)
    const due = configs.nextDue(now)
    const messages = free.length > 0 ? this.#sending(free, now) : []
    return { messages, waitMs: due === undefined ? undefined : due - now }
  }

  #sending(rows: readonly Operation[], now: number): ConfigMessage[] {
    const messages: ConfigMessage[] = []
    this.#commit(
      now,
      rows,
      () => 0,
      (turns, operation) => {
        const { device, what } = operation
        const effects = turns.take(device, { ok: true, event: { kind: 'sending', what } })
        const publish = effects.find((effect) => effect.kind === 'publish')
        messages.push({ operation, payload: publish?.payload ?? '' })
      },
    )
    for (const { operation } of messages) this.#inFlight.set(keyOf(operation), operation)
    return messages
  }

  answered(answers: readonly ConfigAnswer[], now: number): void {
    const { configs } = this.#store
    for (const { operation } of answers) this.#inFlight.delete(keyOf(operation))
    this.#store.write(() => {
      for (const { operation, answer } of answers) configs.answered(operation, answer, now, this.#options.random)
    })
    for (const { operation, answer } of answers) if (answer.kind === 'refused') this.#refused(operation, answer.reason)
  }

  #refused({ device, what, attempts }: Operation, reason: string): void {
    const text = `the cloud broker refused the ${what} of the config of ${device} (attempt ${attempts + 1}): ${reason}`
    this.#options.notice({ level: 'warn', text })
  }

  release(): void {
    this.#inFlight.clear()
  }

  status(): ConfigStatus {
    const { count, conflicts, waiting, attention, size } = this.#store.configs
    const bytes = { bytes: size.bytes, bytesMax: size.max(this.#options.settings.bytesMax) }
    return { devices: count, ...bytes, conflicts, waiting, attention, counts: this.#counts.all }
  }

  /** One transaction, which ends when it takes long. @returns the number of items that were handled, the first ones */
  #commit<T>(
    now: number,
    items: readonly T[],
    bytesOf: (item: T) => number,
    work: (turns: Turns, item: T) => void,
  ): number {
    const turns = this.turns(now)
    let [handled, workedAt] = [0, 0]
    this.#store.write(() => {
      this.#budget.begin()
      while (handled < items.length) {
        const item = items[handled]!
        if (this.#budget.endsBefore(STEP_BYTES_MIN + bytesOf(item))) break
        work(turns, item)
        handled++
      }
      workedAt = performance.now()
    })
    this.#budget.committed(performance.now() - workedAt)
    turns.done()
    return handled
  }
}

function keyOf({ device, what }: Operation): string {
  return `${device}/${what}`
}
