import { resolve } from 'node:path'
import { z } from 'zod'

/** JSON Schemas for device configs. An edge and a receiver have the same setting. */
export const configSchemas = z
  .array(
    z.strictObject({
      match: z
        .string()
        .regex(/^[^/]+$/, 'must be a pattern without /: it matches the name of a device')
        .describe('Pattern for the name of the device; `*` matches any characters, also none'),
      file: z.string().min(1).describe('JSON Schema (2020-12), relative to the settings file'),
    }),
  )
  .max(1_000)
  .default([])
  .describe('JSON Schemas for device configs; the first entry whose `match` fits the device applies')

export interface WithFiles {
  readonly config?: {
    readonly schemas: readonly { readonly match: string; readonly file: string }[]
    readonly custom?: readonly { readonly name: string; readonly module: string }[]
  }
}

/** The settings with absolute paths of schema files and modules. @param folder folder of the settings file */
export function withConfigFiles<S extends WithFiles>(settings: S, folder: string): S {
  const { config } = settings
  if (config === undefined) return settings
  const schemas = config.schemas.map((entry) => ({ ...entry, file: resolve(folder, entry.file) }))
  const custom = config.custom?.map((entry) => ({ ...entry, module: resolve(folder, entry.module) }))
  return { ...settings, config: { ...config, schemas, ...(custom && { custom }) } }
}
