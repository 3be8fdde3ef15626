import { publishPacket, RawClient } from '../../../support/raw-client.ts'
import type { DeviceAttack } from '../attack.ts'
import { type Field, idOf } from '../field.ts'

const MIB = 1_048_576
const REJECT_SIZES = [60_000, 4_000, 400, 40]
/** Not JSON, and not UTF-8. */
function undecodable(bytes: number): Buffer {
  const payload = Buffer.alloc(bytes, 0xff)
  payload[0] = 0x7b
  return payload
}

async function rejects(field: Field): Promise<void> {
  const payloads = REJECT_SIZES.map(undecodable)
  await field.flood('attacker', (n) =>
    publishPacket('telemetry/bad', payloads[n % payloads.length]!, { qos: 1, messageId: idOf(n) }),
  )
}

export const STORE: readonly DeviceAttack[] = [
  {
    key: 'rejects',
    title: 'undecodable payloads into a store of 16 MiB (`whenFull: refuse`)',
    victim: 'edge',
    settings: { store: { maxBytes: 16 * MIB, whenFull: 'refuse' } },
    run: rejects,
  },
  {
    key: 'rejects-drop-oldest',
    title: 'undecodable payloads into a store of 16 MiB (`whenFull: drop-oldest`)',
    victim: 'edge',
    settings: { store: { maxBytes: 16 * MIB, whenFull: 'drop-oldest' } },
    run: rejects,
  },
  {
    key: 'rejects-small',
    title: 'undecodable payloads of one byte, QoS 0',
    victim: 'edge',
    run: (field) => field.flood('attacker', () => publishPacket('telemetry/bad', '{', { qos: 0 })),
  },
  {
    key: 'unrouted',
    title: 'messages without a route into a store of 16 MiB',
    victim: 'edge',
    settings: { store: { maxBytes: 16 * MIB, whenFull: 'refuse' } },
    run: (field) =>
      field.flood('attacker', (n) => {
        const payload = Buffer.alloc(REJECT_SIZES[n % REJECT_SIZES.length]!)
        return publishPacket(`x/${n}`, payload, { qos: 1, messageId: idOf(n) })
      }),
  },
  {
    key: 'unrouted-small',
    title: 'messages of one byte without a route, each on a topic of its own, QoS 0',
    victim: 'edge',
    run: (field) => field.flood('attacker', (n) => publishPacket(`x/${n}`, '1', { qos: 0 })),
  },
  {
    key: 'series',
    title: 'a new device in every topic, then one reading of another client',
    victim: 'edge',
    settings: { store: { seriesMax: 20_000 } },
    async run(field, edge) {
      await field.flood('attacker', (n) => publishPacket(`telemetry/r${n}/m`, '1', { qos: 1, messageId: idOf(n) }))
      if (edge.process.ended) return
      const device = await RawClient.connect(edge.port, 'newcomer')
      device.publish('telemetry/newcomer/t', '1', { qos: 1, messageId: 1 })
      await device.next('puback').catch(() => field.harms.push('a new device is not acknowledged'))
    },
  },
]
