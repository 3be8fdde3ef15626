import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { Authority } from '../../support/certificates.ts'
import { tempFolder } from '../../support/folder.ts'
import { startMosquitto } from '../../support/mosquitto.ts'
import { describePeer } from '../../support/peers.ts'
import { ROOT } from '../../support/process.ts'
import { RawClient } from '../../support/raw-client.ts'
import { QUICK_UPLINK, SiteEdge, SiteReceiver } from '../../support/site.ts'
import { until } from '../../support/wait.ts'
import { startDevice } from '../faults/device.ts'
import { accountOf, eachOnce } from '../faults/scene.ts'
import { Terminator } from '../link/terminator.ts'

const COUNT = 500
const TEST_MS = 40_000
const HERE = { names: ['IP:127.0.0.1'] }

/** The code blocks of one section of docs/clouds.md. */
function blocksOf(section: string): string[] {
  const page = readFileSync(join(ROOT, 'docs/clouds.md'), 'utf8')
  const text = page.split(/^## /m).find((part) => part.startsWith(`${section}\n`)) ?? ''
  return [...text.matchAll(/^```text\n([\s\S]*?)^```$/gm)].map((block) => block[1]!)
}

/** An edge and a receiver on one link each, with the same `link` settings but for their certificates. */
async function bringsAll(authority: Authority, link: { preset: string; url: string; alpn?: string[] }): Promise<void> {
  const { preset, url, alpn } = link
  const own = (name: string): object => ({ ca: authority.cert, ...authority.issue(name), ...(alpn && { alpn }) })
  const secured = (name: string): object => ({ preset, url, tls: own(name) })
  const receiver = new SiteReceiver(url, { cloud: { ...secured('receiver'), backoffMinMs: 50, backoffMaxMs: 500 } })
  const edge = await SiteEdge.create({ uplinks: [{ ...secured('site'), ...QUICK_UPLINK, batchReadingsMax: 100 }] })
  await Promise.all([receiver.start(), edge.start()])
  await startDevice({ port: edge.port, name: 'pump', qos: 1, count: COUNT, timed: true }).finished
  await edge.untilDrained()
  expect(accountOf(receiver, 'pump')).toEqual(eachOnce(COUNT))
  expect(edge.ledgerProblems()).toEqual([])
  if (preset !== 'mosquitto') return
  const operator = await RawClient.connect(edge.port, 'operator')
  const set = JSON.stringify({ id: '1', config: { interval: 5 } })
  operator.publish('devices/pump/config/set', set, { qos: 1, messageId: 1 })
  await until(() => operator.count('puback') === 1, { what: 'the edit is taken' })
  await until(async () => (await edge.status()).store.configs.waiting === 0, { what: 'the configs are published' })
}

describePeer('mosquitto', 'a site and its cloud, with certificates', () => {
  describePeer('openssl', 'made for the test', () => {
    it(
      'deliver every reading once, and receipts, under the access rules of docs/clouds.md for Mosquitto',
      async () => {
        const authority = new Authority('plant')
        const { cert, key } = authority.issue('broker', HERE)
        const [config = '', rules = ''] = blocksOf('Mosquitto')
        const acl = join(tempFolder(), 'acl')
        writeFileSync(acl, rules, { mode: 0o700 })
        const named = config
          .replace(/^listener .*\n/m, '')
          .replace('ca.pem', authority.cert)
          .replace('server.pem', cert)
          .replace('server.key', key)
          .replace(/^acl_file .*$/m, `acl_file ${acl}`)
        const broker = await startMosquitto({ config: named })
        await bringsAll(authority, { preset: 'mosquitto', url: `mqtts://127.0.0.1:${broker.port}` })
      },
      TEST_MS,
    )

    it(
      'connect through a TLS terminator that requires ALPN to a broker with the limits of AWS IoT Core, which retains nothing',
      async () => {
        const authority = new Authority('aws')
        const broker = await startMosquitto({ config: 'retain_available false\nmax_packet_size 131072' })
        const alpn = 'x-amzn-mqtt-ca'
        const door = await Terminator.start(broker.port, {
          ...authority.issue('door', HERE),
          clientCa: authority.cert,
          alpn,
        })
        const url = `mqtts://127.0.0.1:${door.port}`
        await bringsAll(authority, { preset: 'aws-iot-core', url, alpn: [alpn] })
        expect(door.requested.map((one) => one.alpn)).toEqual([alpn, alpn])
      },
      TEST_MS,
    )
  })
})
