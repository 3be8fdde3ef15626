import { systemClock } from '../base/clock.ts'
import type { History } from '../store/history/history.ts'
import type { StoreReader } from '../store/reader.ts'

/**
 * Opens the `tidegate.db` of a folder read-only, passes it to `use`, and closes it. The edge may be running.
 * @throws OperatorError if there is no database, or its schema is newer
 */
export async function withReader<T>(folder: string, use: (reader: StoreReader) => T): Promise<T> {
  const { openReader } = await import('../store/reader.ts')
  const reader = openReader(folder)
  try {
    return use(reader)
  } finally {
    reader.close()
  }
}

/** The same for history queries. They may take long, because they do not keep a transaction open. */
export async function withHistory<T>(folder: string, use: (history: History) => Promise<T>): Promise<T> {
  const { openReadOnly } = await import('../store/database.ts')
  const { History } = await import('../store/history/history.ts')
  const database = openReadOnly(folder)
  try {
    return await use(new History(database, systemClock))
  } finally {
    database.close()
  }
}
