import type { Fleet } from '../fleet/fleet.ts'
import { openAlongside, preparerOf } from './database.ts'
import { SqliteFleet } from './fleet.ts'

/**
 * Opens the fleet view in a receiver's data folder, whether the receiver runs or not, does the work, and closes it.
 * @throws OperatorError if there is no such database, or it is not of this version
 */
export async function withFleet<T>(
  folder: string,
  { write }: { write: boolean },
  work: (fleet: Fleet) => Promise<T>,
): Promise<T> {
  const database = openAlongside(folder, { write })
  try {
    return await work(new SqliteFleet(preparerOf(database), (step) => database.transaction(step).immediate()))
  } finally {
    database.close()
  }
}
