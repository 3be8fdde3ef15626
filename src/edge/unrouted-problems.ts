import type { UnroutedStats } from '../broker/guards/unrouted.ts'
import type { StoreStatus } from '../store-thread/protocol.ts'

/** Messages that were dropped are a problem for this long (ms). */
const DROPPED_MS = 3_600_000

const FATES: Readonly<Record<UnroutedStats['policy'], string>> = {
  store: 'are kept (`tidegate unrouted list`)',
  refuse: 'were not acknowledged',
  ack: 'are lost (`broker.unrouted: ack`)',
}

/** Problems with messages whose topic has no route and no local subscriber. Pure. */
export function unroutedProblems(
  { policy, recent, topics }: UnroutedStats,
  kept: StoreStatus['unrouted'],
  { reportUnrouted }: { readonly reportUnrouted: boolean },
): string[] {
  const problems: string[] = []
  if (kept.routed > 0) {
    problems.push(
      `${kept.routed} messages that were kept without a route have one now: store them with \`tidegate unrouted replay\`, ` +
        'or discard them with `tidegate unrouted drop --all`',
    )
  }
  if (!reportUnrouted) return problems
  if (recent > 0) {
    const remedy =
      policy === 'store' ? 'Add a route for them and run `tidegate unrouted replay`' : 'Add a route for them'
    problems.push(
      `${recent} messages in the last ten minutes had no route and no subscriber, and ${FATES[policy]}; last topics: ` +
        `${topics.map((topic) => JSON.stringify(topic)).join(', ')}. ${remedy}, or set \`broker.reportUnrouted\` to ` +
        'false if they are of no use',
    )
  }
  const { dropped, lastDroppedMs = Infinity, countMax, bytesMax, removedForRoom } = kept
  if (lastDroppedMs <= DROPPED_MS) {
    const why =
      removedForRoom > 0 ? 'readings needed the room' : `at most ${countMax} messages and ${bytesMax} bytes are kept`
    problems.push(
      `${dropped} messages without a route were dropped, because ${why}: add a route, remove those of no use with ` +
        '`tidegate unrouted drop`, or raise `store.unroutedMax` and `store.unroutedBytesMax`',
    )
  }
  return problems
}
