import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { tempFolder } from '../../support/folder.ts'
import { startMosquitto } from '../../support/mosquitto.ts'
import { startNats } from '../../support/nats.ts'
import { describePeer, type Peer } from '../../support/peers.ts'
import { runTidegate, startTidegate } from '../../support/process.ts'
import { startRabbitMq } from '../../support/rabbitmq.ts'
import { RawClient } from '../../support/raw-client.ts'
import { QUICK_UPLINK, SiteEdge, SiteReceiver } from '../../support/site.ts'
import { until } from '../../support/wait.ts'

interface Site {
  readonly edge: SiteEdge
  readonly name: 'first' | 'second'
  readonly published: string[]
}

interface Place {
  readonly url: string
  readonly clientId?: string
  readonly data?: string
}

async function siteOf(name: Site['name'], { url, clientId, data }: Place): Promise<Site> {
  const uplinks = [{ name: 'cloud', url, ...QUICK_UPLINK, ...(clientId && { clientId }) }]
  const routes = [{ topic: 'telemetry/{device}/{metric}' }]
  const edge = await SiteEdge.create({ routes, uplinks, ...(data && { data }) })
  await edge.start()
  return { edge, name, published: [] }
}

async function publish({ edge, name, published }: Site, count = 1): Promise<void> {
  const device = await RawClient.connect(edge.port, 'device')
  for (let i = 0; i < count; i++) {
    const value = published.length + 1
    device.publish(`telemetry/${name}/force`, `${value}`, { qos: 1, messageId: value })
    await device.next('puback')
    published.push(`${name} ${value}`)
  }
  device.destroy()
}

async function isPaused({ edge }: Site): Promise<boolean> {
  return (await edge.status()).uplinks[0]!.paused !== undefined
}

/** Both sites publish until the second one is paused; the first one never is. */
async function publishUntilPaused(first: Site, second: Site): Promise<void> {
  await until(
    async () => {
      for (const site of [first, second]) await publish(site)
      expect(await isPaused(first)).toBe(false)
      return isPaused(second)
    },
    { what: 'the second site is paused', deadlineMs: 120_000 },
  )
}

function received(receiver: SiteReceiver): string[] {
  return receiver.readings().map(({ device, value }) => `${device} ${value}`)
}

async function resume({ edge }: Site): Promise<void> {
  const { code } = await runTidegate(['uplink', 'resume', 'cloud', '-s', edge.settingsFile])
  expect(code).toBe(0)
}

const BROKERS: readonly { peer: Peer; start: () => Promise<{ readonly url: string }> }[] = [
  { peer: 'mosquitto', start: startMosquitto },
  { peer: 'rabbitmq', start: startRabbitMq },
  { peer: 'nats', start: startNats },
]

async function startCloud(start: () => Promise<{ url: string }>): Promise<{ url: string; receiver: SiteReceiver }> {
  const { url } = await start()
  const receiver = new SiteReceiver(url)
  await receiver.start()
  return { url, receiver }
}

for (const { peer, start } of BROKERS) {
  describePeer(peer, `two sites of one name, over ${peer}`, () => {
    it('the newer one is paused over restarts until a person decides, and no reading of either is lost or twice', async () => {
      const { url, receiver } = await startCloud(start)
      const first = await siteOf('first', { url, clientId: 'one' })
      await publish(first)
      await receiver.untilCount(1)
      const second = await siteOf('second', { url, clientId: 'two' })
      await publishUntilPaused(first, second)

      await second.edge.kill()
      await second.edge.start()
      await publish(second, 3)
      await publish(first, 3)
      await first.edge.untilDrained()
      expect(await isPaused(second)).toBe(true)
      expect(second.edge.waiting()).toBeGreaterThanOrEqual(3)
      const { problems, uplinks } = await second.edge.status()
      expect(problems.join()).toMatch(/uplink cloud: paused.*"site".*tidegate uplink resume.*--adopt/)
      expect(uplinks[0]).toMatchObject({ connected: false, paused: { edge: 'site' } })

      await first.edge.stop()
      await until(
        async () => {
          await resume(second)
          return second.edge.waiting() === 0
        },
        { what: 'the second site delivers what it kept', deadlineMs: 120_000 },
      )
      expect(received(receiver).sort()).toEqual([...first.published, ...second.published].sort())
      expect([first, second].flatMap(({ edge }) => edge.ledgerProblems())).toEqual([])
    }, 240_000)

    it('with a copied data folder and one client id: the copy is paused, and delivers under a name of its own', async () => {
      const { url, receiver } = await startCloud(start)
      const data = join(tempFolder(), 'copy')
      const first = await siteOf('first', { url })
      await publish(first, 3)
      await first.edge.untilDrained()
      await first.edge.stop()
      cpSync(first.edge.folder, data, { recursive: true })
      await first.edge.start()
      await publish(first)
      await first.edge.untilDrained()

      const second = await siteOf('second', { url, data })
      await publishUntilPaused(first, second)
      await publish(first, 3)
      await first.edge.untilDrained()
      await publish(second, 3)
      await second.edge.stop()

      const uplinks = [{ name: 'cloud', url, ...QUICK_UPLINK }]
      const renamed = await SiteEdge.create({
        edge: 'other-site',
        data,
        uplinks,
        routes: [{ topic: 'telemetry/{device}/{metric}' }],
      })
      const adopting = startTidegate(['run', '-s', renamed.settingsFile, '--adopt'])
      await adopting.waitFor(/ready/)
      await renamed.untilDrained()
      await adopting.stop()
      expect([...new Set(received(receiver))].sort()).toEqual([...first.published, ...second.published].sort())
      const inEpochs = receiver.readings().map(({ epoch, device, value }) => `${epoch} ${device} ${value}`)
      expect(new Set(inEpochs).size).toBe(inEpochs.length)
      expect(renamed.ledgerProblems()).toEqual([])
    }, 240_000)
  })
}
