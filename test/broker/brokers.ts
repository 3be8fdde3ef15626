import { silentLog } from '../../src/base/log.ts'
import { Broker } from '../../src/broker/broker.ts'
import type { IncomingId } from '../../src/broker/intake.ts'
import { type BrokerSettings, edgeSettings } from '../../src/settings/edge.ts'
import { ManualIntake } from '../../support/manual-intake.ts'
import { onStop } from '../../support/started.ts'

/**
 * A broker on a free port, with an intake whose publishes the test settles by hand. Messages without a route are
 * acknowledged at once, unless the settings say otherwise.
 */
export async function startBroker(
  settings: Partial<BrokerSettings> = {},
  incoming: readonly IncomingId[] = [],
): Promise<{ broker: Broker; intake: ManualIntake; port: number }> {
  const defaults = edgeSettings.parse({ edge: 'test', broker: { tcp: { host: '127.0.0.1', port: 0 } } }).broker
  const intake = new ManualIntake()
  const broker = await Broker.start({ ...defaults, unrouted: 'ack', ...settings }, { intake, incoming, log: silentLog })
  onStop(() => broker.stop())
  return { broker, intake, port: broker.address.port }
}
