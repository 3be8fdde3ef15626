/**
 * `npm run bench:check`: runs every bench at small scale with its checks, and fails when one of them fails. It shows that the
 * benches work and that their checks pass; its figures say nothing. Benches without their peer are skipped by name.
 */
import { startScript } from '../support/process.ts'
import { stopStarted } from '../support/started.ts'
import { BENCHES, missingPeers } from './support/benches.ts'
import { exitOf } from './support/patience.ts'

/** Benches that run at the same time: a bench spends much of its time waiting. */
const AT_ONCE = 3

/** @returns what the bench skipped, a line each. @throws Error that says why the bench failed. */
async function check(name: string): Promise<string[]> {
  const running = startScript(`bench/${name}.ts`, ['--small', '--json'])
  const code = await exitOf(running)
  if (code !== 0) throw new Error(`exit code ${code}\n${running.stdout}${running.stderr}`)
  verifyResult(name, running.stdout.trimEnd().split('\n').at(-1)!)
  return running.stderr.split('\n').filter((line) => line.startsWith('skipped'))
}

/** @throws Error when the last line is not the result of this bench, or a figure is missing. */
function verifyResult(name: string, line: string): void {
  const missing: string[] = []
  const { bench } = JSON.parse(line, (key, value) => {
    if (value === null) missing.push(key) // JSON has null for NaN and for infinite numbers
    return value
  }) as { bench: string }
  if (bench !== name) throw new Error(`the result is that of the bench "${bench}"`)
  if (missing.length > 0) throw new Error(`without a figure: ${missing.join(', ')}\n${line}`)
}

const waiting = Object.keys(BENCHES)
let failures = 0

async function worker(): Promise<void> {
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
    const missing = missingPeers(BENCHES[name]!)
    if (missing.length > 0) {
      console.log(`skipped  ${name} (not installed: ${missing.join(', ')})`)
      continue
    }
    const start = performance.now()
    const seconds = (): string => `${((performance.now() - start) / 1_000).toFixed(0)} s`
    try {
      const skipped = await check(name)
      console.log([`passed   ${name} (${seconds()})`, ...skipped].join('; '))
    } catch (failure) {
      failures++
      console.log(`FAILED   ${name} (${seconds()}): ${(failure as Error).message}`)
    }
  }
}

try {
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
} finally {
  await stopStarted()
}
process.exitCode = failures > 0 ? 1 : 0
