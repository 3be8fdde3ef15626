import { createServer, type Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { Connections, networkOf } from '../../../src/broker/guards/connections.ts'
import { RawClient } from '../../../support/raw-client.ts'
import { until } from '../../../support/wait.ts'
import { startBroker } from '../brokers.ts'

describe('the connections from one address', () => {
  it('are bounded, and those above the bound are closed and counted', async () => {
    const { broker, port } = await startBroker({ connectionsMax: 10, connectionsPerAddressMax: 2 })
    const first = await RawClient.connect(port, 'a')
    await RawClient.connect(port, 'b')
    const third = await RawClient.open(port)
    await until(() => third.closed)
    expect(broker.stats()).toMatchObject({ connections: 2, refused: 1 })
    expect(broker.stats().refusals.connectionsPerAddress).toEqual({ total: 1, recent: 1 })
    first.destroy()
    await until(() => broker.stats().connections === 1)
    await RawClient.connect(port, 'c')
  })

  it('leave a tenth of the connections to other addresses', () => {
    const connections = new Connections({ connectionsMax: 100 })
    const from = (remoteAddress: string) =>
      connections.admit(Object.assign(createServer() as unknown as Socket, { remoteAddress }))
    for (let i = 0; i < 90; i++) expect(from('10.0.0.1')).toBeUndefined()
    expect(from('10.0.0.1')).toBe('connectionsPerAddress')
    expect(from('::ffff:10.0.0.1')).toBe('connectionsPerAddress')
    for (let i = 0; i < 10; i++) expect(from('10.0.0.2')).toBeUndefined()
    expect(from('10.0.0.2')).toBe('connections')
  })

  it.each([
    ['192.168.1.7', '192.168.1.7'],
    ['::ffff:192.168.1.7', '192.168.1.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::6', '2001:db8:1:2::/64'],
    ['2001:db8::6', '2001:db8:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
  ])('are counted by network: %s', (address, network) => expect(networkOf(address)).toBe(network))
})
