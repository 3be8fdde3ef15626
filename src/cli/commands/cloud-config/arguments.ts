import { Exit, messageOf, OperatorError } from '../../../base/errors.ts'
import { readRegularFile } from '../../../base/files/regular-file.ts'
import { parseJson, TEXT_BYTES_MAX } from '../../../config/document.ts'
import type { Json } from '../../../config/json.ts'
import { parseRev, type Rev } from '../../../config/revision.ts'
import type { Edit } from '../../../config/wire.ts'

/** Parses the config arguments of a command line. All functions throw an OperatorError (exit 64). */

/** Reads a JSON file. */
export function jsonFile(file: string): Json {
  try {
    return jsonOf(file, readRegularFile(file, TEXT_BYTES_MAX).bytes)
  } catch (cause) {
    if (cause instanceof OperatorError) throw cause
    throw new OperatorError(`cannot read ${file}: ${messageOf(cause)}`, {
      remedy: 'name a JSON file that can be read',
      exitCode: Exit.USAGE,
      cause,
    })
  }
}

function jsonOf(name: string, text: Uint8Array | string): Json {
  const read = parseJson(text)
  if (read.ok) return read.value
  throw new OperatorError(`${name} cannot be used: ${read.reason}`, {
    remedy: 'correct the JSON',
    exitCode: Exit.USAGE,
  })
}

/** The edit that the options describe. */
export function editOf(values: {
  readonly file?: string | undefined
  readonly patch?: string | undefined
  readonly delete?: boolean
}): Edit {
  const { file, patch } = values
  const count = Number(file !== undefined) + Number(patch !== undefined) + Number(values.delete === true)
  if (count !== 1) {
    throw new OperatorError('give exactly one of --file, --patch and --delete', {
      remedy: 'use --file for a whole config, --patch for a part of it, --delete to delete it',
      exitCode: Exit.USAGE,
    })
  }
  if (file !== undefined) return { config: jsonFile(file) }
  return patch === undefined ? { delete: true } : { patch: jsonOf('--patch', patch) }
}

/** @param name the option, for the error */
export function revOf(name: string, text: string): Rev {
  const rev = parseRev(text)
  if (rev !== undefined) return rev
  throw new OperatorError(`${name} "${text}" is not a revision`, {
    remedy: 'use the form c12.1-e7.k3f9x2ab, as `tidegate cloud config history` prints it',
    exitCode: Exit.USAGE,
  })
}
