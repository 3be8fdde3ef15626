import type { SchemaCheck, SchemaEntry } from '../../config/schema-check.ts'

/**
 * `loadSchemas`, whose code is only loaded if there are schemas: few edges have any, and it takes a tenth of a start.
 * @throws OperatorError for a file that cannot be read or is not a schema
 */
export async function checkOf(schemas: readonly SchemaEntry[]): Promise<SchemaCheck> {
  if (schemas.length === 0) return () => []
  const { loadSchemas } = await import('../../config/schema-check.ts')
  return loadSchemas(schemas)
}
