import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, it } from 'vitest'
import { systemClock } from '../../../src/base/clock.ts'
import { Reason } from '../../../src/base/flags.ts'
import type { StoredReading } from '../../../src/base/reading.ts'
import type { Link } from '../../../src/link/link.ts'
import { openLink } from '../../../src/link/open.ts'
import { Census } from '../../../src/uplink/format/census.ts'
import type { EncodeOptions, Format, Message } from '../../../src/uplink/format/format.ts'
import { tempFolder } from '../../support/folder.ts'
import { type Mosquitto, startMosquitto } from '../../support/mosquitto.ts'
import { describePeer, peers } from '../../support/peers.ts'
import { type RunningProcess, startProcess } from '../../support/process.ts'
import { onStop } from '../../support/started.ts'
import { until } from '../../support/wait.ts'
import { batchOf, formatOf, readings } from './batches.ts'
import { type Heard, Host } from './host.ts'
import { encodePayload } from './protoc.ts'

/** An edge node on a real broker: the format, and a link that publishes what it says. */
class EdgeNode {
  readonly #census = new Census()
  readonly #url: string
  #bdSeq = 0
  #format!: Format
  #link!: Link

  constructor(url: string) {
    this.#url = url
    onStop(() => this.#link?.close())
  }

  async connect(): Promise<void> {
    const format = formatOf({ format: 'sparkplug' }, { census: this.#census, bdSeq: this.#bdSeq++, clock: systemClock })
    const { topic, payload, ...more } = format.will!
    this.#format = format
    this.#link = await openLink({
      ...{ url: this.#url, clientId: 'plant-7', session: false, keepaliveS: 30, connectTimeoutMs: 5_000 },
      will: { topic, payload: Buffer.from(payload), ...more },
      onMessage: (heard, bytes) => this.#publish(format.hear(heard, bytes)),
    })
    for (const filter of format.filters) await this.#link.subscribe(filter, 1)
    await this.#publish(format.begin())
  }

  send(all: readonly StoredReading[], options: Partial<EncodeOptions> = {}): Promise<void> {
    return this.#publish(this.#format.encode(batchOf(all), { historical: false, bytesMax: 65_536, ...options }))
  }

  async #publish(messages: readonly Message[]): Promise<void> {
    await Promise.all(
      messages.map(async ({ topic, payload, qos, retain }) => {
        const { reasonCode } = await this.#link.publish(topic, payload, { qos, retain })
        expect(reasonCode).toBe(0)
      }),
    )
  }

  async disconnect(): Promise<void> {
    await this.#publish(this.#format.end())
    await this.#link.close()
  }

  /** As if its power were cut: no DISCONNECT. */
  kill(): void {
    this.#link.destroy()
  }
}

/** Retained: who gets it has subscribed. */
const FENCE = 'fence'

const at = (port: number): string[] => ['-h', '127.0.0.1', '-p', String(port)]

/** What somebody hears who subscribes as Sparkplug hosts do, with a client of others. */
class Ear {
  readonly #process: RunningProcess

  private constructor(port: number) {
    const args = [...at(port), '-q', '1', '-t', 'spBv1.0/#', '-t', FENCE, '-F', '=%t %x']
    this.#process = startProcess(peers.mosquittoSub!, args)
  }

  static async listen({ port }: Mosquitto): Promise<Ear> {
    const ear = new Ear(port)
    await ear.#process.waitFor(/^=fence/m)
    return ear
  }

  get heard(): readonly Heard[] {
    const lines = this.#process.stdout.split('\n').slice(0, -1)
    return lines.flatMap((line) => {
      const [, topic, hex] = /^=(\S+) ([0-9a-f]*)$/.exec(line) ?? []
      return topic === undefined || topic === FENCE ? [] : [{ topic, payload: Buffer.from(hex!, 'hex') }]
    })
  }

  /** @returns what a host makes of all that came, once `count` messages came and the last is of that kind */
  async untilHeard(count: number, kind: string): Promise<Host> {
    const what = `message ${count}, ${kind}, is heard`
    await until(() => this.heard.length >= count && this.heard.at(-1)!.topic.includes(`/${kind}/`), { what })
    return new Host(this.heard)
  }
}

/** Publishes with the client of others. */
async function publish({ port }: Mosquitto, topic: string, payload: Uint8Array, more: string[] = []): Promise<void> {
  const file = join(tempFolder(), 'payload')
  writeFileSync(file, payload)
  const client = startProcess(peers.mosquittoPub!, [...at(port), '-t', topic, '-f', file, ...more])
  expect(await client.exit).toBe(0)
}

describePeer('mosquittoSub', 'behind a real broker', () => {
  describePeer('protoc', 'a Sparkplug host', () => {
    let cloud: Mosquitto

    beforeAll(async () => {
      cloud = await startMosquitto()
      await publish(cloud, FENCE, Buffer.from('x'), ['-r'])
    })

    it('reads births, live data, the backlog and its quality, asks for a rebirth, and sees the node die', async () => {
      const ear = await Ear.listen(cloud)
      const node = new EdgeNode(cloud.url)
      await node.connect()
      const spike: Partial<StoredReading> = { quality: 4, reasons: Reason.SPIKE | Reason.RANGE_HI }
      await node.send([...readings([20.5, 21]), ...readings([99], { ...spike, seq: 3, ts: 1_750_000_002_000 })])
      await node.send(readings([18, null, 19], { ts: 1_740_000_000_000, quality: 3 }), { historical: true })

      const born = await ear.untilHeard(4, 'DDATA')
      expect(born.problems).toEqual([])
      expect(born.kinds).toEqual(['NBIRTH', 'DBIRTH', 'DDATA', 'DDATA'])
      expect(born.devices.get('press-1')?.get('temperature')).toMatchObject({ datatype: 10, unit: 'Cel' })
      expect(born.readings.map(({ value, quality, historical }) => [value, quality, historical])).toEqual([
        [20.5, undefined, false],
        [21, undefined, false],
        [99, 0, false],
        [18, 500, true],
        [undefined, 500, true],
        [19, 500, true],
      ])
      expect(born.readings[2]).toMatchObject({
        reasons: 'RANGE_HI SPIKE',
        ts: 1_750_000_002_000,
        metric: 'temperature',
      })

      const command = 'timestamp: 1 metrics { name: "Node Control/Rebirth" datatype: 11 boolean_value: true }'
      await publish(cloud, 'spBv1.0/tidegate/NCMD/plant-7', encodePayload(command))
      const again = await ear.untilHeard(7, 'DBIRTH')
      expect(again.kinds.slice(4)).toEqual(['NBIRTH', 'DBIRTH'])
      expect(again.devices.get('press-1')?.get('temperature')?.value).toBe(99)
      await node.send(readings([22], { ts: 1_750_000_003_000 }))

      node.kill()
      const dead = await ear.untilHeard(9, 'NDEATH')
      expect(dead.problems).toEqual([])
      expect({ online: dead.online, bdSeq: dead.bdSeq }).toEqual({ online: false, bdSeq: 0 })

      await node.connect()
      const back = await ear.untilHeard(11, 'DBIRTH')
      expect({ online: back.online, bdSeq: back.bdSeq }).toEqual({ online: true, bdSeq: 1 })
      expect(back.devices.get('press-1')?.get('temperature')?.value).toBe(22)

      await node.disconnect()
      const gone = await ear.untilHeard(12, 'NDEATH')
      expect(gone.problems).toEqual([])
      expect(gone.online).toBe(false)
    })
  })
})
