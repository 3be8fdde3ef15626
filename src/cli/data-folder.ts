import { resolve } from 'node:path'
import { Exit, OperatorError } from '../base/errors.ts'

/** Options of a command that reads a store: the settings file of the edge, or its data folder. */
export const storeOptions = {
  settings: { kind: 'text', short: 's', value: 'FILE', help: 'Settings file of the edge' },
  data: { kind: 'text', value: 'FOLDER', help: 'Folder with tidegate.db, instead of a settings file' },
} as const

/**
 * The data folder that `--settings` or `--data` names.
 * @throws OperatorError (exit 64) unless exactly one of them is given
 */
export async function dataFolder(
  { settings, data }: { readonly settings: string | undefined; readonly data: string | undefined },
  env: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  if (settings !== undefined && data === undefined) {
    const { loadEdgeSettings } = await import('../settings/load/load.ts')
    return loadEdgeSettings(settings, env).data
  }
  if (data !== undefined && settings === undefined) return resolve(data)
  throw new OperatorError('cannot tell which store to read: give exactly one of --settings and --data', {
    remedy: 'add -s FILE (settings file of the edge) or --data FOLDER, not both',
    exitCode: Exit.USAGE,
  })
}
