import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Seq } from '../../../src/base/reading.ts'
import type { Outbox } from '../../../src/store/delivery/outbox.ts'
import { PARKED_PER_SERIES_MAX } from '../../../src/store/delivery/parked.ts'
import { POISON_CANDIDATES_MAX } from '../../../src/store/delivery/poison-candidates.ts'
import type { Store } from '../../../src/store/store.ts'
import { tempFolder } from '../../../support/folder.ts'
import { appendMany, connect, imbalances, openStore, takeNext } from '../stores.ts'

const READINGS = 300
const REASON = 'not to the taste of the test'
const NOW = 5_000

/** A receiver that refuses every message with one of these readings in it, and stores the others. */
class PickyReceiver {
  readonly got: Seq[] = []
  asked = 0
  readonly #refused: Set<Seq>

  constructor(refused: Iterable<Seq>) {
    this.#refused = new Set(refused)
  }

  takes(seqs: readonly Seq[]): boolean {
    this.asked++
    if (seqs.some((seq) => this.#refused.has(seq))) return false
    this.got.push(...seqs)
    return true
  }

  /** From now on it accepts everything. */
  relent(): void {
    this.#refused.clear()
  }
}

function sendNext(
  store: Store,
  outbox: Outbox,
  receiver: PickyReceiver,
  rowsMax: number,
): 'nothing' | 'taken' | string {
  const { lastSeq } = store
  const taken = takeNext(store, outbox, 'backfill', rowsMax) ?? takeNext(store, outbox, 'live', rowsMax)
  if (taken === undefined) return 'nothing'
  const { range, seqs } = taken
  if (receiver.takes(seqs)) {
    store.write(() => outbox.confirm([range], lastSeq))
    return 'taken'
  }
  return store.write(() => outbox.refuse(range, REASON, NOW))
}

function sendAll(store: Store, receiver: PickyReceiver, rowsMax: number): string {
  const outbox = store.outbox('cloud')
  for (let i = 0; i < READINGS * 20; i++) {
    const became = sendNext(store, outbox, receiver, rowsMax)
    if (became === 'nothing' || became === 'hopeless') return became
  }
  throw new Error('it never ends')
}

function parkedIn(folder: string): { id: number; seq: Seq; reason: string }[] {
  const database = connect(folder)
  const rows = database.prepare('SELECT id, seq, reason FROM parked ORDER BY seq').all()
  database.close()
  return rows as { id: number; seq: Seq; reason: string }[]
}

function stocked(folder: string): Store {
  const store = openStore(folder)
  appendMany(store, READINGS)
  return store
}

const aFew = fc.uniqueArray(fc.integer({ min: 1, max: READINGS - 1 }), {
  minLength: 1,
  maxLength: POISON_CANDIDATES_MAX,
})

describe('readings that the receiver refuses permanently', () => {
  it('are isolated one by one and parked with the reason; all others arrive once, and the account balances', () => {
    fc.assert(
      fc.property(aFew, fc.integer({ min: 1, max: READINGS }), (refused, rowsMax) => {
        const folder = tempFolder()
        const store = stocked(folder)
        const receiver = new PickyReceiver(refused)
        expect(sendAll(store, receiver, rowsMax)).toBe('nothing')
        const bad = refused.toSorted((a, b) => a - b)
        const good = Array.from({ length: READINGS }, (_, i) => i + 1).filter((seq) => !refused.includes(seq))
        expect(receiver.got.toSorted((a, b) => a - b)).toEqual(good)
        expect(parkedIn(folder).map(({ seq, reason }) => [seq, reason])).toEqual(bad.map((seq) => [seq, REASON]))
        expect(store.backlog(store.outbox('cloud'))).toMatchObject({ waiting: 0, parked: bad.length })
        store.close()
        expect(imbalances(folder)).toEqual([])
      }),
      { numRuns: 20 },
    )
  }, 60_000)

  it('take about twice the logarithm of the batch size in messages, not one message per reading', () => {
    const store = stocked(tempFolder())
    const receiver = new PickyReceiver([137])
    sendAll(store, receiver, READINGS)
    expect(receiver.asked).toBeLessThan(2 * Math.ceil(Math.log2(READINGS)) + 4)
    store.close()
  })

  it('are not parked when everything is refused: then no single reading is the cause', () => {
    const folder = tempFolder()
    const store = stocked(folder)
    const outbox = store.outbox('cloud')
    const receiver = new PickyReceiver(Array.from({ length: READINGS }, (_, i) => i + 1))
    expect(sendAll(store, receiver, READINGS)).toBe('hopeless')
    expect(parkedIn(folder)).toEqual([])
    outbox.releaseAll(store.lastSeq)
    receiver.relent()
    expect(sendAll(store, receiver, READINGS)).toBe('nothing')
    expect(receiver.got.toSorted((a, b) => a - b)).toEqual(Array.from({ length: READINGS }, (_, i) => i + 1))
    store.close()
    expect(imbalances(folder)).toEqual([])
  })

  it('are sent again when an operator replays them, and parked again while the receiver still refuses them', () => {
    const folder = tempFolder()
    let store = stocked(folder)
    const receiver = new PickyReceiver([7])
    sendAll(store, receiver, 50)
    const replay = (): boolean => {
      const outbox = store.outbox('cloud')
      store.write(() => outbox.parked.replay(parkedIn(folder)[0]!.id))
      const row = outbox.parked.next()!
      expect(row[0]).toBe(7)
      outbox.parked.take(7)
      expect(outbox.parked.next()).toBeUndefined()
      const taken = receiver.takes([7])
      const range = { first: 7, last: 7 }
      store.write(() => (taken ? outbox.confirm([range], store.lastSeq) : outbox.refuse(range, 'still not', NOW + 1)))
      return taken
    }
    expect(replay()).toBe(false)
    expect(parkedIn(folder)).toMatchObject([{ seq: 7, reason: 'still not' }])
    expect(store.outbox('cloud').parked.next()).toBeUndefined()
    store.close()
    store = openStore(folder)
    receiver.relent()
    expect(replay()).toBe(true)
    expect(parkedIn(folder)).toEqual([])
    expect(receiver.got).toHaveLength(READINGS)
    store.close()
    expect(imbalances(folder)).toEqual([])
  })

  it('are lost only when an operator drops them, and the ledger records the loss', () => {
    const folder = tempFolder()
    const store = stocked(folder)
    const outbox = store.outbox('cloud')
    sendAll(store, new PickyReceiver([7, 8]), 50)
    const [seven] = parkedIn(folder)
    expect(store.write(() => outbox.dropParked(seven!.id))).toBe(true)
    expect(store.write(() => outbox.dropParked(seven!.id))).toBe(false)
    expect(parkedIn(folder).map(({ seq }) => seq)).toEqual([8])
    expect(store.backlog(outbox)).toMatchObject({ waiting: 0, parked: 1, confirmed: READINGS - 2 })
    store.close()
    expect(imbalances(folder)).toEqual([])
  })
})

describe('a series of which the receiver refuses every reading', () => {
  const BLOCKS = 10
  const BLOCK = 200

  /** Blocks of readings of a device that is refused, each followed by one good reading. */
  function stockedInBlocks(folder: string): { store: Store; receiver: PickyReceiver } {
    const store = openStore(folder)
    const refused: Seq[] = []
    for (let i = 0; i < BLOCKS; i++) {
      for (let k = 1; k <= BLOCK; k++) refused.push(store.lastSeq + k)
      appendMany(store, BLOCK, { device: 'bad' })
      appendMany(store, 1, { device: 'good' })
    }
    store.outbox('cloud').beginLive(store.lastSeq)
    return { store, receiver: new PickyReceiver(refused) }
  }

  it('is found with few messages, is parked up to a limit and held back beyond it, and blocks no other', () => {
    const folder = tempFolder()
    const { store, receiver } = stockedInBlocks(folder)
    expect(sendAll(store, receiver, 500)).toBe('nothing')
    expect(receiver.got).toHaveLength(BLOCKS)
    expect(receiver.asked).toBeLessThan(150)
    const parked = PARKED_PER_SERIES_MAX
    expect(store.backlog(store.outbox('cloud'))).toMatchObject({ parked, held: BLOCKS * BLOCK - parked })
    store.close()
    expect(imbalances(folder)).toEqual([])
  })

  it('is sent completely when the receiver accepts it again', () => {
    const folder = tempFolder()
    const { store, receiver } = stockedInBlocks(folder)
    sendAll(store, receiver, 500)
    receiver.relent()
    const outbox = store.outbox('cloud')
    outbox.releaseAll(store.lastSeq)
    expect(sendAll(store, receiver, 500)).toBe('nothing')
    expect(store.backlog(outbox)).toMatchObject({ waiting: 0, parked: PARKED_PER_SERIES_MAX, held: undefined })
    store.close()
    expect(imbalances(folder)).toEqual([])
  })

  it('is not held back for good when nothing else passes: the uplink must try again', () => {
    const folder = tempFolder()
    const store = openStore(folder)
    appendMany(store, 300, { device: 'bad' })
    store.outbox('cloud').beginLive(store.lastSeq)
    const receiver = new PickyReceiver(Array.from({ length: 300 }, (_, i) => i + 1))
    expect(sendAll(store, receiver, 100)).toBe('hopeless')
    expect(store.backlog(store.outbox('cloud'))).toMatchObject({ waiting: 300, parked: 0 })
    store.close()
  })
})
