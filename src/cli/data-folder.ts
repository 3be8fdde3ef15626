import { resolve } from 'node:path'
import { Exit, OperatorError } from '../base/errors.ts'

/** Options of a command that reads a store: its settings file, or its folder. */
export const storeOptions = {
  settings: { kind: 'text', short: 's', value: 'FILE', help: 'Settings file of the edge' },
  data: { kind: 'text', value: 'FOLDER', help: 'Folder of tidegate.db, instead of a settings file' },
} as const

/** The folder that `--settings` or `--data` names; exactly one of them must be given. */
export async function dataFolder(
  { settings, data }: { readonly settings: string | undefined; readonly data: string | undefined },
  env: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  if (settings !== undefined && data === undefined) {
    const { loadEdgeSettings } = await import('../settings/load/load.ts')
    return loadEdgeSettings(settings, env).data
  }
  if (data !== undefined && settings === undefined) return resolve(data)
  throw new OperatorError('which store to read is not clear', {
    remedy: 'give either -s FILE or --data FOLDER',
    exitCode: Exit.USAGE,
  })
}
