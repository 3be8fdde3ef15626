import { closeSync, fdatasyncSync, fsyncSync, openSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import RocksDB from 'rocksdb-native'
import type { Checksums } from './checksums.ts'
import type { Layout } from './layouts.ts'
import { PLANT_START, type Readings } from './plant.ts'

/** Series, time, position: unsigned, big endian, so that keys sort by (series, ts, seq). */
const TS_AT = 4
const KEY_BYTES = TS_AT + 8 + 8
/** Value, flag, reasons. */
const VALUE_BYTES = 8 + 1 + 4
const GOOD_FLAG = 1
/** Rows that the iterator reads at once. */
const READ_ROWS = 4_096

/**
 * RocksDB with the settings of its package: one batch per commit. The package cannot ask for a synced write. When a write
 * resolves, the write-ahead log is in its file but not synced, so the bench syncs it.
 */
export function rocksdb(folder: string): Layout {
  const database = new RocksDB(folder)
  const log = new WriteAheadLog(folder)
  const opened = database.ready()
  let seq = 0
  return {
    async commit(readings) {
      await opened
      const batch = database.write({ capacity: readings.count })
      seq = put(batch, readings, seq)
      await batch.flush()
      batch.destroy()
      log.sync()
    },
    async close() {
      await database.flush()
      await database.compactRange()
      log.close()
      await database.close()
    },
    readBack: (found) => readKeys(folder, found),
  }
}

async function readKeys(folder: string, found: Checksums): Promise<void> {
  const database = new RocksDB(folder)
  await database.ready()
  for await (const { key, value } of database.iterator({}, { capacity: READ_ROWS })) {
    const bytes = Buffer.from(key)
    const ts = bytes.readUIntBE(TS_AT, 6) * 2 ** 16 + bytes.readUInt16BE(TS_AT + 6)
    found.add(bytes.readUInt32BE(0), ts - PLANT_START, Buffer.from(value).readDoubleLE(0))
  }
  await database.close()
}

function put(batch: { tryPut(key: Uint8Array, value: Uint8Array): void }, readings: Readings, before: number): number {
  const { count, series, ts, value } = readings
  const bytes = Buffer.allocUnsafe(count * (KEY_BYTES + VALUE_BYTES))
  let seq = before
  let at = 0
  for (let i = 0; i < count; i++) {
    const start = at
    at = bytes.writeUInt32BE(series[i]!, at)
    at = bytes.writeUIntBE(Math.floor(ts[i]! / 2 ** 16), at, 6)
    at = bytes.writeUInt16BE(ts[i]! % 2 ** 16, at)
    at = bytes.writeUInt16BE(0, at)
    at = bytes.writeUIntBE(++seq, at, 6)
    const end = at
    at = bytes.writeDoubleLE(value[i]!, at)
    at = bytes.writeUInt8(GOOD_FLAG, at)
    at = bytes.writeUInt32LE(0, at)
    batch.tryPut(bytes.subarray(start, end), bytes.subarray(end, at))
  }
  return seq
}

/** The newest file `NNNNNN.log` of a folder. RocksDB starts another one when it writes its memory to files. */
class WriteAheadLog {
  readonly #folder: string
  #name = ''
  #file: number | undefined

  constructor(folder: string) {
    this.#folder = folder
  }

  sync(): void {
    const newest = readdirSync(this.#folder)
      .filter((name) => name.endsWith('.log'))
      .sort()
      .at(-1)!
    if (newest !== this.#name) this.#open(newest)
    fdatasyncSync(this.#file!)
  }

  #open(name: string): void {
    this.close()
    this.#name = name
    this.#file = openSync(join(this.#folder, name), 'r')
    const folder = openSync(this.#folder, 'r')
    fsyncSync(folder)
    closeSync(folder)
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }
}
