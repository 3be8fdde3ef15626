import { join } from 'node:path'
import SQLite, { type Database, type Statement } from 'better-sqlite3'
import { z } from 'zod'
import { Exit, messageOf, OperatorError } from '../base/errors.ts'
import { DATABASE_FILE } from './database.ts'

/** How long an order waits for the commits of the edge (ms); these go first, and are short. */
const WAIT_MS = 5_000

/** Maximum number of ids in one order. */
const IDS_MAX = 10_000
const ids = z.array(z.number().int().positive()).max(IDS_MAX)
const parkedIds = z.strictObject({ uplink: z.string(), ids })

const device = z.string().min(1).max(128)
const id = z.string().min(1).max(128)
const by = z.string().max(128)
const edit = { device, id, by, ifRev: z.string().optional() }

/** An order of an operator to an edge, placed by a command; see `placeOrder`. */
export const order = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('replay-parked'), ...parkedIds.shape }),
  z.strictObject({ kind: z.literal('drop-parked'), ...parkedIds.shape }),
  z.strictObject({ kind: z.literal('replay-messages'), ...parkedIds.shape }),
  z.strictObject({ kind: z.literal('drop-messages'), ...parkedIds.shape }),
  z.strictObject({ kind: z.literal('drop-undecodable'), ids }),
  z.strictObject({ kind: z.literal('replay-undecodable'), ids }),
  /** Messages without a route whose topic the filter covers, with an id above `after` and up to `upTo`; `done`: so far. */
  z.strictObject({
    kind: z.literal('unrouted'),
    verb: z.enum(['replay', 'drop']),
    filter: z.string().min(1).max(65_535),
    after: z.number().int().min(0),
    upTo: z.number().int().min(0),
    done: z.number().int().min(0),
  }),
  /** Messages from the cloud whose local topic the filter covers, with an id up to `upTo`. */
  z.strictObject({
    kind: z.literal('drop-down'),
    filter: z.string().min(1).max(65_535),
    upTo: z.number().int().min(0),
  }),
  z.strictObject({ kind: z.literal('forget-devices'), devices: z.string().min(1).max(256), unconfirmed: z.boolean() }),
  z.strictObject({ kind: z.literal('uplink-resume'), uplink: z.string() }),
  z.strictObject({ kind: z.literal('config-patch'), ...edit, patch: z.json() }),
  z.strictObject({ kind: z.literal('config-set'), ...edit, config: z.json() }),
  z.strictObject({ kind: z.literal('config-delete'), ...edit }),
  z.strictObject({
    kind: z.literal('config-resolve'),
    device,
    id,
    by,
    cid: z.string().max(64),
    take: z.union([z.enum(['edge', 'cloud']), z.strictObject({ config: z.json() })]),
  }),
  z.strictObject({ kind: z.literal('config-retry'), device }),
  /** The time that the operator saw: the system clock (UTC ms) at a moment of the elapsed clock of this start (ms). */
  z.strictObject({
    kind: z.literal('clock-accept'),
    system: z.number(),
    elapsed: z.number(),
    boot: z.string().optional(),
  }),
  z.strictObject({ kind: z.literal('clock-reject') }),
  z.strictObject({ kind: z.literal('retention-accept') }),
])
export type Order = z.output<typeof order>
/** An order about the config of a device. */
export type ConfigOrder = Extract<Order, { kind: `config-${string}` }>
/** An order about the clock of the store, and what is removed by it. */
export type ClockOrder = Extract<Order, { kind: `clock-${string}` | 'retention-accept' }>
export type RejectOrder = Exclude<Order, ConfigOrder | ClockOrder | StoreOrder>

export function isClockOrder(given: Order): given is ClockOrder {
  return given.kind.startsWith('clock-') || given.kind === 'retention-accept'
}

/** An order that the store carries out without an uplink. */
export type StoreOrder = Extract<
  Order,
  { kind: 'replay-undecodable' | 'unrouted' | 'drop-down' | 'forget-devices' | 'uplink-resume' }
>

export function isConfigOrder(given: Order): given is ConfigOrder {
  return given.kind.startsWith('config-')
}

const INSERT = 'INSERT INTO orders (at, body) VALUES (?, ?)'

interface Row {
  readonly id: number
  readonly body: string
}

/**
 * Orders to the edge. Commands insert orders into the database, which survives a restart, and the store thread carries
 * them out, at once or when the edge starts. `take` runs in its owner's transaction.
 */
export class Orders {
  readonly #database: Database
  readonly #all: Statement<[]>
  readonly #remove: Statement<[number]>
  readonly #insert: Statement<[number, string]>
  #version: unknown

  constructor(database: Database) {
    this.#database = database
    this.#all = database.prepare('SELECT id, body FROM orders ORDER BY id')
    this.#remove = database.prepare('DELETE FROM orders WHERE id = ?')
    this.#insert = database.prepare(INSERT)
  }

  /** Whether another process has written to the database since the last call. Reads no table. */
  get mayHaveCome(): boolean {
    const version = this.#database.pragma('data_version', { simple: true })
    const changed = version !== this.#version
    this.#version = version
    return changed
  }

  /** Places what is left of an order that was taken, in the same transaction. */
  put(left: Order, now: number): void {
    this.#insert.run(now, JSON.stringify(left))
  }

  /**
   * Removes and returns the waiting orders. Those for which `isForNow` returns false stay; those that cannot be parsed
   * are removed.
   */
  take(isForNow: (order: Order) => boolean = () => true): Order[] {
    const taken: Order[] = []
    for (const { id, body } of this.#all.all() as Row[]) {
      const read = order.safeParse(JSON.parse(body))
      if (read.success && !isForNow(read.data)) continue
      this.#remove.run(id)
      if (read.success) taken.push(read.data)
    }
    return taken
  }
}

/**
 * Places an order for the edge of a data folder, which may be running or not. The order is on the disk when this
 * returns.
 * @throws OperatorError when it cannot be written
 */
export function placeOrder(folder: string, given: Order, now: number): void {
  const file = join(folder, DATABASE_FILE)
  try {
    const database = new SQLite(file, { timeout: WAIT_MS, fileMustExist: true })
    try {
      database.pragma('synchronous = FULL')
      database.pragma('wal_autocheckpoint = 0') // only the edge runs checkpoints: one from here would delay its commits
      database.prepare(INSERT).run(now, JSON.stringify(order.parse(given)))
    } finally {
      database.close()
    }
  } catch (cause) {
    throw new OperatorError(`cannot place the order in ${file}: ${messageOf(cause)}`, {
      remedy: 'check the free space and the permissions of the data folder, and try again',
      exitCode: Exit.CANNOT_CREATE,
      cause,
    })
  }
}
