import { readFileSync } from 'node:fs'
import { expect } from 'vitest'
import type { Seq } from '../../../src/base/reading.ts'
import type { Store } from '../../../src/store/store.ts'
import { tempFolder } from '../../../support/folder.ts'
import { contents, runHousekeeping } from '../sealed.ts'
import { append, openStore, takeNext } from '../stores.ts'
import { damagesOf, setAside } from './damage.ts'
import { account, copyStore, fillStore, type Named, namedReadings, UPLINKS } from './plant.ts'

/** A damaged copy of the original; `damaged` is the content of the file at that time. */
export interface Wreck {
  readonly folder: string
  readonly file: string
  readonly damaged: Buffer
}

/** A store with everything that a store can contain, and its content. It is copied for each damage. */
export class Original {
  readonly folder = tempFolder()
  readonly readings: ReadonlyMap<Seq, Named>
  readonly epoch: string

  constructor() {
    fillStore(this.folder)
    const store = openStore(this.folder, { uplinks: UPLINKS })
    this.readings = namedReadings(store)
    this.epoch = store.epoch
    store.close()
  }

  wreck(damage: (file: string, folder: string) => void = () => undefined): Wreck {
    const folder = tempFolder()
    const file = copyStore(this.folder, folder)
    damage(file, folder)
    return { folder, file, damaged: readFileSync(file) }
  }

  /**
   * The recovered readings must be the stored ones, except for names and changed verdicts that the damage destroyed.
   */
  expectTrue(salvaged: ReadonlyMap<Seq, Named>, torn: (table: string) => boolean): void {
    const wrong: [Seq, Named][] = []
    for (const [seq, reading] of salvaged) {
      const before = this.readings.get(seq)
      const verdict = torn('verdicts') && before?.quality === 4 ? { quality: 1, reasons: 0 } : {}
      const names = isMadeUp(reading) ? { device: reading.device, metric: reading.metric, unit: reading.unit } : {}
      const expected = { ...before, ...names }
      if (!same(reading, expected) && !same(reading, { ...expected, ...verdict })) wrong.push([seq, reading])
    }
    expect(wrong).toEqual([])
  }

  /** Opens a damaged store, and checks every guarantee of recovery. @returns the number of recovered readings. */
  expectHealed({ folder, damaged }: Wreck): number {
    const store = openStore(folder, { uplinks: UPLINKS })
    expect(store.epoch).not.toBe(this.epoch)
    const salvaged = namedReadings(store)
    const [{ report }] = damagesOf(folder) as [ReturnType<typeof damagesOf>[number]]
    expect(report.nothingBecause).toBeUndefined()
    this.expectTrue(salvaged, (table) => report.tables[table]!.gaps > 0)
    expect(report.kept).toBe(salvaged.size)
    // When its counters and the end of the log are both lost, nothing shows that the last readings existed.
    const known =
      report.tables.devices!.gaps + report.tables.tallies!.gaps > 0 &&
      report.tables.log_a!.gaps + report.tables.log_b!.gaps > 0
        ? store.lastSeq
        : this.readings.size
    expect(report.kept + report.lost).toBe(known)
    expect(setAside(folder)).toEqual([report.file])
    expect(readFileSync(report.file!).equals(damaged)).toBe(true)

    const [first] = store.write(() => [append(store, { device: 'new' }), append(store, { device: 'new' })])
    expect(first, 'no position is assigned again').toBe(known + 1)
    deliverAll(store)
    runHousekeeping(store, 1e12)
    expect(contents(store)).toHaveLength(salvaged.size + 2)
    store.close()
    expect(account(folder).problems).toEqual([])
    openStore(folder, { uplinks: UPLINKS }).close()
    expect(damagesOf(folder)).toHaveLength(1)
    return salvaged.size
  }
}

const isMadeUp = ({ device }: Named): boolean => device.startsWith('lost')

const same = (a: object, b: object): boolean => {
  const plain = (_: string, value: unknown): unknown => (Object.is(value, -0) ? '-0' : value)
  return JSON.stringify(a, plain) === JSON.stringify(b, plain)
}

/** Delivers as an uplink does, until there is nothing to send. Then nothing waits, and every position is settled. */
function deliverAll(store: Store): void {
  for (const outbox of store.delivery.outboxes) {
    for (const lane of ['backfill', 'live'] as const) {
      const next = () => takeNext(store, outbox, lane, 5_000)
      for (let some = next(); some !== undefined; some = next()) {
        const { range } = some
        store.write(() => outbox.confirm([range], store.lastSeq))
      }
    }
    expect(store.backlog(outbox).waiting).toBe(0)
    expect([...outbox.settled]).toEqual([{ first: 1, last: store.lastSeq }])
  }
}
