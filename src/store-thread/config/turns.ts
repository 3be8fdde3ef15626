import {
  type EdgeEffect,
  type EdgeEvent,
  type EdgeState,
  newEdgeState,
  type SetResult,
  type SyncRules,
} from '../../config/edge/state.ts'
import { nextDue, step } from '../../config/edge/step.ts'
import type { CustomMerge } from '../../config/policies.ts'
import type { SchemaCheck } from '../../config/schema-check.ts'
import { localTopic } from '../../config/topics.ts'
import type { ConfigSettings } from '../../settings/schema/config.ts'
import type { StoreTime } from '../../store/clock/store-time.ts'
import type { Store } from '../../store/store.ts'
import type { ConfigNotice, LocalMessage } from '../config-protocol.ts'
import type { Notice } from '../protocol.ts'
import type { ConfigCounts } from './counts.ts'
import type { Read } from './events.ts'

export interface ConfigTransactionsOptions {
  readonly settings: ConfigSettings
  readonly check: SchemaCheck
  /** Functions of the operator; `begin` is called for each event. */
  readonly custom: { begin(): CustomMerge }
  readonly time: Pick<StoreTime, 'trusted'>
  /** Called after each commit that has messages for local clients or for the cloud. */
  readonly notify: (notice: ConfigNotice) => void
  readonly notice: (notice: Notice) => void
  readonly random: () => number
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
    if (this.#isTooMuch(device, read.event, known === undefined)) return []
    const before = known ?? newEdgeState(device, epoch)
    const { state, effects } = step(before, read.event, this.#envFor(device))
    if (state !== before || effects.some(({ kind }) => kind === 'keep')) {
      configs.save(state, { due: nextDue(state), isNew: known === undefined })
    }
    for (const effect of effects) this.#do(state, effect)
    return effects
  }

  /**
   * Whether the event would add a device beyond `config.devicesMax`, or a config although configs take `config.bytesMax`.
   * An edit is answered with 429; a config of the cloud is only counted.
   */
  #isTooMuch(device: string, event: EdgeEvent, isNew: boolean): boolean {
    if (event.kind !== 'desired' && (event.kind !== 'set' || event.set.delete === true)) return false
    const { count, size } = this.#store.configs
    const { devicesMax, bytesMax } = this.#context.options.settings
    const most = size.max(bytesMax)
    let message: string
    if (isNew && count >= devicesMax) message = `${devicesMax} devices already have a config: raise config.devicesMax`
    else if (size.bytes >= most) {
      message = `configs take ${most} bytes of the store: raise config.bytesMax (at most a quarter of store.maxBytes), or delete configs`
    } else return false
    this.#counted.push(['overfull', message])
    if (event.kind === 'set') this.#answer(device, { id: event.set.id, code: 429, rev: null, message })
    return true
  }

  #envFor(device: string): Parameters<typeof step>[2] {
    const { now, rules, options } = this.#context
    const { check, custom } = options
    return {
      now,
      clockSynced: this.#isTimeTrusted,
      rules,
      check: (config) => check(device, config),
      custom: custom.begin(),
    }
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
