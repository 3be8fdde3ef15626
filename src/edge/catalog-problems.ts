import { oneLine } from '../base/text/one-line.ts'
import type { SeriesCount } from '../store/series/series-shares.ts'
import type { StoreStatus } from '../store-thread/protocol.ts'

/** From this share of `store.seriesMax` on, the number of series is a problem: new ones will soon be refused. */
export const NEARLY_FULL = 0.9
/** A message that lacked room for a series is a problem for this long (ms), unless there is room again. */
export const SHORTAGE_MS = 600_000
const NAME_CHARS_MAX = 60
/** One client or device that creates this share of `store.seriesMax` within an hour is a problem. */
const FAST = 0.1

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
  const { seriesMax, perClientMax, perDeviceMax, refused, keptAsRejects, largest, fastest } = catalog
  const { lastShortageMs = Infinity } = catalog
  const problems: string[] = []
  if (series >= seriesMax * NEARLY_FULL) {
    const who = largest.devices.length === 0 ? '' : `, most of them of devices ${namesOf(largest.devices)}`
    problems.push(`the store has ${series} of at most ${seriesMax} series${who}: ${REMEDY} store.seriesMax`)
  }
  for (const one of [...fastest.clients.slice(0, 1), ...fastest.devices.slice(0, 1)]) {
    if (one.series < seriesMax * FAST) continue
    const who = fastest.clients[0] === one ? 'client' : 'device'
    problems.push(`the ${who} ${namesOf([one])} created that many series within an hour: ${REMEDY} store.seriesMax`)
  }
  const isNear = (counts: readonly SeriesCount[], max: number): boolean => (counts[0]?.series ?? 0) >= max * NEARLY_FULL
  const isShort =
    series >= seriesMax * NEARLY_FULL || isNear(largest.clients, perClientMax) || isNear(largest.devices, perDeviceMax)
  if (isShort && lastShortageMs <= SHORTAGE_MS) {
    const isOfDevice =
      series < seriesMax && isNear(largest.devices, perDeviceMax) && !isNear(largest.clients, perClientMax)
    const [bound, setting] =
      series >= seriesMax
        ? [`${seriesMax} series (store.seriesMax)`, 'store.seriesMax']
        : isOfDevice
          ? [`${perDeviceMax} series of one device`, 'store.seriesPerDeviceMax']
          : [`${perClientMax} series of one client`, 'store.seriesPerClientMax']
    const [those, what] = isOfDevice
      ? [largest.devices, 'devices with the most series']
      : [largest.clients, 'clients that created the most series']
    const who = those.length === 0 ? '' : `; ${what}: ${namesOf(those)}`
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
