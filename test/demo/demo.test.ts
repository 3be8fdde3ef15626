import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it } from 'vitest'
import { closeAccount } from '../../src/demo/account.ts'
import { type Demo, type DemoOptions, startDemo } from '../../src/demo/demo.ts'
import type { Snapshot } from '../../src/demo/snapshot.ts'
import { tempFolder } from '../../support/folder.ts'
import { accepts } from '../../support/port.ts'
import { onStop } from '../../support/started.ts'
import { until } from '../../support/wait.ts'

const ANY_PORTS = { mqtt: 0, cloud: 0, web: 0 }

async function start(options: DemoOptions = {}): Promise<Demo> {
  const demo = await startDemo({ ports: ANY_PORTS, devices: 10, rate: 20, ...options })
  let stopped: ReturnType<Demo['stop']> | undefined
  const once: Demo = { ...demo, stop: () => (stopped ??= demo.stop()) }
  onStop(async () => void (await once.stop()))
  return once
}

function untilSnapshot(demo: Demo, what: string, holds: (snapshot: Snapshot) => boolean): Promise<Snapshot> {
  return until(
    async () => {
      const snapshot = await demo.snapshot()
      return holds(snapshot) ? snapshot : undefined
    },
    { what, deadlineMs: 20_000 },
  )
}

describe('the demo', () => {
  it('keeps storing readings while the cloud is cut off, and then delivers the backlog', async () => {
    const demo = await start()
    await untilSnapshot(demo, 'readings are confirmed', ({ confirmed }) => confirmed > 50)

    await demo.toggleCloud()
    expect(await accepts(demo.intro.cloud.port)).toBe(false)
    const cut = await demo.snapshot()
    expect(cut.cutMs).toBeDefined()
    const early = await untilSnapshot(demo, 'the backlog grows', ({ waiting }) => waiting > cut.waiting + 200)
    const later = await untilSnapshot(demo, 'the backlog grows on', ({ waiting }) => waiting > early.waiting + 100)
    expect(later.taken).toBeGreaterThan(cut.taken + 200)
    expect(later.confirmed).toBe(early.confirmed) // answers from before the cut are stored by then

    await demo.toggleCloud()
    expect(await accepts(demo.intro.cloud.port)).toBe(true)
    const back = await untilSnapshot(demo, 'the backlog has drained', ({ confirmed }) => confirmed > later.stored)
    expect(back.cutMs).toBeUndefined()

    const account = await demo.stop()
    expect(account).toMatchObject({ waiting: 0, lost: 0, twice: 0, problems: [] })
    expect(account.different).toBe(account.taken)
    expect(account.taken).toBeGreaterThan(later.taken)
  })

  it('delivers everything even when it is stopped during an outage', async () => {
    const demo = await start()
    await demo.toggleCloud()
    const { taken } = await untilSnapshot(demo, 'a backlog', ({ waiting }) => waiting > 100)
    const account = await demo.stop()
    expect(account).toMatchObject({ waiting: 0, lost: 0, twice: 0, problems: [] })
    expect(account.different).toBeGreaterThanOrEqual(taken)
  })

  it('shows good, uncertain and bad readings, rejects and recognised repeats', async () => {
    const demo = await start()
    const shows = ({ quality, rejected, duplicates }: Snapshot): boolean =>
      Math.min(quality.good, quality.uncertain, quality.bad, rejected, duplicates) > 0
    await untilSnapshot(demo, 'all of them', shows)
    const { quality, rejected, duplicate, twice } = await demo.stop()
    expect(Math.min(quality.good, quality.uncertain, quality.bad, rejected, duplicate)).toBeGreaterThan(0)
    expect(twice).toBe(0)
  })

  it('cuts and restores the cloud in the requested order, however fast the requests come', async () => {
    const demo = await start({ devices: 1 })
    await Promise.all([demo.toggleCloud(), demo.toggleCloud()])
    expect((await demo.snapshot()).cutMs).toBeUndefined()
    await Promise.all([demo.toggleCloud(), demo.toggleCloud(), demo.toggleCloud()])
    expect((await demo.snapshot()).cutMs).toBeDefined()
  })

  it('removes its temporary data and closes its ports when it stops', async () => {
    const demo = await start({ devices: 2 })
    const { data, mqtt, cloud, web } = demo.intro
    expect(existsSync(join(data, 'edge', 'tidegate.db'))).toBe(true)
    await demo.stop()
    expect(existsSync(data)).toBe(false)
    for (const port of [mqtt.port, cloud.port, web!.port]) expect(await accepts(port)).toBe(false)
  })

  it('counts from the databases: it reports a removed row as lost and an added row as twice', async () => {
    const data = tempFolder()
    const demo = await start({ data, devices: 4 })
    await untilSnapshot(demo, 'readings are confirmed', ({ confirmed }) => confirmed > 20)
    const { taken } = await demo.stop()
    const counts = { readings: taken, garbled: 0, repeated: 0 }
    expect(closeAccount(data, counts, 0)).toMatchObject({ lost: 0, twice: 0, problems: [] })

    const database = new DatabaseSync(join(data, 'received', 'received.db'))
    database.exec('DELETE FROM reading WHERE seq = 5')
    expect(closeAccount(data, counts, 0)).toMatchObject({ lost: 1, twice: 0 })
    database.exec(`INSERT INTO reading SELECT series, ts, log, 1000000, value, quality, reasons, received_at
      FROM reading WHERE seq = 6`)
    expect(closeAccount(data, counts, 0)).toMatchObject({ lost: 1, twice: 1 })
    database.close()
  })

  it('continues with the data of an earlier run, and its account covers both runs', async () => {
    const data = tempFolder()
    const first = await start({ data, devices: 2 })
    await untilSnapshot(first, 'readings are stored', ({ stored }) => stored > 20)
    const before = await first.stop()
    const second = await start({ data, devices: 2 })
    await untilSnapshot(second, 'readings are stored', ({ stored }) => stored > 20)
    const after = await second.stop()
    expect(after.problems).toEqual([])
    expect(after.taken).toBeGreaterThan(before.taken + 20)
    expect(after.different).toBe(after.taken)
    expect(existsSync(data)).toBe(true)
  })

  it('refuses a data folder that another demo uses', async () => {
    const data = tempFolder()
    await start({ data, devices: 1 })
    await expect(startDemo({ data, ports: ANY_PORTS })).rejects.toMatchObject({ name: 'OperatorError' })
  })
})
