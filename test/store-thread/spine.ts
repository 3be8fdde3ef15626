import type { z } from 'zod'
import { systemClock } from '../../src/base/clock.ts'
import type { Seq, Value } from '../../src/base/reading.ts'
import { type Batch, decodeBatch } from '../../src/codec/batch.ts'
import { Ingest } from '../../src/ingest/ingest.ts'
import { type EdgeSettings, edgeSettings } from '../../src/settings/edge.ts'
import type { IncomingId } from '../../src/store/incoming.ts'
import { LOG_COLUMNS, type RawLogRow, rowValue } from '../../src/store/log.ts'
import { StoreClient } from '../../src/store-thread/client.ts'
import type { Ask, Confirmed, Outgoing } from '../../src/store-thread/protocol.ts'
import { onStop } from '../../support/started.ts'
import { connect } from '../store/stores.ts'

export type Given = Omit<z.input<typeof edgeSettings>, 'edge' | 'uplinks'> & { readonly uplink?: object }

/** The packet limit for a broker that announces none. */
const BYTES_MAX = 131_072

export interface PublishOptions {
  readonly client?: string
  readonly dup?: boolean
  readonly incoming?: IncomingId
}

/** Ingest and the store thread as an edge runs them, on a real folder. */
export class Spine {
  readonly thread: StoreClient
  readonly ingest: Ingest
  /** The reasons why commits began to fail, in turn; undefined when they succeeded again. */
  readonly refusals: (string | undefined)[] = []
  #stored = 0
  #run = ''

  private constructor(thread: StoreClient, settings: EdgeSettings) {
    this.thread = thread
    this.ingest = new Ingest(thread, settings, {
      clock: systemClock,
      onStored: (readings) => {
        this.#stored += readings
      },
      onRefusal: (reason) => {
        this.refusals.push(reason)
      },
    })
    onStop(() => thread.stop())
  }

  static async start(folder: string, { uplink = {}, ...given }: Given = {}): Promise<Spine> {
    const uplinks = [{ url: 'mqtt://127.0.0.1:1', lingerMs: 0, ...uplink }]
    const settings = edgeSettings.parse({ edge: 'site', ...given, uplinks })
    return new Spine(await StoreClient.start({ folder, settings }), settings)
  }

  /** The number of readings that were reported to the owner of the uplinks. */
  get stored(): number {
    return this.#stored
  }

  /** Resolves when the publish is settled: with undefined, or with the error because of which it is not stored. */
  publish(topic: string, payload: string | Uint8Array, options: PublishOptions = {}): Promise<Error | undefined> {
    const { client = 'tester', dup = false, incoming } = options
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload
    return new Promise((resolve) => this.ingest.offer({ topic, payload: bytes, client, dup }, resolve, incoming))
  }

  release(id: IncomingId): Promise<Error | undefined> {
    return new Promise((resolve) => this.ingest.release(id, resolve))
  }

  /** The next message. Later confirmations use its epoch and run. */
  async next({
    bytesMax = BYTES_MAX,
    live = bytesMax,
    backfill = bytesMax,
    prefer = 'live',
  }: Partial<Ask> & { bytesMax?: number } = {}): Promise<Outgoing> {
    const outgoing = await this.thread.call('next', { uplink: 'cloud', live, backfill, prefer })
    if ('run' in outgoing) this.#run = outgoing.run
    return outgoing
  }

  /** The next message, which must be a batch, decoded. */
  async nextBatch(): Promise<Batch> {
    return open(await this.next())
  }

  async confirm(first: Seq, last: Seq, { high = 0, forked = false, epoch = '', run = '' } = {}): Promise<Confirmed> {
    const own = (await this.status()).epoch
    const sending = { uplink: 'cloud', epoch: epoch || own, run: run || this.#run }
    return this.thread.call('confirm', { ...sending, ranges: [{ first, last }], high, forked, spent: undefined })
  }

  async releaseBatches(): Promise<void> {
    await this.thread.call('release', { uplink: 'cloud', spent: undefined })
  }

  status() {
    return this.thread.call('status', undefined)
  }

  /** The QoS 2 identifiers on disk, as `client/id`. */
  async identifiers(): Promise<string[]> {
    const ids = await this.thread.call('incoming', undefined)
    return ids.map(({ client, messageId }) => `${client}/${messageId}`).sort()
  }

  stop(): Promise<void> {
    return this.thread.stop()
  }
}

export function open(outgoing: Outgoing): Batch {
  if (outgoing.kind !== 'batch') throw new Error(`expected a batch, got ${JSON.stringify(outgoing)}`)
  const decoded = decodeBatch(outgoing.bytes, { readingsMax: 1_000_000, bytesMax: 100_000_000 })
  if (!decoded.ok) throw new Error(decoded.reason)
  return decoded.batch
}

export interface Stored {
  readonly seq: Seq
  readonly device: string
  readonly metric: string
  readonly ts: number
  readonly value: Value
  readonly quality: number
  readonly reasons: number
}

/** The whole log, as another connection reads it. */
export function readLog(folder: string): Stored[] {
  const database = connect(folder)
  const names = database
    .prepare('SELECT series.id, devices.name, metric FROM series JOIN devices ON devices.id = device')
    .raw()
    .all() as [number, string, string][]
  const byId = new Map(names.map(([id, device, metric]) => [id, { device, metric }]))
  const rows = database.prepare(`SELECT ${LOG_COLUMNS} FROM log ORDER BY seq`).raw().all() as RawLogRow[]
  database.close()
  return rows.map((row) => {
    const [seq, series, ts, , quality, reasons] = row
    return { seq, ...byId.get(series)!, ts, value: rowValue(row), quality, reasons }
  })
}

export function valuesOf(folder: string): Value[] {
  return readLog(folder).map(({ value }) => value)
}
