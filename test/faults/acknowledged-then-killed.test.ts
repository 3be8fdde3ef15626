import { expect, it } from 'vitest'
import { startMosquitto } from '../../support/mosquitto.ts'
import { describePeer } from '../../support/peers.ts'
import { freePort } from '../../support/port.ts'
import { publishPacket, RawClient } from '../../support/raw-client.ts'
import { QUICK_UPLINK, SiteEdge, SiteReceiver } from '../../support/site.ts'
import { until } from '../../support/wait.ts'
import { accountOf, eachOnce } from './scene.ts'

const COUNT = 10_000
/** Publishes whose PUBREC is lost: the device repeats them after the kill. */
const UNHEARD = 50
/** QoS 2 publishes in flight at once. */
const WINDOW = 500

/** Values without a time: only the acknowledgement or the packet identifier prevents that one is stored twice. */
const packetOf = (value: number, qos: 1 | 2, dup = false) =>
  publishPacket('telemetry/pump/n', `${value}`, { qos, messageId: value + 1, dup })

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i)

async function startCutOffEdge(): Promise<{ edge: SiteEdge; cloudPort: number }> {
  const cloudPort = await freePort()
  const edge = await SiteEdge.create({ uplinks: [{ url: `mqtt://127.0.0.1:${cloudPort}`, ...QUICK_UPLINK }] })
  await edge.start()
  return { edge, cloudPort }
}

/** Publishes all readings and kills the edge in the tick of the last acknowledgement. */
async function publishAndKill(edge: SiteEdge, qos: 1 | 2): Promise<void> {
  const client = await RawClient.connect(edge.port, 'pump', { clean: false })
  let sent = qos === 1 ? COUNT : WINDOW
  let acknowledged = 0
  await new Promise<void>((resolve) => {
    client.onPacket = ({ cmd, messageId }) => {
      if (cmd !== 'puback' && cmd !== 'pubrec') return
      if (cmd === 'pubrec' && messageId! <= COUNT - UNHEARD) {
        client.send({ cmd: 'pubrel', messageId: messageId! })
        if (sent < COUNT) client.send(packetOf(sent++, 2))
      }
      if (++acknowledged < COUNT) return
      edge.process.kill('SIGKILL')
      resolve()
    }
    client.send(...range(0, sent).map((value) => packetOf(value, qos)))
  })
  await edge.process.exit
}

async function expectAllToArriveOnce(edge: SiteEdge, cloudPort: number): Promise<void> {
  const cloud = await startMosquitto({ port: cloudPort })
  const receiver = new SiteReceiver(cloud.url)
  await receiver.start()
  await edge.untilDrained()
  expect(accountOf(receiver, 'pump')).toEqual(eachOnce(COUNT))
  expect(edge.ledgerProblems()).toEqual([])
  expect(await edge.stop()).toBe(0)
  await receiver.stop()
}

describePeer('mosquitto', 'an edge that is killed at its last acknowledgement, with the cloud away', () => {
  it('has all 10,000 readings of QoS 1, and delivers each once', async () => {
    const { edge, cloudPort } = await startCutOffEdge()
    await publishAndKill(edge, 1)
    await edge.start()
    expect(edge.stored()).toBe(COUNT)
    await expectAllToArriveOnce(edge, cloudPort)
  }, 60_000)

  it('has all 10,000 readings of QoS 2, and stores none twice for a persistent session that repeats after the kill', async () => {
    const { edge, cloudPort } = await startCutOffEdge()
    await publishAndKill(edge, 2)
    await edge.start()
    expect(edge.stored()).toBe(COUNT)

    const client = await RawClient.connect(edge.port, 'pump', { clean: false })
    client.send(...range(COUNT - UNHEARD, COUNT).map((value) => packetOf(value, 2, true)))
    await until(() => client.count('pubrec') === UNHEARD, { what: 'each repeat gets its PUBREC' })
    client.send(...range(COUNT - UNHEARD, COUNT).map((value) => ({ cmd: 'pubrel' as const, messageId: value + 1 })))
    await until(() => client.count('pubcomp') === UNHEARD, { what: 'each PUBREL gets its PUBCOMP' })
    expect(edge.stored()).toBe(COUNT)
    await expectAllToArriveOnce(edge, cloudPort)
  }, 60_000)
})
