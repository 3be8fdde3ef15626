import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Quality, Value } from '../../../src/base/reading.ts'
import { type BlockColumns, BlockPacker, Rows } from '../../../src/codec/block.ts'
import { checkStore } from '../../../src/store/recovery/check.ts'
import { repairSummaries } from '../../../src/store/recovery/repair-summaries.ts'
import { type BlockRow, blockRow, isRowOf } from '../../../src/store/sealed/block-row.ts'
import { unpack } from '../../../src/store/sealed/blocks.ts'
import { inOrder } from '../../../src/store/sealed/packing.ts'
import { readSeals } from '../../../src/store/sealed/seals.ts'
import { tempFolder } from '../../../support/folder.ts'
import { runHousekeeping } from '../sealed.ts'
import { append, connect, openStore, tamper } from '../stores.ts'

const NOW = Date.now()

const value: fc.Arbitrary<Value> = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: -500, max: 500 }).map((n) => n / 100) },
  fc.double({ noNaN: true }),
  fc.constantFrom<Value>(0, -0, Infinity, -Infinity, true, false, null, 'text'),
)
const reading = fc.record({
  step: fc.integer({ min: 1, max: 3 }),
  ts: fc.integer({ min: -3, max: 30 }),
  value,
  quality: fc.constantFrom<Quality>(1, 1, 1, 2, 3, 4, 9),
})
const readings = fc.array(reading, { minLength: 1, maxLength: 40 })

/** Packs readings as a seal does, and returns the row and what is read back from its bytes. */
function packed(some: readonly { step: number; ts: number; value: Value; quality: Quality }[]): {
  readonly row: BlockRow
  readonly columns: BlockColumns
} {
  const rows = new Rows()
  let seq = 0
  for (const { step, ts, value: one, quality } of some) {
    seq += step
    rows.add(1, seq, ts, one, quality, 0)
  }
  const bytes = new BlockPacker().pack(rows, inOrder(rows))
  const columns = unpack({ id: 1, bytes })
  return { row: blockRow(1, columns, bytes), columns }
}

/** What the summary of some readings must be, written as it is defined. */
function definition({ seq, ts, values, quality }: BlockColumns): unknown[] {
  const all = [...seq].map((_, i) => ({ ts: ts[i]!, value: values[i]! }))
  const numbers = all.flatMap((one) => (typeof one.value === 'number' ? [{ ...one, value: one.value }] : []))
  const inTime = numbers.toSorted((a, b) => a.ts - b.ts)
  const sum = numbers.reduce((total, one) => total + one.value, 0)
  const some = numbers.length > 0
  return [
    ...[seq.length, seq[0], seq.at(-1), Math.min(...ts), Math.max(...ts)],
    [...quality].filter((flag) => flag === 1).length,
    [4, 3, 1, 2, 9].find((flag) => quality.includes(flag)),
    numbers.length,
    some ? Math.min(...numbers.map((one) => one.value)) : null,
    some ? Math.max(...numbers.map((one) => one.value)) : null,
    some && !Number.isNaN(sum) ? sum : null,
    some ? inTime[0]!.value : null,
    some ? inTime.at(-1)!.value : null,
  ]
}

/** SQLite stores no negative zero in a REAL column, and a summary need not tell it from zero. */
const plain = (all: readonly unknown[]): unknown[] => all.map((one) => (one === 0 ? 0 : one))

describe('the summary of a block', () => {
  it('is that of the readings in its bytes', () => {
    fc.assert(
      fc.property(readings, (some) => {
        const { row, columns } = packed(some)
        expect(plain(row.slice(1, -1))).toEqual(plain(definition(columns)))
      }),
    )
  })

  it('is refused when any of its fields belongs to another block', () => {
    fc.assert(
      fc.property(readings, readings, fc.integer({ min: 1, max: 13 }), (some, others, field) => {
        const { row, columns } = packed(some)
        const mixed = [...row]
        mixed[field] = packed(others).row[field]!
        expect(isRowOf(mixed as unknown as BlockRow, columns)).toBe(mixed[field] === row[field])
      }),
    )
  })
})

/** Merged and unmerged seals of two series, one of them without numbers. */
function filled(folder: string): void {
  const store = openStore(folder, { sealRows: 64 })
  for (let commit = 0; commit < 40; commit++) {
    store.write(() => {
      for (let i = 0; i < 64; i++) {
        append(store, { metric: `m${i % 2}`, ts: NOW + commit * 64 + i, value: i % 2 === 1 ? 'on' : commit + i / 10 })
      }
    })
  }
  store.write(() => store.outbox('cloud').confirm([{ first: 1, last: store.lastSeq }], store.lastSeq))
  runHousekeeping(store, NOW)
  expect(new Set(store.sealed.seals.all.map(({ level }) => level))).toEqual(new Set([0, 1]))
  store.close()
}

describe('the repair of summaries', () => {
  it.each([
    ['numbers of readings', 'readings = readings + 1'],
    ['positions', 'seq_first = seq_first + 1, seq_last = 1'],
    ['times', 'ts_min = ts_max + 5'],
    ['qualities', 'good = 0, worst = 4'],
    ['values', 'value_min = 7, value_max = NULL, value_sum = 1, value_first = 2, value_last = 3'],
  ])('computes %s again, and changes nothing else', (_what, change) => {
    const folder = tempFolder()
    filled(folder)
    const rows = (): unknown[] => {
      const database = connect(folder)
      const all = [...database.prepare('SELECT * FROM blocks').all(), ...readSeals(database)]
      database.close()
      return all
    }
    const before = rows()
    tamper(
      folder,
      `UPDATE blocks SET ${change} WHERE id % 2 = 0;
       UPDATE seals SET ts_min = (SELECT min(ts_min) FROM blocks WHERE id / 16777216 = seals.id),
         readings = (SELECT sum(readings) FROM blocks WHERE id / 16777216 = seals.id)`,
    )
    expect(checkStore(folder).problems.length).toBeGreaterThan(0)
    expect(repairSummaries(folder)).toBeGreaterThan(0)
    expect(rows()).toEqual(before)
    expect(checkStore(folder).problems).toEqual([])
    expect(repairSummaries(folder)).toBe(0)
  })

  it('is refused while the store is in use, and where there is none', () => {
    const folder = tempFolder()
    expect(() => repairSummaries(folder)).toThrow('there is no database')
    filled(folder)
    const store = openStore(folder)
    expect(() => repairSummaries(folder)).toThrow('already running')
    store.close()
  })
})
