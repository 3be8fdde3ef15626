import type { Packet } from 'mqtt-packet'
import { publishPacket, type RawClient } from '../../../support/raw-client.ts'
import type { DeviceAttack } from '../attack.ts'
import { type Field, filters, idOf } from '../field.ts'

const RETAINED = 10_000
const FILTERS = 10_000
const OVERLAP_LEVELS = 13
const BURST = 5_000

const subscribe = (messageId: number, subscriptions: { topic: string; qos: 0 | 1 }[]): Packet => ({
  cmd: 'subscribe',
  messageId,
  subscriptions,
})

async function answered(field: Field, client: RawClient, count: number): Promise<void> {
  await field.until(() => client.closed || client.count('suback') >= count)
}

/** One SUBSCRIBE with many filters, again and again. */
async function subscribeOften(field: Field, clean: boolean): Promise<void> {
  let sent = 0
  while (!field.isOver) {
    const client = await field.client(`subscriber${sent % 4}`, { clean })
    client.send(
      subscribe(
        1,
        filters(FILTERS, (n) => `x/${n}/+`),
      ),
    )
    sent++
    await answered(field, client, 1)
    client.destroy()
  }
  field.remark = `${sent} SUBSCRIBEs`
}

async function retain(field: Field, count: number): Promise<void> {
  const client = await field.client('retainer')
  for (let n = 0; n < count && !field.isOver && !client.closed; n += 500) {
    for (let k = n; k < n + 500; k++) client.send(publishPacket(`ret/${k}/x`, 'x', { qos: 0, retain: true }))
    await client.ping()
  }
}

export const SUBSCRIPTIONS: readonly DeviceAttack[] = [
  {
    key: 'filters-lasting',
    title: 'SUBSCRIBEs with 10,000 filters, lasting sessions',
    victim: 'edge',
    run: (field) => subscribeOften(field, false),
  },
  {
    key: 'filters-clean',
    title: 'SUBSCRIBEs with 10,000 filters, clean sessions',
    victim: 'edge',
    run: (field) => subscribeOften(field, true),
  },
  {
    key: 'filters-retained',
    title: '10,000 retained messages, and SUBSCRIBEs with 10,000 filters',
    victim: 'edge',
    async run(field) {
      await retain(field, RETAINED)
      await subscribeOften(field, true)
    },
  },
  {
    key: 'filters-of-absent',
    title: 'absent sessions with 500 filters each, then publishes to new topics',
    victim: 'edge',
    async run(field) {
      const sessions = await field.crowd(
        async (session) => {
          const client = await field.client(`absent${session}`, { clean: false })
          const filterOf = (k: number) => (n: number) => `f/${session}/${k * 10 + n}/+`
          for (let k = 0; k < 50; k++) client.send(subscribe(k + 1, filters(10, filterOf(k))))
          await answered(field, client, 50)
          client.destroy()
        },
        () => !field.isHalfOver,
      )
      await field.flood('publisher', (n) =>
        publishPacket(`telemetry/q/m${n % 50_000}`, '1', { qos: 1, messageId: idOf(n) }),
      )
      field.remark = `${sessions} sessions, ${field.remark}`
    },
  },
  {
    key: 'filters-overlap',
    title: '8,192 filters of one client that all match one topic',
    victim: 'edge',
    async run(field) {
      const client = await field.client('overlap')
      const level = (n: number, k: number): string => ((n >> k) & 1 ? '+' : 'a')
      const all = filters(2 ** OVERLAP_LEVELS, (n) =>
        Array.from({ length: OVERLAP_LEVELS }, (_, k) => level(n, k)).join('/'),
      )
      for (let n = 0; n < all.length; n += 1_024) client.send(subscribe(n + 1, all.slice(n, n + 1_024)))
      await answered(field, client, all.length / 1_024)
      client.onPacket = () => {
        client.received.length = 0
      }
      const topic = Array(OVERLAP_LEVELS).fill('a').join('/')
      await field.flood('publisher', (n) => publishPacket(topic, 'x', { qos: 1, messageId: idOf(n) }))
    },
  },
  {
    key: 'absent-sessions',
    title: '1,500 absent lasting sessions on `#`, and publishes',
    victim: 'edge',
    async run(field) {
      const sessions = await field.crowd(
        async (session) => {
          const client = await field.client(`absent${session}`, { clean: false })
          client.send(subscribe(1, [{ topic: '#', qos: 1 }]))
          await answered(field, client, 1)
          client.send({ cmd: 'disconnect' })
        },
        (turns) => turns < 1_500 && !field.isHalfOver,
      )
      await field.flood('publisher', (n) => publishPacket('telemetry/q/m', `${n}`, { qos: 1, messageId: idOf(n) }))
      field.remark = `${sessions} sessions, ${field.remark}`
    },
  },
  {
    key: 'burst',
    title: 'a burst of 5,000 messages to a present subscriber with a lasting session',
    victim: 'edge',
    async run(field) {
      const subscriber = await field.client('present', { clean: false })
      await subscriber.subscribe('burst/#', 1)
      const delivered = new Set<string>()
      subscriber.onPacket = (packet) => {
        if (packet.cmd !== 'publish') return
        delivered.add(String(packet.payload))
        subscriber.send({ cmd: 'puback', messageId: packet.messageId! })
      }
      const publisher = await field.client('publisher')
      for (let n = 0; n < BURST; n++) publisher.publish('burst/x', `${n}`, { qos: 1, messageId: idOf(n) })
      await field.until(() => publisher.closed || publisher.count('puback') === BURST)
      await field.until(() => delivered.size === BURST)
      field.remark = `${delivered.size} of ${BURST} delivered`
      if (delivered.size < publisher.count('puback')) field.harms.push(field.remark)
    },
  },
  {
    key: 'bad-filter',
    title: 'SUBSCRIBE with a good and a malformed filter; retained messages for lasting sessions',
    victim: 'edge',
    async run(field) {
      for (const bad of ['a#', 'a/#/b', 'x+']) {
        const first = await field.client('victim', { clean: false })
        first.send(
          subscribe(
            1,
            filters(2, (n) => (n === 0 ? 'good' : bad)),
          ),
        )
        await field.until(() => first.closed || first.count('suback') > 0)
        first.destroy()
        if ((await field.connect('victim', { clean: false })) === undefined) {
          field.harms.push(`after the filter ${bad} the client cannot connect again`)
          return
        }
      }
      const publisher = await field.client('publisher')
      publisher.publish('cfg/x', 'x', { qos: 1, messageId: 1, retain: true })
      await publisher.next('puback')
      const device = await field.client('device', { clean: false })
      await device.subscribe('cfg/#', 1)
      if (!(await field.until(() => device.count('publish') > 0))) {
        field.harms.push('a lasting session does not get the retained message of QoS 1')
      }
    },
  },
]
