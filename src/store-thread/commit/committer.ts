import { qualityWord } from '../../base/flags.ts'
import type { Reading, Verdict } from '../../base/reading.ts'
import { decode } from '../../decode/decode.ts'
import type { Judge, JudgeInput } from '../../quality/judge.ts'
import type { QualityRule } from '../../settings/schema/quality.ts'
import type { Catalog, Shortage } from '../../store/catalog.ts'
import type { TrustedTimes } from '../../store/clock/clock-state.ts'
import { type KeptReject, TOO_MANY_SERIES } from '../../store/rejects.ts'
import { type Device, noteTime, type Series } from '../../store/series/series.ts'
import type { Store } from '../../store/store.ts'
import { type Publish, readBatch } from '../batch-buffer.ts'
import type { BatchMessage, Forwarding, IdentifierChange, TopicEntry } from '../protocol.ts'
import type { RouteMatch } from '../routes.ts'
import { WorkBudget } from '../work-budget.ts'
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

/** What a publish counts for with its payload (bytes), in the estimate of what a commit takes on the disk. */
const BYTES_PER_PUBLISH = 64

/** `wait`: nothing of the message was stored yet. `no series`: there is no room for one, and its sender must keep it. */
type Taken = 'done' | 'wait' | 'no series'

/** A topic number's entry, and its device once a batch has needed it. */
interface Target extends TopicEntry {
  owner: Device | undefined
}

/**
 * Turns a batch of publishes into one commit: decode, judge, append, count. When `commit` returns, the whole batch is
 * on disk; when it throws, nothing of the batch is stored.
 */
export class Committer {
  readonly #store: Store
  readonly #rules: readonly QualityRule[]
  readonly #topics: Target[] = []
  readonly #clients: string[] = []
  readonly #input = {} as { -readonly [Key in keyof JudgeInput]: JudgeInput[Key] }
  /**
   * Clients that began a clean session in a commit that failed: the next commit includes them, as it is not sent again.
   */
  readonly #forgotten = new Set<string>()
  readonly #repeats: MessageRepeats
  readonly #rejects: RejectWriter
  readonly #budget = new WorkBudget()
  /** Clients with a message in this commit that must wait; so must those that they sent after it. */
  readonly #waiting = new Set<number>()
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

  /** @param isLate publishes were returned that come before those of this batch: they are returned, too */
  commit(batch: BatchMessage, { isLate }: { readonly isLate: boolean }): CommitOutcome {
    this.#learn(batch)
    if (batch.count > 0) this.#store.upkeep.space.refuseIfFull(batch.bytes + BYTES_PER_PUBLISH * batch.count)
    const owed = [...this.#forgotten]
    for (const change of batch.identifiers) if (change.kind === 'forgotten') this.#forgotten.add(change.client)
    const outcome = newOutcome()
    const { time } = this.#store
    let workedAt = 0
    this.#store.write(() => {
      time.beginCommit()
      this.#budget.begin()
      this.#waiting.clear()
      this.#trusted = time.trusted()
      this.#followCatalog()
      let place = 0
      for (const publish of readBatch(batch.buffer, batch.messagesMax, isLate ? 0 : batch.count)) {
        const target = this.#topics[publish.topic]!
        if (this.#budget.endsBefore(publish.payload.length + target.topic.length)) break
        if (this.#waiting.size > 0 && this.#waiting.has(publish.client)) outcome.undone.push(place)
        else if (target.forward === undefined) {
          const taken = this.#take(publish, target, outcome)
          if (taken === 'no series') outcome.noSeries.push(place)
          else if (taken === 'wait') {
            outcome.undone.push(place)
            this.#waiting.add(publish.client)
          }
        } else if (this.#keep(publish, target.topic, target.forward)) outcome.messages++
        else outcome.noRoom.push(place)
        place++
      }
      for (; place < batch.count; place++) outcome.undone.push(place)
      this.#store.intake.log.flush()
      if (batch.count > 0) this.#store.upkeep.space.refuseIfSpent()
      this.#store.amend(this.#judge.takeAmendments())
      for (const client of owed) this.#store.intake.incoming.removeClient(client)
      const refused = new Set([...outcome.noRoom, ...outcome.noSeries, ...outcome.undone])
      for (const change of batch.identifiers) {
        if (change.kind !== 'received' || !refused.has(change.publish)) this.#change(change)
      }
      workedAt = performance.now()
    })
    if (batch.count > 0) this.#budget.committed(performance.now() - workedAt)
    this.#forgotten.clear()
    return outcome
  }

  /**
   * Inside a transaction: stores the readings of a reject that lacked only room for a series, or that had fields that
   * are understood now; they arrive now. What of it was stored before is not stored again. The reject is not counted
   * any more; fields that are still not understood become a new one. @returns false: nothing was done, because there is
   * no room, nothing more is understood, or the message is older than the window of repeats.
   */
  replay(reject: KeptReject, match: RouteMatch, now: number): boolean {
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

  #change(change: IdentifierChange): void {
    const { incoming } = this.#store.intake
    if (change.kind === 'received') incoming.add(change)
    else if (change.kind === 'released') incoming.remove(change)
    else incoming.removeClient(change.client)
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

  #learn({ renumbered, topics, clients }: BatchMessage): void {
    if (renumbered) {
      this.#topics.length = 0
      this.#clients.length = 0
    }
    for (const entry of topics) this.#topics[entry.id] = { ...entry, owner: undefined }
    for (const { id, client } of clients) this.#clients[id] = client
  }

  /** Stores a message of a forward route unchanged; false: the queue of messages has no room. */
  #keep({ qos, retain, arrival, payload }: Publish, topic: string, forward: Forwarding): boolean {
    return this.#store.delivery.forwards.add({ topic, ...forward, qos, retain, receivedAt: arrival, payload })
  }

  #take(publish: Publish, target: Target, outcome: CommitOutcome): Taken {
    const decoded = decode(publish.payload, target, publish.arrival, target.format)
    const { catalog } = this.#store.intake
    if (!decoded.ok) {
      this.#reject(publish, target, decoded.reason, outcome)
      return 'done'
    }
    const shortage = catalog.shortage(decoded.readings, this.#clients[publish.client] ?? '')
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
      const origin = { device: target.owner, topic: target.topic, client: this.#clients[publish.client] ?? '' }
      this.#rejects.addFields(publish, origin, decoded.partial, { isRepeat: outcome.stored === stored, outcome })
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
    input.hasSibling = this.#repeats.hasSibling
    const verdict = this.#judge.judge(series.id, input)
    // A number in a series of numbers, the common case, changes nothing.
    if (!series.isNew && series.type === 'number' && typeof reading.value === 'number') return verdict
    this.#store.intake.catalog.setKind(series, this.#judge.kindOf(series.id)!)
    return verdict
  }

  #reject(publish: Publish, { device, topic }: Target, reason: string, outcome: CommitOutcome): void {
    const { catalog } = this.#store.intake
    const client = this.#clients[publish.client] ?? ''
    this.#rejects.add(publish, { device: catalog.deviceOrOverflow(device), topic, client }, reason, outcome)
  }
}
