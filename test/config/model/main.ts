/**
 * Runs random schedules of config sync and checks every invariant: `npm run invariants -- [--schedules N] [--seed N]`.
 * Prints how often each invariant was checked; "by tests" means that test/config/*.test.ts or model.test.ts checks it.
 * Exits with 1 if an invariant does not hold, after printing the shortest schedule found for it.
 */
import { parseArgs } from 'node:util'
import fc from 'fast-check'
import { type Action, schedule } from './actions.ts'
import { INVARIANTS, type Invariant } from './invariants.ts'
import { runSchedule } from './run.ts'

function readOptions(): { schedules: number; seed: number } {
  const { values } = parseArgs({ options: { schedules: { type: 'string' }, seed: { type: 'string' } } })
  return {
    schedules: natural('schedules', values.schedules, 10_000),
    seed: natural('seed', values.seed, Date.now() % 1e9),
  }
}

function natural(name: string, text: string | undefined, otherwise: number): number {
  const number = text === undefined ? otherwise : Number(text)
  if (!Number.isInteger(number) || number < 0) throw new Error(`--${name} ${text} is not a whole number`)
  return number
}

function main({ schedules, seed }: { schedules: number; seed: number }): number {
  const counts = new Map<Invariant, number>()
  let done = 0
  const run = (actions: readonly Action[]): void => {
    const world = runSchedule(actions)
    for (const [invariant, count] of world.checks.counts) counts.set(invariant, (counts.get(invariant) ?? 0) + count)
    if (++done % 1_000 === 0) process.stderr.write(`${done} schedules\n`)
  }
  const result = fc.check(fc.property(schedule, run), { numRuns: schedules, seed })
  for (const [number, text] of Object.entries(INVARIANTS)) {
    process.stdout.write(
      `${number.padStart(2)}  ${String(counts.get(Number(number) as Invariant) ?? 'by tests').padStart(9)}  ${text}\n`,
    )
  }
  process.stdout.write(`${result.numRuns} schedules, seed ${seed}\n`)
  if (!result.failed) return 0
  const [shortest] = result.counterexample ?? []
  process.stdout.write(`${(result.errorInstance as Error).message}\npath ${result.counterexamplePath}\n`)
  for (const action of shortest ?? []) process.stdout.write(`  ${JSON.stringify(action)}\n`)
  return 1
}

process.exitCode = main(readOptions())
