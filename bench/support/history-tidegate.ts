import { systemClock } from '../../src/base/clock.ts'
import type { StoredReading } from '../../src/base/reading.ts'
import { openReadOnly } from '../../src/store/database.ts'
import { type Bucket, History, type StoredSeries } from '../../src/store/history/history.ts'
import { BUCKET_MS, type HistoryPeer, type HistoryReader, type Question } from './history-peer.ts'
import { deviceName, tidegate as openLayout } from './layout-tidegate.ts'
import type { Plant } from './plant.ts'

const COMMIT_ROWS = 4_096

/** As on an edge that is not busy: readings are sealed and merged as they come in, the newest ones are in the log. */
function build(folder: string, plant: Plant, rows: number): void {
  const store = openLayout(folder)
  for (const readings of plant.commits(rows, COMMIT_ROWS)) {
    store.commit(readings)
    store.checkpointIfDue?.()
    const now = readings.receivedAt[readings.count - 1]!
    while (store.runHousekeeping?.(now, false)) store.checkpointIfDue?.()
  }
  store.close()
}

function open(folder: string): HistoryReader {
  const database = openReadOnly(folder)
  const history = new History(database, systemClock)
  const byDevice = new Map(history.series().map((series) => [series.device, series]))
  const seriesOf = ({ series }: Question): StoredSeries => byDevice.get(deviceName(series))!
  return {
    range(question) {
      const pages: (readonly StoredReading[])[] = []
      let firstAt = 0
      for (const page of history.pages(seriesOf(question), question)) {
        if (pages.length === 0) firstAt = performance.now()
        pages.push(page)
      }
      const doneAt = performance.now()
      const numbers = (): number[] =>
        pages.flat().flatMap(({ ts, value, quality, reasons }) => [ts, Number(value), quality, reasons])
      return { firstAt, doneAt, numbers }
    },
    buckets(question) {
      const buckets: Bucket[] = []
      let firstAt = 0
      const query = { series: [seriesOf(question)], from: question.from, to: question.to, everyMs: BUCKET_MS }
      for (const page of history.bucketPages(query)) {
        if (buckets.length === 0) firstAt = performance.now()
        buckets.push(...page)
      }
      const doneAt = performance.now()
      const numbers = (): number[] =>
        buckets.flatMap((bucket) => [bucket.start, bucket.numbers, bucket.sum!, bucket.min!, bucket.max!])
      return { firstAt, doneAt, numbers }
    },
    count: () => history.devices().reduce((sum, { readings }) => sum + readings, 0),
    close: () => database.close(),
  }
}

export const tidegate: HistoryPeer = { build, open }
