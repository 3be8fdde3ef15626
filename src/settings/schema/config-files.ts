import { resolve } from 'node:path'
import { z } from 'zod'

/** JSON Schemas for the configs of devices; the same on both sides of config sync. */
export const configSchemas = z
  .array(
    z.strictObject({
      match: z
        .string()
        .regex(/^[^/]+$/, 'must be a pattern without /: it stands for the name of a device')
        .describe('Pattern over the name of the device; `*` stands for any run of characters'),
      file: z.string().min(1).describe('JSON Schema (2020-12), relative to the settings file'),
    }),
  )
  .max(1_000)
  .default([])
  .describe('JSON Schemas that configs must keep to; the first whose `match` fits the device counts')

export interface WithFiles {
  readonly config?: {
    readonly schemas: readonly { readonly match: string; readonly file: string }[]
    readonly custom?: readonly { readonly name: string; readonly module: string }[]
  }
}

/** Settings whose schema files and modules are named from the root. */
export function withConfigFiles<S extends WithFiles>(settings: S, folder: string): S {
  const { config } = settings
  if (config === undefined) return settings
  const schemas = config.schemas.map((entry) => ({ ...entry, file: resolve(folder, entry.file) }))
  const custom = config.custom?.map((entry) => ({ ...entry, module: resolve(folder, entry.module) }))
  return { ...settings, config: { ...config, schemas, ...(custom && { custom }) } }
}
