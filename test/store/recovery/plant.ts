import { copyFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Quality, Seq, Value } from '../../../src/base/reading.ts'
import { DATABASE_FILE } from '../../../src/store/database.ts'
import { openReader } from '../../../src/store/reader.ts'
import type { Store } from '../../../src/store/store.ts'
import { contents, runHousekeeping } from '../sealed.ts'
import { append, openStore } from '../stores.ts'

export const UPLINKS = ['cloud', 'plant'] as const
const DEVICES = 12
/** Enough to confirm 32 seals, so that they are merged. */
const SEALED_ROUNDS = 44
const CONFIRMED_ROUNDS = { cloud: 40, plant: 36 }
const ROUND_READINGS = 256

/** Numbers from 0 to 1 that are the same in every run (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

function bytes(random: () => number, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => Math.floor(random() * 256))
}

/** A value of each kind; most are numbers. */
function valueOfKind(kind: number, random: () => number): Value {
  switch (kind) {
    case 0:
      return random() < 0.5
    case 1:
      return Buffer.from(bytes(random, 40)).toString('base64')
    case 2:
      return bytes(random, 60)
    case 3:
      return null
    default:
      return random() * 1e6
  }
}

/** One reading with names instead of the numbers of the store. */
export interface Named {
  readonly device: string
  readonly metric: string
  readonly unit: string
  readonly ts: number
  readonly value: Value
  readonly quality: Quality
  readonly reasons: number
}

/**
 * A store with everything that a store can contain: blocks, merged blocks, a log, changed verdicts, rejects, QoS 2
 * identifiers, and two uplinks that have delivered different parts.
 */
export function fillStore(folder: string): void {
  const random = randomFrom(7)
  const store = openStore(folder, { uplinks: UPLINKS, sealRows: ROUND_READINGS / 4, rejectsMax: 400 })
  for (let round = 0; round < SEALED_ROUNDS; round++) {
    appendRound(store, round, random)
    const { lastSeq } = store
    store.write(() => {
      store
        .outbox('cloud')
        .confirm([{ first: 1, last: Math.min(lastSeq, CONFIRMED_ROUNDS.cloud * ROUND_READINGS + 100) }], lastSeq)
      store
        .outbox('plant')
        .confirm([{ first: 1, last: Math.min(lastSeq, CONFIRMED_ROUNDS.plant * ROUND_READINGS) }], lastSeq)
    })
    runHousekeeping(store, 1e12)
  }
  for (let i = 0; i < 10; i++) appendSome(store, 200, random)
  amendSome(store)
  store.write(() => {
    store.outbox('cloud').confirm([{ first: store.lastSeq - 500, last: store.lastSeq - 400 }], store.lastSeq)
    for (let id = 1; id <= 20; id++) store.intake.incoming.add({ client: `press-${id}`, messageId: id })
  })
  store.close()
}

function appendRound(store: Store, round: number, random: () => number): void {
  appendSome(store, ROUND_READINGS, random)
  store.write(() => {
    for (let i = 0; i < 6; i++) {
      const device = store.intake.catalog.device(`press-${i}`)
      const fields = i % 3 // 0: nothing of the message was understood
      device.received += Math.max(1, fields)
      if (fields === 0) device.rejected++
      device.partial += fields
      store.intake.catalog.touch(device)
      const payload = bytes(random, 1_500)
      store.intake.rejects.add({
        receivedAt: round,
        device,
        topic: 'telemetry',
        client: 'c',
        reason: 'why',
        fields,
        payload,
      })
    }
  })
}

function appendSome(store: Store, count: number, random: () => number): void {
  store.write(() => {
    for (let i = 0; i < count; i++) {
      const number = Math.floor(random() * DEVICES)
      const kind = Math.floor(random() * 8)
      append(store, {
        device: `press-${number}`,
        metric: `m${kind}`,
        ...(kind > 4 ? { unit: 'N' } : {}),
        value: valueOfKind(kind, random),
        ts: 1_700_000_000_000 + store.lastSeq * 10 + Math.floor(random() * 5),
      })
    }
  })
}

function amendSome(store: Store): void {
  const some = contents(store).filter(({ seq }) => seq % 97 === 0)
  store.write(() => store.amend(some.map(({ seq, series }) => ({ seq, series, quality: 4, reasons: 64 }))))
}

/** All readings of a store by position. */
export function namedReadings(store: Store): Map<Seq, Named> {
  return new Map(
    contents(store).map(({ seq, series, ...reading }) => {
      const { device, metric, unit } = store.intake.catalog.series(series)!
      return [seq, { device: device.name, metric, unit, ...reading }]
    }),
  )
}

/** A filled store is made once, and copied for each test that damages it. */
export function copyStore(from: string, to: string): string {
  for (const suffix of ['', '-wal']) {
    const file = join(from, `${DATABASE_FILE}${suffix}`)
    if (existsSync(file)) copyFileSync(file, join(to, `${DATABASE_FILE}${suffix}`))
  }
  return join(to, DATABASE_FILE)
}

/** Counts of readings by their fate, over all devices, and the equations that do not balance. */
export function account(folder: string): { stored: number; damaged: number; expired: number; problems: string[] } {
  const reader = openReader(folder)
  const rows = reader.ledger()
  reader.close()
  const sum = (of: (row: (typeof rows)[number]) => number): number => rows.reduce((all, row) => all + of(row), 0)
  return {
    stored: sum(({ stored }) => stored),
    damaged: sum(({ damaged }) => damaged),
    expired: sum(({ expired }) => expired),
    problems: rows.flatMap(({ device, problems }) => problems.map((one) => `${device}: ${one}`)),
  }
}
