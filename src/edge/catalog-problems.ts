import { oneLine } from '../base/text/one-line.ts'
import type { SeriesCount } from '../store/series/client-shares.ts'
import type { StoreStatus } from '../store-thread/protocol.ts'

/** From this share of `store.seriesMax` on, the number of series is a problem: new ones will soon be refused. */
export const NEARLY_FULL = 0.9
/** A message that lacked room for a series is a problem for this long (ms), unless there is room again. */
export const SHORTAGE_MS = 600_000
const NAME_CHARS_MAX = 60

const REMEDY =
  'find the source of new topics or metric names, remove devices with `tidegate devices forget DEVICE`, or raise'

/** Problems with the number of series: the catalog is nearly full, or messages lack room for a new series. */
export function catalogProblems({
  series = 0,
  catalog,
}: {
  readonly series?: StoreStatus['series']
  readonly catalog?: StoreStatus['catalog']
}): string[] {
  if (catalog === undefined) return []
  const { seriesMax, perClientMax, refused, keptAsRejects, lastShortageMs = Infinity, largest } = catalog
  const problems: string[] = []
  if (series >= seriesMax * NEARLY_FULL) {
    const who = largest.devices.length === 0 ? '' : `, most of them of devices ${namesOf(largest.devices)}`
    problems.push(`the store has ${series} of at most ${seriesMax} series${who}: ${REMEDY} store.seriesMax`)
  }
  const largestClient = largest.clients[0]?.series ?? 0
  const isShort = series >= seriesMax * NEARLY_FULL || largestClient >= perClientMax * NEARLY_FULL
  if (isShort && lastShortageMs <= SHORTAGE_MS) {
    const bound = series >= seriesMax ? `${seriesMax} series (store.seriesMax)` : `${perClientMax} series of one client`
    const who =
      largest.clients.length === 0 ? '' : `; clients that created the most series: ${namesOf(largest.clients)}`
    const setting = series >= seriesMax ? 'store.seriesMax' : 'store.seriesPerClientMax'
    problems.push(
      `messages that need a new series are refused at ${bound}: ${refused} were not acknowledged, ${keptAsRejects} ` +
        `with QoS 0 became rejects${who}: ${REMEDY} ${setting}, then run \`tidegate rejects replay --all\``,
    )
  }
  return problems
}

/** Names come from devices. */
function namesOf(counts: readonly SeriesCount[]): string {
  return counts.map(({ name, series }) => `"${oneLine(name, NAME_CHARS_MAX)}" (${series})`).join(', ')
}
