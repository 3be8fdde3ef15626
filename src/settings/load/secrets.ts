import { resolve } from 'node:path'
import { messageOf } from '../../base/errors.ts'
import { othersMayUse } from '../../base/files/private-files.ts'
import { readRegularFile } from '../../base/files/regular-file.ts'
import { parsePostgresUrl } from '../../base/text/postgres-url.ts'
import { FILE_SUFFIX, isMapping, type Outline, type Path, pathText } from '../outline.ts'
import type { Problem } from '../problem.ts'
import { textOf } from './text.ts'

/** Maximum size of a file with a secret: a larger file is not a secret. */
const SECRET_BYTES_MAX = 65_536

/**
 * Settings data with every `password_file` replaced by `password`, the content of the file without a newline at its
 * end. A file that is missing, empty or too long is a problem, and so is a secret that is given both ways. A file that
 * every user of the machine can read causes a warning.
 * @param folder folder of the settings file
 */
export function withSecrets(
  data: unknown,
  outline: Outline,
  folder: string,
): { readonly data: unknown; readonly problems: readonly Problem[]; readonly warnings: readonly string[] } {
  const problems: Problem[] = []
  const warnings: string[] = []

  const secretOf = (file: unknown, path: Path): string | undefined => {
    const secret =
      typeof file === 'string' ? readSecret(resolve(folder, file)) : { problem: 'must be the name of a file' }
    if ('secret' in secret) {
      if (secret.isOpen)
        warnings.push(`${pathText(path)}: every user of this machine can read ${file}: run \`chmod 600\` on it`)
      return secret.secret
    }
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

  return { data: visit(data, outline, []), problems, warnings }
}

function isFileOf({ properties = {} }: Outline, key: string): boolean {
  return key.endsWith(FILE_SUFFIX) && properties[key.slice(0, -FILE_SUFFIX.length)]?.writeOnly === true
}

function readSecret(
  file: string,
): { readonly secret: string; readonly isOpen: boolean } | { readonly problem: string } {
  try {
    const { bytes, stats } = readRegularFile(file, SECRET_BYTES_MAX)
    const secret = textOf(bytes).replace(/\r?\n$/, '')
    return secret === '' ? { problem: `${file} is empty` } : { secret, isOpen: othersMayUse(stats) }
  } catch (refusal) {
    return { problem: `cannot read ${file}: ${messageOf(refusal)}` }
  }
}

/** The places of secrets in settings data, apart from those in files. A `sink` is one only if it has a password. */
export function inlineSecrets(data: unknown, outline: Outline, path: Path = []): Path[] {
  if (outline.items && Array.isArray(data)) {
    const { items } = outline
    return data.flatMap((item, index) => inlineSecrets(item, items, [...path, index]))
  }
  if (outline.properties === undefined || !isMapping(data)) {
    return outline.writeOnly === true && typeof data === 'string' && isSecret(data) ? [path] : []
  }
  return Object.entries(outline.properties).flatMap(([key, child]) =>
    Object.hasOwn(data, key) ? inlineSecrets(data[key], child, [...path, key]) : [],
  )
}

function isSecret(text: string): boolean {
  const parsed = parsePostgresUrl(text)
  return parsed === null || parsed.url.password !== '' || parsed.url.searchParams.has('password')
}
