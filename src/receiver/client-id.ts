import { createHash } from 'node:crypto'
import { hostname } from 'node:os'
import type { ReceiverSettings } from '../settings/receiver.ts'

const HOST_CHARS_MAX = 32
const HASH_CHARS = 8

/**
 * The id of a receiver at the broker: the setting, or else the same at every start and another one for every host and
 * data folder. Two receivers that share both need ids of their own: a broker ends the connection of the one when the
 * other comes.
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
