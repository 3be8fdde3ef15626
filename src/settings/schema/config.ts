import { z } from 'zod'
import { configSchemas } from './config-files.ts'
import { count, ms } from './fields.ts'

const onConflict = z.union([
  z.enum(['cloud', 'edge', 'lww', 'manual']),
  z.templateLiteral(['custom:', z.string().regex(/^[A-Za-z0-9_-]{1,64}$/)]),
])

const policy = z.strictObject({
  path: z
    .string()
    .startsWith('/')
    .max(1_024)
    .describe('JSON pointer; `*` stands for one key, `**` for any number: `/safety/**`'),
  onConflict: onConflict.describe(
    'Who wins: `cloud`, `edge`, `lww` (the newer edit), `manual` (a person), `custom:NAME` (min, max, union, intersect, or ' +
      'a function of `custom`)',
  ),
})

const keyedArray = z.strictObject({
  path: z.string().max(1_024).describe('JSON pointer of an array, with the same wildcards'),
  key: z.string().min(1).max(128).describe('Member that names an element of it'),
})

const custom = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/)
    .describe('As policies say it after `custom:`'),
  module: z
    .string()
    .min(1)
    .describe(
      'JavaScript module, relative to the settings file; its default export is a function of (base, edge, cloud)',
    ),
})

/** How configs of devices come down, and what becomes of edits on both sides. */
export const config = z.strictObject({
  enabled: z.boolean().default(true).describe('false: `devices/…/config` topics are ordinary MQTT'),
  uplink: z
    .string()
    .optional()
    .describe(
      'Name of the uplink whose broker has the configs; without it the first one, but none with preset `aws-iot-core` or ' +
        '`azure-event-grid`',
    ),
  local: z
    .enum(['plain', 'envelope'])
    .default('plain')
    .describe('What a device reads: its config, or `{rev, hash, deleted, config}`'),
  policies: z.array(policy).max(1_000).default([]).describe('Who wins a conflict; the first that covers a path counts'),
  deleteModify: z
    .enum(['keep', 'delete', 'manual'])
    .default('keep')
    .describe('When one side deleted what the other changed, where no policy covers the path'),
  keyedArrays: z.array(keyedArray).max(1_000).default([]).describe('Arrays that are merged element by element'),
  conflictDeadlineMs: ms
    .min(1_000)
    .default(604_800_000)
    .describe('An open conflict is told of as overdue after so long'),
  afterDeadline: z
    .enum(['wait', 'cloud', 'edge'])
    .default('wait')
    .describe('What becomes of it then: it stays open, or one side wins'),
  schemas: configSchemas,
  custom: z.array(custom).max(100).default([]).describe('Functions that decide conflicts'),
  customTimeoutMs: ms
    .min(1)
    .max(10_000)
    .default(250)
    .describe('A function that takes longer is ended; a person decides'),
  editors: z
    .array(z.string().min(1))
    .max(10_000)
    .default(['*'])
    .describe(
      'Client ids that may publish to `devices/…/config/set`, with `*` for any run of characters; others get 403',
    ),
  devicesMax: count.max(1_000_000).default(20_000).describe('Devices with a config; one more is refused with 429'),
})

export type ConfigSettings = z.output<typeof config>

/** Brokers that end a connection over a topic that their policy does not name: configs travel there only when asked for. */
export const STRICT_PRESETS: readonly (string | undefined)[] = ['aws-iot-core', 'azure-event-grid']

/** Name of the uplink that carries configs; undefined: none does. */
export function configCarrier(
  { enabled, uplink }: Pick<ConfigSettings, 'enabled' | 'uplink'>,
  uplinks: readonly { readonly name: string; readonly preset?: string | undefined }[],
): string | undefined {
  if (!enabled) return undefined
  return uplink ?? uplinks.find(({ preset }) => !STRICT_PRESETS.includes(preset))?.name
}
