import { nearest } from '../../base/nearest.ts'
import {
  FILE_SUFFIX,
  isMapping,
  type Outline,
  outlineAt,
  type Path,
  pathText,
  valueAt,
  withValueAt,
} from '../outline.ts'
import type { Problem } from '../problem.ts'
import { parseValue } from './document.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** Settings data with the values from the environment, and which variable set what. */
export interface Overridden {
  readonly data: unknown
  readonly problems: readonly Problem[]
  readonly origins: readonly SettingOrigin[]
}

export interface SettingOrigin {
  readonly path: Path
  readonly variable: string
}

const PREFIX = 'TIDEGATE_'
const SEPARATOR = '__'

/**
 * Overrides the values of the file with those of `TIDEGATE_…` variables. `__` separates the levels, a number is an
 * index in a list, letter case and single `_` are ignored: `TIDEGATE_BROKER__TCP__PORT=1893`. For a text setting the
 * value of the variable is taken literally; any other is read as YAML. A variable that names no setting is a problem:
 * it is a misspelling, like an unknown key.
 * @param shownAs how problems call a variable, where it stands for an option of the command line
 */
export function withEnvironment(
  data: unknown,
  outline: Outline,
  env: Environment,
  shownAs: Readonly<Record<string, string>> = {},
): Overridden {
  const problems: Problem[] = []
  const origins: SettingOrigin[] = []
  let result = data
  for (const name of variablesOf(env)) {
    const variable = shownAs[name] ?? name
    const named = settingOf(name, outline)
    if ('problem' in named) {
      problems.push({ path: [], text: named.problem, place: { variable } })
      continue
    }
    const { path, setting } = named
    const twin = origins.find((origin) => pathText(origin.path) === pathText(path))
    if (twin !== undefined) {
      const text = `is also set by ${twin.variable}, which names the same setting: unset one of them`
      problems.push({ path, text, place: { variable } })
      continue
    }
    if (env[name]?.includes('\ufffd')) {
      problems.push({ path, text: 'is not UTF-8', place: { variable } })
      continue
    }
    const read = setting.type === 'string' ? { value: env[name] } : parseValue(env[name] ?? '')
    const trouble = 'problem' in read ? read.problem : gapProblem(result, outline, path)
    if (trouble !== undefined || 'problem' in read) {
      problems.push({ path, text: trouble ?? '', place: { variable } })
      continue
    }
    result = withoutRival(withOverride(result, outline, path, read.value), path, origins)
    origins.push({ path, variable })
  }
  return { data: result, problems, origins }
}

/** The environment variable of a setting. */
export function variableOf(path: Path): string {
  return PREFIX + path.map((step) => String(step).toUpperCase()).join(SEPARATOR)
}

/** Outer settings before inner ones, so that an inner one overrides part of an outer one; list entries by index. */
function variablesOf(env: Environment): string[] {
  const depth = (variable: string): number => variable.split(SEPARATOR).length
  return Object.keys(env)
    .filter((variable) => variable.startsWith(PREFIX) && env[variable] !== undefined)
    .sort((a, b) => depth(a) - depth(b) || a.localeCompare(b, 'en', { numeric: true }))
}

function settingOf(variable: string, outline: Outline): { path: Path; setting: Outline } | { problem: string } {
  const path: (string | number)[] = []
  let setting = outline
  const levels = variable.slice(PREFIX.length).split(SEPARATOR)
  for (const [depth, level] of levels.entries()) {
    const known = Object.keys(setting.properties ?? {})
    const step =
      setting.properties === undefined ? indexOf(level, setting) : known.find((key) => plain(key) === plain(level))
    const next = step === undefined ? undefined : outlineAt(setting, [step])
    if (step === undefined || next === undefined) {
      const meant = nearest(level, known)
      const hint = meant && `; did you mean ${variableOf([...path, meant, ...levels.slice(depth + 1)])}?`
      return { problem: `names no setting: ${pathText(path)} has no "${level}"${hint ?? ''}` }
    }
    path.push(step)
    setting = next
  }
  return { path, setting }
}

function indexOf(level: string, { type }: Outline): number | undefined {
  return type === 'array' && /^(0|[1-9]\d{0,5})$/.test(level) ? Number(level) : undefined
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll('_', '')
}

/** A list grows only by its next index: a gap would be an entry without a value. */
function gapProblem(data: unknown, outline: Outline, path: Path): string | undefined {
  for (const [depth, step] of path.entries()) {
    const listPath = path.slice(0, depth)
    const list = valueAt(data, listPath) ?? outlineAt(outline, listPath)?.default
    const length = Array.isArray(list) ? list.length : 0
    if (typeof step === 'number' && step > length)
      return `would leave a gap: ${pathText(listPath)} has only ${length} so far`
  }
  return undefined
}

/** Sets the value; a list or mapping that the file does not have starts with its default. A scalar on the way stays. */
function withOverride(data: unknown, outline: Outline, path: Path, value: unknown): unknown {
  let result = data
  for (let depth = 0; depth < path.length; depth++) {
    const around = path.slice(0, depth)
    const container = valueAt(result, around) ?? undefined
    const fallback = outlineAt(outline, around)?.default
    if (container === undefined && fallback !== undefined) result = withValueAt(result, around, fallback)
    const fits =
      container === undefined || (typeof path[depth] === 'number' ? Array.isArray(container) : isMapping(container))
    if (!fits) return data
  }
  return withValueAt(result, path, value)
}

/** A secret from the environment replaces that of the file, even if one is a value and the other a `_file`. */
function withoutRival(data: unknown, path: Path, origins: readonly SettingOrigin[]): unknown {
  const key = path.at(-1)
  if (typeof key !== 'string') return data
  const rival = [
    ...path.slice(0, -1),
    key.endsWith(FILE_SUFFIX) ? key.slice(0, -FILE_SUFFIX.length) : key + FILE_SUFFIX,
  ]
  const alsoSet = origins.some((origin) => pathText(origin.path) === pathText(rival))
  return alsoSet || valueAt(data, rival) === undefined ? data : withValueAt(data, rival, undefined)
}
