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
import type { EdgeClock } from '../edge-clock.ts'
import type { Notice } from '../protocol.ts'
import { ConfigCounts } from './counts.ts'
import { type Read, readEvent, readOrder } from './events.ts'

/** Devices that are asserted again, or that time has brought something for, in one transaction. */
const DEVICES_AT_ONCE = 200

export interface ConfigTransactionsOptions {
  readonly settings: ConfigSettings
  readonly check: SchemaCheck
  readonly custom: CustomMerge
  readonly clock: EdgeClock
  /** Is told after each commit what it has brought for local clients and for the cloud. */
  readonly notify: (notice: ConfigNotice) => void
  readonly notice: (notice: Notice) => void
  readonly random: () => number
}

/**
 * Configs of devices on the store thread. Every event is one step of the pure core (src/config): what it makes is
 * committed together, several events in one transaction, and told to others only after that.
 */
export class ConfigTransactions {
  readonly #store: Store
  readonly #options: ConfigTransactionsOptions
  readonly #rules: SyncRules
  readonly #counts = new ConfigCounts()
  /** Rows that have left for the cloud on this connection, and are not answered. */
  readonly #flights = new Map<string, Operation>()

  constructor(store: Store, options: ConfigTransactionsOptions) {
    this.#store = store
    this.#options = options
    const { policies, deleteModify, keyedArrays, local, conflictDeadlineMs, afterDeadline } = options.settings
    this.#rules = { policies, deleteModify, keyedArrays, localForm: local, conflictDeadlineMs, afterDeadline }
  }

  /** @param now UTC ms @throws what the disk throws; then nothing happened */
  events(events: readonly ConfigEvent[], now: number): void {
    this.#commit(now, (turns) => {
      for (const event of events) turns.take(event.device, readEvent(event, this.#options.settings))
    })
  }

  /** Inside the transaction of `turns`: what a command has ordered. */
  order(turns: Turns, order: ConfigOrder, now: number): void {
    const { device } = order
    if (order.kind === 'config-retry') {
      this.#store.configs.retry(device, now)
      turns.waiting = true
    } else turns.take(device, readOrder(order))
  }

  /** A transaction is about to begin; `done` is called after it. */
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

  /** What may leave for the cloud. That it leaves is on the disk when this returns: the cloud may know it from now on. */
  next(countMax: number, now: number): { messages: ConfigMessage[]; waitMs: number | undefined } {
    const { configs } = this.#store
    const rows = configs.operations(now, countMax + this.#flights.size)
    const free = rows.filter((row) => !this.#flights.has(keyOf(row))).slice(0, countMax)
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
    for (const { operation } of messages) this.#flights.set(keyOf(operation), operation)
    return messages
  }

  answered(answers: readonly ConfigAnswer[], now: number): void {
    const { configs } = this.#store
    for (const { operation } of answers) this.#flights.delete(keyOf(operation))
    this.#store.write(() => {
      for (const { operation, answer } of answers) configs.answered(operation, answer, now, this.#options.random)
    })
    for (const { operation, answer } of answers) if (answer.kind === 'refused') this.#refused(operation, answer.reason)
  }

  #refused({ device, what, attempts }: Operation, reason: string): void {
    const text = `the cloud's broker refuses the ${what} of the config of ${device} (${attempts + 1}): ${reason}`
    this.#options.notice({ level: 'warn', text })
  }

  release(): void {
    this.#flights.clear()
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

interface TurnsAround {
  readonly now: number
  readonly rules: SyncRules
  readonly options: ConfigTransactionsOptions
  readonly counts: ConfigCounts
}

/** The steps of one transaction, and what is told when it is done. */
export class Turns {
  readonly #store: Store
  readonly #around: TurnsAround
  readonly #messages: LocalMessage[] = []
  readonly #alarms: string[] = []
  readonly #counted: [name: string, reason: string | undefined][] = []
  /** Something waits to leave for the cloud. */
  waiting = false

  constructor(store: Store, around: TurnsAround) {
    this.#store = store
    this.#around = around
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

  /** A device that nobody knew is one more; who asks for too many is answered, the cloud's are only counted. */
  #isTooMany(device: string, event: EdgeEvent): boolean {
    const { configs } = this.#store
    const { devicesMax } = this.#around.options.settings
    const makesOne = event.kind === 'desired' || event.kind === 'set'
    if (!makesOne || configs.count < devicesMax) return false
    const message = `${devicesMax} devices have a config already: raise config.devicesMax`
    this.#counted.push(['overfull', message])
    if (event.kind === 'set') this.#answer(device, { id: event.set.id, code: 429, rev: null, message })
    return true
  }

  #envFor(device: string): Parameters<typeof step>[2] {
    const { now, rules, options } = this.#around
    const { check, custom, clock } = options
    return { now, clockSynced: clock.trusts(now), rules, check: (config) => check(device, config), custom }
  }

  #do({ device }: EdgeState, effect: EdgeEffect): void {
    const { configs } = this.#store
    const { now } = this.#around
    switch (effect.kind) {
      case 'enqueue':
        this.waiting = true
        return configs.enqueue(device, effect.what, now)
      case 'log':
        return configs.log(effect.change)
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
      case 'publish': // its caller sends it
    }
  }

  #answer(device: string, result: Omit<SetResult, 'code'> & { readonly code: number }): void {
    this.#messages.push({ topic: localTopic(device, 'result'), payload: JSON.stringify(result), retain: false })
  }

  /** The transaction is on the disk. */
  done(): void {
    const { options, counts } = this.#around
    for (const [name, reason] of this.#counted) counts.add(name, reason)
    for (const text of this.#alarms) options.notice({ level: 'warn', text })
    if (this.#messages.length > 0 || this.waiting) options.notify({ messages: this.#messages, waiting: this.waiting })
  }
}
