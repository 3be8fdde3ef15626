import { userInfo } from 'node:os'
import { resolve } from 'node:path'
import { Exit, OperatorError } from '../../../base/errors.ts'
import type { CloudConfig } from '../../../receiver/config/cloud-config.ts'
import type { ConfigStore } from '../../../receiver/config/config-store.ts'
import type { DeviceKey } from '../../../receiver/config/device-key.ts'
import type { ReceiverSettings } from '../../../settings/receiver.ts'
import { shared } from '../../command.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** Options of a command that only reads: the settings file of the receiver, or its data folder. */
export const readOptions = {
  settings: { kind: 'text', short: 's', value: 'FILE', help: 'Settings file of the receiver' },
  data: { kind: 'text', value: 'FOLDER', help: 'Folder with received.db, instead of a settings file' },
  json: shared.json,
} as const

/** Options of a command that writes: it needs the settings, because they contain schemas and limits. */
export const writeOptions = {
  settings: { ...shared.settings, help: 'Settings file of the receiver' },
  by: { kind: 'text', value: 'NAME', help: 'Author for the change log; default: the login name' },
  json: shared.json,
} as const

export const deviceOperands = {
  value: 'EDGE DEVICE',
  help: 'Name of the edge and name of the device',
  min: 2,
  max: 2,
} as const

export function deviceKey([edge = '', device = '']: readonly string[]): DeviceKey {
  return { edge, device }
}

/** The config tables of a receiver; the receiver may be running. */
export interface ConfigSource {
  readonly config: CloudConfig
  readonly store: ConfigStore
  /** Undefined if only a data folder is given. */
  readonly settings: ReceiverSettings | undefined
}

/**
 * Opens the config tables of the receiver that `--settings` or `--data` names, passes them to `work`, and closes them.
 * @throws OperatorError if not exactly one of them is given, or there is no database
 */
export async function withSource<T>(
  { settings: file, data }: { readonly settings: string | undefined; readonly data?: string | undefined },
  { env, write }: { readonly env: Environment; readonly write: boolean },
  work: (source: ConfigSource) => Promise<T>,
): Promise<T> {
  if ((file === undefined) === (data === undefined)) {
    throw new OperatorError('cannot tell which receiver is meant: give exactly one of --settings and --data', {
      remedy: 'add -s FILE (settings file of the receiver) or --data FOLDER, not both',
      exitCode: Exit.USAGE,
    })
  }
  const settings = file === undefined ? undefined : await load(file, env)
  const { CloudConfig } = await import('../../../receiver/config/cloud-config.ts')
  const { limitsOf } = await import('../../../receiver/config/settings.ts')
  const { loadSchemas } = await import('../../../config/schema-check.ts')
  const rules = settings && { limits: limitsOf(settings), check: loadSchemas(settings.config.schemas) }
  const run = (store: ConfigStore): Promise<T> =>
    work({ config: new CloudConfig({ store, ...rules }), store, settings })
  if (settings?.sink === undefined) {
    const { withConfigs } = await import('../../../receiver/sqlite/with-configs.ts')
    return withConfigs(settings?.data ?? resolve(data!), { write }, run)
  }
  const { PostgresSink } = await import('../../../receiver/postgres/postgres-sink.ts')
  const sink = PostgresSink.open(settings.sink, settings.postgres)
  try {
    return await run(sink.configs)
  } finally {
    await sink.close()
  }
}

async function load(file: string, env: Environment): Promise<ReceiverSettings> {
  const { loadReceiverSettings } = await import('../../../settings/load/load.ts')
  return loadReceiverSettings(file, env)
}

/** The author of a change, as it appears in revisions and in the change log. */
export function byOf(name: string | undefined): { readonly by: string } {
  return { by: `user:${name ?? loggedIn()}` }
}

function loggedIn(): string {
  try {
    return userInfo().username
  } catch {
    return 'unknown' // a user id without a name, as in containers
  }
}
