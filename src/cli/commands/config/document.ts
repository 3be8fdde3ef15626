import { readFileSync, statSync } from 'node:fs'
import { codeOf, Exit, messageOf, OperatorError } from '../../../base/errors.ts'
import type { Parsed } from '../../../config/document.ts'
import type { ConfigOrder } from '../../../store/orders.ts'

/** A JSON value, as orders carry it. */
export type Document = Extract<ConfigOrder, { kind: 'config-set' }>['config']

/** A file larger than this is not read: with all its comments a config of 32 KiB is smaller (bytes). */
const FILE_BYTES_MAX = 1_048_576

/** Reads a config or a patch: `.json` as JSON, anything else as YAML, which JSON is too. @throws OperatorError */
export async function readDocument(file: string): Promise<Document> {
  const text = readText(file)
  if (file.endsWith('.json')) return parseText(text, `the file ${file}`)
  const { parseSettings } = await import('../../../settings/load/document.ts')
  const { data, problems } = parseSettings(text)
  const [problem] = problems
  if (problem === undefined) return data as Document
  const { place } = problem
  const where = place !== undefined && 'line' in place ? `${file}:${place.line}:${place.column}` : file
  throw new OperatorError(`cannot read ${where}: ${problem.text}`, {
    remedy: 'give one JSON or YAML document',
    exitCode: Exit.USAGE,
  })
}

/** A JSON text. @param what it is, for people @throws OperatorError */
export async function parseText(text: string, what: string): Promise<Document> {
  const { parseJson } = await import('../../../config/document.ts')
  const read = parseJson(text)
  if (read.ok) return read.value as Document
  throw new OperatorError(`cannot read ${what}: ${read.reason}`, {
    remedy: `give JSON, such as '{"sampling":{"interval_s":60}}'`,
    exitCode: Exit.USAGE,
  })
}

/** What every edge refuses in a config or a patch, whatever else it knows: no order need be left for that. */
export async function checkDocument(document: Document): Promise<Parsed<unknown>> {
  const { checkConfig } = await import('../../../config/document.ts')
  return checkConfig(document)
}

function readText(file: string): string {
  try {
    const { size } = statSync(file)
    if (size > FILE_BYTES_MAX) throw new Error(`it has ${size} bytes, more than ${FILE_BYTES_MAX}`)
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file))
  } catch (trouble) {
    const why = codeOf(trouble) === 'ENOENT' ? 'there is no such file' : messageOf(trouble)
    throw new OperatorError(`cannot read the file ${file}: ${why}`, {
      remedy: 'name a readable file with a config in JSON or YAML',
      exitCode: Exit.USAGE,
    })
  }
}
