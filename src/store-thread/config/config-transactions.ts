import {
  type EdgeEffect,
  type EdgeEvent,
  type EdgeState,
  newEdgeState,
  type SetResult,
  type SyncRules,
} from '../../config/edge/state.ts'
import { nextDue, step } from '../../config/edge/step.ts'
import type { Operation } from '../../config/operations.ts'
import type { CustomMerge } from '../../config/policies.ts'
import type { SchemaCheck } from '../../config/schema-check.ts'
import { localTopic } from '../../config/topics.ts'
import type { ConfigSettings } from '../../settings/schema/config.ts'
import type { StoreTime } from '../../store/clock/store-time.ts'
import type { ConfigOrder } from '../../store/orders.ts'
import type { Store } from '../../store/store.ts'
import type {
  ConfigAnswer,
  ConfigEvent,
  ConfigMessage,
  ConfigNotice,
  ConfigStatus,
  LocalMessage,
} from '../config-protocol.ts'
import type { Notice } from '../protocol.ts'
import { ConfigCounts } from './counts.ts'
import { type Read, readEvent, readOrder } from './events.ts'

/** Devices that one transaction of a restart or a tick handles at most. */
const DEVICES_AT_ONCE = 200

export interface ConfigTransactionsOptions {
  readonly settings: ConfigSettings
  readonly check: SchemaCheck
  readonly custom: CustomMerge
  readonly time: Pick<StoreTime, 'trusted'>
  /** Called after each commit that has messages for local clients or for the cloud. */
  readonly notify: (notice: ConfigNotice) => void
  readonly notice: (notice: Notice) => void
  readonly random: () => number
}

/**
 * Configs of devices on the store thread. Every event is one step of the pure core (src/config). Its effects are
 * committed together, several events in one transaction, and leave the thread only after the commit.
 */
export class ConfigTransactions {
  readonly #store: Store
  readonly #options: ConfigTransactionsOptions
  readonly #rules: SyncRules
  readonly #counts = new ConfigCounts()
  /** Rows that were sent to the cloud on this connection and are not answered yet. */
  readonly #inFlight = new Map<string, Operation>()

  constructor(store: Store, options: ConfigTransactionsOptions) {
    this.#store = store
    this.#options = options
    const { policies, deleteModify, keyedArrays, local, conflictDeadlineMs, afterDeadline } = options.settings
    this.#rules = { policies, deleteModify, keyedArrays, localForm: local, conflictDeadlineMs, afterDeadline }
  }

  /** @param now UTC ms @throws errors of the disk; then nothing happened */
  events(events: readonly ConfigEvent[], now: number): void {
    this.#commit(now, (turns) => {
      for (const event of events) turns.take(event.device, readEvent(event, this.#options.settings))
    })
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
    this.#commit(now, (turns) => {
      for (const device of devices) turns.take(device, { ok: true, event: { kind: 'restart' } })
    })
    return devices.length < DEVICES_AT_ONCE ? undefined : devices.at(-1)
  }

  tick(now: number): void {
    const devices = this.#store.configs.due(now, DEVICES_AT_ONCE)
    if (devices.length === 0) return
    this.#commit(now, (turns) => {
      for (const device of devices) turns.take(device, { ok: true, event: { kind: 'tick' } })
    })
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
    this.#commit(now, (turns) => {
      for (const operation of rows) {
        const { device, what } = operation
        const effects = turns.take(device, { ok: true, event: { kind: 'sending', what } })
        const publish = effects.find((effect) => effect.kind === 'publish')
        messages.push({ operation, payload: publish?.payload ?? '' })
      }
    })
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
    const { count, conflicts, waiting, attention } = this.#store.configs
    return { devices: count, conflicts, waiting, attention, counts: this.#counts.all }
  }

  #commit(now: number, work: (turns: Turns) => void): void {
    const turns = this.turns(now)
    this.#store.write(() => work(turns))
    turns.done()
  }
}

function keyOf({ device, what }: Operation): string {
  return `${device}/${what}`
}

interface TurnsOptions {
  readonly now: number
  readonly rules: SyncRules
  readonly options: ConfigTransactionsOptions
  readonly counts: ConfigCounts
}

/** The steps of one transaction, and the messages and counters that leave when it is committed. */
export class Turns {
  readonly #store: Store
  readonly #context: TurnsOptions
  readonly #messages: LocalMessage[] = []
  readonly #alarms: string[] = []
  readonly #counted: [name: string, reason: string | undefined][] = []
  /** Something waits to leave for the cloud. */
  waiting = false

  constructor(store: Store, context: TurnsOptions) {
    this.#store = store
    this.#context = context
  }

  /** One event of one device. @returns its effects */
  take(device: string, read: Read): readonly EdgeEffect[] {
    if (!read.ok) {
      this.#counted.push([read.count, read.reason])
      if (read.answer !== undefined) this.#answer(device, read.answer)
      return []
    }
    const { configs, epoch } = this.#store
    const known = configs.find(device, epoch)
    if (known === undefined && this.#isTooMany(device, read.event)) return []
    const before = known ?? newEdgeState(device, epoch)
    const { state, effects } = step(before, read.event, this.#envFor(device))
    if (state !== before || effects.some(({ kind }) => kind === 'keep')) {
      configs.save(state, { due: nextDue(state), isNew: known === undefined })
    }
    for (const effect of effects) this.#do(state, effect)
    return effects
  }

  /**
   * Whether the event would add a device beyond `config.devicesMax`. An edit is answered with 429; a config of the
   * cloud is only counted.
   */
  #isTooMany(device: string, event: EdgeEvent): boolean {
    const { configs } = this.#store
    const { devicesMax } = this.#context.options.settings
    const makesOne = event.kind === 'desired' || event.kind === 'set'
    if (!makesOne || configs.count < devicesMax) return false
    const message = `${devicesMax} devices already have a config: raise config.devicesMax`
    this.#counted.push(['overfull', message])
    if (event.kind === 'set') this.#answer(device, { id: event.set.id, code: 429, rev: null, message })
    return true
  }

  #envFor(device: string): Parameters<typeof step>[2] {
    const { now, rules, options } = this.#context
    const { check, custom } = options
    return { now, clockSynced: this.#isTimeTrusted, rules, check: (config) => check(device, config), custom }
  }

  /** Whether the system clock is believed, so that deadlines count and old changes may be forgotten. */
  get #isTimeTrusted(): boolean {
    const { now, options } = this.#context
    const { from, to } = options.time.trusted()
    return from <= now && now <= to
  }

  #do({ device }: EdgeState, effect: EdgeEffect): void {
    const { configs } = this.#store
    const { now } = this.#context
    switch (effect.kind) {
      case 'enqueue':
        this.waiting = true
        return configs.enqueue(device, effect.what, now)
      case 'log':
        return configs.log(effect.change, { mayForget: this.#isTimeTrusted })
      case 'keep':
        return configs.keep(device, effect.revision, now)
      case 'forget':
        return configs.forget(device)
      case 'count':
        this.#counted.push([effect.name, effect.reason])
        return
      case 'publishLocal':
        this.#messages.push({ topic: localTopic(device), payload: effect.payload, retain: true })
        return
      case 'result':
        return this.#answer(device, effect.result)
      case 'alarm':
        this.#alarms.push(effect.message)
        return
      case 'publish': // the caller sends it
    }
  }

  #answer(device: string, result: Omit<SetResult, 'code'> & { readonly code: number }): void {
    this.#messages.push({ topic: localTopic(device, 'result'), payload: JSON.stringify(result), retain: false })
  }

  /** Call when the transaction is on disk. */
  done(): void {
    const { options, counts } = this.#context
    for (const [name, reason] of this.#counted) counts.add(name, reason)
    for (const text of this.#alarms) options.notice({ level: 'warn', text })
    if (this.#messages.length > 0 || this.waiting) options.notify({ messages: this.#messages, waiting: this.waiting })
  }
}
