import { expect, it } from 'vitest'
import { RawClient } from '../../support/raw-client.ts'
import { until } from '../../support/wait.ts'
import { startBroker } from './brokers.ts'

const DEVICES = 1_000

it('the broker serves all devices of a site that connect at once, as after a power cut', async () => {
  const { broker, intake, port } = await startBroker()
  const clients = await Promise.all(Array.from({ length: DEVICES }, (_, n) => RawClient.connect(port, `device-${n}`)))
  for (const [n, client] of clients.entries()) client.publish(`telemetry/${n}/x`, '1', { qos: 1, messageId: 1 })
  await until(() => intake.waiting === DEVICES, { what: 'every publish is offered' })
  intake.settle()
  await until(() => clients.every((client) => client.count('puback') === 1), { what: 'every device is answered' })
  expect(broker.stats()).toMatchObject({ connections: DEVICES, refused: 0 })
}, 60_000)
