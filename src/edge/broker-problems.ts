import type { BrokerStats } from '../broker/broker.ts'
import type { RefusalReason } from '../broker/guards/refusals.ts'

/** An exception in the broker is a problem for this time (ms). */
const FAILURE_SHOWN_MS = 3_600_000
/** Fewer refusals of one reason in ten minutes are no problem: a scan of the network, or a device that was tried out. */
const REFUSALS_MIN = 10
/** Refusals that are a problem even once: others than the sender pay for them, or are about to. */
const SERIOUS: readonly RefusalReason[] = ['connections', 'connectionsPerAddress', 'incomplete', 'slowSubscriber']

const TEXTS: Readonly<Record<RefusalReason, string>> = {
  connections: 'connections were refused: as many as `broker.connectionsMax` allows were open',
  connectionsPerAddress:
    'connections were refused: as many as `broker.connectionsPerAddressMax` allows came from one address',
  malformed: 'connections were closed because they sent what is not MQTT 3.1 or 3.1.1',
  tooLarge: 'connections were closed because of a packet larger than `broker.packetBytesMax` (64 KiB before the login)',
  incomplete: 'connections were closed because incomplete packets took more than `broker.pendingBytesMax`',
  illFormedText: 'connections were closed because of a text that is not UTF-8',
  clientId: 'clients were refused because of their client id',
  will: 'clients were refused because of their will',
  topic: 'connections were closed because they published to a topic that is not allowed',
  filter: 'connections were closed because they subscribed with a filter that is not allowed',
  messageId: 'connections were closed because of a message id of 0',
  qos2Window: 'connections were closed because too many of their QoS 2 messages waited for PUBREL',
  slowSubscriber:
    'local subscribers were disconnected because they had more unread than `broker.slowSubscriberBytesMax`',
}

/** Problems with what clients send to the broker. Pure. */
export function brokerProblems({
  failures,
  refusals,
  takeovers,
}: Pick<BrokerStats, 'failures' | 'refusals' | 'takeovers'>): string[] {
  const problems: string[] = []
  if (failures.agoMs !== undefined && failures.agoMs < FAILURE_SHOWN_MS) {
    problems.push(
      `the broker has a defect: ${failures.count} exceptions, the last one in ${failures.place}, each disconnected one ` +
        'client; the log has the details, please report them',
    )
  }
  for (const { client, takeovers: count, addresses } of takeovers.fights) {
    problems.push(
      `devices with the same client id ${JSON.stringify(client)} disconnect each other (${count} times), from ` +
        `${addresses.join(', ')}: give each device a client id of its own`,
    )
  }
  for (const [reason, count] of Object.entries(refusals) as [RefusalReason, { recent: number } | undefined][]) {
    const { recent } = count ?? { recent: 0 }
    if (recent === 0 || (recent < REFUSALS_MIN && !SERIOUS.includes(reason))) continue
    problems.push(`${recent} ${TEXTS[reason]}, in the last ten minutes (the log names clients)`)
  }
  return problems
}
