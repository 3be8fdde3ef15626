import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { tempFolder } from '../../support/folder.ts'
import { SiteEdge } from '../../support/site.ts'
import { append, openStore } from '../store/stores.ts'

const DEVICES = 100_000
const AT_ONCE = 5_000
/** Memory after the questions, as a multiple of the memory before them: the query thread itself takes some. */
const GROWTH_MAX = 1.35

/** Resident memory of a process, MiB. */
function memoryOf(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!
  return Number(kib) / 1_024
}

it.skipIf(process.platform !== 'linux')(
  'an edge with 100,000 devices answers over HTTP in parts, and does not keep the memory of a whole list',
  async () => {
    const data = join(tempFolder(), 'data')
    const store = openStore(data, { uplinks: [], seriesMax: 2 * DEVICES })
    for (let first = 0; first < DEVICES; first += AT_ONCE) {
      store.write(() => {
        for (let i = first; i < first + AT_ONCE; i++) append(store, { device: `rnd${i}`, metric: 't', ts: 1e12 + i })
      })
    }
    store.close()
    const edge = await SiteEdge.create({ data, store: { seriesMax: 2 * DEVICES } })
    await edge.start()
    const get = async (path: string): Promise<{ devices?: unknown[]; latest?: unknown[]; next?: string }> => {
      const answer = await fetch(`http://127.0.0.1:${edge.webPort}/api/${path}`)
      expect(answer.status).toBe(200)
      return (await answer.json()) as { next?: string }
    }
    await get('history?device=rnd1&metric=t')
    const before = memoryOf(edge.process.pid)
    for (let next = '', i = 0; i < 3; i++) {
      const page = await get(`devices${next}`)
      expect(page.devices).toHaveLength(1_000)
      next = `?next=${encodeURIComponent(page.next!)}`
    }
    const latest = await get('latest')
    expect(latest.latest).toHaveLength(1_000)
    expect(latest.next).toBeDefined()
    expect(memoryOf(edge.process.pid) / before).toBeLessThan(GROWTH_MAX)
  },
  180_000,
)
