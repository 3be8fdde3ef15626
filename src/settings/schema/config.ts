import { z } from 'zod'
import { configSchemas } from './config-files.ts'
import { bytes, count, ms } from './fields.ts'

const onConflict = z.union(
  [
    z.enum(['cloud', 'edge', 'lww', 'manual']),
    z.templateLiteral(['custom:', z.string().regex(/^[A-Za-z0-9_-]{1,64}$/)]),
  ],
  'must be cloud, edge, lww, manual or custom:NAME',
)

const policy = z.strictObject({
  path: z
    .string()
    .startsWith('/', 'must begin with /')
    .max(1_024)
    .describe('JSON Pointer; `*` matches one key, `**` any number of keys: `/safety/**`'),
  onConflict: onConflict.describe(
    'Who wins: `cloud`, `edge`, `lww` (the newer edit), `manual` (a person decides), `custom:NAME` (min, max, ' +
      'union, intersect, or a function from `config.custom`)',
  ),
})

const keyedArray = z.strictObject({
  path: z.string().max(1_024).describe('JSON Pointer of an array, with the same wildcards as `policies[].path`'),
  key: z.string().min(1).max(128).describe('Member that identifies an element of the array'),
})

const custom = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1 to 64 of A–Z a–z 0–9 _ -')
    .describe('Name of the function; policies refer to it as `custom:NAME`'),
  module: z
    .string()
    .min(1)
    .describe(
      'JavaScript module, relative to the settings file; its default export is a function (base, edge, cloud) => value',
    ),
})

/** How device configs come down from the cloud, and how edits on both sides are merged. */
export const config = z.strictObject({
  enabled: z.boolean().default(true).describe('Config sync; false: `devices/…/config` topics are ordinary MQTT'),
  uplink: z
    .string()
    .optional()
    .describe(
      'Name of the uplink that carries configs; default: the first one whose preset is neither `aws-iot-core` nor ' +
        '`azure-event-grid`',
    ),
  local: z
    .enum(['plain', 'envelope'])
    .default('plain')
    .describe('What a device receives: `plain`: its config; `envelope`: `{rev, hash, deleted, config}`'),
  policies: z
    .array(policy)
    .max(1_000)
    .default([])
    .describe(
      'Who wins when both sides changed the same path; the first entry that covers the path applies, else `cloud`',
    ),
  deleteModify: z
    .enum(['keep', 'delete', 'manual'])
    .default('keep')
    .describe(
      'When one side deleted what the other changed and no policy covers the path: `keep` the change, `delete`, ' +
        'or `manual`',
    ),
  keyedArrays: z
    .array(keyedArray)
    .max(1_000)
    .default([])
    .describe('Arrays that are merged element by element; all other arrays are one value'),
  conflictDeadlineMs: ms
    .min(1_000)
    .default(604_800_000)
    .describe('An open conflict is reported as overdue after this time'),
  afterDeadline: z
    .enum(['wait', 'cloud', 'edge'])
    .default('wait')
    .describe('What happens to an overdue conflict: it stays open (`wait`), or one side wins'),
  schemas: configSchemas,
  custom: z.array(custom).max(100).default([]).describe('Your own functions that decide conflicts'),
  customTimeoutMs: ms
    .min(1)
    .max(10_000)
    .default(250)
    .describe(
      'Time limit for all calls of functions of `custom` in one merge; after it they are stopped, and a person decides ' +
        'what is left',
    ),
  editors: z
    .array(z.string().min(1))
    .max(10_000)
    .default(['*'])
    .describe(
      'Client ids that may publish to `devices/…/config/set`; `*` matches any characters but `/`. Others are ' +
        'answered with 403',
    ),
  devicesMax: count
    .max(1_000_000)
    .default(20_000)
    .describe(
      'Devices that can have a config. For one more, an edit is answered with 429, and a config from the cloud is ' +
        'ignored and counted',
    ),
  bytesMax: bytes
    .min(65_536)
    .default(268_435_456)
    .describe(
      'Maximum bytes of all configs of devices in the store, with their revisions and changes, never more than a quarter ' +
        'of `store.maxBytes`. Beyond it an edit that deletes nothing is answered with 429, and a config from the cloud ' +
        'is ignored and counted',
    ),
})

export type ConfigSettings = z.output<typeof config>

/**
 * Presets of brokers that close the connection over a topic that their policy does not allow: no configs by default.
 */
export const STRICT_PRESETS: readonly (string | undefined)[] = ['aws-iot-core', 'azure-event-grid']

/** Name of the uplink that carries configs; undefined: none does. */
export function configCarrier(
  { enabled, uplink }: Pick<ConfigSettings, 'enabled' | 'uplink'>,
  uplinks: readonly { readonly name: string; readonly preset?: string | undefined }[],
): string | undefined {
  if (!enabled) return undefined
  return uplink ?? uplinks.find(({ preset }) => !STRICT_PRESETS.includes(preset))?.name
}
