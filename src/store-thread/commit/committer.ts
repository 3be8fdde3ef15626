import { qualityWord, Reason } from '../../base/flags.ts'
import type { Reading, Verdict } from '../../base/reading.ts'
import { decode } from '../../decode/decode.ts'
import type { Judge, JudgeInput } from '../../quality/judge.ts'
import type { QualityRule } from '../../settings/schema/quality.ts'
import { type Catalog, type Device, mayBeStored, noteTime, type Series } from '../../store/catalog.ts'
import type { TrustedTimes } from '../../store/clock/clock-state.ts'
import type { Store } from '../../store/store.ts'
import { type Publish, readBatch } from '../batch-buffer.ts'
import type { BatchMessage, Forwarding, IdentifierChange, TopicEntry } from '../protocol.ts'
import { rebuildJudge } from './rebuild-judge.ts'

const TOO_MANY_SERIES = 'too many series: raise store.seriesMax'

/** Counts of a committed batch: readings, and messages of forward routes. */
export interface CommitOutcome {
  stored: number
  rejected: number
  duplicates: number
  /** Stored readings by coarse quality. */
  good: number
  uncertain: number
  bad: number
  /** Messages of forward routes that were stored. */
  messages: number
  /** Indexes, in the batch, of messages for which the queue of messages has no room. */
  readonly noRoom: number[]
}

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
  #judge: Judge
  /** Arrival times at which the system clock is believed. */
  #trusted: TrustedTimes = { from: Infinity, to: -Infinity }
  /** The catalog that the devices in `#topics` belong to: the store makes a new one after a failed transaction. */
  #catalog: Catalog

  constructor(store: Store, rules: readonly QualityRule[]) {
    this.#store = store
    this.#rules = rules
    this.#judge = rebuildJudge(store, rules)
    this.#catalog = store.intake.catalog
  }

  commit(batch: BatchMessage): CommitOutcome {
    this.#learn(batch)
    if (batch.count > 0) this.#store.upkeep.space.refuseIfFull(batch.count)
    const owed = [...this.#forgotten]
    for (const change of batch.identifiers) if (change.kind === 'forgotten') this.#forgotten.add(change.client)
    const counted = { stored: 0, rejected: 0, duplicates: 0, good: 0, uncertain: 0, bad: 0, messages: 0 }
    const outcome: CommitOutcome = { ...counted, noRoom: [] }
    const { time } = this.#store
    this.#store.write(() => {
      time.beginCommit()
      this.#trusted = time.trusted()
      if (this.#catalog !== this.#store.intake.catalog) this.#recover()
      let place = 0
      for (const publish of readBatch(batch.buffer, batch.messagesMax, batch.count)) {
        const target = this.#topics[publish.topic]!
        if (target.forward === undefined) this.#take(publish, target, outcome)
        else if (this.#keep(publish, target.topic, target.forward)) outcome.messages++
        else outcome.noRoom.push(place)
        place++
      }
      this.#store.intake.log.flush()
      if (batch.count > 0) this.#store.upkeep.space.refuseIfSpent()
      this.#store.amend(this.#judge.takeAmendments())
      for (const client of owed) this.#store.intake.incoming.removeClient(client)
      for (const change of batch.identifiers) {
        if (change.kind !== 'received' || !outcome.noRoom.includes(change.publish)) this.#change(change)
      }
    })
    this.#forgotten.clear()
    return outcome
  }

  #change(change: IdentifierChange): void {
    const { incoming } = this.#store.intake
    if (change.kind === 'received') incoming.add(change)
    else if (change.kind === 'released') incoming.remove(change)
    else incoming.removeClient(change.client)
  }

  /** After a failed transaction: forgets what was learnt from readings that are not on disk. */
  #recover(): void {
    this.#catalog = this.#store.intake.catalog
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

  #take(publish: Publish, target: Target, outcome: CommitOutcome): void {
    const decoded = decode(publish.payload, target, publish.arrival, target.format)
    const { catalog } = this.#store.intake
    if (!decoded.ok) return this.#reject(publish, target, decoded.reason, outcome)
    if (this.#exceedsRoom(decoded.readings)) return this.#reject(publish, target, TOO_MANY_SERIES, outcome)
    target.owner ??= catalog.device(target.device)
    const { time } = this.#store
    if (time.arrived(this.#store.lastSeq + 1, publish.arrival)) this.#trusted = time.trusted()
    for (const reading of decoded.readings) {
      const device = reading.device === target.device ? target.owner : catalog.device(reading.device)
      this.#append(publish, device, reading, outcome)
    }
  }

  /** Whether these readings would create more series than `store.seriesMax` allows. */
  #exceedsRoom(readings: readonly Reading[]): boolean {
    const { catalog } = this.#store.intake
    if (readings.length <= catalog.room) return false
    const fresh = readings.filter(({ device, metric, unit }) => !catalog.knows(device, metric, unit))
    return new Set(fresh.map(({ device, metric, unit = '' }) => `${device}\n${metric}\n${unit}`)).size > catalog.room
  }

  #append(publish: Publish, device: Device, reading: Reading, outcome: CommitOutcome): void {
    const { catalog, log } = this.#store.intake
    const series = catalog.find(device, reading.metric, reading.unit)
    device.received++
    catalog.touch(device)
    if (reading.timed && (publish.dup || mayBeStored(series, reading.ts)) && this.#isStored(series, reading)) {
      device.duplicate++
      outcome.duplicates++
      return
    }
    if (!series.current) catalog.makeCurrent(series)
    const verdict = this.#verdict(series, reading, publish)
    noteTime(series, reading.ts, verdict, publish)
    log.append(series.id, reading.ts, reading.value, verdict, publish.arrival)
    device.stored++
    outcome.stored++
    outcome[qualityWord(verdict.quality)]++
  }

  /**
   * Whether a reading with this series, time and value is stored already. Checked when a publish has the DUP flag, and
   * when a reading is not newer than its series: some clients (such as MQTT.js) resend without the flag after a
   * reconnect.
   */
  #isStored(series: Series, { ts, value }: Reading): boolean {
    this.#store.intake.log.flush()
    return this.#store.intake.repeats.has(series.id, ts, value, this.#store.lastSeq)
  }

  #verdict(series: Series, reading: Reading, publish: Publish): Verdict {
    const input = this.#input
    input.seq = this.#store.lastSeq + 1
    input.device = series.device.name
    input.metric = series.metric
    input.type = series.type
    input.value = reading.value
    input.ts = reading.ts
    input.receivedAt = publish.arrival
    input.claim = publish.dup && !reading.timed ? asRepeat(reading.claim) : reading.claim
    input.clockSynced = publish.arrival >= this.#trusted.from && publish.arrival <= this.#trusted.to
    const verdict = this.#judge.judge(series.id, input)
    const type = this.#judge.typeOf(series.id)
    if (type !== undefined && type !== series.type) this.#store.intake.catalog.setType(series, type)
    return verdict
  }

  #reject(publish: Publish, target: Target, reason: string, outcome: CommitOutcome): void {
    const { catalog, rejects } = this.#store.intake
    const device = catalog.deviceOrOverflow(target.device)
    device.received++
    device.rejected++
    catalog.touch(device)
    rejects.add({
      receivedAt: publish.arrival,
      device,
      topic: target.topic,
      client: this.#clients[publish.client] ?? '',
      reason,
      payload: publish.payload,
    })
    outcome.rejected++
  }
}

/**
 * The claim of a reading that may be stored already: it keeps its quality, gets the reason DUPLICATE, and so enters no
 * window of the judge.
 */
function asRepeat(claim: Verdict | undefined): Verdict {
  return { quality: claim?.quality ?? 1, reasons: (claim?.reasons ?? 0) | Reason.DUPLICATE }
}
