import { z } from 'zod'
import { hashOf } from './canonical.ts'
import { checkConfig, type Parsed, parseJson } from './document.ts'
import { parseHlc } from './hlc.ts'
import { isObject, type Json, type JsonObject, MISSING, member } from './json.ts'
import { parseRev, type Rev, type Revision } from './revision.ts'

/** The messages of config sync. Parsing never throws: a malformed message is returned as a refusal. */

const counter = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER)
const incarnation = z.string().regex(/^[A-Za-z0-9_-]{0,32}$/, 'must be up to 32 of A–Z a–z 0–9 _ -')
const shortText = z.string().max(128)
const hash = z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'must be a SHA-256 in base64url')
const rev: z.ZodType<Rev> = z.strictObject({ c: counter, ci: counter, e: counter, ei: incarnation })
const cid = z.string().regex(/^[0-9a-f]{16}$/, 'must be 16 hex digits')

const revisionMessage = z.strictObject({
  v: z.literal(1),
  device: shortText,
  rev,
  base: rev.nullable().default(null),
  hash,
  deleted: z.boolean(),
  config: z.unknown(),
  hlc: z.string().refine((text) => parseHlc(text) !== undefined, 'must be ms-counter-node'),
  by: shortText,
  resolves: cid.optional(),
})

/**
 * A message on a desired topic. `versioned` and `bare` have no revision name: they are for simple clouds, see
 * README.md.
 */
export type DesiredMessage =
  | { readonly form: 'full'; readonly revision: Revision }
  | { readonly form: 'versioned'; readonly version: number; readonly config: JsonObject }
  | { readonly form: 'bare'; readonly config: JsonObject }
  /** The topic was cleared. That deletes nothing; only a tombstone does. */
  | { readonly form: 'empty' }

export function renderRevision(device: string, { rev, base, hash, config, hlc, by, resolves }: Revision): string {
  const deleted = config === null
  return JSON.stringify({ v: 1, device, rev, base, hash, deleted, config, hlc, by, ...(resolves && { resolves }) })
}

/** Reads a head or a full desired message. Refuses a message for another device, or with a hash that does not match. */
export function parseRevision(bytes: Uint8Array | string, device: string): Parsed<Revision> {
  const json = parseJson(bytes)
  return json.ok ? revisionIn(json.value, device) : json
}

/** Reads any message of a desired topic. An empty payload has the form `empty`. */
export function parseDesired(bytes: Uint8Array | string, device: string): Parsed<DesiredMessage> {
  if (bytes.length === 0) return { ok: true, value: { form: 'empty' } }
  const json = parseJson(bytes)
  if (!json.ok) return json
  const { value } = json
  if (isFull(value)) {
    const revision = revisionIn(value, device)
    return revision.ok ? { ok: true, value: { form: 'full', revision: revision.value } } : revision
  }
  const version = versionIn(value)
  const config = checkConfig(version === undefined ? value : (member(value, 'config') as Json))
  if (!config.ok) return config
  if (version === undefined) return { ok: true, value: { form: 'bare', config: config.value } }
  return { ok: true, value: { form: 'versioned', version, config: config.value } }
}

/** Whether a message is meant as a full one: then a fault in it is a refusal, and it is not read as a bare config. */
function isFull(value: Json): boolean {
  const has = (key: string): boolean => member(value, key) !== MISSING
  return has('config') && (has('rev') || has('hash') || has('deleted'))
}

function versionIn(value: Json): number | undefined {
  if (!isObject(value) || Object.keys(value).length !== 2 || !isObject(member(value, 'config'))) return undefined
  return counter.safeParse(member(value, 'version')).data
}

function revisionIn(json: Json, device: string): Parsed<Revision> {
  const read = revisionMessage.safeParse(json)
  if (!read.success) return refused(read.error)
  const { v: _v, device: named, deleted, config, resolves, ...rest } = read.data
  if (named !== device)
    return { ok: false, code: 400, reason: `the message is for device "${named}": publish it on its topic` }
  if (deleted !== (config === null)) {
    return {
      ok: false,
      code: 400,
      reason: '`deleted` and `config` contradict each other: `config` is null exactly if `deleted` is true',
    }
  }
  const checked: Parsed<JsonObject | null> = config === null ? { ok: true, value: null } : checkConfig(config as Json)
  if (!checked.ok) return checked
  if (hashOf(checked.value) !== rest.hash) {
    return { ok: false, code: 400, reason: 'the hash does not match the config: hash its canonical text (RFC 8785)' }
  }
  return { ok: true, value: { ...rest, config: checked.value, ...(resolves !== undefined && { resolves }) } }
}

/** The content of an edit; it is checked when the edit is made. */
export type Edit =
  | { readonly patch: Json; readonly config?: never; readonly delete?: never }
  | { readonly config: Json; readonly patch?: never; readonly delete?: never }
  | { readonly delete: true; readonly patch?: never; readonly config?: never }

/** A local edit. With `ifRev` it is refused (409) if another revision is in force. */
export type LocalSet = { readonly id: string; readonly ifRev?: Rev } & Edit

const revOrText = z.union([rev, z.string().transform((text, context) => parseRev(text) ?? fail(context))])
const setMessage = z.strictObject({
  id: z.string().min(1).max(128),
  ifRev: revOrText.optional(),
  patch: z.unknown().optional(),
  config: z.unknown().optional(),
  delete: z.literal(true).optional(),
})

function fail(context: z.core.$RefinementCtx): never {
  context.issues.push({ code: 'custom', message: 'must have the form c12.1-e7.k3f9', input: context.value })
  return z.NEVER
}

/** An edit or a refusal; the refusal has the `id` of the edit if it could be read. */
export type ParsedSet = Parsed<LocalSet> | (Extract<Parsed<LocalSet>, { ok: false }> & { readonly id: string })

/** Reads an edit from the local set topic. @param retained flag of the message: a retained edit is refused */
export function parseSet(bytes: Uint8Array | string, { retained }: { retained: boolean }): ParsedSet {
  const json = parseJson(bytes)
  if (!json.ok) return json
  const id = member(json.value, 'id')
  const answer = typeof id === 'string' && id.length <= 128 ? { id } : {}
  if (retained) {
    return {
      ok: false,
      code: 400,
      reason: 'a retained edit would be made repeatedly: do not retain it',
      ...answer,
    }
  }
  const read = setMessage.safeParse(json.value)
  if (!read.success) return { ...refused(read.error), ...answer }
  const edits = ['patch', 'config', 'delete'].filter((key) => member(json.value, key) !== MISSING)
  if (edits.length !== 1) {
    return {
      ok: false,
      code: 400,
      reason: 'an edit must have exactly one of `patch`, `config` and `delete`',
      ...answer,
    }
  }
  return { ok: true, value: read.data as LocalSet }
}

/** A message from a device: the answer to a config, or (with `config`) the config that it runs. */
export interface DeviceMessage {
  readonly rev?: Rev
  readonly hash?: string
  readonly code: number
  readonly message: string
  readonly config?: JsonObject
}

const deviceMessage = z
  .strictObject({
    rev: revOrText.optional(),
    hash: hash.optional(),
    code: z.number().int().min(100).max(599).default(200),
    message: z.string().max(512).default(''),
    config: z.unknown().optional(),
  })
  .refine(({ hash, config }) => hash !== undefined || config !== undefined, 'must have a `hash` or a `config`')

/** Reads a message of a device from the local ack topic. */
export function parseDeviceMessage(bytes: Uint8Array | string): Parsed<DeviceMessage> {
  const json = parseJson(bytes)
  if (!json.ok) return json
  const read = deviceMessage.safeParse(json.value)
  if (!read.success) return refused(read.error)
  const { config, rev, hash, ...rest } = read.data
  const named = { ...rest, ...(rev !== undefined && { rev }), ...(hash !== undefined && { hash }) }
  if (config === undefined) return { ok: true, value: named }
  const checked = checkConfig(config as Json)
  return checked.ok ? { ok: true, value: { ...named, config: checked.value } } : checked
}

function refused(error: z.ZodError): { ok: false; code: 400; reason: string } {
  const [first] = error.issues
  const where = first === undefined || first.path.length === 0 ? 'the message' : `\`${first.path.join('.')}\``
  return { ok: false, code: 400, reason: `${where}: ${first?.message ?? 'is invalid'}` }
}
