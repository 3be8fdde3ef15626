import { pause } from '../../../src/base/clock.ts'
import type { SeqRange } from '../../../src/base/reading.ts'
import { encodeReceipt } from '../../../src/codec/receipt.ts'
import { encodeRequest } from '../../../src/codec/request.ts'
import { hashOf } from '../../../src/config/canonical.ts'
import { renderRevision } from '../../../src/config/wire.ts'
import type { CloudAttack } from '../attack.ts'
import type { Field } from '../field.ts'
import { HostileReceiver, honestReceipt } from './hostile-receiver.ts'

/** Positions beyond those that were sent: more than the edge has. */
const BEYOND = 5_000
const RANGES = 100_000
const UNSENT_BYTES_MAX = 4_000_000
/** An attack of 8 s may cause this number of epochs. */
const EPOCHS_MAX = 8

const everySecond = (from: number): SeqRange[] =>
  Array.from({ length: RANGES }, (_, n) => ({ first: from + 2 * n, last: from + 2 * n }))

/** Sends a message to the edge again and again, as fast as the cloud broker reads. */
async function keepSending(field: Field, hostile: HostileReceiver, next: (n: number) => void): Promise<void> {
  let sent = 0
  while (!field.isOver) {
    next(sent++)
    await pause(1)
    await field.until(() => hostile.unsentBytes < UNSENT_BYTES_MAX)
  }
  field.remark = `${sent} messages`
}

/** Answers every batch in this way until the attack is over. */
async function answerAll(field: Field, answer: (self: HostileReceiver) => object): Promise<HostileReceiver> {
  const hostile = await HostileReceiver.start(field, (batch, self) => ({
    ...honestReceipt(batch, self),
    ...answer(self),
  }))
  await field.until(() => false)
  field.remark = `${hostile.batches} batches`
  return hostile
}

/** A receiver that answers as it should, and what it knows of the edge after the first batch. */
async function startHonest(field: Field) {
  const hostile = await HostileReceiver.start(field, honestReceipt)
  await field.until(() => hostile.last !== undefined)
  return { hostile, ...hostile.last! }
}

export const RECEIPTS: readonly CloudAttack[] = [
  {
    key: 'receipt-unsent',
    title: 'receipts for readings that were not sent',
    victim: 'uplink',
    uplink: { batchReadingsMax: 53, window: 1 },
    async run(field) {
      await answerAll(field, ({ high }) => ({ ranges: [{ first: 1, last: high + BEYOND }] }))
    },
  },
  {
    key: 'receipt-ranges',
    title: 'receipts with 100,000 ranges',
    victim: 'uplink',
    async run(field) {
      const { hostile, epoch, run } = await startHonest(field)
      const receipt = { epoch, run, kind: 'stored', high: hostile.high, reason: undefined } as const
      const bytes = [1, 2].map((from) => encodeReceipt({ ...receipt, ranges: everySecond(from) }))
      await keepSending(field, hostile, (n) => hostile.send('down/receipt', bytes[n % 2]!))
    },
  },
  {
    key: 'receipt-amended',
    title: 'receipts for amendments with 5,000 ranges',
    victim: 'uplink',
    async run(field) {
      const { hostile, epoch, run } = await startHonest(field)
      const ranges = everySecond(1).slice(0, 5_000)
      const bytes = encodeReceipt({ epoch, run, kind: 'amended', high: hostile.high, reason: undefined, ranges })
      await keepSending(field, hostile, () => hostile.send('down/receipt', bytes))
    },
  },
  {
    key: 'receipt-forked',
    title: '"forked" as the answer to every batch',
    victim: 'uplink',
    async run(field) {
      const { epochs } = await answerAll(field, () => ({ kind: 'forked' }))
      field.remark = `${epochs.size} epochs`
      if (epochs.size > EPOCHS_MAX) field.harms.push(`${epochs.size} epochs begun`)
    },
  },
  {
    key: 'receipt-rejected',
    title: '"rejected" with a reason of 60 KB as the answer to every batch',
    victim: 'uplink',
    async run(field) {
      const reason = 'no '.repeat(20_000)
      await answerAll(field, () => ({ kind: 'rejected', reason }))
    },
  },
  {
    key: 'requests',
    title: 'requests to send 100 ranges again',
    victim: 'uplink',
    async run(field) {
      const { hostile, epoch } = await startHonest(field)
      const bytes = encodeRequest({ epoch, ranges: everySecond(1).slice(0, 100) })
      await keepSending(field, hostile, () => hostile.send('down/request', bytes))
    },
  },
  {
    key: 'desired-configs',
    title: 'configs from the cloud for 500 devices, again and again',
    victim: 'uplink',
    async run(field) {
      const hostile = await HostileReceiver.start(field, honestReceipt)
      const config = Object.fromEntries(Array.from({ length: 1_000 }, (_, n) => [`k${n}`, n]))
      const hash = hashOf(config)
      await keepSending(field, hostile, (n) => {
        const device = `d${n % 500}`
        const rev = { c: n + 1, ci: 1, e: 0, ei: '' }
        const revision = { rev, base: null, hash, config, hlc: '1795000000000-0-cloud', by: 'user:eve' }
        hostile.send(`config/${device}/desired`, renderRevision(device, revision))
      })
    },
  },
]
