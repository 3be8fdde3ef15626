import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { codeOf, messageOf } from '../../base/errors.ts'
import { FILE_SUFFIX, isMapping, type Outline, type Path } from '../outline.ts'
import type { Problem } from '../problem.ts'
import { textOf } from './text.ts'

/** Maximum length of a secret in characters: a longer file is not a secret. */
const SECRET_LENGTH_MAX = 65_536

/**
 * Settings data with every `password_file` replaced by `password`, the content of the file without a newline at its
 * end. A file that is missing, empty or too long is a problem, and so is a secret that is given both ways.
 * @param folder folder of the settings file
 */
export function withSecrets(
  data: unknown,
  outline: Outline,
  folder: string,
): { readonly data: unknown; readonly problems: readonly Problem[] } {
  const problems: Problem[] = []

  const secretOf = (file: unknown, path: Path): string | undefined => {
    const secret =
      typeof file === 'string' ? readSecret(resolve(folder, file)) : { problem: 'must be the name of a file' }
    if ('secret' in secret) return secret.secret
    problems.push({ path, text: secret.problem })
    return undefined
  }

  const visit = (value: unknown, node: Outline, path: Path): unknown => {
    if (node.items && Array.isArray(value)) {
      const { items } = node
      return value.map((item, index) => visit(item, items, [...path, index]))
    }
    if (node.properties === undefined || !isMapping(value)) return value
    const result = { ...value }
    for (const [key, child] of Object.entries(node.properties)) {
      if (!Object.hasOwn(value, key)) continue
      if (!child.writeOnly && !isFileOf(node, key)) result[key] = visit(value[key], child, [...path, key])
      if (!isFileOf(node, key)) continue
      const secretKey = key.slice(0, -FILE_SUFFIX.length)
      const secret = secretOf(value[key], [...path, key])
      delete result[key]
      if (Object.hasOwn(value, secretKey))
        problems.push({ path: [...path, key], text: `is set as well as \`${secretKey}\`; keep one of them` })
      else if (secret !== undefined) result[secretKey] = secret
    }
    return result
  }

  return { data: visit(data, outline, []), problems }
}

function isFileOf({ properties = {} }: Outline, key: string): boolean {
  return key.endsWith(FILE_SUFFIX) && properties[key.slice(0, -FILE_SUFFIX.length)]?.writeOnly === true
}

function readSecret(file: string): { readonly secret: string } | { readonly problem: string } {
  try {
    const secret = textOf(readFileSync(file)).replace(/\r?\n$/, '')
    if (secret === '') return { problem: `${file} is empty` }
    return secret.length > SECRET_LENGTH_MAX ? { problem: `${file} is too long for a secret` } : { secret }
  } catch (refusal) {
    return { problem: `cannot read ${file}: ${codeOf(refusal) ?? messageOf(refusal)}` }
  }
}
