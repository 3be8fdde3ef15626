import { type ChildProcess, spawn } from 'node:child_process'
import { constants } from 'node:os'
import { join } from 'node:path'
import { childEnded, childStarted, onStop } from './started.ts'
import { DEADLINE_MS } from './wait.ts'

export const ROOT = join(import.meta.dirname, '..')

/** Kept of each output stream; the beginning goes first. */
const OUTPUT_CHARS_MAX = 4_194_304
/** A process that has not ended so long after SIGTERM is killed, and its test fails. */
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
  /** The exit code; 128 + the signal's number when a signal ended it, as a shell tells it. Never rejects. */
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

  /** All that it has written to standard output so far. */
  get stdout(): string {
    return this.#stdout
  }

  /** All that it has written to standard error so far. */
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
   * Waits for text on either output stream, or text that is there already.
   * @throws Error with the output when the process ends or the deadline passes without it.
   */
  waitFor(pattern: RegExp, deadlineMs = DEADLINE_MS): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer)
        this.#heard.delete(look)
      }
      const fail = (why: string): void => {
        settle()
        reject(new Error(`${this.#name} ${why} ${pattern}\n${this.#stdout}${this.#stderr}`))
      }
      const look = (): void => {
        const found = pattern.exec(this.#stdout) ?? pattern.exec(this.#stderr)
        if (found) {
          settle()
          resolve(found)
        } else if (this.#ended) fail('ended without saying')
      }
      const timer = setTimeout(() => fail(`did not say within ${deadlineMs} ms:`), deadlineMs)
      this.#heard.add(look)
      look()
    })
  }

  /** SIGTERM, and waits for the end. @throws Error when it had to be killed. */
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

/** A Node.js script of the project, by its path from the project's root, under the Node.js that runs the tests. */
export function startScript(script: string, args: readonly string[] = [], options?: ProcessOptions): RunningProcess {
  return new RunningProcess(process.execPath, [join(ROOT, script), ...args], options)
}

/** Tidegate as a person starts it, from source: `startTidegate(['run', '-s', file])`. */
export function startTidegate(args: readonly string[], options?: ProcessOptions): RunningProcess {
  return startScript('src/main.ts', args, options)
}

/** Runs a command to its end. */
export async function runProcess(
  command: string,
  args: readonly string[],
  options?: ProcessOptions,
): Promise<{ code: number; stdout: string; stderr: string }> {
  const running = new RunningProcess(command, args, options)
  const code = await running.exit
  return { code, stdout: running.stdout, stderr: running.stderr }
}

/** Runs a command of Tidegate to its end. */
export function runTidegate(
  args: readonly string[],
  options?: ProcessOptions,
): Promise<{ code: number; stdout: string; stderr: string }> {
  return runProcess(process.execPath, [join(ROOT, 'src/main.ts'), ...args], options)
}
