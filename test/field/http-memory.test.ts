import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { tempFolder } from '../../support/folder.ts'
import { SiteEdge } from '../../support/site.ts'
import { sized } from '../../support/size.ts'
import { until } from '../../support/wait.ts'
import { append, openStore } from '../store/stores.ts'

const DEVICES = sized(25_000, 100_000)
const AT_ONCE = 5_000
/**
 * Resident memory during the questions, as a multiple of that before them: the query thread itself takes some, and more
 * when it runs from TypeScript.
 */
const GROWTH_MAX = 1.5
/** The same when the query thread has ended, ten seconds after the last question. */
const KEPT_MAX = 1.2
const GIVEN_BACK_MS_MAX = 45_000

/** Resident memory of a process, MiB. */
function memoryOf(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!
  return Number(kib) / 1_024
}

/** The data folder of an edge with `DEVICES` sealed series of one reading each. */
function folderWithDevices(): string {
  const data = join(tempFolder(), 'data')
  const store = openStore(data, { uplinks: [], seriesMax: 2 * DEVICES })
  for (let first = 0; first < DEVICES; first += AT_ONCE) {
    store.write(() => {
      for (let i = first; i < first + AT_ONCE; i++) append(store, { device: `rnd${i}`, metric: 't', ts: 1e12 + i })
    })
  }
  while (store.runHousekeeping({ now: Date.now() + 10_000, busy: false }));
  expect(store.sealed.seals.all.at(-1)?.last).toBe(DEVICES)
  store.close()
  return data
}

interface Page {
  readonly devices?: readonly unknown[]
  readonly latest?: readonly unknown[]
  readonly next?: string
}

it.skipIf(process.platform !== 'linux')(
  `an edge with ${DEVICES} devices lists them over HTTP in parts, and gives the memory of the answers back`,
  async () => {
    const edge = await SiteEdge.create({ data: folderWithDevices(), store: { seriesMax: 2 * DEVICES } })
    await edge.start()
    const { pid } = edge.process
    const get = async (path: string): Promise<Page> => {
      const answer = await fetch(`http://127.0.0.1:${edge.webPort}/${path}`)
      expect(answer.status).toBe(200)
      return (await answer.json()) as Page
    }
    const list = async (what: 'devices' | 'latest', limit: number): Promise<void> => {
      let listed = 0
      for (let next = ''; ; ) {
        const page = await get(`api/${what}?limit=${limit}${next}`)
        listed += page[what]!.length
        expect(page[what]!.length).toBeLessThanOrEqual(limit)
        if (page.next === undefined) break
        next = `&next=${encodeURIComponent(page.next)}`
      }
      expect(listed).toBe(DEVICES)
    }
    await get('healthz')
    await get('api/status')
    const before = memoryOf(pid)
    let most = 0
    for (const [what, limit] of [
      ['devices', 1_000],
      ['latest', 1_000],
      ['devices', 10_000],
      ['latest', 10_000],
    ] as const) {
      await list(what, limit)
      most = Math.max(most, memoryOf(pid))
    }
    await get('healthz')
    await get('api/status')
    expect(most / before).toBeLessThan(GROWTH_MAX)
    await until(() => memoryOf(pid) / before < KEPT_MAX, {
      deadlineMs: GIVEN_BACK_MS_MAX,
      what: `memory is within ${KEPT_MAX} × ${before} MiB again`,
    })
  },
  180_000,
)
