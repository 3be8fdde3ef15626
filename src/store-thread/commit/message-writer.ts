import { qualityWord } from '../../base/flags.ts'
import type { Reading, Verdict } from '../../base/reading.ts'
import { decode } from '../../decode/decode.ts'
import type { Judge, JudgeInput } from '../../quality/judge.ts'
import type { QualityRule } from '../../settings/schema/quality.ts'
import type { Catalog, Shortage } from '../../store/catalog.ts'
import type { TrustedTimes } from '../../store/clock/clock-state.ts'
import type { KeptUnrouted } from '../../store/kept/unrouted.ts'
import { type KeptReject, TOO_MANY_SERIES } from '../../store/rejects.ts'
import { type Device, noteTime, type Series } from '../../store/series/series.ts'
import type { Store } from '../../store/store.ts'
import type { Publish } from '../batch-buffer.ts'
import type { BatchMessage, TopicEntry } from '../protocol.ts'
import type { RouteMatch } from '../routes.ts'
import { asRepeat, MessageRepeats } from './message-repeats.ts'
import { type CommitOutcome, newOutcome } from './outcome.ts'
import { partialReason } from './partial-reason.ts'
import { rebuildJudge } from './rebuild-judge.ts'
import { RejectWriter } from './reject-writer.ts'

/** Reasons of rejects: messages with QoS 0, which cannot be refused. Replay recognises them by how they begin. */
const SHORTAGES: Readonly<Record<Shortage, string>> = {
  catalog: `${TOO_MANY_SERIES}: the store has store.seriesMax series`,
  client: `${TOO_MANY_SERIES}: the client has created store.seriesPerClientMax series`,
  device: `${TOO_MANY_SERIES}: the device has store.seriesPerDeviceMax series`,
}

/** `wait`: nothing of the message was stored yet. `no series`: there is no room for one, and its sender must keep it. */
export type Taken = 'done' | 'wait' | 'no series'

/** A topic number's entry, and its device once a batch has needed it. */
export interface Target extends TopicEntry {
  owner: Device | undefined
}

/** Turns messages of routes into readings: decode, judge, append, count. All methods run inside a transaction. */
export class MessageWriter {
  readonly #store: Store
  readonly #rules: readonly QualityRule[]
  readonly #topics: Target[] = []
  #clients: string[] = []
  readonly #input = {} as { -readonly [Key in keyof JudgeInput]: JudgeInput[Key] }
  readonly #repeats: MessageRepeats
  readonly #rejects: RejectWriter
  #judge: Judge
  /** Arrival times at which the system clock is believed. */
  #trusted: TrustedTimes = { from: Infinity, to: -Infinity }
  /** The catalog that the devices in `#topics` belong to: the store makes a new one after a failed transaction. */
  #catalog: Catalog
  #removals = 0
  /** Messages that lacked room for a series: those that were refused, and those with QoS 0, kept as rejects. */
  readonly shortages = { refused: 0, kept: 0 }

  constructor(store: Store, rules: readonly QualityRule[]) {
    this.#store = store
    this.#rules = rules
    this.#repeats = new MessageRepeats(store)
    this.#rejects = new RejectWriter(store)
    this.#judge = rebuildJudge(store, rules)
    this.#catalog = store.intake.catalog
  }

  /** Learns the numbers that a batch assigns to topics and clients; needs no transaction. */
  learn({ renumbered, topics, clients }: Pick<BatchMessage, 'renumbered' | 'topics' | 'clients'>): void {
    if (renumbered) {
      this.#topics.length = 0
      this.#clients.length = 0
    }
    for (const entry of topics) this.#topics[entry.id] = { ...entry, owner: undefined }
    for (const { id, client } of clients) this.#clients[id] = client
  }

  target(publish: Publish): Target {
    return this.#topics[publish.topic]!
  }

  client(publish: Publish): string {
    return this.#clients[publish.client] ?? ''
  }

  /** Call it first in each transaction. */
  begin(): void {
    const { time } = this.#store
    time.beginCommit()
    this.#trusted = time.trusted()
    this.#followCatalog()
  }

  /** Verdicts that later readings have changed, since the last call. */
  takeAmendments(): ReturnType<Judge['takeAmendments']> {
    return this.#judge.takeAmendments()
  }

  /** @param receivedAt when the message arrived (UTC ms), if that was before its readings are stored */
  take(publish: Publish, target: Target, outcome: CommitOutcome, receivedAt = publish.arrival): Taken {
    const decoded = decode(publish.payload, target, receivedAt, target.format)
    const { catalog } = this.#store.intake
    if (!decoded.ok) {
      this.#reject({ ...publish, arrival: receivedAt }, target, decoded.reason, outcome)
      return 'done'
    }
    const shortage = catalog.shortage(decoded.readings, this.client(publish))
    if (shortage !== undefined) return this.#refuse(publish, target, shortage, outcome)
    target.owner ??= catalog.device(target.device)
    const { time } = this.#store
    if (time.arrived(this.#store.lastSeq + 1, publish.arrival)) this.#trusted = time.trusted()
    const { stored } = outcome
    const { readings } = decoded
    this.#repeats.begin(publish.dup, readings.length)
    if (readings.length > 1 && this.#repeats.mustWait(readings)) return 'wait'
    for (const reading of readings) {
      const device = reading.device === target.device ? target.owner : catalog.device(reading.device)
      if (!this.#append(publish, device, reading, outcome)) return 'wait'
    }
    if (decoded.partial !== undefined) {
      const origin = { device: target.owner, topic: target.topic, client: this.client(publish) }
      const message = { arrival: receivedAt, payload: publish.payload }
      this.#rejects.addFields(message, origin, decoded.partial, { isRepeat: outcome.stored === stored, outcome })
    }
    return 'done'
  }

  /** A message that cannot have its series: its sender keeps it; with QoS 0 it would not, so it becomes a reject. */
  #refuse(publish: Publish, target: Target, shortage: Shortage, outcome: CommitOutcome): Taken {
    this.shortages[publish.qos === 0 ? 'kept' : 'refused']++
    if (publish.qos > 0) return 'no series'
    this.#reject(publish, target, SHORTAGES[shortage], outcome)
    return 'done'
  }

  /** @returns false: it may be a repeat, and must wait until that is known */
  #append(publish: Publish, device: Device, reading: Reading, outcome: CommitOutcome): boolean {
    const { catalog, log } = this.#store.intake
    const series = catalog.find(device, reading.metric, reading.unit, this.#clients[publish.client])
    if (this.#repeats.mustWaitFor(series, reading)) return false
    device.received++
    catalog.touch(device)
    if (this.#repeats.isRepeat(series, reading)) {
      device.duplicate++
      outcome.duplicates++
      return true
    }
    if (!series.current) catalog.makeCurrent(series)
    const verdict = this.#verdict(series, reading, publish)
    noteTime(series, reading.ts, verdict, publish)
    log.append(series.id, reading.ts, reading.value, verdict, publish.arrival)
    device.stored++
    outcome.stored++
    outcome[qualityWord(verdict.quality)]++
    return true
  }

  #verdict(series: Series, reading: Reading, publish: Publish): Verdict {
    const input = this.#input
    input.seq = this.#store.lastSeq + 1
    input.device = series.device.name
    input.metric = series.metric
    input.kind = series
    input.value = reading.value
    input.ts = reading.ts
    input.receivedAt = publish.arrival
    input.claim = publish.dup && !reading.timed ? asRepeat(reading.claim) : reading.claim
    input.clockSynced = publish.arrival >= this.#trusted.from && publish.arrival <= this.#trusted.to
    input.clockRun = this.#store.time.clockRun
    input.hasSibling = this.#repeats.hasSibling
    const verdict = this.#judge.judge(series.id, input)
    // A number in a series of numbers, the common case, changes nothing.
    if (!series.isNew && series.type === 'number' && typeof reading.value === 'number') return verdict
    this.#store.intake.catalog.setKind(series, this.#judge.kindOf(series.id)!)
    return verdict
  }

  #reject(publish: Publish, { device, topic }: Target, reason: string, outcome: CommitOutcome): void {
    const { catalog } = this.#store.intake
    const origin = { device: catalog.deviceOrOverflow(device), topic, client: this.client(publish) }
    this.#rejects.add(publish, origin, reason, outcome)
  }

  /**
   * Stores the readings of a reject that lacked only room for a series, or that had fields that
   * are understood now; they arrive now. What of it was stored before is not stored again. The reject is not counted
   * any more; fields that are still not understood become a new one. @returns false: nothing was done, because there is
   * no room, nothing more is understood, or the message is older than the window of repeats.
   */
  replayReject(reject: KeptReject, match: RouteMatch, now: number): boolean {
    this.#followCatalog()
    const { catalog, repeats } = this.#store.intake
    const { payload, receivedAt, fields, client } = reject
    const decoded = decode(payload, match, receivedAt, match.format)
    if (!decoded.ok || catalog.shortage(decoded.readings, client) !== undefined) return false
    const { readings, partial } = decoded
    const { lastSeq } = this.#store
    const isPartial = fields > 0
    if (isPartial && partial?.count === fields) return false
    if (isPartial && !repeats.covers(this.#store.sealed.arrivals.firstSince(receivedAt, lastSeq), lastSeq)) return false
    const flags = { dup: false, qos: 0, retain: false } as const
    // The number -1 stands for no client.
    const publish: Publish = { arrival: now, topic: 0, client: -1, ...flags, payload: Buffer.from(payload) }
    const { time } = this.#store
    time.beginCommit()
    time.arrived(lastSeq + 1, now)
    this.#trusted = time.trusted()
    const device = catalog.device(reject.device)
    device.received -= isPartial ? fields : 1
    device[isPartial ? 'partial' : 'rejected'] -= isPartial ? fields : 1
    catalog.touch(device)
    this.#repeats.begin(isPartial, readings.length)
    for (const reading of readings) {
      const owner = catalog.device(reading.device)
      if (isPartial && this.#repeats.isStored(catalog.find(owner, reading.metric, reading.unit), reading)) continue
      this.#append(publish, owner, reading, newOutcome())
    }
    if (partial === undefined) return true
    device.received += partial.count
    device.partial += partial.count
    const kept = { device, reason: partialReason(partial), fields: partial.count }
    this.#store.intake.rejects.add({ ...kept, receivedAt, topic: reject.topic, client, payload })
    return true
  }

  /**
   * Stores the readings of a message that was kept without a route. They arrive now; a reading without a time of its own
   * has the time at which the message arrived. What is not understood becomes a reject.
   */
  replayUnrouted(message: KeptUnrouted, match: RouteMatch, now: number): Taken {
    this.begin()
    const { client, dup, retain, payload, receivedAt } = message
    const clients = this.#clients
    this.#clients = [client]
    try {
      // With QoS 1 a message that lacks room for a series stays where it is.
      const publish: Publish = { arrival: now, topic: 0, client: 0, dup, qos: 1, retain, payload }
      return this.take(publish, { ...match, id: 0, owner: undefined }, newOutcome(), receivedAt)
    } finally {
      this.#clients = clients
    }
  }

  /** Forgets what belongs to a former catalog, or to series and devices that were removed from this one. */
  #followCatalog(): void {
    const { catalog } = this.#store.intake
    if (this.#catalog !== catalog) this.#recover()
    if (this.#removals === catalog.removals) return
    this.#removals = catalog.removals
    for (const series of catalog.takeRemoved()) this.#judge.forget(series)
    for (const target of this.#topics) target.owner = undefined
  }

  /** After a failed transaction: forgets what was learnt from readings that are not on disk. */
  #recover(): void {
    this.#catalog = this.#store.intake.catalog
    this.#removals = this.#catalog.removals
    for (const target of this.#topics) target.owner = undefined
    this.#judge = rebuildJudge(this.#store, this.#rules)
  }
}
