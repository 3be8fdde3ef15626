import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { StoredReading } from '../../../src/base/reading.ts'
import { tamper } from '../stores.ts'
import { expected, Grown, grow, sown } from './grown.ts'

/** Comparable with `toEqual`, which distinguishes -0 from 0 but treats a Buffer as another kind than bytes. */
function plain(readings: readonly StoredReading[]): unknown[] {
  return readings.map(({ value, ...rest }) => ({ ...rest, value: value instanceof Uint8Array ? [...value] : value }))
}

const HEAT = { device: 'press', metric: 'heat' }
const ONE = { name: 0, value: 1, quality: 1, reasons: 0 } as const
const bound = fc.oneof(fc.constant(undefined), fc.integer({ min: -10_000_000, max: 190_000_000 }))

describe('a stretch of history', () => {
  it('agrees with a scan of all readings (sealed, merged, amended or in the log), in any order, in pages of any size', () => {
    const seed = {
      readings: fc.array(sown, { minLength: 100, maxLength: 200, size: 'max' }),
      amended: fc.array(fc.nat(), { maxLength: 6 }),
    }
    const question = fc.record({
      from: bound,
      to: bound,
      limit: fc.oneof(fc.constantFrom(1, 2), fc.integer({ min: 7, max: 60 }), fc.integer({ min: 7, max: 200 })),
    })
    const property = fc.property(
      fc.record(seed),
      fc.array(question, { minLength: 8, maxLength: 8 }),
      ({ readings, amended }, questions) => {
        const grown = grow(readings, amended)
        const { history } = grown
        for (const { from, to, limit } of questions) {
          const interval = { ...(from !== undefined && { from }), ...(to !== undefined && { to }) }
          const wanted = expected(grown.readings, { ...HEAT, ...interval })
          const pages = [...history.pages(history.series(HEAT), { ...interval, limit })]
          expect(plain(pages.flat())).toEqual(plain(wanted))
          expect(pages.filter((page) => page.length > limit || page.length === 0)).toEqual([])
          for (const series of history.series()) {
            const own = expected(grown.readings, { ...series, ...interval }).filter(({ unit }) => unit === series.unit)
            const bounds = [
              history.first(series, { from: from ?? -1e15, to: to ?? 1e15 }),
              history.last(series, { from: from ?? -1e15, to: to ?? 1e15 }),
            ]
            expect(bounds).toEqual([own[0]?.ts, own.at(-1)?.ts])
          }
        }
        grown.close()
      },
    )
    fc.assert(property, { numRuns: 5 })
  })

  it('misses nothing and repeats nothing when readings are sealed, merged, amended and removed between two pages', () => {
    const chunk = fc.array(sown, { minLength: 1, maxLength: 6 })
    const property = fc.property(fc.array(chunk, { minLength: 34, maxLength: 34 }), fc.nat(), (chunks, index) => {
      const grown = new Grown()
      const old: StoredReading[] = []
      for (const [i, some] of chunks.entries()) {
        grown.append(some.map((one) => ({ ...one, name: 0 })))
        if (i < 31) grown.seal() // with one more seal, all would be merged
      }
      old.push(...grown.readings)
      const [series] = grown.history.series({ ...HEAT, unit: 'Cel' })
      const seen: StoredReading[] = []
      const gone = new Set<number>()
      let step = 0
      for (const page of grown.history.pages(series!, { limit: 9 })) {
        seen.push(...page)
        const { ts } = page.at(-1)!
        step++
        if (step <= 3) {
          // After the readings on earlier pages; before and among those on later pages.
          grown.append([1, 1_800_001, 86_400_000].map((ms) => ({ ...ONE, ts: ts + ms })))
          old.push(...grown.readings.slice(-3))
        }
        if (step === 2) grown.seal()
        if (step === 3) grown.amend(index)
        if (step === 4) for (const { seq } of grown.removeNewestSeal()) gone.add(seq)
      }
      expect(grown.store.sealed.seals.all.some(({ level }) => level > 0)).toBe(true)
      const inOrder = seen.toSorted((a, b) => a.ts - b.ts || a.seq - b.seq)
      expect(seen.map(({ seq }) => seq)).toEqual(inOrder.map(({ seq }) => seq))
      const seenSeqs = seen.map(({ seq }) => seq)
      expect(new Set(seenSeqs).size).toBe(seen.length)
      const missed = old.filter(({ seq }) => !gone.has(seq) && !seenSeqs.includes(seq))
      expect(missed).toEqual([])
      // A removed reading may be on a page before its removal, and on none after it.
      const late = seen.slice(4 * 9).filter(({ seq }) => gone.has(seq))
      expect(late).toEqual([])
      grown.close()
    })
    fc.assert(property, { numRuns: 5 })
  })

  it('includes readings that are stored between two pages, also when they sort before others already in the log', () => {
    const grown = new Grown()
    grown.append(Array.from({ length: 30 }, (_, i) => ({ ...ONE, ts: i })))
    grown.seal()
    grown.append([{ ...ONE, ts: 1_000 }])
    const pages = grown.history.pages(grown.history.series(HEAT), { limit: 10 })
    const times = [...pages.next().value!]
    grown.append([{ ...ONE, ts: 15 }])
    times.push(...[...pages].flat())
    expect(times.filter(({ ts }) => ts === 15).length).toBe(2)
    expect(times.length).toBe(32)
    grown.close()
  })

  it('uses the new content when a block was rewritten under its number', () => {
    const rows = Array.from({ length: 9 }, (_, i) => ({
      name: 0,
      ts: i * 1_000,
      value: i,
      quality: 1 as const,
      reasons: 0,
    }))
    const [full, thinned] = [new Grown(), new Grown()]
    full.append(rows)
    thinned.append(rows.slice(0, 4))
    for (const grown of [full, thinned]) grown.seal()
    const [series] = full.history.series(HEAT)
    expect(full.history.range({ series: [series!], limit: 100 }).readings.length).toBe(9)
    tamper(
      full.folder,
      `ATTACH '${thinned.folder}/tidegate.db' AS other; INSERT OR REPLACE INTO main.blocks SELECT * FROM other.blocks`,
    )
    expect(full.history.range({ series: [series!], limit: 100 }).readings).toEqual(full.readings.slice(0, 4))
    full.close()
    thinned.close()
  })

  it('comes in shorter pages when its texts are long, and each page is a prefix of the rest', () => {
    const grown = new Grown()
    const long = (i: number): string => String(i).repeat(3_000_000)
    grown.append([3, 1, 2, 5, 4].map((i) => ({ name: 0, ts: i, value: long(i), quality: 1 as const, reasons: 0 })))
    grown.seal()
    grown.append([{ name: 0, ts: 0, value: long(0), quality: 1, reasons: 0 }])
    const pages = [...grown.history.pages(grown.history.series(HEAT))]
    expect(pages.flat().map(({ value }) => (value as string)[0])).toEqual(['0', '1', '2', '3', '4', '5'])
    expect(pages.map((page) => page.length)).toEqual([2, 2, 2])
    grown.close()
  })

  it('shows the current verdict, also from a block that was open before the verdict changed', () => {
    const grown = new Grown()
    grown.append([1, 2, 3].map((i) => ({ name: 0, ts: i, value: i, quality: 1 as const, reasons: 0 })))
    grown.seal()
    const series = grown.history.series(HEAT)
    const read = (): readonly StoredReading[] => grown.history.range({ series, limit: 10 }).readings
    expect(read()).toEqual(grown.readings)
    grown.amend(1)
    expect(grown.readings[1]!.quality).toBe(4)
    expect(read()).toEqual(grown.readings)
    grown.close()
  })
})
