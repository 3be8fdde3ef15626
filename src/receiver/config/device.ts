import {
  type AuthorityCount,
  type AuthorityEffect,
  type AuthorityEnv,
  type AuthorityEvent,
  type AuthorityState,
  authorityStep,
  newAuthorityState,
} from '../../config/authority.ts'
import type { Change } from '../../config/changes.ts'
import type { ConflictRecord } from '../../config/conflict.ts'
import { type Revision, sameRev } from '../../config/revision.ts'
import type { DeviceRecord, DeviceWrite, Reported } from './config-store.ts'
import type { DeviceKey } from './device-key.ts'

export type DeviceEvent =
  | AuthorityEvent
  /** What the device runs, as its edge reports; null: the edge cleared its report. */
  | { readonly kind: 'reported'; readonly reported: Reported | null }
  | { readonly kind: 'conflict'; readonly conflict: ConflictRecord | null }

export type WriteResult = Omit<Extract<AuthorityEffect, { kind: 'result' }>, 'kind'>
export type Counted = Omit<Extract<AuthorityEffect, { kind: 'count' }>, 'kind'>

/** The result of events of one device. */
export interface DeviceStep {
  /** Undefined: nothing is to be written. */
  readonly write: DeviceWrite | undefined
  readonly result: WriteResult | undefined
  readonly counted: readonly Counted[]
}

/** A device of which nothing is known yet. */
export function newRecord({ edge, device }: DeviceKey): DeviceRecord {
  return { edge, device, state: newAuthorityState(device), counts: {}, head: null, reported: null, conflict: null }
}

/** Processes events of one device in their order. Pure. */
export function workOn(
  known: DeviceRecord | undefined,
  key: DeviceKey,
  events: readonly DeviceEvent[],
  env: AuthorityEnv,
): DeviceStep {
  const work = new Work(known ?? newRecord(key))
  for (const event of events) work.take(event, env)
  return work.step(known, env)
}

class Work {
  #record: DeviceRecord
  #changed = false
  #publish = false
  readonly #kept: Revision[] = []
  readonly #changes: Change[] = []
  readonly #counted: Counted[] = []
  #result: WriteResult | undefined

  constructor(record: DeviceRecord) {
    this.#record = record
  }

  take(event: DeviceEvent, env: AuthorityEnv): void {
    if (event.kind === 'reported') return this.#set({ reported: event.reported })
    if (event.kind === 'conflict') return this.#set({ conflict: event.conflict })
    const { state, effects } = authorityStep(this.#record.state, event, env)
    if (!sameState(state, this.#record.state)) this.#set({ state })
    for (const effect of effects) this.#do(effect)
    if (event.kind === 'head') this.#propose(event.revision)
    else if (this.#record.head !== null && isInForce(this.#record.head, state)) this.#set({ head: null })
  }

  #do(effect: AuthorityEffect): void {
    switch (effect.kind) {
      case 'log':
        this.#changes.push(effect.change)
        break
      case 'keep':
        this.#kept.push(effect.revision)
        break
      case 'count':
        this.#count(effect)
        break
      case 'publishDesired':
        this.#publish = true
        break
      case 'result':
        this.#result = { code: effect.code, rev: effect.rev, message: effect.message }
    }
  }

  /** A head without changes arrives with every connection: it is not worth a write. */
  #count({ name, reason }: { readonly name: AuthorityCount; readonly reason?: string }): void {
    this.#counted.push({ name, ...(reason !== undefined && { reason }) })
    if (name === 'same') return
    const { counts } = this.#record
    this.#set({ counts: { ...counts, [name]: (counts[name] ?? 0) + 1 } })
  }

  #propose(head: Revision): void {
    const { head: before, state } = this.#record
    const next = isInForce(head, state) ? null : head
    if (before === next || (before?.hash === next?.hash && sameRev(before?.rev, next?.rev))) return
    this.#set({ head: next })
  }

  #set(part: Partial<DeviceRecord>): void {
    this.#changed = true
    this.#record = { ...this.#record, ...part }
  }

  /** A malformed message creates no device: any client can send one. */
  step(known: DeviceRecord | undefined, { now }: AuthorityEnv): DeviceStep {
    const { state, reported, conflict } = this.#record
    const isThere = known !== undefined || state.cur !== null || reported !== null || conflict !== null
    const write = { record: this.#record, kept: this.#kept, changes: this.#changes, publish: this.#publish, at: now }
    const isWorthIt = isThere && (this.#changed || this.#publish)
    return { write: isWorthIt ? write : undefined, result: this.#result, counted: this.#counted }
  }
}

function isInForce(head: Revision, { cur }: AuthorityState): boolean {
  return cur !== null && sameRev(cur.rev, head.rev) && cur.hash === head.hash
}

function sameState(a: AuthorityState, b: AuthorityState): boolean {
  return a.cur === b.cur && a.clock === b.clock && a.tombstone === b.tombstone && a.ci === b.ci && a.cMax === b.cMax
}
