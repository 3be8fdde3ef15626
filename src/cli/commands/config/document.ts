import { Exit, messageOf, OperatorError } from '../../../base/errors.ts'
import { readRegularFile } from '../../../base/files/regular-file.ts'
import type { Parsed } from '../../../config/document.ts'
import type { ConfigOrder } from '../../../store/orders.ts'

/** A config or a patch: a JSON value, as orders contain it. */
export type ConfigDocument = Extract<ConfigOrder, { kind: 'config-set' }>['config']

/** Larger files are not read (bytes). A config of 32 KiB fits, even with many comments. */
const FILE_BYTES_MAX = 1_048_576

/** Reads a config or a patch: `.json` as JSON, any other file as YAML (which includes JSON). @throws OperatorError (exit 64) */
export async function readDocument(file: string): Promise<ConfigDocument> {
  const text = readText(file)
  if (file.endsWith('.json')) return parseJsonText(text, `the file ${file}`)
  const { parseSettings } = await import('../../../settings/load/document.ts')
  const { data, problems } = parseSettings(text)
  const [problem] = problems
  if (problem === undefined) return data as ConfigDocument
  const { place } = problem
  const where = place !== undefined && 'line' in place ? `${file}:${place.line}:${place.column}` : file
  throw new OperatorError(`cannot read ${where}: ${problem.text}`, {
    remedy: 'give one JSON or YAML document',
    exitCode: Exit.USAGE,
  })
}

/** Parses a JSON text. @param what names the text in errors @throws OperatorError (exit 64) */
export async function parseJsonText(text: string, what: string): Promise<ConfigDocument> {
  const { parseJson } = await import('../../../config/document.ts')
  const read = parseJson(text)
  if (read.ok) return read.value as ConfigDocument
  throw new OperatorError(`cannot read ${what}: ${read.reason}`, {
    remedy: `give JSON, such as '{"sampling":{"interval_s":60}}'`,
    exitCode: Exit.USAGE,
  })
}

/** The checks that every edge makes, whatever its settings: if they fail, no order is needed. */
export async function checkDocument(document: ConfigDocument): Promise<Parsed<unknown>> {
  const { checkConfig } = await import('../../../config/document.ts')
  return checkConfig(document)
}

function readText(file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readRegularFile(file, FILE_BYTES_MAX).bytes)
  } catch (trouble) {
    throw new OperatorError(`cannot read the file ${file}: ${messageOf(trouble)}`, {
      remedy: 'name a readable file with a config in JSON or YAML',
      exitCode: Exit.USAGE,
    })
  }
}
