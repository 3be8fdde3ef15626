import { statfsSync } from 'node:fs'
import type { Database } from 'better-sqlite3'
import { codeOf } from '../../base/errors.ts'
import type { StoreSettings } from '../../settings/edge.ts'

const PAGE_BYTES = 4_096
/** The share of `maxBytes` that is reserved for housekeeping: sealing needs room before it makes some. */
const RESERVE_SHARE = 1 / 8
const RESERVE_BYTES_MAX = 268_435_456
/** Space left free on the disk if `freeBytesMin` is not set: a share of the disk's size, at most FREE_BYTES_MAX. */
export const FREE_SHARE = 0.05
export const FREE_BYTES_MAX = 1_073_741_824
/** Minimum interval between queries of the disk's free space (ms). */
const DISK_EVERY_MS = 1_000

/** `short`: history is removed to make room. `full`: new readings are refused until there is room. */
export type SpaceLevel = 'ample' | 'short' | 'full'

export interface SpaceStatus {
  readonly level: SpaceLevel
  /** Bytes of the database that are in use. */
  readonly usedBytes: number
  /** Bytes of the file that are free for the next readings. */
  readonly freeBytes: number
  readonly maxBytes: number | undefined
  readonly diskFreeBytes: number
  /** Bytes that can still be filled before readings are refused. */
  readonly roomBytes: number
}

/** New readings are refused: the stored data takes all the room that there is. */
export class StoreFull extends Error {
  override readonly name = 'StoreFull'
  readonly code = 'STORE_FULL'
}

/** Measures the room that is left: below `store.maxBytes`, and on the disk. */
export class Space {
  readonly #database: Database
  readonly #folder: string
  readonly #settings: Pick<StoreSettings, 'maxBytes' | 'freeBytesMin'>
  #disk = { freeBytes: Infinity, sizeBytes: 0 }
  #askedAt = Number.NEGATIVE_INFINITY
  /** The current commit: the bytes in use before it, and the bytes of its publishes. */
  #usedBefore = 0
  #given = 0
  /** The last refused commit, until room is made or none can be: the bytes that it would have needed. */
  #refused: { readonly bytes: number; readonly given: number } | undefined

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
    // There is room, but not enough for the last refused commit: more must be removed.
    const pressed = this.#refused !== undefined && this.#isSpent(space.usedBytes + this.#refused.bytes)
    return pressed && space.level === 'ample' ? { ...space, level: 'short' } : space
  }

  /**
   * Call before a commit of publishes with `given` bytes: the reserve that housekeeping needs to make room must be left. After
   * a refused commit, a similar commit is refused without a try while there is too little room for it: devices that
   * repeat their publishes must not take the time in which room is made. @throws StoreFull
   */
  refuseIfFull(given: number): void {
    const space = this.measure()
    this.#usedBefore = space.usedBytes
    this.#given = given
    if (space.level === 'full') throw fullOf(space)
    if (this.#refused === undefined) return
    const { bytes, given: refused } = this.#refused
    if (this.#isSpent(space.usedBytes + (bytes / refused) * given)) throw fullOf(space)
  }

  /**
   * Call inside the transaction after it has added readings: one commit may be large, and must not use up the reserve
   * of housekeeping. A refusal here costs more than one before the commit, so it is for the rare case. @throws
   * StoreFull
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

  /** Housekeeping has made all the room it can: the next commit is tried, whatever the last one needed. */
  settle(): void {
    this.#refused = undefined
  }

  /** Returns the cause of a failed commit: SQLite reports "full" both for the disk and for `maxBytes`. */
  explain(failure: unknown): unknown {
    if (this.#settings.maxBytes === undefined || codeOf(failure) !== 'SQLITE_FULL') return failure
    this.#askedAt = Number.NEGATIVE_INFINITY
    const space = this.measure()
    if (space.diskFreeBytes <= this.#settings.maxBytes / 8) return failure
    this.#refuse(this.#settings.maxBytes - this.#usedBefore)
    return fullOf(space)
  }

  #refuse(bytes: number): void {
    this.#refused = { bytes: Math.max(1, bytes), given: Math.max(1, this.#given) }
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

/** A pure function: the same facts give the same level. */
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
  // Free pages of the file are room even if the disk is full.
  const leftOnDisk = diskFreeBytes + freeBytes - keptFree
  const level =
    left <= 0 || leftOnDisk <= 0 ? 'full' : left <= reserve / 2 || leftOnDisk <= keptFree ? 'short' : 'ample'
  const roomBytes = Math.max(0, Math.min(left, leftOnDisk))
  return { level, usedBytes, freeBytes, maxBytes, diskFreeBytes, roomBytes }
}

/**
 * Whether a failure of the store comes from the disk and not from a bug: nothing was done, and it may be tried again.
 */
export function isStoreTrouble(failure: unknown): boolean {
  return /^(SQLITE|STORE)_/.test(codeOf(failure) ?? '')
}

/** From this share of free pages, and this many bytes, on, pages are returned to the file system. */
const VACUUM_FROM = 0.08
const VACUUM_BYTES_MIN = 8_388_608

export function isWorthVacuum({ usedBytes, freeBytes }: SpaceStatus): boolean {
  return freeBytes >= VACUUM_BYTES_MIN && freeBytes >= VACUUM_FROM * (usedBytes + freeBytes)
}
