import type { Database } from 'better-sqlite3'
import type { UplinkStart } from '../delivery/outboxes.ts'
import { ForwardOutbox } from './forward-outbox.ts'
import { type MessageHead, Messages, type NewMessage, WANTED } from './messages.ts'

/** The stored messages, and the backlog of each uplink. */
export interface ForwardStatus {
  readonly bytes: number
  readonly bytesMax: number
  /** Messages that were not stored and not acknowledged because there was no room; since the start. */
  readonly refused: number
  /** True: there was no room for the last message, and there still is none. */
  readonly full: boolean
  readonly uplinks: readonly ForwardBacklog[]
}

export interface ForwardBacklog {
  readonly uplink: string
  readonly waiting: number
  /** Arrival (UTC ms) of the oldest waiting message. */
  readonly oldestAt: number | undefined
  readonly confirmed: number
  readonly parked: number
  /** Why the cloud broker accepts no message at the moment. */
  readonly refusedBecause: string | undefined
}

/**
 * Messages of forward routes between their acknowledgement and their delivery: opaque, each kept once until every
 * uplink that wants it has confirmed it. All methods that write run inside `Store.write`.
 */
export class ForwardQueue {
  readonly outboxes: readonly ForwardOutbox[]
  /**
   * Number of messages that no uplink wants any more, because their uplinks were removed from the settings; they were
   * deleted at this opening.
   */
  readonly freed: number
  readonly #messages: Messages
  #refused = 0
  /** Bytes that the last refused message needs; 0 once a message was stored. */
  #neededBytes = 0

  /** @param uplinks must be registered in the database. */
  constructor(
    database: Database,
    settings: { readonly forwardBytesMax: number; readonly maxBytes?: number | undefined },
    uplinks: readonly UplinkStart[],
  ) {
    const open = database.transaction(() => {
      for (const uplink of uplinks) register(database, uplink)
      return freeUnwanted(database)
    })
    this.freed = open.immediate()
    this.#messages = new Messages(database, settings)
    const idOf = database.prepare<[string]>('SELECT id FROM uplinks WHERE name = ?').pluck()
    this.outboxes = uplinks.map(({ name }) => {
      const isNeededElsewhere = (message: MessageHead): boolean =>
        this.outboxes.some((other) => other.name !== name && other.needs(message))
      return new ForwardOutbox(database, this.#messages, { id: idOf.get(name) as number, name, isNeededElsewhere })
    })
  }

  /** @throws when there is no such uplink: names are fixed at the opening. */
  outbox(name: string): ForwardOutbox {
    const outbox = this.outboxes.find((one) => one.name === name)
    if (outbox === undefined) throw new Error(`there is no uplink ${name}`)
    return outbox
  }

  /** Stores a message for the uplinks that want it. @returns false if there is no room; then nothing changed. */
  add(message: NewMessage): boolean {
    const bytes = this.#messages.bytesOf(message)
    if (this.#messages.bytes + bytes > this.#messages.bytesMax) {
      this.#refused++
      this.#neededBytes = bytes
      return false
    }
    this.#neededBytes = 0
    let wanted = false
    for (const outbox of this.outboxes) wanted = outbox.stored(message.uplinks) || wanted
    if (wanted) this.#messages.add(message)
    return true
  }

  flush(): void {
    for (const outbox of this.outboxes) outbox.flush()
  }

  /** The disk is the truth: reads everything again after a failed transaction. */
  reload(): void {
    this.#messages.reload()
    for (const outbox of this.outboxes) outbox.reload()
  }

  status(): ForwardStatus {
    const { bytes, bytesMax } = this.#messages
    return {
      bytes,
      bytesMax,
      refused: this.#refused,
      full: this.#neededBytes > 0 && bytes + this.#neededBytes > bytesMax,
      uplinks: this.outboxes.map(({ name, waiting, oldestAt, confirmed, parked, refusedBecause }) => {
        return { uplink: name, waiting, oldestAt, confirmed, parked, refusedBecause }
      }),
    }
  }
}

/**
 * Registers a new uplink: of the messages that are already stored, it gets all, none, or those that arrived since a
 * time.
 */
function register(database: Database, { name, start }: UplinkStart): void {
  const id = database.prepare('SELECT id FROM uplinks WHERE name = ?').pluck().get(name) as number
  if (database.prepare('SELECT 1 FROM forwards WHERE uplink = ?').get(id) !== undefined) return
  const before = start === 'all' ? 0 : start === 'now' ? Number.MAX_SAFE_INTEGER : start
  const last = `SELECT coalesce(max(id), 0) FROM messages WHERE received_at < ?`
  const settled = database.prepare(last).pluck().get(before) as number
  database
    .prepare(
      `INSERT INTO forwards (uplink, settled, stored)
       SELECT ?, ?, count(*) FROM messages WHERE id > ? AND ${WANTED}`,
    )
    .run(id, settled, settled, name)
}

/** Removes messages that no uplink has to deliver. @returns how many. */
export function freeUnwanted(database: Database): number {
  const { changes } = database
    .prepare(
      `DELETE FROM messages WHERE NOT EXISTS (
         SELECT 1 FROM forwards JOIN uplinks ON uplinks.id = forwards.uplink
         WHERE (messages.uplinks IS NULL OR instr(messages.uplinks, ',' || uplinks.name || ',') > 0)
         AND (messages.id > forwards.settled OR EXISTS (
           SELECT 1 FROM parked_messages AS parked WHERE parked.uplink = forwards.uplink AND parked.message = messages.id)))`,
    )
    .run()
  return changes
}
