import type { Stats } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { z } from 'zod'
import { Exit, messageOf, OperatorError } from '../../base/errors.ts'
import { othersMayUse } from '../../base/files/private-files.ts'
import { readRegularFile } from '../../base/files/regular-file.ts'
import { type EdgeSettings, edgeSettings } from '../edge.ts'
import { type Outline, outlineOf, type Path, pathText } from '../outline.ts'
import type { Place, Problem } from '../problem.ts'
import { type ReceiverSettings, receiverSettings } from '../receiver.ts'
import { type WithFiles, withConfigFiles } from '../schema/config-files.ts'
import { withoutUrlCredentials } from './credentials.ts'
import { parseSettings } from './document.ts'
import { type Environment, withEnvironment } from './environment.ts'
import { withLinks } from './links.ts'
import { problemLine, problemsOf } from './problems.ts'
import { inlineSecrets, withSecrets } from './secrets.ts'
import { textOf } from './text.ts'
import { unusedRules } from './unused-rules.ts'

/** Maximum size of a settings file (bytes): a larger file is not a settings file. */
const FILE_BYTES_MAX = 1_048_576

/**
 * Reads the settings of an edge from a YAML file; `TIDEGATE_…` variables override it. The returned `data` is an
 * absolute path; in the file it is relative to the folder of the file.
 * @param warn called with what a person should change although the settings are valid, such as a secret that every
 *   user of the machine can read
 * @throws OperatorError (exit code 78) with every problem and its place, or the reason why the file cannot be read
 */
export function loadEdgeSettings(file: string, env: Environment, warn: Warn = () => undefined): EdgeSettings {
  return load(edgeSettings, edgeOutline(), { file, env, warn })
}

/** Like loadEdgeSettings, for a receiver. @param options options of the command line that override a setting */
export function loadReceiverSettings(
  file: string,
  env: Environment,
  warn: Warn = () => undefined,
  options?: Options,
): ReceiverSettings {
  return load(receiverSettings, receiverOutline(), { file, env, warn, options })
}

type Warn = (text: string) => void
/** The option that gave the value of a variable, by the name of the variable: errors name what the person has written. */
type Options = Readonly<Record<string, string>>

export function edgeOutline(): Outline {
  return outlineOf(edgeSettings, 'Settings of a Tidegate edge')
}

export function receiverOutline(): Outline {
  return outlineOf(receiverSettings, 'Settings of a Tidegate receiver')
}

function load<S extends { data: string } & WithFiles>(
  schema: z.ZodType<S>,
  outline: Outline,
  {
    file,
    env,
    warn,
    options,
  }: { readonly file: string; readonly env: Environment; readonly warn: Warn; readonly options?: Options | undefined },
): S {
  const { text, stats } = readText(file)
  const document = parseSettings(text)
  if (document.data === undefined) throw refusal(file, document.problems, document.placeOf)
  const folder = dirname(resolve(file))
  const overridden = withEnvironment(document.data ?? {}, outline, env, options)
  const placeOf = (path: Path): Place => placeInEnvironment(path, overridden.origins) ?? document.placeOf(path)
  const complete = withSecrets(overridden.data, outline, folder)
  const unmixed = withoutUrlCredentials(complete.data)
  const linked = withLinks(unmixed.data, folder)
  const parsed = schema.safeParse(linked.data)
  const problems = [
    ...document.problems,
    ...overridden.problems,
    ...complete.problems,
    ...unmixed.problems,
    ...linked.problems,
    ...(parsed.success ? [] : problemsOf(parsed.error, linked.data, outline)),
  ]
  if (!parsed.success || problems.length > 0) throw refusal(file, problems, placeOf)
  if (othersMayUse(stats)) {
    const secrets = inlineSecrets(withoutUrlCredentials(document.data).data, outline).map(pathText)
    if (secrets.length > 0)
      warn(`every user of this machine can read ${file}, which contains ${secrets.join(', ')}: run \`chmod 600\` on it`)
  }
  for (const warning of [...unmixed.warnings, ...complete.warnings, ...unusedRules(parsed.data)]) warn(warning)
  return withConfigFiles({ ...parsed.data, data: resolve(folder, parsed.data.data) }, folder)
}

function readText(file: string): { readonly text: string; readonly stats: Stats } {
  try {
    const { bytes, stats } = readRegularFile(file, FILE_BYTES_MAX)
    return { text: textOf(bytes), stats }
  } catch (trouble) {
    throw new OperatorError(`cannot read the settings file ${file}: ${messageOf(trouble)}`, {
      remedy: 'give the path of a readable YAML file, such as examples/edge.yaml',
      exitCode: Exit.SETTINGS,
      cause: trouble,
    })
  }
}

/** The variable that set the value at `path`, or a list or mapping that contains it. */
function placeInEnvironment(path: Path, origins: readonly { path: Path; variable: string }[]): Place | undefined {
  const gave = origins.findLast((origin) => {
    return origin.path.length <= path.length && pathText(origin.path) === pathText(path.slice(0, origin.path.length))
  })
  return gave && { variable: gave.variable }
}

function refusal(file: string, problems: readonly Problem[], placeOf: (path: Path) => Place): OperatorError {
  const lineOf = ({ path, place }: Problem): number => {
    const found = place ?? placeOf(path)
    return 'line' in found ? found.line : Number.POSITIVE_INFINITY
  }
  const sorted = problems
    .map((problem) => ({ problem, line: lineOf(problem) }))
    .sort((a, b) => (a.line === b.line ? 0 : a.line - b.line))
  const lines = sorted.map(({ problem }) => `  ${problemLine(file, problem, placeOf)}`)
  const count = problems.length === 1 ? 'one problem' : `${problems.length} problems`
  return new OperatorError(`the settings in ${file} have ${count}\n${lines.join('\n')}`, {
    remedy: 'correct the listed settings, then run `tidegate settings check FILE`',
    exitCode: Exit.SETTINGS,
  })
}
