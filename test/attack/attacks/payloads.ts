import { publishPacket } from '../../../support/raw-client.ts'
import type { DeviceAttack } from '../attack.ts'
import { type Field, idOf } from '../field.ts'

const ARRAY = Buffer.from(`[${'1,'.repeat(9_999)}1]`)
const objectOf = (value: number): Buffer =>
  Buffer.from(JSON.stringify(Object.fromEntries(Array.from({ length: 9_000 }, (_, k) => [`k${k}`, value]))))
const OBJECTS = [objectOf(1), objectOf(2)]
const DEEP = Buffer.from(`${'['.repeat(30_000)}${']'.repeat(30_000)}`)
const TEXT = 'x'.repeat(4_000)
const TS = 1_780_000_000_000
const REPEATED_MESSAGES = 3
const TEXTS = 60_000

async function fillOneTime(field: Field): Promise<void> {
  const readings = (k: number): string =>
    JSON.stringify(Array.from({ length: 9_000 }, (_, n) => ({ value: n + k * 9_000, ts: TS })))
  await field.flood(
    'attacker',
    (k) => publishPacket('telemetry/rep/x', readings(k), { qos: 1, messageId: k + 1 }),
    REPEATED_MESSAGES,
  )
}

export const PAYLOADS: readonly DeviceAttack[] = [
  {
    key: 'arrays',
    title: 'arrays of 10,000 readings, QoS 0',
    victim: 'edge',
    run: (field) => field.flood('attacker', () => publishPacket('telemetry/arr/x', ARRAY, { qos: 0 })),
  },
  {
    key: 'objects',
    title: 'objects with 9,000 members, QoS 0',
    victim: 'edge',
    run: (field) => field.flood('attacker', (n) => publishPacket('telemetry/obj', OBJECTS[n % 2]!, { qos: 0 })),
  },
  {
    key: 'deep',
    title: 'payloads with 30,000 nested arrays',
    victim: 'edge',
    run: (field) =>
      field.flood('attacker', (n) => publishPacket('telemetry/deep/x', DEEP, { qos: 1, messageId: idOf(n) })),
  },
  {
    key: 'one-time',
    title: '27,000 readings of one time, then single ones of the same time',
    victim: 'edge',
    async run(field) {
      await fillOneTime(field)
      await field.flood('attacker', (n) =>
        publishPacket('telemetry/rep/x', `{"value":${-n - 1},"ts":${TS}}`, { qos: 0 }),
      )
    },
  },
  {
    key: 'texts',
    title: '60,000 texts of 4 KB, then a repeat',
    victim: 'edge',
    async run(field) {
      const texts = (k: number): string =>
        JSON.stringify(Array.from({ length: 200 }, (_, n) => ({ value: TEXT, ts: TS + k * 200 + n })))
      await field.flood('attacker', (k) => publishPacket('telemetry/t/x', texts(k), { qos: 0 }), TEXTS / 200)
      const client = await field.connect('repeater')
      client?.publish('telemetry/t/x', `{"value":1,"ts":${TS}}`, { qos: 1, dup: true, messageId: 1 })
      await field.until(() => client === undefined || client.closed || client.count('puback') > 0)
    },
  },
  {
    key: 'config-edits',
    title: 'config edits of 1,900 members for 500 devices',
    victim: 'edge',
    async run(field) {
      const config = Object.fromEntries(Array.from({ length: 1_900 }, (_, n) => [`k${n}`, n]))
      const edit = JSON.stringify({ id: 'x', config })
      await field.flood('attacker', (n) =>
        publishPacket(`devices/d${n % 500}/config/set`, edit, { qos: 1, messageId: idOf(n) }),
      )
    },
  },
  {
    key: 'config-large',
    title: 'config edits of 1 MB',
    victim: 'edge',
    async run(field) {
      const edit = Buffer.alloc(1_000_000, 0x20)
      await field.flood('attacker', (n) =>
        publishPacket(`devices/d${n % 500}/config/set`, edit, { qos: 1, messageId: idOf(n) }),
      )
    },
  },
]
