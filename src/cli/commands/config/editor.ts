import { userInfo } from 'node:os'
import { Exit, OperatorError } from '../../../base/errors.ts'
import { formatRev, parseRev } from '../../../config/revision.ts'

const NAME_CHARS_MAX = 100

/** Options of commands that change a config. */
export const editorOption = {
  by: { kind: 'text', value: 'NAME', help: 'Who does it, for the change log; without it the login name' },
} as const

/** Who changes a config, as revisions and the change log name people. @throws OperatorError for a name that is too long */
export function editorName(by: string | undefined): string {
  const name = by ?? loginName()
  if (name.length <= NAME_CHARS_MAX) return `user:${name}`
  throw new OperatorError(`--by has ${name.length} characters, more than ${NAME_CHARS_MAX}`, {
    remedy: 'give a shorter name',
    exitCode: Exit.USAGE,
  })
}

function loginName(): string {
  try {
    return userInfo().username
  } catch {
    return `uid ${process.getuid?.() ?? '?'}` // a container may run a user that has no name
  }
}

/** The revision that `--if-rev` names. @throws OperatorError for what is none: an edit must not be made without its condition */
export function ifRevOption(text: string | undefined): { readonly ifRev?: string } {
  if (text === undefined) return {}
  const rev = parseRev(text)
  if (rev !== undefined) return { ifRev: formatRev(rev) }
  throw new OperatorError(`--if-rev "${text}" is no revision`, {
    remedy: 'give one like c12.1-e7.k3f9x2ab, as `tidegate config show` prints it',
    exitCode: Exit.USAGE,
  })
}
