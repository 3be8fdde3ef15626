import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { BlockColumns } from '../../../src/codec/block.ts'
import { Ends } from '../../../src/store/history/ends.ts'
import { summarize } from '../../../src/store/sealed/block-summary.ts'
import type { BlockHead } from '../../../src/store/sealed/blocks.ts'

interface Row {
  readonly ts: number
  readonly value: number | null
}

const row: fc.Arbitrary<Row> = fc.record({
  ts: fc.integer({ min: 0, max: 12 }),
  value: fc.option(fc.integer({ min: 1, max: 1_000_000 }), { nil: null }),
})
const stretch = fc.record({ rows: fc.array(row, { minLength: 1, maxLength: 4 }), closed: fc.boolean() })

/** Consecutive blocks of one series, as the store has them. */
function blocksOf(stretches: readonly { readonly rows: readonly Row[] }[]): BlockColumns[] {
  let seq = 0
  return stretches.map(({ rows }) => ({
    seq: Float64Array.from(rows, () => ++seq),
    ts: Float64Array.from(rows, ({ ts }) => ts),
    values: rows.map(({ value }) => value),
    quality: new Uint8Array(rows.length).fill(1),
    reasons: new Uint32Array(rows.length),
  }))
}

describe('the first and the last number', () => {
  it('are those of all readings, whether blocks were added as a whole or row by row', () => {
    const property = fc.property(fc.array(stretch, { minLength: 1, maxLength: 6 }), (stretches) => {
      const blocks = blocksOf(stretches)
      const heads = blocks.map((columns, id): BlockHead => ({ id, ...summarize(columns) }))
      const ends = new Ends()
      for (const [i, { seq, ts, values }] of blocks.entries()) {
        if (stretches[i]!.closed) ends.addHead(heads[i]!)
        else for (const [k, value] of values.entries()) if (typeof value === 'number') ends.add(ts[k]!, seq[k]!, value)
      }
      const all = blocks.flatMap(({ seq, ts, values }) =>
        values.map((value, k) => ({ seq: seq[k]!, ts: ts[k]!, value })),
      )
      const numbers = all.filter(({ value }) => value !== null).sort((a, b) => a.ts - b.ts || a.seq - b.seq)
      const found = ends.values({ open: ({ id }) => ({ columns: blocks[id]!, order: undefined }) })
      expect(found).toEqual({ first: numbers[0]?.value ?? null, last: numbers.at(-1)?.value ?? null })
    })
    const overlapping = [
      { rows: [{ ts: 0, value: 1 }], closed: false },
      {
        rows: [
          { ts: 3, value: 30 },
          { ts: 10, value: null },
        ],
        closed: true,
      },
      {
        rows: [
          { ts: 5, value: 50 },
          { ts: 9, value: null },
        ],
        closed: true,
      },
    ]
    fc.assert(property, { numRuns: 500, examples: [[overlapping]] })
  })

  it('are found without opening blocks that do not overlap', () => {
    const blocks = blocksOf([
      {
        rows: [
          { ts: 1, value: null },
          { ts: 2, value: 20 },
        ],
      },
      {
        rows: [
          { ts: 2, value: 21 },
          { ts: 4, value: null },
        ],
      },
      { rows: [{ ts: 5, value: 50 }] },
      {
        rows: [
          { ts: 6, value: null },
          { ts: 7, value: 70 },
          { ts: 8, value: null },
        ],
      },
    ])
    const ends = new Ends()
    for (const [id, columns] of blocks.entries()) ends.addHead({ id, ...summarize(columns) })
    const never = (): never => {
      throw new Error('opened')
    }
    expect(ends.values({ open: never })).toEqual({ first: 20, last: 70 })
  })
})
