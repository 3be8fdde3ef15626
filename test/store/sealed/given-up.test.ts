import { describe, expect, it } from 'vitest'
import { checkStore } from '../../../src/store/recovery/check.ts'
import { type Block, DamagedBlock } from '../../../src/store/sealed/blocks.ts'
import { readSeals } from '../../../src/store/sealed/seals.ts'
import { tempFolder } from '../../../support/folder.ts'
import { contents, runHousekeeping } from '../sealed.ts'
import { append, connect, openStore } from '../stores.ts'

const NOW = Date.now()

describe('a block that is given up while seals are merged', () => {
  it('leaves every other reading, and the same seals in memory as on the disk', () => {
    const folder = tempFolder()
    const store = openStore(folder, { sealRows: 64 })
    for (let commit = 0; commit < 36; commit++) {
      store.write(() => {
        for (let i = 0; i < 64; i++) append(store, { metric: `m${i % 2}`, ts: NOW, value: i })
      })
    }
    runHousekeeping(store, NOW)
    const before = contents(store)
    store.write(() => store.outbox('cloud').confirm([{ first: 1, last: store.lastSeq }], store.lastSeq))
    const [first] = store.sealed.seals.all
    const lost = store.sealed.blocks.headsIn(first!)[0] as Block
    // The merge has begun, and has not ended: it reads the seals in a slice, and packs their blocks in the next ones.
    for (let slices = 0; slices < 3; slices++) store.runHousekeeping({ now: NOW, busy: false })
    expect(store.sealed.seals.all[0]).toBe(first)
    store.giveUp(new DamagedBlock(lost.id, 'its bytes are wrong'))
    runHousekeeping(store, NOW)
    const database = connect(folder)
    expect(store.sealed.seals.all).toEqual(readSeals(database))
    expect(store.sealed.seals.all.map(({ level }) => level)).toContain(1)
    database.close()
    const { series } = before[0]!
    const gone = before.filter((one) => one.series === series && one.seq <= first!.last)
    expect(gone.length).toBe(lost.readings)
    expect(contents(store)).toEqual(before.filter((one) => !gone.includes(one)))
    store.close()
    expect(checkStore(folder).problems).toEqual([])
  })
})
