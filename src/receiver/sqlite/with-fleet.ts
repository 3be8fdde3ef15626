import type { Fleet } from '../fleet/fleet.ts'
import { openAlongside, preparerOf } from './database.ts'
import { SqliteFleet } from './fleet.ts'

/**
 * Opens what a receiver knows of its edges, in its data folder, whether it runs or not; asks the work, and closes it.
 * @throws OperatorError when there is no such database, or when it is not of this version
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
