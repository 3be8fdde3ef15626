import { resolve } from 'node:path'
import { Exit, OperatorError } from '../../../base/errors.ts'
import type { Fleet } from '../../../receiver/fleet/fleet.ts'

/** Options of a command that asks what a receiver knows: its settings file, or its folder. */
export const receiverOptions = {
  settings: { kind: 'text', short: 's', value: 'FILE', help: 'Settings file of the receiver' },
  data: { kind: 'text', value: 'FOLDER', help: 'Folder of received.db, instead of a settings file' },
} as const

/**
 * Asks the fleet of the receiver that `--settings` or `--data` names, whether it runs or not.
 * @throws OperatorError when it is not clear which, or when there is none
 */
export async function askFleet<T>(
  { settings: file, data }: { readonly settings: string | undefined; readonly data: string | undefined },
  { env, write }: { env: Readonly<Record<string, string | undefined>>; write: boolean },
  work: (fleet: Fleet) => Promise<T>,
): Promise<T> {
  if ((file === undefined) === (data === undefined)) {
    throw new OperatorError('which receiver to ask is not clear', {
      remedy: 'give either -s FILE or --data FOLDER',
      exitCode: Exit.USAGE,
    })
  }
  const { withFleet } = await import('../../../receiver/sqlite/with-fleet.ts')
  if (file === undefined) return withFleet(resolve(data!), { write }, work)
  const { loadReceiverSettings } = await import('../../../settings/load/load.ts')
  const settings = loadReceiverSettings(file, env)
  const { sink: url, postgres, data: folder } = settings
  if (url === undefined) return withFleet(folder, { write }, work)
  const { PostgresSink } = await import('../../../receiver/postgres/postgres-sink.ts')
  const sink = PostgresSink.open(url, postgres)
  try {
    return await work(sink.fleet)
  } finally {
    await sink.close()
  }
}
