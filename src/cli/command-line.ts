import { inspect } from 'node:util'
import { Exit, type ExitCode, OperatorError } from '../base/errors.ts'
import { version } from '../base/version.ts'
import { commands } from './commands.ts'
import { commandHelp, overview } from './help.ts'
import type { Output } from './output.ts'
import { parseCommandLine } from './parse.ts'

/** sysexits.h EX_SOFTWARE: a broken promise of our own. */
const EXIT_SOFTWARE = 70

/** Does what the words after `tidegate` ask for. Never rejects: trouble is told on standard error and in the code. */
export async function runCommandLine(
  words: readonly string[],
  output: Output,
): Promise<ExitCode | typeof EXIT_SOFTWARE> {
  try {
    if (words.length === 0) {
      output.note(overview(commands, version))
      return Exit.USAGE
    }
    const request = parseCommandLine(commands, words)
    switch (request.kind) {
      case 'version':
        output.print(version)
        return Exit.OK
      case 'help': {
        const [only, ...others] = request.about
        const one = only !== undefined && others.length === 0
        output.print(one ? commandHelp(only) : overview(request.about, version))
        return Exit.OK
      }
      case 'run':
        return await request.command.run({ ...request, output, env: process.env })
    }
  } catch (trouble) {
    return report(trouble, output)
  }
}

/** Tells trouble: what an operator can cure without a stack, anything else with all that helps to find the bug. */
export function report(trouble: unknown, output: Output): ExitCode | typeof EXIT_SOFTWARE {
  if (trouble instanceof OperatorError) {
    output.note(`error: ${trouble.message}\n  what to do: ${trouble.remedy}`)
    return trouble.exitCode
  }
  output.note(`error: this is a bug in Tidegate ${version}\n${inspect(trouble)}`)
  return EXIT_SOFTWARE
}
