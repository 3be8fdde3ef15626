import { connect, type Socket } from 'node:net'
import { pause } from '../../../src/base/clock.ts'
import { publishPacket } from '../../../support/raw-client.ts'
import type { DeviceAttack } from '../attack.ts'
import { type Field, filters, idOf } from '../field.ts'

const HALF_PACKETS = 600
/** A CONNECT and a PUBLISH whose length field says 1,048,575 bytes. */
const HALF_CONNECT = Buffer.concat([Buffer.from([0x10, 0xff, 0xff, 0x3f]), Buffer.alloc(1_000_000)])
const HALF_PUBLISH = Buffer.concat([Buffer.from([0x30, 0xff, 0xff, 0x3f]), Buffer.alloc(1_000_000)])
const LARGE = Buffer.alloc(500_000, 1)
const LONG_LEVEL = 'x'.repeat(65_000)

function rawSocket(port: number): Socket {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  return socket
}

async function halfPackets(field: Field, open: (n: number) => Promise<() => void>): Promise<void> {
  const ends: (() => void)[] = []
  for (let n = 0; n < HALF_PACKETS && !field.isOver; n++) {
    ends.push(await open(n))
    if (n % 20 === 0) await pause(20)
  }
  await field.after(2_000)
  field.remark = `${ends.length} connections`
  for (const end of ends) end()
}

export const MEMORY: readonly DeviceAttack[] = [
  {
    key: 'topics-long',
    title: 'topics of 64 KB, each used once',
    victim: 'edge',
    run: (field) => field.flood('attacker', (n) => publishPacket(`t/${n}/${LONG_LEVEL}`, '1', { qos: 0 })),
  },
  {
    key: 'topics-long-routed',
    title: 'topics of 64 KB, each used once, on a route of readings',
    victim: 'edge',
    run: (field) => field.flood('attacker', (n) => publishPacket(`telemetry/d/${LONG_LEVEL}${n}`, '1', { qos: 0 })),
  },
  {
    key: 'devices-long',
    title: 'device names of 64 KB, each used once',
    victim: 'edge',
    run: (field) => field.flood('attacker', (n) => publishPacket(`telemetry/${n}${LONG_LEVEL}/x`, '1', { qos: 0 })),
  },
  {
    key: 'retained-bytes',
    title: 'retained messages of 500 KB on new topics',
    victim: 'edge',
    run: (field) => field.flood('attacker', (n) => publishPacket(`r/${n}`, LARGE, { qos: 0, retain: true })),
  },
  {
    key: 'retained-count',
    title: 'small retained messages on new topics',
    victim: 'edge',
    run: (field) => field.flood('attacker', (n) => publishPacket(`r/${n}`, 'x', { qos: 0, retain: true })),
  },
  {
    key: 'queue-bytes',
    title: 'messages of 500 KB for 20 absent sessions',
    victim: 'edge',
    async run(field) {
      for (let n = 0; n < 20; n++) {
        const client = await field.client(`absent${n}`, { clean: false })
        await client.subscribe('q/#', 1)
        client.send({ cmd: 'disconnect' })
      }
      await field.flood('attacker', (n) => publishPacket('q/x', LARGE, { qos: 1, messageId: idOf(n) }))
    },
  },
  {
    key: 'slow-subscribers',
    title: '50 subscribers that do not read, and messages of 500 KB',
    victim: 'edge',
    async run(field) {
      for (let n = 0; n < 50; n++) {
        const client = await field.client(`slow${n}`)
        await client.subscribe('q/#', 0)
        client.pauseReading()
      }
      await field.flood('attacker', () => publishPacket('q/x', LARGE, { qos: 0 }))
    },
  },
  {
    key: 'half-connects',
    title: '600 connections with half a CONNECT of 1 MB',
    victim: 'edge',
    run: (field) =>
      halfPackets(field, async () => {
        const socket = rawSocket(field.port)
        socket.write(HALF_CONNECT)
        return () => socket.destroy()
      }),
  },
  {
    key: 'half-publishes',
    title: '600 clients with half a PUBLISH of 1 MB',
    victim: 'edge',
    run: (field) =>
      halfPackets(field, async (n) => {
        const client = await field.connect(`half${n}`)
        client?.sendBytes(HALF_PUBLISH)
        return () => client?.destroy()
      }),
  },
  {
    key: 'one-byte-segments',
    title: 'packets of 60 KB, sent in segments of a few bytes',
    victim: 'edge',
    async run(field) {
      const packet = Buffer.concat([Buffer.from([0x30, 0xe0, 0xd4, 0x03]), Buffer.alloc(60_000)])
      let sent = 0
      const one = async (n: number): Promise<void> => {
        while (!field.isOver) {
          const client = await field.client(`bytes${n}`)
          for (let at = 0; at < packet.length && !client.closed && !field.isOver; at += 8) {
            client.sendBytes(packet.subarray(at, at + 8))
            sent++
            if (at % 800 === 0) await pause(0)
          }
          client.destroy()
        }
      }
      await Promise.all(Array.from({ length: 10 }, (_, n) => one(n).catch(() => undefined)))
      field.remark = `${sent} segments`
    },
  },
  {
    key: 'sessions',
    title: 'lasting sessions with filters of 6 KB, each client id used once',
    victim: 'edge',
    async run(field) {
      const sessions = await field.crowd(async (session) => {
        const client = await field.client(`${session}${'y'.repeat(200)}`, { clean: false })
        const subscriptions = filters(10, (n) => `zz/${session}/${n}/${'k'.repeat(6_000)}`)
        client.send({ cmd: 'subscribe', messageId: 1, subscriptions })
        await field.until(() => client.closed || client.count('suback') > 0)
        client.destroy()
      })
      field.remark = `${sessions} sessions`
    },
  },
  {
    key: 'open-qos2',
    title: 'QoS 2 publishes without PUBREL in lasting sessions, each client id used once',
    victim: 'edge',
    async run(field) {
      const sessions = await field.crowd(async (session) => {
        const client = await field.client(`q${session}`, { clean: false })
        for (let n = 1; n <= 900; n++) client.publish('telemetry/q2/x', '1', { qos: 2, messageId: n })
        await field.until(() => client.closed || client.count('pubrec') === 900)
        client.destroy()
      })
      field.remark = `${sessions} sessions`
    },
  },
  {
    key: 'wills',
    title: '4,000 connections with wills of 64 KB',
    victim: 'edge',
    async run(field) {
      const payload = Buffer.alloc(65_000, 1)
      const clients = await field.crowd(
        async (n) => {
          await field.connect(`will${n}`, { will: { topic: `w/${n}`, payload, qos: 1, retain: true } })
        },
        (turns) => turns < 4_000,
      )
      field.leave()
      field.remark = `${clients} clients`
    },
  },
]
