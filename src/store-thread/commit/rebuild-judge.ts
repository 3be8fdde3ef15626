import { Judge } from '../../quality/judge.ts'
import type { QualityRule } from '../../settings/schema/quality.ts'
import { rowValue } from '../../store/log.ts'
import type { Store } from '../../store/store.ts'

/** Readings fed to a new judge at most: about a second's work. */
const REBUILD_ROWS_MAX = 1_000_000
/** Looked back at least, so that order and gaps are known of every series that speaks once an hour (ms). */
const REBUILD_MS_MIN = 3_600_000

/**
 * A judge that remembers what the stored readings taught it: those of the log's end that lie within the longest window
 * of the rules, and at least an hour, are fed to it again. A series that spoke last before them starts afresh.
 * On the way the catalog learns the newest time of each series.
 */
export function rebuildJudge(store: Store, rules: readonly QualityRule[]): Judge {
  const judge = new Judge(rules)
  const since = store.firstSeqSince(store.lastStoredAt() - Math.max(judge.replayMs, REBUILD_MS_MIN))
  for (const row of store.readFrom(Math.max(since, store.lastSeq - REBUILD_ROWS_MAX))) {
    const series = store.intake.catalog.series(row[1])!
    const { id, device, metric } = series
    if (series.newestTs === Infinity || row[2] > series.newestTs) series.newestTs = row[2]
    judge.replay(id, {
      seq: row[0],
      device: device.name,
      metric,
      value: rowValue(row),
      ts: row[2],
      quality: row[4],
      reasons: row[5],
    })
  }
  return judge
}
