import { pause } from '../../base/clock.ts'
import { cloudFilter, readCloudTopic } from '../../config/topics.ts'
import { parseRevision } from '../../config/wire.ts'
import { openLink } from '../../link/open.ts'
import type { CloudSettings } from '../../settings/receiver.ts'
import type { ConfigLimits, ConfigStore } from './config-store.ts'
import { workOn } from './device.ts'
import type { DeviceKey } from './device-key.ts'

/**
 * A broker does not mark the end of its retained messages: they count as complete when none arrives for this long
 * (milliseconds).
 */
const QUIET_MS = 2_000
/** Devices of one transaction. */
const PAGE = 64

/**
 * The largest incarnation of the cloud in the broker's retained config messages, in both directions; 0: there is
 * none.
 * @throws LinkError if the broker cannot be reached, or refuses
 */
export async function newestIncarnation(cloud: CloudSettings, clientId: string): Promise<number> {
  const { url, tls, username, password, keepaliveS, connectTimeoutMs, prefix } = cloud
  let newest = 0
  let heardAt = performance.now()
  const link = await openLink({
    url,
    tls,
    clientId,
    username,
    password,
    keepaliveS,
    connectTimeoutMs,
    session: false,
    onMessage: (topic, payload) => {
      heardAt = performance.now()
      const device = readCloudTopic(prefix, topic)?.device
      const revision = device === undefined ? undefined : parseRevision(payload, device)
      if (revision?.ok) newest = Math.max(newest, revision.value.rev.ci)
    },
  })
  try {
    for (const what of ['head', 'desired'] as const) await link.subscribe(cloudFilter(prefix, '+', what), 0)
    heardAt = performance.now()
    while (performance.now() < heardAt + QUIET_MS) await pause(heardAt + QUIET_MS - performance.now())
    return newest
  } finally {
    await link.close()
  }
}

/**
 * After the database was set back to an earlier state: every device continues in a new incarnation, so that no
 * revision name is used twice, and is published again. An edge that has changed its config meanwhile keeps that, and
 * proposes it.
 * @param seen from `newestIncarnation`
 * @returns the number of devices
 */
export async function renewAll(
  store: ConfigStore,
  { seen, limits, now }: { readonly seen: number; readonly limits: ConfigLimits; readonly now: number },
): Promise<number> {
  let count = 0
  let after: DeviceKey | undefined
  for (;;) {
    const page = await store.list({ after, limit: PAGE })
    if (page.length === 0) return count
    await store.change(page, limits, (known) => {
      const env = { now, check: () => [] }
      const event = { kind: 'restore', seen: [seen] } as const
      return {
        writes: known.flatMap((one) => (one ? (workOn(one, one, [event], env).write ?? []) : [])),
        result: undefined,
      }
    })
    count += page.length
    after = page.at(-1)
  }
}
