import { expect, it } from 'vitest'
import { startMosquitto } from '../../../support/mosquitto.ts'
import { describePeer } from '../../../support/peers.ts'
import { startProxy } from '../../../support/proxy.ts'
import { QUICK_UPLINK, SiteEdge } from '../../../support/site.ts'
import { until } from '../../../support/wait.ts'
import { Ear, publish } from './ear.ts'
import { encodePayload } from './protoc.ts'

const NODE = 'works/NCMD/site'
const QUALITY = [{ match: '*/temperature', range: { fail: [-40, 125] } }]
const REBIRTH = 'timestamp: 1 metrics { name: "Node Control/Rebirth" datatype: 11 boolean_value: true }'

describePeer('mosquittoSub', 'a Sparkplug host behind a real broker', () => {
  describePeer('protoc', 'and protoc', () => {
    it('sees a real edge with its births, values, backlog, rebirth and death, and no rule broken', async () => {
      const cloud = await startMosquitto()
      const way = await startProxy({ to: cloud.port })
      const ear = await Ear.listen(cloud.port)
      const uplink = { url: way.url, format: 'sparkplug', confirm: 'puback', sparkplug: { group: 'works' } }
      const edge = await SiteEdge.create({
        quality: QUALITY,
        uplinks: [{ ...QUICK_UPLINK, backoffMaxMs: 100, ...uplink }],
      })
      const begin = Date.now() - 60_000
      let sent = 0
      const measure = async (...values: number[]): Promise<void> => {
        const rows = values.map((value) => ({ value, ts: begin + sent++ * 1_000 }))
        await publish(
          edge.port,
          'telemetry/press-1',
          Buffer.from(JSON.stringify(rows.map(({ value, ts }) => ({ temperature: value, ts })))),
        )
      }

      await edge.start()
      await ear.until('NBIRTH', 1)
      await measure(20.5, 21, 990)
      await edge.untilDrained()
      const live = await ear.everything()
      expect(live.readings.map(({ value, quality, historical }) => [value, quality, historical])).toEqual([
        [20.5, undefined, false],
        [21, undefined, false],
        [990, 0, false],
      ])
      expect(live.readings[2]).toMatchObject({ device: 'press-1', metric: 'temperature', ts: begin + 2_000 })
      expect(live.readings[2]?.reasons).toContain('RANGE_HI')

      way.dial.refuse = true
      way.cut()
      await ear.until('NDEATH', 1)
      expect((await ear.everything()).online).toBe(false)
      await measure(22, 23)
      await until(() => edge.stored() === 5, { what: 'readings are stored while the cloud is away' })
      const tried = way.opened // one more failed attempt: readings that are stored by then are a backlog
      await until(() => way.opened >= tried + 2, { what: 'the edge has tried again' })
      way.dial.refuse = false
      await edge.untilDrained()
      const back = await ear.everything()
      expect(back.online).toBe(true)
      expect(back.bdSeq).not.toBe(live.bdSeq)
      expect(back.readings.slice(3).map(({ value, historical }) => [value, historical])).toEqual([
        [22, true],
        [23, true],
      ])

      const births = back.kinds.filter((kind) => kind === 'NBIRTH').length
      await publish(cloud.port, `spBv1.0/${NODE}`, encodePayload(REBIRTH))
      await ear.until('NBIRTH', births + 1)
      await measure(24)
      await edge.untilDrained()
      const again = await ear.everything()
      expect(again.bdSeq).toBe(back.bdSeq)
      expect(again.devices.get('press-1')?.get('temperature')?.value).toBe(23)

      await edge.kill()
      await ear.until('NDEATH', 2)
      const dead = await ear.everything()
      expect({ problems: dead.problems, online: dead.online }).toEqual({ problems: [], online: false })
    })
  })
})
