import { type ChildProcess, spawn } from 'node:child_process'
import { constants } from 'node:os'
import { join } from 'node:path'
import { childEnded, childStarted, onStop } from './started.ts'
import { DEADLINE_MS } from './wait.ts'

export const ROOT = join(import.meta.dirname, '..')

/** The limit for each output stream; the beginning is dropped first. */
const OUTPUT_CHARS_MAX = 4_194_304
/** A process that has not ended this long after SIGTERM (ms) is killed, and its test fails. */
const STOP_MS = 10_000

export interface ProcessOptions {
  readonly cwd?: string
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>
  /** Text for its standard input, which is then closed. Default: no input. */
  readonly input?: string
}

/** A real process, stopped after the test file at the latest. */
export class RunningProcess {
  /** The exit code; 128 + the signal number when a signal ended it, as in a shell. Never rejects. */
  readonly exit: Promise<number>
  readonly #child: ChildProcess
  readonly #name: string
  readonly #heard = new Set<() => void>()
  #stdout = ''
  #stderr = ''
  #ended = false

  constructor(command: string, args: readonly string[], options: ProcessOptions = {}) {
    this.#name = [command, ...args].join(' ')
    this.#child = spawn(command, args, {
      cwd: options.cwd ?? ROOT,
      env: { ...process.env, ...options.env },
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    })
    this.#child.stdin?.end(options.input)
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout = (this.#stdout + text).slice(-OUTPUT_CHARS_MAX)
      this.#notify()
    })
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-OUTPUT_CHARS_MAX)
      this.#notify()
    })
    this.exit = this.#watchExit()
    onStop(() => this.stop())
  }

  #watchExit(): Promise<number> {
    const { pid } = this.#child
    if (pid !== undefined) childStarted(pid)
    return new Promise((resolve) => {
      const done = (code: number): void => {
        if (pid !== undefined) childEnded(pid)
        this.#ended = true
        this.#notify()
        resolve(code)
      }
      this.#child.once('error', (failure) => {
        this.#stderr += `cannot run ${this.#name}: ${failure.message}\n`
        done(127)
      })
      this.#child.once('close', (code, signal) => done(code ?? 128 + constants.signals[signal!]))
    })
  }

  #notify(): void {
    for (const listener of this.#heard) listener()
  }

  /** @throws Error when the process could not be started at all. */
  get pid(): number {
    if (this.#child.pid === undefined) throw new Error(`did not start: ${this.#name}`)
    return this.#child.pid
  }

  /** Its standard output so far. */
  get stdout(): string {
    return this.#stdout
  }

  /** Its standard error so far. */
  get stderr(): string {
    return this.#stderr
  }

  get ended(): boolean {
    return this.#ended
  }

  kill(signal: NodeJS.Signals = 'SIGTERM'): void {
    this.#child.kill(signal)
  }

  /**
   * Waits until text on either output stream matches, or returns at once when it already does.
   * @throws Error with the output when the process ends or the deadline passes first.
   */
  waitFor(pattern: RegExp, deadlineMs = DEADLINE_MS): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer)
        this.#heard.delete(check)
      }
      const fail = (why: string): void => {
        settle()
        reject(new Error(`${this.#name} ${why} ${pattern}\n${this.#stdout}${this.#stderr}`))
      }
      const check = (): void => {
        const found = pattern.exec(this.#stdout) ?? pattern.exec(this.#stderr)
        if (found) {
          settle()
          resolve(found)
        } else if (this.#ended) fail('ended without printing')
      }
      const timer = setTimeout(() => fail(`did not print within ${deadlineMs} ms:`), deadlineMs)
      this.#heard.add(check)
      check()
    })
  }

  /** Sends SIGTERM, and waits for the end. @throws Error when it had to be killed. */
  async stop(): Promise<void> {
    if (this.#ended) return
    this.#child.kill('SIGTERM')
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS)
    const code = await this.exit
    clearTimeout(timer)
    if (code === 128 + constants.signals.SIGKILL) throw new Error(`${this.#name} did not end within ${STOP_MS} ms`)
  }
}

export function startProcess(command: string, args: readonly string[], options?: ProcessOptions): RunningProcess {
  return new RunningProcess(command, args, options)
}

/**
 * Starts a Node.js script of the project, by its path from the root of the project, with the Node.js of the tests.
 */
export function startScript(script: string, args: readonly string[] = [], options?: ProcessOptions): RunningProcess {
  return new RunningProcess(process.execPath, [join(ROOT, script), ...args], options)
}

/** Starts Tidegate from source, with the arguments of the command line: `startTidegate(['run', '-s', file])`. */
export function startTidegate(args: readonly string[], options?: ProcessOptions): RunningProcess {
  return startScript('src/main.ts', args, options)
}

/** Runs a command until it ends. */
export async function runProcess(
  command: string,
  args: readonly string[],
  options?: ProcessOptions,
): Promise<{ code: number; stdout: string; stderr: string }> {
  const running = new RunningProcess(command, args, options)
  const code = await running.exit
  return { code, stdout: running.stdout, stderr: running.stderr }
}

/** Runs a command of Tidegate until it ends. */
export function runTidegate(
  args: readonly string[],
  options?: ProcessOptions,
): Promise<{ code: number; stdout: string; stderr: string }> {
  return runProcess(process.execPath, [join(ROOT, 'src/main.ts'), ...args], options)
}
