import { expect, it } from 'vitest'
import { startMosquitto } from '../../support/mosquitto.ts'
import { describePeer } from '../../support/peers.ts'
import { startPostgres } from '../../support/postgres.ts'
import { QUICK_UPLINK, SiteEdge, SiteReceiver } from '../../support/site.ts'
import { until } from '../../support/wait.ts'
import { publishInOrder } from './field-device.ts'

describePeer('mosquitto', 'a device that sends U+0000 in a unit', () => {
  describePeer('postgres', 'with a receiver that stores in PostgreSQL', () => {
    it('does not stop the readings of others, even with more readings than an uplink may park', async () => {
      const [cloud, postgres] = await Promise.all([startMosquitto(), startPostgres()])
      const receiver = new SiteReceiver(cloud.url, { sink: postgres.url })
      const edge = await SiteEdge.create({ uplinks: [{ url: cloud.url, ...QUICK_UPLINK }] })
      await Promise.all([receiver.start(), edge.start()])
      const odd = (count: number): string => `[${Array(count).fill('{"value":1,"unit":"C\\u0000"}').join()}]`
      await publishInOrder(edge, 'telemetry/badunit/t', [odd(6_000), odd(5_000)])
      await publishInOrder(edge, 'telemetry/goodone/t', ['10'])
      const arrived = (): Promise<{ value: number }[]> =>
        postgres.query(`SELECT value FROM tidegate.readings WHERE device = 'goodone'`)
      await until(async () => (await arrived().catch(() => [])).length > 0, { what: 'the good reading arrives' })
      await edge.untilDrained()
      expect(await arrived()).toEqual([{ value: 10 }])
      expect(edge.ledgerProblems()).toEqual([])
      await edge.stop()
      await receiver.stop()
    }, 90_000)
  })
})
