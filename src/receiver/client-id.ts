import { createHash } from 'node:crypto'
import { hostname } from 'node:os'
import type { ReceiverSettings } from '../settings/receiver.ts'

const HOST_CHARS_MAX = 32
const HASH_CHARS = 8

/**
 * The client id of a receiver: the setting, or a name that is the same at every start and differs by host and data
 * folder. Two receivers with the same host name and data folder need `cloud.clientId`: a broker disconnects the first
 * client when a second one connects with the same id.
 */
export function clientIdOf({
  cloud,
  data,
}: {
  cloud: Pick<ReceiverSettings['cloud'], 'clientId'>
  data: string
}): string {
  if (cloud.clientId !== undefined) return cloud.clientId
  const host = hostname()
    .replaceAll(/[^A-Za-z0-9.-]/g, '-')
    .slice(0, HOST_CHARS_MAX)
  const folder = createHash('sha256').update(data).digest('hex').slice(0, HASH_CHARS)
  return `tidegate-receiver-${host}-${folder}`
}
