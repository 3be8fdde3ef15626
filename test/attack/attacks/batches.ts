import type { Packet } from 'mqtt-packet'
import { encodeAmendments } from '../../../src/codec/amendments.ts'
import { BatchBuilder } from '../../../src/codec/batch.ts'
import { publishPacket } from '../../../support/raw-client.ts'
import type { EdgeAttack } from '../attack.ts'
import { type Field, idOf } from '../field.ts'
import { PREFIX } from '../honest.ts'

const EDGE = 'evil'
const RUN = 'Zy9-xWvUtS87'
const TS = 1_780_000_000_000
/** Batches without an answer at a time, as from an edge with a small window. */
const WINDOW = 4
const ROWS = 20_000
const STRETCHES = 6

interface BatchShape {
  readonly edge?: string
  readonly epoch: string
  readonly count: number
  readonly seqOf: (n: number) => number
  readonly seriesOf?: (n: number) => number
  readonly device?: (series: number) => string
}

function batchOf({
  edge = EDGE,
  epoch,
  count,
  seqOf,
  seriesOf = () => 1,
  device = (key) => `d${key}`,
}: BatchShape): Buffer {
  const builder = new BatchBuilder({ edge, epoch, run: RUN })
  for (let n = 0; n < count; n++) builder.add(seriesOf(n), seqOf(n), TS + n, 1, 1, 0)
  return Buffer.from(builder.build((key) => ({ device: device(key), metric: 'm', unit: undefined })).bytes)
}

/** Sends messages, with a bounded number of them without a receipt. */
async function send(
  field: Field,
  messageOf: (n: number) => { topic: string; payload: Buffer },
  countMax = 1e9,
): Promise<void> {
  const client = await field.client('evil')
  await client.subscribe(`${PREFIX}/+/down/receipt`, 0)
  let sent = 0
  let answers = 0
  client.onPacket = (packet) => {
    client.received.length = 0
    if (packet.cmd === 'publish' && !packet.topic.includes('/honest/')) answers++
  }
  while (!field.isOver && sent < countMax) {
    const { topic, payload } = messageOf(sent)
    client.send(publishPacket(`${PREFIX}/${topic}`, payload, { qos: 1, messageId: idOf(sent++) }) as Packet)
    await field.until(() => sent - answers < WINDOW)
  }
  await field.until(() => answers >= sent)
  field.remark = `${sent} messages, ${answers} answers`
}

const live = `${EDGE}/up/live`

export const BATCHES: readonly EdgeAttack[] = [
  {
    key: 'batch-ranges',
    title: 'a batch with every second of 200,000 positions, then the others',
    victim: 'receiver',
    run: (field) => {
      const batches = [1, 2].map((from) => batchOf({ epoch: 'e1', count: 100_000, seqOf: (n) => from + 2 * n }))
      return send(field, (n) => ({ topic: live, payload: batches[n % 2]! }))
    },
  },
  {
    key: 'batch-series',
    title: 'batches of 10,000 series with 10,000 ranges',
    victim: 'receiver',
    run: (field) =>
      send(field, (k) => ({
        topic: live,
        payload: batchOf({ epoch: 'e2', count: 10_000, seqOf: (n) => 1 + 2 * n + k * 20_000, seriesOf: (n) => n + 1 }),
      })),
  },
  {
    key: 'batch-readings',
    title: 'batches of 1,000,000 readings in 2 KB',
    victim: 'receiver',
    run: (field) => {
      const batches = [0, 1, 2].map((k) =>
        batchOf({ epoch: 'e3', count: 1_000_000, seqOf: (n) => 1 + n + k * 1_000_000 }),
      )
      return send(field, (n) => ({ topic: live, payload: batches[n % 3]! }))
    },
  },
  {
    key: 'batch-far',
    title: 'batches whose two positions are 2^50 apart',
    victim: 'receiver',
    run: (field) =>
      send(field, (k) => ({
        topic: live,
        payload: batchOf({ epoch: 'e4', count: 2, seqOf: (n) => (n === 0 ? 1 + 2 * k : 2 ** 50 - 2_000_000 + 2 * k) }),
      })),
  },
  {
    key: 'amendments',
    title: 'amendments that alternate between six stretches of 20,000 readings',
    victim: 'receiver',
    async run(field) {
      const stretch = (k: number): Buffer => batchOf({ epoch: 'e5', count: ROWS, seqOf: (n) => 1 + n + k * ROWS })
      await send(field, (k) => ({ topic: live, payload: stretch(k) }), STRETCHES)
      const items = Array.from({ length: 2_000 }, (_, n) => ({
        seq: 1 + (n % STRETCHES) * ROWS + n,
        quality: 4 as const,
        reasons: 1,
      }))
      const origin = { edge: EDGE, epoch: 'e5', run: RUN }
      await send(field, (n) => ({
        topic: `${EDGE}/up/amend`,
        payload: Buffer.from(encodeAmendments({ ...origin, first: 1 + n * 2_000, last: (n + 1) * 2_000, items })),
      }))
    },
  },
  {
    key: 'epochs',
    title: 'batches of one reading, each in a new epoch',
    victim: 'receiver',
    run: (field) =>
      send(field, (k) => ({ topic: live, payload: batchOf({ epoch: `epoch${k}`, count: 1, seqOf: () => 1 }) })),
  },
  {
    key: 'edges',
    title: 'batches of one reading, each from a new edge',
    victim: 'receiver',
    run: (field) =>
      send(field, (k) => ({
        topic: `evil${k}/up/live`,
        payload: batchOf({ edge: `evil${k}`, epoch: 'e6', count: 1, seqOf: () => 1 }),
      })),
  },
  {
    key: 'names',
    title: 'batches with device names of 500 KB',
    victim: 'receiver',
    run: (field) =>
      send(field, (k) => ({
        topic: live,
        payload: batchOf({ epoch: 'e7', count: 1, seqOf: () => 1 + k, device: () => `${k}${'x'.repeat(500_000)}` }),
      })),
  },
  {
    key: 'garbage',
    title: 'messages that are no batches',
    victim: 'receiver',
    run: (field) => {
      const payload = Buffer.alloc(200_000, 7)
      return send(field, () => ({ topic: live, payload }))
    },
  },
]
