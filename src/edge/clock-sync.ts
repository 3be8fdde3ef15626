import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** systemd-timesyncd creates this file when it has synchronised the clock (systemd-timesyncd.service(8)). */
const TIMESYNCD_FILE = '/run/systemd/timesync/synchronized'
const TIMESYNCD_FOLDER = '/run/systemd/timesync'
/** sd_booted(3) */
const SYSTEMD = '/run/systemd/system'
/** A command that does not answer within this time (ms) says nothing. */
const COMMAND_MS_MAX = 5_000

type Answer = boolean | undefined

/** Commands that report the state of the clock, and how their output is read. The first that answers counts. */
const COMMANDS: readonly {
  readonly file: string
  readonly needsSystemd?: true
  readonly args: readonly string[]
  read(output: string): Answer
}[] = [
  // The kernel's own state (adjtimex), whichever daemon sets the clock.
  {
    file: 'timedatectl',
    needsSystemd: true,
    args: ['show', '--property=NTPSynchronized', '--value'],
    read: (text) => wordOf(text, 'yes', 'no'),
  },
  // The last field is the leap status.
  { file: 'chronyc', args: ['-c', 'tracking'], read: readChrony },
  { file: 'ntpq', args: ['-c', 'rv 0 leap'], read: readNtpq },
]

/**
 * Whether the system says that its clock is synchronised; undefined: it does not say, for example in a container.
 * A command that cannot answer is not started: to start a process copies the tables of this one's memory, and keeps the
 * thread busy for up to 100 ms.
 * @param file a file that exists while the clock is synchronised; undefined: the usual places are asked
 * @param hasSystemd whether systemd has booted this system
 */
export async function readClockSync(file: string | undefined, hasSystemd = existsSync(SYSTEMD)): Promise<Answer> {
  if (file !== undefined) return existsSync(file)
  for (const command of COMMANDS) {
    if (command.needsSystemd === true && !hasSystemd) continue
    const output = await run(command.file, command.args)
    const answer = output === undefined ? undefined : command.read(output)
    if (answer !== undefined) return answer
  }
  if (existsSync(TIMESYNCD_FILE)) return true
  return existsSync(TIMESYNCD_FOLDER) ? false : undefined
}

/** `chronyc -c tracking`: comma-separated, the last field is Normal, Insert second, Delete second or Not synchronised. */
export function readChrony(output: string): Answer {
  const last = output.trim().split(',').at(-1)
  if (last === undefined || !output.includes(',')) return undefined
  return !/^not synchronised$/i.test(last)
}

/** `ntpq -c "rv 0 leap"`: `leap=00`; 11 stands for an unsynchronised clock (RFC 5905, figure 9). */
export function readNtpq(output: string): Answer {
  const leap = /\bleap=(?:0x)?(\d+|\w+)/.exec(output)?.[1]
  if (leap === undefined) return undefined
  return !['11', '3', 'alarm'].includes(leap)
}

function wordOf(text: string, yes: string, no: string): Answer {
  const word = text.trim()
  return word === yes ? true : word === no ? false : undefined
}

/** The output of a command; undefined: it is missing, failed or was too slow. */
function run(file: string, args: readonly string[]): Promise<string | undefined> {
  if (!isInstalled(file)) return Promise.resolve(undefined)
  return new Promise((resolve) => {
    execFile(file, args, { timeout: COMMAND_MS_MAX, encoding: 'utf8' }, (failure, stdout) =>
      resolve(failure === null ? stdout : undefined),
    )
  })
}

function isInstalled(file: string): boolean {
  const folders = (process.env.PATH ?? '').split(delimiter)
  return folders.some((folder) => folder !== '' && existsSync(join(folder, file)))
}
