import type { StoreReader } from '../store/reader.ts'

/**
 * Opens the `tidegate.db` of a folder for reading, also beside a running edge, hands it to `use`, and closes it.
 * Throws an OperatorError when there is no database, or a newer one.
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
