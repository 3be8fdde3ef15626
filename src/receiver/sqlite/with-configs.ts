import type { ConfigStore } from '../config/config-store.ts'
import { SqliteConfigs } from './configs.ts'
import { openAlongside, preparerOf } from './database.ts'

/**
 * Opens the config store in a receiver's data folder, whether the receiver runs or not, does the work, and closes it.
 * @throws OperatorError if there is no such database, or it is not of this version
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
