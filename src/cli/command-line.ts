import { inspect } from 'node:util'
import { Exit, type ExitCode, OperatorError } from '../base/errors.ts'
import { version } from '../base/version.ts'
import { commands } from './commands.ts'
import { commandHelp, overview } from './help.ts'
import type { Output } from './output.ts'
import { parseCommandLine } from './parse.ts'

/** EX_SOFTWARE of sysexits.h: a bug in Tidegate. */
const EXIT_SOFTWARE = 70

/** How the person has called Tidegate: in a checkout through npm. */
const PROGRAM = process.env.npm_lifecycle_event === 'tidegate' ? 'npm run -s tidegate --' : 'tidegate'

/**
 * Runs the command that the arguments after `tidegate` name. Never rejects: errors go to standard error and set the exit
 * code.
 */
export async function runCommandLine(
  args: readonly string[],
  output: Output,
): Promise<ExitCode | typeof EXIT_SOFTWARE> {
  try {
    if (args.length === 0) {
      output.note(overview(commands, version))
      return Exit.USAGE
    }
    const request = parseCommandLine(commands, args)
    switch (request.kind) {
      case 'version':
        output.print(version)
        return Exit.OK
      case 'help': {
        const [only, ...others] = request.about
        const one = only !== undefined && others.length === 0
        output.print(one ? commandHelp(only, PROGRAM) : overview(request.about, version))
        return Exit.OK
      }
      case 'run':
        return await request.command.run({ ...request, output, env: process.env })
    }
  } catch (trouble) {
    return report(trouble, output)
  }
}

/** Prints an error: an OperatorError with its remedy and no stack, anything else as a bug, with stack and cause. */
export function report(trouble: unknown, output: Output): ExitCode | typeof EXIT_SOFTWARE {
  if (trouble instanceof OperatorError) {
    output.note(`error: ${trouble.message}\n  what to do: ${trouble.remedy}`)
    return trouble.exitCode
  }
  output.note(`error: this is a bug in Tidegate ${version}\n${inspect(trouble)}`)
  return EXIT_SOFTWARE
}
