/** One layout in a process of its own, so that the kernel's account of its writes is that of the layout. */
import { tempFolder } from '../../test/support/folder.ts'
import { stopStarted } from '../../test/support/started.ts'
import { folderBytes } from './folder-size.ts'
import { classCosts, type HouseCost, type LayoutCost, type LayoutName } from './layout-cost.ts'
import { rocksdb } from './layout-rocksdb.ts'
import { sealedFile, tidegate } from './layout-tidegate.ts'
import { clusteredTable, indexedTable, type Layout } from './layouts.ts'
import { Plant } from './plant.ts'
import { Work } from './work.ts'
import { writtenBytes } from './written.ts'

const OPEN: Readonly<Record<LayoutName, (folder: string) => Layout>> = {
  tidegate,
  'table + index on (series, ts)': indexedTable,
  'primary key (series, ts, seq)': clusteredTable,
  rocksdb,
}
/** At the end so much time has passed that the last readings are due as well. */
const QUIET_MS = 2 * 86_400_000

const [name, ...numbers] = process.argv.slice(2) as [LayoutName, ...string[]]
const [rows, perCommit, seriesCount] = numbers.map(Number) as [number, number, number]

const folder = tempFolder()
const plant = new Plant(seriesCount)
const layout = OPEN[name](folder)
const [commits, checkpoints, busyHouse, idleHouse, closing] = [
  new Work(),
  new Work(),
  new Work(),
  new Work(),
  new Work(),
]

/** A slice after each commit, as the store thread does it while publishes keep coming. */
async function takeIn(): Promise<number> {
  let now = 0
  for (const readings of plant.commits(rows, perCommit)) {
    await commits.do(() => layout.commit(readings))
    await checkpoints.do(() => layout.afterCommit?.())
    now = readings.receivedAt[readings.count - 1]!
    if (layout.keepHouse !== undefined) await busyHouse.do(() => layout.keepHouse!(now, true))
  }
  return now
}

/** What has been put off. */
async function comeToRest(now: number): Promise<void> {
  while (layout.keepHouse !== undefined && (await idleHouse.do(() => layout.keepHouse!(now + QUIET_MS, false))));
  await closing.do(() => layout.close())
}

function houseCost(): HouseCost {
  const { series, bytes, ...sealed } = sealedFile(folder)
  const kept = series.reduce((sum, { readings }) => sum + readings, sealed.logRows)
  if (kept !== rows) throw new Error(`${kept} readings are there of ${rows}`)
  return {
    slices: busyHouse.count + idleHouse.count,
    longestSliceMs: Math.max(busyHouse.longestMs, idleHouse.longestMs),
    slicesOver20ms: busyHouse.long + idleHouse.long,
    cpuSecondsPerMillion: (1_000 * (busyHouse.cpuMs + idleHouse.cpuMs)) / rows,
    cpuSecondsPerMillionBusy: (1_000 * busyHouse.cpuMs) / rows,
    ...sealed,
    classes: classCosts(plant, series, bytes),
  }
}

const writtenBefore = writtenBytes()
const now = await takeIn()
await comeToRest(now)
const written = writtenBytes() - writtenBefore
const ingestMs = commits.ms + checkpoints.ms + busyHouse.ms
const cost: LayoutCost = {
  rows,
  perSecond: (1_000 * rows) / ingestMs,
  perSecondAtRest: (1_000 * rows) / (ingestMs + idleHouse.ms + closing.ms),
  bytesOnDisk: folderBytes(folder) / rows,
  bytesWritten: written / rows,
  longestCommitMs: commits.longestMs,
  house: layout.keepHouse === undefined ? undefined : houseCost(),
}
console.log(JSON.stringify(cost))
await stopStarted()
