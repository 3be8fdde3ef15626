import { userInfo } from 'node:os'
import { Exit, OperatorError } from '../../../base/errors.ts'
import { formatRev, parseRev } from '../../../config/revision.ts'

const NAME_CHARS_MAX = 100

/** Options of commands that change a config. */
export const editorOption = {
  by: { kind: 'text', value: 'NAME', help: 'Author for the change log; default: the login name' },
} as const

/** The author of a change as it appears in revisions and in the change log. @throws OperatorError if the name is too long */
export function editorName(by: string | undefined): string {
  const name = by ?? loginName()
  if (name.length <= NAME_CHARS_MAX) return `user:${name}`
  throw new OperatorError(`--by has ${name.length} characters, more than ${NAME_CHARS_MAX}`, {
    remedy: 'use a shorter name',
    exitCode: Exit.USAGE,
  })
}

function loginName(): string {
  try {
    return userInfo().username
  } catch {
    return `uid ${process.getuid?.() ?? '?'}` // in a container, the user may have no name
  }
}

/** The revision in `--if-rev`. @throws OperatorError if it is invalid: the edit must not be made without its condition */
export function ifRevOption(text: string | undefined): { readonly ifRev?: string } {
  if (text === undefined) return {}
  const rev = parseRev(text)
  if (rev !== undefined) return { ifRev: formatRev(rev) }
  throw new OperatorError(`--if-rev "${text}" is not a revision`, {
    remedy: 'use the form c12.1-e7.k3f9x2ab, as `tidegate config show` prints it',
    exitCode: Exit.USAGE,
  })
}
