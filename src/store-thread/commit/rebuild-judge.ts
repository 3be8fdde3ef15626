import { Judge } from '../../quality/judge.ts'
import type { QualityRule } from '../../settings/schema/quality.ts'
import { rowValue } from '../../store/log.ts'
import { noteTime } from '../../store/series/series.ts'
import type { Store } from '../../store/store.ts'

/** At most this many readings are replayed into a new judge: about one second of work. */
const REBUILD_ROWS_MAX = 1_000_000
/** Readings of at least this time (ms) are replayed: enough for order and gaps of a series that sends once an hour. */
const REBUILD_MS_MIN = 3_600_000

/**
 * Creates a judge with the state that stored readings left: replays the end of the log, as far back as the longest
 * window of the rules and at least one hour, at most REBUILD_ROWS_MAX readings. A series without readings in it starts
 * without state. Also sets, in the catalog, the newest time of each of these series and the unit that each metric had last.
 */
export function rebuildJudge(store: Store, rules: readonly QualityRule[]): Judge {
  const judge = new Judge(rules)
  const { arrivals } = store.sealed
  const since = arrivals.firstSince(arrivals.newest() - Math.max(judge.replayMs, REBUILD_MS_MIN), store.lastSeq)
  const { runs } = store.time
  let at = 0
  for (const row of store.readFrom(Math.max(since, store.lastSeq - REBUILD_ROWS_MAX))) {
    const series = store.intake.catalog.series(row[1])!
    const { id, device, metric } = series
    noteTime(series, row[2], { reasons: row[5] }, { arrival: row[6] })
    if (!series.current) store.intake.catalog.makeCurrent(series)
    while (at + 1 < runs.length && runs[at + 1]!.first <= row[0]) at++
    judge.replay(id, {
      seq: row[0],
      device: device.name,
      metric,
      kind: series,
      value: rowValue(row),
      ts: row[2],
      quality: row[4],
      reasons: row[5],
      receivedAt: row[6],
      clockRun: runs[at]?.run ?? store.time.clockRun,
    })
  }
  return judge
}
