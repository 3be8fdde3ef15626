import { edgeSettings } from '../../../src/settings/edge.ts'
import { Store } from '../../../src/store/store.ts'
import { tempFolder } from '../../../support/folder.ts'
import { append, connect, everything } from '../stores.ts'

export const SECOND = 1_000
export const HOUR = 3_600_000
export const DAY = 86_400_000
/** When the true time begins. */
const BEGIN = Date.UTC(2026, 5, 1)

/** A reading that was stored: when it truly arrived, and whether the uplink has it. */
interface Known {
  readonly arrivedAt: number
  confirmed: boolean
}

interface WorldOptions {
  readonly sealRows?: number
  readonly skew?: number
  readonly maxBytes?: number
}

/**
 * A store on a machine whose clocks can go wrong. The true time is known here only: the store sees the system clock, the
 * time since the machine started, and what NTP and the receiver say.
 */
export class World {
  readonly folder = tempFolder()
  readonly readings = new Map<number, Known>()
  readonly rawMs: number
  /** The true time. */
  now = BEGIN
  /** System clock minus true time. */
  skew = 0
  synchronised: boolean | undefined
  /** The most that the store clock was ever ahead of the true time (ms). */
  mostAhead = 0
  #elapsed = 1_000_000
  #boot = 1
  store: Store

  constructor(rawDays: number, { sealRows = 64, skew = 0, maxBytes }: WorldOptions = {}) {
    this.skew = skew
    this.#maxBytes = maxBytes
    this.rawMs = rawDays * DAY
    this.#rawDays = rawDays
    this.#sealRows = sealRows
    this.store = this.#open()
  }
  readonly #rawDays: number
  readonly #sealRows: number
  readonly #maxBytes: number | undefined

  #open(): Store {
    const world = this
    const rules = [{ match: '*/*', rawDays: this.#rawDays, rollupDays: 400 }]
    const { store } = edgeSettings.parse({
      edge: 'site',
      store: { sealRows: this.#sealRows, maxBytes: this.#maxBytes, retention: rules },
    })
    return Store.open(this.folder, store, [everything('cloud')], {
      clock: { now: () => world.now + world.skew },
      elapsedClock: {
        now: () => world.#elapsed,
        get boot() {
          return `boot-${world.#boot}`
        },
      },
    })
  }

  /** Time passes while the machine runs; housekeeping runs at the end. */
  pass(ms: number): void {
    this.now += ms
    this.#elapsed += ms
    this.look()
    this.housekeep()
  }

  /** The clocks are compared every minute, as a running edge does. @param each is called before each minute */
  minutes(count: number, each: (minute: number) => void = () => undefined): void {
    for (let minute = 0; minute < count; minute++) {
      each(minute)
      this.pass(60 * SECOND)
    }
  }

  look(): void {
    this.store.time.hear({ synchronised: this.synchronised })
    this.store.checkClock()
    this.mostAhead = Math.max(this.mostAhead, this.store.time.now() - this.now)
  }

  housekeep(): void {
    for (let slices = 0; slices < 100_000; slices++) {
      if (!this.store.runHousekeeping({ now: this.store.time.now(), busy: false })) return
    }
    throw new Error('housekeeping never ends')
  }

  /** Stores readings as a commit of publishes does. */
  arrive(count: number, toValue = (i: number): number => i): void {
    const { store } = this
    store.write(() => {
      store.time.beginCommit()
      for (let i = 0; i < count; i++) {
        store.time.arrived(store.lastSeq + 1, this.now + this.skew)
        const seq = append(store, { metric: `m${i % 3}`, value: toValue(i), ts: this.now + this.skew })
        this.readings.set(seq, { arrivedAt: this.now, confirmed: false })
      }
    })
  }

  confirm(): void {
    const { store } = this
    store.write(() => store.outbox('cloud').confirm([{ first: 1, last: store.lastSeq }], store.lastSeq))
    for (const one of this.readings.values()) one.confirmed = true
  }

  /** The system clock is set. */
  step(skew: number): void {
    this.skew = skew
    this.synchronised = this.synchronised === undefined ? undefined : false
  }

  /** NTP sets the system clock right. */
  synchronise(): void {
    this.skew = 0
    this.synchronised = true
  }

  /** @param at what the clock of the receiver shows */
  hearReceiver(at = this.now): void {
    this.store.time.hear({ reference: { at, elapsed: this.#elapsed } })
  }

  /** A number that SQL finds in the database. */
  count(sql: string): number {
    return this.#select(sql) as number
  }

  /** A text that SQL finds in the database. */
  text(sql: string): string {
    return this.#select(sql) as string
  }

  #select(sql: string): unknown {
    const database = connect(this.folder)
    const found = database.prepare(sql).pluck().get()
    database.close()
    return found
  }

  restart(): void {
    this.store.close()
    this.store = this.#open()
  }

  /** The machine is off, and starts with this difference between its clock and the true time. */
  reboot(offMs: number, skew: number): void {
    this.store.close()
    this.now += offMs
    this.#elapsed = 5_000
    this.#boot++
    this.skew = skew
    this.synchronised = this.synchronised === undefined ? undefined : false
    this.store = this.#open()
  }

  /** An operator says that the system clock is right. */
  acceptClock(): void {
    const seen = { system: this.now + this.skew, elapsed: this.#elapsed, boot: `boot-${this.#boot}` }
    if (!this.store.write(() => this.store.time.accept(seen))) throw new Error('the order was not carried out')
  }

  /** An operator agrees to a removal that waits. */
  acceptRemoval(): void {
    const { expiry } = this.store.upkeep.housekeeping
    if (expiry.waiting === undefined) return
    this.store.write(() => expiry.accept(this.store.time.now()))
    this.housekeep()
  }

  kept(): Set<number> {
    return new Set([...this.store.readFrom(1)].map(([seq]) => seq))
  }

  /** Readings that are gone although they were not confirmed, or before their age by the true time. */
  goneTooEarly(): string[] {
    const kept = this.kept()
    const wrong: string[] = []
    for (const [seq, { arrivedAt, confirmed }] of this.readings) {
      if (kept.has(seq)) continue
      const ageMs = this.now - arrivedAt
      if (!confirmed) wrong.push(`${seq} was not confirmed`)
      else if (ageMs < this.rawMs) wrong.push(`${seq} was ${ageMs / DAY} days old`)
      this.readings.delete(seq)
    }
    return wrong
  }

  /** Confirmed readings that are kept for more than `graceMs` longer than their rule says. */
  staysTooLong(graceMs: number): string[] {
    const kept = this.kept()
    return [...this.readings].flatMap(([seq, { arrivedAt, confirmed }]) => {
      const overdueMs = this.now - arrivedAt - this.rawMs
      return confirmed && kept.has(seq) && overdueMs > graceMs ? [`${seq} is ${overdueMs / DAY} days overdue`] : []
    })
  }
}
