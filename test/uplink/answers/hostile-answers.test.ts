import fc from 'fast-check'
import { expect, it, vi } from 'vitest'
import { systemClock } from '../../../src/base/clock.ts'
import { silentLog } from '../../../src/base/log.ts'
import { SeqSet } from '../../../src/base/ranges.ts'
import type { SeqRange } from '../../../src/base/reading.ts'
import { encodeReceipt, RECEIPT_RANGES_MAX, type Receipt, type ReceiptKind } from '../../../src/codec/receipt.ts'
import { encodeRequest } from '../../../src/codec/request.ts'
import { uplink as uplinkSettings } from '../../../src/settings/schema/uplink.ts'
import { SETTLED_RANGES_MAX } from '../../../src/store/delivery/outbox.ts'
import type { Store } from '../../../src/store/store.ts'
import { UplinkRequests } from '../../../src/store-thread/delivery/uplink-requests.ts'
import { ReceiverAnswers } from '../../../src/uplink/answers/receiver-answers.ts'
import { ReceiverRecord } from '../../../src/uplink/answers/receiver-record.ts'
import { Budget, momentOf } from '../../../src/uplink/budget.ts'
import { windowPerLane } from '../../../src/uplink/congestion-window.ts'
import { InFlightMessages } from '../../../src/uplink/in-flight.ts'
import { cpuMs } from '../../../support/cpu.ts'
import { tempFolder } from '../../../support/folder.ts'
import { appendMany, imbalances, openStore } from '../../store/stores.ts'

const READINGS = 400
const SETTINGS = uplinkSettings.parse({ url: 'mqtt://127.0.0.1', batchReadingsMax: 20, lingerMs: 0 })
const NOW = 1_700_000_000_000

/** An uplink without its connection: the store, the rules for what is sent and marked, and the answers. */
class Edge {
  readonly folder = tempFolder()
  readonly inFlight = new InFlightMessages()
  /** Every position that left, over all runs. */
  readonly left = new SeqSet()
  readonly ends: string[] = []
  record = new ReceiverRecord(Math.random)
  store!: Store
  epochs = 0
  #requests!: UplinkRequests
  #answers!: ReceiverAnswers

  constructor() {
    this.#open()
  }

  #open(): void {
    this.store = openStore(this.folder)
    this.record = new ReceiverRecord(Math.random)
    this.#requests = new UplinkRequests(this.store, [SETTINGS], { edge: 'site', holdMs: 0 })
    const requests = this.#requests
    const uplink = 'cloud'
    const moment = momentOf({ clock: systemClock, steadyClock: systemClock })
    const never = async (): Promise<never> => {
      throw new Error('not used here')
    }
    const outbox = {
      next: never,
      confirm: async (given: object) => requests.confirm({ uplink, ...given } as never, NOW),
      confirmAmendments: async (given: object) => requests.confirmAmendments({ uplink, ...given } as never),
      refuse: async (given: object) => requests.refuse({ uplink, ...given } as never, NOW),
      confirmMessages: never,
      refuseMessage: never,
      requestResend: async (given: object) => void requests.requestResend({ uplink, ...given } as never),
      release: never,
      spent: never,
      pause: async (given: object) => requests.pause({ uplink, ...given } as never, NOW),
      pausedSince: never,
    }
    this.#answers = new ReceiverAnswers(
      {
        outbox,
        budget: new Budget(SETTINGS.budget, undefined, moment),
        log: silentLog,
        record: this.record,
        onConfirmed: () => undefined,
        onRefused: () => undefined,
      },
      {
        inFlight: this.inFlight,
        windows: windowPerLane(64),
        notify: () => undefined,
        hasMore: () => undefined,
        heard: () => undefined,
        finish: (reason) => this.ends.push(reason),
      },
    )
  }

  get origin(): { readonly epoch: string; readonly run: string } {
    return { epoch: this.store.epoch, run: this.store.run }
  }

  /** Packs a batch, and sends it if `leaves`. */
  pack(leaves: boolean): void {
    const next = this.#requests.next({ uplink: 'cloud', live: 4_096, backfill: 4_096, prefer: 'live' }, NOW)
    if (next.kind !== 'batch' || !leaves) return
    const { epoch, run, range, lane, bytes } = next
    this.inFlight.open({ kind: 'batch', epoch, run, range, lane, bytes: bytes.length, sentAt: 0 })
    this.record.sentRanges.add({ epoch, run }, range)
    this.left.add(range)
  }

  async receipt(given: Partial<Receipt>): Promise<void> {
    await this.bytes(
      encodeReceipt({ ...this.origin, kind: 'stored', ranges: [], high: 0, reason: undefined, ...given }),
    )
  }

  async bytes(receipt: Uint8Array): Promise<void> {
    const before = this.store.epoch
    await this.#answers.receipt(receipt)
    if (this.store.epoch !== before) this.epochs++
  }

  request(bytes: Uint8Array): Promise<void> {
    return this.#answers.request(bytes)
  }

  /** A connection ends, and another one begins. */
  reconnect(): void {
    for (const { range } of this.inFlight.confirm({ kind: 'batch', ...this.origin }, [{ first: 0, last: 1e15 }]))
      void range
    this.#requests.release({ uplink: 'cloud', spent: undefined })
  }

  restart(): void {
    this.store.close()
    this.#open()
  }

  /** Marked positions that never left. */
  get unsent(): SeqRange[] {
    return [...this.store.outbox('cloud').settled].flatMap((range) => this.left.missing(range))
  }
}

const seq = fc.oneof(
  fc.integer({ min: 0, max: READINGS + 50 }),
  fc.constantFrom(0, 1, 2 ** 31, Number.MAX_SAFE_INTEGER - 1),
)
const ranges = fc.oneof(
  fc.constant([{ first: 1, last: READINGS }]),
  fc.array(fc.tuple(seq, fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 60 }))), { maxLength: 12 }).map((all) => {
    return [
      ...new SeqSet(all.map(([first, more]) => ({ first, last: Math.min(first + more, Number.MAX_SAFE_INTEGER) }))),
    ]
  }),
  // Every second, third, … position.
  fc.tuple(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 2, max: 7 })).map(([first, step]) => {
    return Array.from({ length: 50 }, (_, i) => ({ first: first + i * step, last: first + i * step }))
  }),
)
const kind = fc.constantFrom<ReceiptKind>('stored', 'stored', 'stored', 'rejected', 'forked', 'amended')
const receipt = fc
  .tuple(kind, ranges, seq, fc.option(fc.string({ maxLength: 2_000 }), { nil: undefined }), fc.nat(9))
  .map(([of, all, high, reason, wrong]): Partial<Receipt> => {
    const identity = wrong === 0 ? { epoch: 'another' } : wrong === 1 ? { run: 'another' } : {}
    return { kind: of, ranges: all, high: wrong < 5 ? 0 : high, reason, ...identity }
  })
/** Bytes of a good receipt with some of them changed or missing. */
const mutated = fc.tuple(receipt, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }), fc.nat(60))

type Step = readonly [name: string, run: (edge: Edge) => Promise<void> | void]
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.boolean().map((leaves): Step => ['pack', (edge) => edge.pack(leaves)]) },
  { weight: 6, arbitrary: receipt.map((given): Step => ['receipt', (edge) => edge.receipt(given)]) },
  {
    weight: 2,
    arbitrary: mutated.map(
      ([given, changes, end]): Step => [
        'bytes',
        (edge) => {
          const good = { ...edge.origin, kind: 'stored', ranges: [], high: 0, reason: undefined } as const
          const bytes = encodeReceipt({ ...good, ...given })
          for (const [at, value] of changes) bytes[at % bytes.length] = value
          return edge.bytes(end % 3 === 0 ? bytes.subarray(0, end) : bytes)
        },
      ],
    ),
  },
  {
    weight: 1,
    arbitrary: fc.uint8Array({ maxLength: 64 }).map((bytes): Step => ['noise', (edge) => edge.bytes(bytes)]),
  },
  {
    weight: 1,
    arbitrary: ranges.map(
      (given): Step => [
        'request',
        (edge) => {
          const wanted = given.filter(({ first }) => first > 0).slice(0, 100)
          return wanted.length === 0
            ? undefined
            : edge.request(encodeRequest({ epoch: edge.origin.epoch, ranges: wanted }))
        },
      ],
    ),
  },
  { weight: 1, arbitrary: fc.constant<Step>(['reconnect', (edge) => edge.reconnect()]) },
  { weight: 1, arbitrary: fc.constant<Step>(['restart', (edge) => edge.restart()]) },
)

it('marks nothing that was not sent, whatever a receiver answers', async () => {
  const run = fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30 }), async (steps) => {
    const edge = new Edge()
    try {
      for (const device of ['pump', 'press']) appendMany(edge.store, READINGS / 2, { device })
      for (const [, act] of steps) {
        await act(edge)
        expect(edge.unsent).toEqual([])
      }
      expect(edge.epochs).toBeLessThanOrEqual(1)
    } finally {
      edge.store.close()
    }
    expect(imbalances(edge.folder)).toEqual([])
  })
  await fc.assert(run, { numRuns: 30 })
})

it('a receiver that confirms every second reading cannot split what is settled without limit', async () => {
  const edge = new Edge()
  const count = 24_000
  for (let i = 0; i < count; i += READINGS) appendMany(edge.store, READINGS)
  const { settled } = edge.store.outbox('cloud')
  for (let from = 0; from < count; from += 6_000) {
    for (let i = 0; i < 6_000; i += 20) edge.pack(true)
    await edge.receipt({ ranges: Array.from({ length: 3_000 }, (_, i) => rangeOf(from + 1 + 2 * i)) })
  }
  expect(settled.size).toBe(SETTLED_RANGES_MAX)
  expect(edge.record.stats.unmarked).toBeGreaterThan(0)
  expect(edge.record.problems.join()).toContain('too many separate parts')
  // What touches a part that is settled needs no further one.
  await edge.receipt({ ranges: [{ first: 1, last: 9_000 }] })
  expect(settled.around(1)).toMatchObject({ first: 1, last: 9_001 })
  edge.store.close()
  expect(imbalances(edge.folder)).toEqual([])
})

function rangeOf(seq: number): SeqRange {
  return { first: seq, last: seq }
}

it('counts what a receiver claims beyond what was sent, and reports it', async () => {
  const edge = new Edge()
  appendMany(edge.store, READINGS)
  edge.pack(true)
  edge.pack(false)
  await edge.receipt({ ranges: [{ first: 1, last: READINGS }] })
  expect(edge.store.outbox('cloud').confirmedCount).toBe(20)
  expect(edge.record.stats).toMatchObject({ unsent: READINGS - 20 })
  expect(edge.record.problems.join()).toContain('readings that were not sent')
  await edge.receipt({ kind: 'amended', ranges: [{ first: 1, last: 7 }] })
  expect(edge.record.stats).toMatchObject({ unsent: READINGS - 20 + 7 })
  edge.store.close()
})

it('stores nothing for an answer that says nothing new', async () => {
  const edge = new Edge()
  appendMany(edge.store, 20)
  edge.pack(true)
  const first = { ranges: [{ first: 1, last: 20 }] }
  await edge.receipt(first)
  const writes = vi.spyOn(edge.store, 'write')
  await edge.receipt(first)
  await edge.receipt({ kind: 'amended', ranges: [{ first: 1, last: 7 }] })
  await edge.receipt({ kind: 'rejected', ...first })
  expect(writes).not.toHaveBeenCalled()
  appendMany(edge.store, 20)
  edge.pack(true)
  await edge.receipt({ ranges: [{ first: 21, last: 40 }] })
  expect(writes).toHaveBeenCalled()
  edge.store.close()
})

it('takes an answer with 100,000 ranges without being busy with it', async () => {
  const edge = new Edge()
  appendMany(edge.store, 2 * RECEIPT_RANGES_MAX, { device: 'pump' })
  for (let i = 0; i < 2 * RECEIPT_RANGES_MAX; i += 20) edge.pack(true)
  const every = (count: number): SeqRange[] =>
    Array.from({ length: count }, (_, i) => ({ first: 2 * i + 1, last: 2 * i + 1 }))
  const [most, more] = [every(RECEIPT_RANGES_MAX), every(100_000)].map((all) => {
    return encodeReceipt({ ...edge.origin, kind: 'stored', ranges: all, high: 0, reason: undefined })
  })
  // Ten times the 50 ms that it may take, for each.
  expect(await cpuMs(() => edge.bytes(more!))).toBeLessThan(500)
  expect(edge.record.stats).toMatchObject({ undecodable: 1 })
  expect(edge.store.outbox('cloud').confirmedCount).toBe(0)
  expect(await cpuMs(() => edge.bytes(most!))).toBeLessThan(1_000)
  expect(edge.store.outbox('cloud').confirmedCount).toBe(RECEIPT_RANGES_MAX)
  expect(await cpuMs(() => Promise.all(Array.from({ length: 64 }, () => edge.bytes(most!))))).toBeLessThan(64 * 500)
  edge.store.close()
})
