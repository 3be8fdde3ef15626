/** One layout in its own process, so that the bytes that the kernel counts are those of the layout. Prints its cost as JSON. */
import { tempFolder } from '../../support/folder.ts'
import { stopStarted } from '../../support/started.ts'
import { Checksums } from './checksums.ts'
import { folderBytes } from './folder-size.ts'
import { classCosts, type HousekeepingCost, type LayoutCost, type LayoutName } from './layout-cost.ts'
import { sealedFile, tidegate } from './layout-tidegate.ts'
import { clusteredTable, indexedTable, type Layout } from './layouts.ts'
import { Plant } from './plant.ts'
import { Work } from './work.ts'
import { writtenBytes } from './written.ts'

const OPEN: Readonly<Record<LayoutName, (folder: string) => Layout | Promise<Layout>>> = {
  tidegate,
  'table + index on (series, ts)': indexedTable,
  'primary key (series, ts, seq)': clusteredTable,
  // Loaded only if it is measured: `npm ci` does not install its package.
  rocksdb: async (open) => (await import('./layout-rocksdb.ts')).rocksdb(open),
}
/** At the end, housekeeping runs as if two days had passed, so that the last readings are due, too. */
const QUIET_MS = 2 * 86_400_000

const [name, ...numbers] = process.argv.slice(2) as [LayoutName, ...string[]]
const [rows, perCommit, seriesCount] = numbers.map(Number) as [number, number, number]

const folder = tempFolder()
const plant = new Plant(seriesCount)
const layout = await OPEN[name](folder)
const stored = new Checksums(seriesCount)
const [commits, checkpoints, closing] = [new Work(), new Work(), new Work()]
const [busySlices, busyCheckpoints] = [new Work(), new Work()]
const [idleSlices, idleCheckpoints] = [new Work(), new Work()]

/** One slice after each commit, as the store thread does it while publishes keep coming. @returns when the last reading came. */
async function ingest(): Promise<number> {
  let now = 0
  for (const readings of plant.commits(rows, perCommit)) {
    stored.addAll(readings)
    await commits.do(() => layout.commit(readings))
    await checkpoints.do(() => layout.checkpointIfDue?.())
    now = readings.receivedAt[readings.count - 1]!
    if (layout.runHousekeeping === undefined) continue
    await busySlices.do(() => layout.runHousekeeping!(now, true))
    await busyCheckpoints.do(() => layout.checkpointIfDue?.())
  }
  return now
}

/** All work that was postponed. */
async function finish(now: number): Promise<void> {
  for (let more = layout.runHousekeeping !== undefined; more; ) {
    more = await idleSlices.do(() => layout.runHousekeeping!(now + QUIET_MS, false))
    await idleCheckpoints.do(() => layout.checkpointIfDue?.())
  }
  await closing.do(() => layout.close())
}

function housekeepingCost(): HousekeepingCost {
  const { series, bytes, ...sealed } = sealedFile(folder)
  const sum = (pick: (work: Work) => number, ...works: Work[]): number =>
    works.reduce((total, work) => total + pick(work), 0)
  const cpuMs = (work: Work): number => work.cpuMs
  const written = (work: Work): number => work.writtenBytes
  return {
    slices: busySlices.count + idleSlices.count,
    longestSliceMs: Math.max(busySlices.longestMs, idleSlices.longestMs),
    slicesOver20ms: busySlices.long + idleSlices.long,
    longestCheckpointMs: Math.max(...[checkpoints, busyCheckpoints, idleCheckpoints].map(({ longestMs }) => longestMs)),
    cpuSecondsPerMillion: (1_000 * sum(cpuMs, busySlices, busyCheckpoints, idleSlices, idleCheckpoints)) / rows,
    cpuSecondsPerMillionBusy: (1_000 * sum(cpuMs, busySlices, busyCheckpoints)) / rows,
    written: {
      commits: written(commits) / rows,
      checkpoints: sum(written, checkpoints, busyCheckpoints, idleCheckpoints, closing) / rows,
      slices: sum(written, busySlices, idleSlices) / rows,
    },
    ...sealed,
    classes: classCosts(plant, series, bytes),
  }
}

const writtenBefore = writtenBytes()
const now = await ingest()
await finish(now)
const written = writtenBytes() - writtenBefore
const ingestMs = commits.ms + checkpoints.ms + busySlices.ms + busyCheckpoints.ms
const cost: LayoutCost = {
  rows,
  perSecond: (1_000 * rows) / ingestMs,
  perSecondAtRest: (1_000 * rows) / (ingestMs + idleSlices.ms + idleCheckpoints.ms + closing.ms),
  bytesOnDisk: folderBytes(folder) / rows,
  bytesWritten: written / rows,
  longestCommitMs: commits.longestMs,
  housekeeping: layout.runHousekeeping === undefined ? undefined : housekeepingCost(),
}
const found = new Checksums(seriesCount)
await layout.readBack(found)
stored.verify(found)
console.log(JSON.stringify(cost))
await stopStarted()
