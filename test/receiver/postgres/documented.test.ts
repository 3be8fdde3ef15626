import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { expect, it } from 'vitest'
import { PostgresSink } from '../../../src/receiver/postgres/postgres-sink.ts'
import { tempFolder } from '../../../support/folder.ts'
import { startMosquitto } from '../../../support/mosquitto.ts'
import { describePeer } from '../../../support/peers.ts'
import type { Postgres } from '../../../support/postgres.ts'
import { ROOT, runTidegate } from '../../../support/process.ts'
import { QUICK_UPLINK, SiteEdge, SiteReceiver } from '../../../support/site.ts'
import { onStop } from '../../../support/started.ts'
import { until } from '../../../support/wait.ts'
import { runHere } from '../../cli/recorder.ts'
import { startDevice } from '../../faults/device.ts'
import { batch, reading } from '../batches.ts'
import { AT, sharedPostgres } from './scene.ts'

const PAGE = readFileSync(join(ROOT, 'docs/postgresql.md'), 'utf8')
const COUNT = 500

/** The first SQL block of a section. */
function sqlOf(section: string): string {
  return new RegExp(`## ${section}\\n[\\s\\S]*?\`\`\`sql\\n([\\s\\S]*?)\`\`\``).exec(PAGE)![1]!
}

async function runSql(postgres: Postgres, database: string, sql: string): Promise<void> {
  const client = new pg.Client(postgres.urlOf('postgres', database))
  await client.connect()
  try {
    for (const statement of sql
      .replace(/--.*$/gm, '')
      .split(';')
      .filter((one) => one.trim() !== ''))
      await client.query(statement)
  } finally {
    await client.end()
  }
}

describePeer('postgres', 'docs/postgresql.md', () => {
  it('gives roles all rights that they need before the first start of a receiver', async () => {
    const postgres = await sharedPostgres()
    const [before, after] = sqlOf('Roles').split('\\c plants') as [string, string]
    await runSql(postgres, 'postgres', before)
    await runSql(postgres, 'plants', after)
    const sink = PostgresSink.open(postgres.urlOf('tidegate', 'plants'))
    onStop(() => sink.close())
    expect(await sink.store([batch([reading(1), reading(2)])], AT)).toMatchObject([{ kind: 'stored' }])
    const viewer = new pg.Client(postgres.urlOf('viewer', 'plants'))
    await viewer.connect()
    onStop(() => viewer.end())
    expect((await viewer.query('SELECT count(*)::int AS n FROM tidegate.readings')).rows).toEqual([{ n: 2 }])
    await expect(viewer.query('DELETE FROM tidegate.reading')).rejects.toThrow('permission denied')
  })

  it('is right about the option that an error names: --sink, where it was given on the command line', async () => {
    const file = join(tempFolder(), 'receiver.yaml')
    writeFileSync(file, "cloud: { url: 'mqtt://127.0.0.1:1' }\n")
    const refused = await runHere(['receive', '-s', file, '--sink', 'mysql://db/plants'])
    expect(refused).toMatchObject({ code: 78, stderr: expect.stringMatching(/^ +--sink sink: must be a URL/m) })
    expect(refused.stderr).not.toContain('TIDEGATE_SINK')
  })
})

describePeer('mosquitto', 'moving from SQLite to PostgreSQL', () => {
  it('brings every reading over that the edges still have, each once, as docs/postgresql.md says', async () => {
    const { url } = await startMosquitto()
    const postgres = await sharedPostgres()
    await postgres.query('CREATE DATABASE moved')
    const edge = await SiteEdge.create({ uplinks: [{ url, ...QUICK_UPLINK }] })
    const before = new SiteReceiver(url)
    await Promise.all([edge.start(), before.start()])
    await startDevice({ port: edge.port, name: 'pump', qos: 1, count: COUNT, timed: true }).finished
    await edge.untilDrained()
    expect(before.count()).toBe(COUNT)
    expect(await before.stop()).toBe(0)

    const sink = postgres.urlOf('postgres', 'moved')
    const receiver = new SiteReceiver(url, { sink })
    await receiver.start()
    const client = new pg.Client(sink)
    await client.connect()
    onStop(() => client.end())
    const ask = (command: string, ...more: string[]) =>
      runTidegate(['receive', command, '-s', receiver.settingsFile, ...more])
    const count = async (): Promise<number> =>
      (await client.query('SELECT count(*)::int AS n FROM tidegate.readings')).rows[0].n
    await startDevice({ port: edge.port, name: 'valve', qos: 1, count: 1, timed: true }).finished
    await edge.untilDrained()
    expect(await count()).toBe(1)
    const requested = await ask('gaps', '--request')
    expect(requested).toMatchObject({ code: 0, stderr: expect.stringContaining('1 new request') })
    await until(async () => (await count()) >= COUNT + 1, { what: 'all readings are in PostgreSQL' })
    await until(async () => (await ask('gaps')).stdout === 'no gaps\n', { what: 'there are no gaps' })
    expect(await count()).toBe(COUNT + 1)
  })
})
