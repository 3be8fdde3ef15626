import { statfsSync } from 'node:fs'
import type { Database } from 'better-sqlite3'
import { codeOf } from '../../base/errors.ts'
import type { StoreSettings } from '../../settings/edge.ts'

const PAGE_BYTES = 4_096
/** The part of `maxBytes` that new readings leave to housekeeping: sealing needs room before it makes some. */
const RESERVE_SHARE = 1 / 8
const RESERVE_BYTES_MAX = 268_435_456
/** What is left on the disk where `freeBytesMin` does not say: a share of the disk's size, up to so many bytes. */
export const FREE_SHARE = 0.05
export const FREE_BYTES_MAX = 1_073_741_824
/** The disk is asked at most so often (ms). */
const DISK_EVERY_MS = 1_000

/** `short`: history gives way. `full`: new readings are refused until it has. */
export type SpaceLevel = 'ample' | 'short' | 'full'

export interface SpaceStatus {
  readonly level: SpaceLevel
  /** Bytes of the database that hold something. */
  readonly usedBytes: number
  /** Bytes of the file that are free for the next readings. */
  readonly freeBytes: number
  readonly maxBytes: number | undefined
  readonly diskFreeBytes: number
  /** Bytes that can still be filled before readings are refused. */
  readonly roomBytes: number
}

/** New readings are refused: what is kept already takes all the room there is. */
export class StoreFull extends Error {
  override readonly name = 'StoreFull'
  readonly code = 'STORE_FULL'
}

/** How much room there is: below `store.maxBytes`, and on the disk. */
export class Space {
  readonly #database: Database
  readonly #folder: string
  readonly #settings: Pick<StoreSettings, 'maxBytes' | 'freeBytesMin'>
  #disk = { freeBytes: Infinity, sizeBytes: 0 }
  #askedAt = Number.NEGATIVE_INFINITY
  /** The commit at work: what was used before it (bytes), and its publishes. */
  #usedBefore = 0
  #publishes = 0
  /** The last commit that was refused, until room is made or none can be: what it would have needed (bytes). */
  #refused: { readonly bytes: number; readonly publishes: number } | undefined

  constructor(database: Database, folder: string, settings: Pick<StoreSettings, 'maxBytes' | 'freeBytesMin'>) {
    this.#database = database
    this.#folder = folder
    this.#settings = settings
  }

  measure(): SpaceStatus {
    const pages = this.#database.pragma('page_count', { simple: true }) as number
    const freePages = this.#database.pragma('freelist_count', { simple: true }) as number
    const space = judgeSpace({
      usedBytes: (pages - freePages) * PAGE_BYTES,
      freeBytes: freePages * PAGE_BYTES,
      maxBytes: this.#settings.maxBytes,
      ...this.#askDisk(),
      freeBytesMin: this.#settings.freeBytesMin,
    })
    // Some room is left, and not enough for who asked last: more must give way.
    const pressed = this.#refused !== undefined && this.#isSpent(space.usedBytes + this.#refused.bytes)
    return pressed && space.level === 'ample' ? { ...space, level: 'short' } : space
  }

  /**
   * Asked before a commit of so many publishes: what housekeeping needs to make room must be left. Where one was refused
   * that needed more than there is, another of its kind is refused without being tried: devices that ask again and
   * again must not take the time in which room is made. @throws StoreFull
   */
  refuseIfFull(publishes: number): void {
    const space = this.measure()
    this.#usedBefore = space.usedBytes
    this.#publishes = publishes
    if (space.level === 'full') throw fullOf(space)
    if (this.#refused === undefined) return
    const { bytes, publishes: refused } = this.#refused
    if (this.#isSpent(space.usedBytes + (bytes / refused) * publishes)) throw fullOf(space)
  }

  /**
   * Asked inside the transaction that has added some: one commit may be large, and must not take the last of what
   * housekeeping needs. It costs more than to be refused before, so it is for the rare case. @throws StoreFull
   */
  refuseIfSpent(): void {
    if (this.#settings.maxBytes === undefined) return
    const space = this.measure()
    if (!this.#isSpent(space.usedBytes)) {
      this.#refused = undefined
      return
    }
    this.#refuse(space.usedBytes - this.#usedBefore)
    throw fullOf(space)
  }

  /** Housekeeping has made what room it could: the next commit is tried, whatever the last one needed. */
  settle(): void {
    this.#refused = undefined
  }

  /** What a commit failed of: SQLite says "full" of a disk and of `maxBytes` alike. */
  explain(failure: unknown): unknown {
    if (this.#settings.maxBytes === undefined || codeOf(failure) !== 'SQLITE_FULL') return failure
    this.#askedAt = Number.NEGATIVE_INFINITY
    const space = this.measure()
    if (space.diskFreeBytes <= this.#settings.maxBytes / 8) return failure
    this.#refuse(this.#settings.maxBytes - this.#usedBefore)
    return fullOf(space)
  }

  #refuse(bytes: number): void {
    this.#refused = { bytes: Math.max(1, bytes), publishes: Math.max(1, this.#publishes) }
  }

  #isSpent(usedBytes: number): boolean {
    const { maxBytes } = this.#settings
    return maxBytes !== undefined && usedBytes > maxBytes - reserveOf(maxBytes) / 4
  }

  #askDisk(): { diskFreeBytes: number; diskSizeBytes: number } {
    const now = performance.now()
    if (now - this.#askedAt >= DISK_EVERY_MS) {
      const { bavail, blocks, bsize } = statfsSync(this.#folder)
      this.#disk = { freeBytes: bavail * bsize, sizeBytes: blocks * bsize }
      this.#askedAt = now
    }
    return { diskFreeBytes: this.#disk.freeBytes, diskSizeBytes: this.#disk.sizeBytes }
  }
}

function reserveOf(maxBytes: number): number {
  return Math.min(maxBytes * RESERVE_SHARE, RESERVE_BYTES_MAX)
}

function fullOf({ usedBytes, maxBytes, diskFreeBytes }: SpaceStatus): StoreFull {
  const bound = maxBytes === undefined ? '' : ` of store.maxBytes ${maxBytes}`
  return new StoreFull(`the store is full: ${usedBytes} bytes${bound} are used, the disk has ${diskFreeBytes} left`)
}

/** Pure: the same facts give the same level. */
export function judgeSpace(facts: {
  readonly usedBytes: number
  readonly freeBytes: number
  readonly maxBytes: number | undefined
  readonly diskFreeBytes: number
  readonly diskSizeBytes: number
  readonly freeBytesMin: number | undefined
}): SpaceStatus {
  const { usedBytes, freeBytes, maxBytes, diskFreeBytes, diskSizeBytes } = facts
  const reserve = reserveOf(maxBytes ?? 0)
  const left = maxBytes === undefined ? Infinity : maxBytes - reserve / 2 - usedBytes
  const keptFree = facts.freeBytesMin ?? Math.min(diskSizeBytes * FREE_SHARE, FREE_BYTES_MAX)
  // Free pages of the file are room although the disk is full.
  const leftOnDisk = diskFreeBytes + freeBytes - keptFree
  const level =
    left <= 0 || leftOnDisk <= 0 ? 'full' : left <= reserve / 2 || leftOnDisk <= keptFree ? 'short' : 'ample'
  const roomBytes = Math.max(0, Math.min(left, leftOnDisk))
  return { level, usedBytes, freeBytes, maxBytes, diskFreeBytes, roomBytes }
}

/** Whether the disk, and not a bug, is why something of the store failed: nothing was done, and it may be tried again. */
export function isStoreTrouble(failure: unknown): boolean {
  return /^(SQLITE|STORE)_/.test(codeOf(failure) ?? '')
}
