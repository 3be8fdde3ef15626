import { z } from 'zod'

/** What a settings schema says about one place, as JSON Schema (draft 2020-12), plus the `_file` keys of secrets. */
export interface Outline {
  $schema?: string
  title?: string
  type?: 'object' | 'array' | 'string' | 'number' | 'integer' | 'boolean'
  description?: string
  default?: unknown
  enum?: string[]
  const?: string | number | boolean
  anyOf?: Outline[]
  minimum?: number
  exclusiveMinimum?: number
  maximum?: number
  properties?: Record<string, Outline>
  required?: string[]
  items?: Outline | false
  prefixItems?: Outline[]
  /** A secret: it is never printed, and the file variant of its key exists. */
  writeOnly?: boolean
}

/** A place in the settings: keys of mappings and indexes of lists, from the root. */
export type Path = readonly (string | number)[]

/** Suffix of the setting that names a file with a secret: `password_file` for `password`. */
export const FILE_SUFFIX = '_file'

/** The outline of a settings file. @param title `title` of the JSON Schema */
export function outlineOf(schema: z.ZodType, title: string): Outline {
  // Zod's type of a JSON Schema is wider than the schemas that objects, lists and scalars produce.
  const { $schema, ...outline } = z.toJSONSchema(schema, { io: 'input' }) as Outline & { $schema: string }
  return { $schema, title, ...withSecretFiles(outline) }
}

function withSecretFiles(node: Outline): Outline {
  if (node.items) return { ...node, items: withSecretFiles(node.items) }
  if (node.properties === undefined) return node
  const properties: Record<string, Outline> = {}
  for (const [key, child] of Object.entries(node.properties)) {
    properties[key] = withSecretFiles(child)
    if (child.writeOnly) {
      const description = `File with the value of \`${key}\`, relative to the settings file; a final newline is removed`
      properties[key + FILE_SUFFIX] = { type: 'string', description }
    }
  }
  return { ...node, properties }
}

/** The part of an outline that describes a place; undefined: the place does not exist. */
export function outlineAt(outline: Outline, path: Path): Outline | undefined {
  let node: Outline | undefined = outline
  for (const step of path) {
    if (node === undefined) return undefined
    node = typeof step === 'number' ? (node.prefixItems?.[step] ?? (node.items || undefined)) : node.properties?.[step]
  }
  return node
}

/** The value at a place of plain data, or undefined. */
export function valueAt(data: unknown, path: Path): unknown {
  let value = data
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined
    value = (value as Record<string | number, unknown>)[step]
  }
  return value
}

/** `data` with the value at a place replaced, or removed if `value` is undefined. Copies only what is on the path. */
export function withValueAt(data: unknown, path: Path, value: unknown): unknown {
  const [step, ...rest] = path
  if (step === undefined) return value
  if (typeof step === 'number') {
    const list = Array.isArray(data) ? [...data] : []
    list[step] = withValueAt(list[step], rest, value)
    return list
  }
  const mapping = isMapping(data) ? { ...data } : {}
  const inner = withValueAt(valueAt(mapping, [step]), rest, value)
  if (inner === undefined) delete mapping[step]
  else Object.defineProperty(mapping, step, { value: inner, enumerable: true, configurable: true, writable: true })
  return mapping
}

export function isMapping(data: unknown): data is Record<string, unknown> {
  return typeof data === 'object' && data !== null && !Array.isArray(data)
}

/** A path as text: `uplinks[0].url`; the root is `the file`. */
export function pathText(path: Path): string {
  let text = ''
  for (const step of path) text += typeof step === 'number' ? `[${step}]` : `${text === '' ? '' : '.'}${step}`
  return text === '' ? 'the file' : text
}
