import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { DATABASE_FILE } from '../../../src/store/database.ts'
import { checkStore } from '../../../src/store/recovery/check.ts'
import { tempFolder } from '../../../support/folder.ts'
import { appendMany, openStore, tamper } from '../stores.ts'
import { rootsOf, scribble } from './damage.ts'
import { copyStore, fillStore, UPLINKS } from './plant.ts'

let origin: string

beforeAll(() => {
  origin = tempFolder()
  fillStore(origin)
})

function copied(): string {
  const folder = tempFolder()
  copyStore(origin, folder)
  return folder
}

describe('the check of a store', () => {
  it('finds nothing wrong in an undamaged one, and opens every block', () => {
    const { problems, damages, blocks, readings } = checkStore(origin)
    expect({ problems, damages }).toEqual({ problems: [], damages: [] })
    expect(blocks).toBeGreaterThan(1_000)
    expect(readings).toBeGreaterThan(10_000)
  })

  it('finds nothing wrong while the edge stores, seals and merges', () => {
    const folder = copied()
    const store = openStore(folder, { uplinks: UPLINKS, sealRows: 64 })
    let [pages, slices] = [0, 0]
    const { problems } = checkStore(folder, () => {
      if (++pages % 3 !== 1 || pages > 60) return
      store.write(() => {
        for (const outbox of store.delivery.outboxes) outbox.confirm([{ first: 1, last: store.lastSeq }], store.lastSeq)
      })
      appendMany(store, 500)
      while (store.runHousekeeping({ now: 1e12, busy: false })) slices++
    })
    expect(problems).toEqual([])
    expect(slices).toBeGreaterThan(50)
    store.close()
  })

  it.each([
    ['a block that is missing', 'DELETE FROM blocks WHERE id = (SELECT min(id) FROM blocks)', /^seal \d+ should have/],
    [
      'a block with other bytes',
      'UPDATE blocks SET bytes = zeroblob(length(bytes)) WHERE id % 7 = 1',
      /cannot be opened/,
    ],
    [
      'a block that claims other positions',
      'UPDATE blocks SET seq_first = seq_first - 1 WHERE readings > 1',
      /seqFirst \d+ instead of \d+/,
    ],
    [
      'a block with a number of readings of another block',
      'UPDATE blocks SET readings = readings + 1 WHERE id % 7 = 1',
      /summary of other readings: readings/,
    ],
    [
      'a block with a sum of another block',
      'UPDATE blocks SET value_sum = (SELECT max(value_sum) FROM blocks) WHERE numbers > 0',
      /valueSum \S+ instead of/,
    ],
    [
      'a block with times of another block',
      'UPDATE blocks SET ts_max = (SELECT max(ts_max) + 1 FROM blocks)',
      /tsMax \d+ instead of \d+/,
    ],
    ['a block with a quality of another block', 'UPDATE blocks SET good = good + 1', /good \d+ instead of \d+/],
    ['seals that overlap', 'UPDATE seals SET first = first - 1 WHERE level = 0', /both have the positions/],
    ['a seal that ends before its readings', 'UPDATE seals SET last = last - 200 WHERE level = 1', /outside its seal/],
    ['a directory that ends early', `UPDATE meta SET value = value - 1 WHERE key = 'sealed'`, /positions are sealed/],
    ['a counter', 'UPDATE devices SET stored = stored + 1 WHERE id = 1', /^press-\d+: received/],
    ['a lost reading', 'DELETE FROM log WHERE seq = (SELECT max(seq) FROM log)', /kept \+ 0 removed/],
  ])('finds %s', (_what, sql, problem) => {
    const folder = copied()
    tamper(folder, sql)
    expect(checkStore(folder).problems).toContainEqual(expect.stringMatching(problem))
  })

  it('reports what SQLite says of pages that cannot be read, also of the first one', () => {
    for (const page of [...rootsOf(origin, 'log_a', 'blocks'), 1]) {
      const folder = copied()
      scribble(join(folder, DATABASE_FILE), { pages: [page], seed: 1 })
      expect(checkStore(folder).problems.length).toBeGreaterThan(0)
    }
  })
})
