import { resolve } from 'node:path'
import { Exit, OperatorError } from '../../../base/errors.ts'
import type { Fleet } from '../../../receiver/fleet/fleet.ts'

/** Options of a command that reads the database of a receiver: its settings file, or its data folder. */
export const receiverOptions = {
  settings: { kind: 'text', short: 's', value: 'FILE', help: 'Settings file of the receiver' },
  data: { kind: 'text', value: 'FOLDER', help: 'Folder with received.db, instead of a settings file' },
} as const

/**
 * Opens the fleet tables of the receiver that `--settings` or `--data` names; the receiver may be running.
 * @throws OperatorError if not exactly one of them is given, or there is no database
 */
export async function askFleet<T>(
  { settings: file, data }: { readonly settings: string | undefined; readonly data: string | undefined },
  { env, write }: { env: Readonly<Record<string, string | undefined>>; write: boolean },
  work: (fleet: Fleet) => Promise<T>,
): Promise<T> {
  if ((file === undefined) === (data === undefined)) {
    throw new OperatorError('cannot tell which receiver is meant: give exactly one of --settings and --data', {
      remedy: 'add -s FILE (settings file of the receiver) or --data FOLDER, not both',
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
