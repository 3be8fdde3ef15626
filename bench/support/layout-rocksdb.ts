import { closeSync, fdatasyncSync, fsyncSync, openSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import RocksDB from 'rocksdb-native'
import type { Layout } from './layouts.ts'
import type { Readings } from './plant.ts'

/** Series, time, position: unsigned, big endian, so that keys sort as (series, ts, seq). */
const KEY_BYTES = 4 + 8 + 8
/** Value, flag, reasons. */
const VALUE_BYTES = 8 + 1 + 4
const GOOD_FLAG = 1

/**
 * RocksDB with the settings of its package: one batch a commit. The package has no way to ask for a synced write, so
 * the write-ahead log, which a write has left in the file when it resolves, is synced from here.
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
  }
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

/** The newest file `NNNNNN.log` of a folder; another one begins when what is in memory goes to its own files. */
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
