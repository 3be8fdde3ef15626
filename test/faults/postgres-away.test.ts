import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { tempFolder } from '../../support/folder.ts'
import { startMosquitto } from '../../support/mosquitto.ts'
import { describePeer } from '../../support/peers.ts'
import { freePort } from '../../support/port.ts'
import { type Postgres, ROLE_WITH_PASSWORD, startPostgres } from '../../support/postgres.ts'
import { startTidegate } from '../../support/process.ts'
import { QUICK_UPLINK, SiteEdge, SiteReceiver } from '../../support/site.ts'
import { until } from '../../support/wait.ts'
import { startDevice } from './device.ts'
import { type Account, eachOnce } from './scene.ts'

const COUNT = 500

async function accountIn(postgres: Postgres, device: string): Promise<Account | undefined> {
  const [account] = await postgres.query<Account>(
    `SELECT count(*)::int AS rows, count(DISTINCT value)::int AS different, min(value) AS least, max(value) AS most
     FROM tidegate.readings WHERE device = $1`,
    [device],
  )
  return account
}

describePeer('mosquitto', 'a PostgreSQL that is away and comes back', () => {
  describePeer('postgres', 'a PostgreSQL that is away and comes back', () => {
    it('is waited for, at the start and later: without it no reading is confirmed, and none is lost', async () => {
      const [cloud, postgres] = await Promise.all([startMosquitto(), startPostgres({ durable: true })])
      await postgres.stop()
      const receiver = new SiteReceiver(cloud.url, { sink: postgres.url })
      const edge = await SiteEdge.create({ uplinks: [{ url: cloud.url, ...QUICK_UPLINK }] })
      await Promise.all([receiver.start(), edge.start()])
      await startDevice({ port: edge.port, name: 'early', qos: 1, count: COUNT, timed: true }).finished
      expect(edge.waiting()).toBe(COUNT)
      await postgres.restart()
      await edge.untilDrained()
      expect(await accountIn(postgres, 'early')).toEqual(eachOnce(COUNT))

      const later = startDevice({ port: edge.port, name: 'later', qos: 1, count: 4 * COUNT, window: 10, timed: true })
      await until(() => later.device.acknowledged >= COUNT)
      await postgres.crash()
      await later.finished
      await postgres.restart()
      await edge.untilDrained()
      expect(await accountIn(postgres, 'later')).toEqual(eachOnce(4 * COUNT))
      expect(edge.ledgerProblems()).toEqual([])
      expect(await receiver.stop()).toBe(0)
      expect(await edge.stop()).toBe(0)
    }, 60_000)
  })
})

describePeer('postgres', 'tidegate receive with a sink in PostgreSQL', () => {
  it('prefers the sink of the command line to that of the file, and takes its password from a file', async () => {
    const postgres = await startPostgres()
    await postgres.query(`CREATE ROLE ${ROLE_WITH_PASSWORD} SUPERUSER LOGIN PASSWORD 'a secret'`)
    const folder = tempFolder()
    writeFileSync(join(folder, 'password'), 'a secret\n')
    const settings = join(folder, 'receiver.yaml')
    writeFileSync(
      settings,
      `cloud: { url: 'mqtt://127.0.0.1:${await freePort()}' }
sink: 'postgres://unused@127.0.0.1:1/nowhere'
postgres: { password_file: password, schema: plants }`,
    )
    const receiver = startTidegate(['receive', '-s', settings, '--sink', postgres.urlOf(ROLE_WITH_PASSWORD)])
    await receiver.waitFor(new RegExp(`has started: cloud \\S+, PostgreSQL 127\\.0\\.0\\.1:${postgres.port}/postgres`))
    await until(() =>
      postgres.query('SELECT FROM plants.readings').then(
        () => true,
        () => false,
      ),
    )
    receiver.kill('SIGTERM')
    expect(await receiver.exit).toBe(0)
    expect(receiver.stdout + receiver.stderr).not.toContain('a secret')
  })

  it('stops normally while PostgreSQL is away', async () => {
    const settings = join(tempFolder(), 'receiver.yaml')
    writeFileSync(settings, `cloud: { url: 'mqtt://127.0.0.1:${await freePort()}' }`)
    const receiver = startTidegate(['receive', '-s', settings], {
      env: { TIDEGATE_SINK: `postgres://unused@127.0.0.1:${await freePort()}/nowhere` },
    })
    await receiver.waitFor(/has started/)
    receiver.kill('SIGTERM')
    expect(await receiver.exit).toBe(0)
  })
})
