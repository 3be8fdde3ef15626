import type { Packet } from 'mqtt-packet'
import { publishPacket } from '../../../support/raw-client.ts'
import type { DeviceAttack } from '../attack.ts'
import { topicOf } from '../field.ts'

const MANY = [100, 101, 130, 1_000, 30_000]
/** Time in which the edge handles what a client sent before it left. */
const SETTLE_MS = 100

const wills = MANY.flatMap((levels) =>
  ['a', 'events'].map((first) => ({ topic: topicOf(levels, first), payload: Buffer.from('x'), qos: 1, retain: true })),
)

const packets: Packet[] = MANY.flatMap((levels): Packet[] => [
  ...(['a', 'events', 'N'] as const).flatMap((first) => [
    publishPacket(topicOf(levels, first), 'x', { qos: 0 }),
    publishPacket(topicOf(levels, first), 'x', { qos: 1, messageId: 1 }),
    publishPacket(topicOf(levels, first), 'x', { qos: 1, messageId: 1, retain: true }),
    publishPacket(topicOf(levels, first), 'x', { qos: 2, messageId: 1 }),
  ]),
  { cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: topicOf(levels, 'a'), qos: 1 }] },
  { cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: `${topicOf(levels - 1, 'a')}/#`, qos: 1 }] },
])

export const LEVELS: readonly DeviceAttack[] = [
  {
    key: 'levels',
    title: 'wills, publishes and filters of 100 to 30,000 levels',
    victim: 'edge',
    settings: {
      uplinks: [{ name: 'cloud', url: 'mqtt://127.0.0.1:9' }],
      routes: [
        { topic: 'telemetry/{device}/{metric}' },
        { topic: 'events/#', forward: true, to: 'sites/{edge}/{topic}' },
        { topic: 'N/{device}/{metric#}' },
      ],
    },
    async run(field) {
      let sent = 0
      for (const [n, will] of wills.entries()) {
        const client = await field.attempt(`will${n}`, { will })
        client?.destroy()
        sent++
        await field.after(SETTLE_MS)
        if (field.isOver) break
      }
      for (const [n, packet] of packets.entries()) {
        if (field.isOver) break
        const client = await field.client(`deep${n}`, { clean: false })
        client.send(packet)
        sent++
        if (n % 10 === 9) await field.after(SETTLE_MS)
      }
      field.remark = `${sent} packets`
    },
  },
]
