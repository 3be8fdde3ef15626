import type { ConfigReader } from '../../../store/config/config-reader.ts'

/** Opens the configs of a data folder read-only, passes them to `use`, and closes them. The edge may be running. */
export async function withConfigReader<T>(folder: string, use: (configs: ConfigReader) => T | Promise<T>): Promise<T> {
  const { openConfigReader } = await import('../../../store/config/config-reader.ts')
  const configs = openConfigReader(folder)
  try {
    return await use(configs)
  } finally {
    configs.close()
  }
}
