import type { ConfigStore } from '../config/config-store.ts'
import { SqliteConfigs } from './configs.ts'
import { openAlongside, preparerOf } from './database.ts'

/**
 * Opens what a receiver keeps of configs, in its data folder, whether it runs or not; does the work, and closes it.
 * @throws OperatorError when there is no such database, or when it is not of this version
 */
export async function withConfigs<T>(
  folder: string,
  { write }: { write: boolean },
  work: (store: ConfigStore) => Promise<T>,
): Promise<T> {
  const database = openAlongside(folder, { write })
  try {
    if (write) database.pragma('synchronous = FULL')
    return await work(new SqliteConfigs(preparerOf(database), (step) => database.transaction(step).immediate()))
  } finally {
    database.close()
  }
}
