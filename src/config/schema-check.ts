import { Ajv, type AnySchema, type ErrorObject, type ValidateFunction } from 'ajv'
import { Ajv2019 } from 'ajv/dist/2019.js'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { Exit, messageOf, OperatorError } from '../base/errors.ts'
import { readRegularFile } from '../base/files/regular-file.ts'
import { pattern } from '../base/pattern.ts'
import type { JsonObject } from './json.ts'
import { linearRegExp, withLinearKeywords } from './schema-keywords.ts'

/** A JSON Schema for the configs of the devices whose names match. */
export interface SchemaEntry {
  /** Pattern for the name of the device; `*` matches any characters, also none. */
  readonly match: string
  /** Absolute path of the schema, or relative to the working directory. */
  readonly file: string
}

/** Why the schema of a device refuses a config, as text; empty: it does not, or the device has no schema. */
export type SchemaCheck = (device: string, config: JsonObject) => string[]

/** Maximum size of a schema file (bytes): a larger file is not a schema. */
const SCHEMA_BYTES_MAX = 1_048_576
/** Problems listed for one config; further ones are only counted. */
const PROBLEMS_MAX = 8

/**
 * Reads JSON Schemas (2020-12; 2019-09 or draft 7 if `$schema` says so). The first entry that matches a device applies.
 * `format` is an annotation and checks nothing, the default of 2020-12 (JSON Schema Validation, section 7.2.1). A
 * schema is one file: every `$ref` must point into it.
 * @throws OperatorError for a file that cannot be read or is not a schema
 */
export function loadSchemas(entries: readonly SchemaEntry[]): SchemaCheck {
  const byFile = new Map<string, ValidateFunction>()
  const rules = entries.map(({ match, file }) => {
    const validate = byFile.get(file) ?? compile(file)
    byFile.set(file, validate)
    return { fits: pattern(match), validate }
  })
  return (device, config) => {
    const validate = rules.find(({ fits }) => fits(device))?.validate
    return validate === undefined || validate(config) ? [] : problemsIn(validate.errors ?? [])
  }
}

function compile(file: string): ValidateFunction {
  try {
    const schema = read(file)
    return ajvFor(schema).compile(schema)
  } catch (cause) {
    throw new OperatorError(`cannot use the JSON Schema ${file}: ${messageOf(cause)}`, {
      remedy:
        'name a JSON file with a valid schema in `config.schemas`; everything that it refers to must be in its ' +
        '`$defs`',
      exitCode: Exit.SETTINGS,
      cause,
    })
  }
}

function read(file: string): AnySchema {
  const { bytes } = readRegularFile(file, SCHEMA_BYTES_MAX)
  const schema: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  if (typeof schema === 'boolean' || (typeof schema === 'object' && schema !== null && !Array.isArray(schema))) {
    return schema
  }
  throw new Error('it is not an object, true or false')
}

/** Each schema gets its own instance, so that two schemas may have the same `$id`. */
function ajvFor(schema: AnySchema): Ajv {
  const code = { regExp: linearRegExp }
  const options = { strict: false, allErrors: true, validateFormats: false, logger: false, code } as const
  const draft = typeof schema === 'object' && '$schema' in schema ? String(schema.$schema) : ''
  if (/draft-0[67]/.test(draft)) return withLinearKeywords(new Ajv(options))
  return withLinearKeywords(draft.includes('2019-09') ? new Ajv2019(options) : new Ajv2020(options))
}

function problemsIn(errors: readonly ErrorObject[]): string[] {
  const listed = errors.slice(0, PROBLEMS_MAX).map(problemText)
  return errors.length > PROBLEMS_MAX ? [...listed, `and ${errors.length - PROBLEMS_MAX} more`] : listed
}

function problemText({ instancePath, message = 'does not match the schema', params }: ErrorObject): string {
  const place = instancePath === '' ? 'the config' : instancePath
  return `${place} ${message}${detailOf(params)}`
}

/** Details that the message of Ajv omits: which property is not allowed, which values are. */
function detailOf(params: ErrorObject['params']): string {
  const { additionalProperty, unevaluatedProperty, allowedValues, allowedValue } = params
  const detail = additionalProperty ?? unevaluatedProperty ?? allowedValues ?? allowedValue
  return detail === undefined ? '' : `: ${JSON.stringify(detail)}`
}
