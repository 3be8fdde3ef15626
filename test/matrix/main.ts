/**
 * The fault matrix of the uplink: every cloud broker × every fault, with real processes. Prints a Markdown table;
 * exits with 1 when a cell is not clean. See README.md.
 */
import { parseArgs } from 'node:util'
import { runToEnd, stopStarted } from '../../support/started.ts'
import { BROKERS, type BrokerKind, isInstalled } from './brokers.ts'
import { type CellResult, isClean, runCell } from './cell.ts'
import { FAULTS, type Fault } from './faults.ts'
import { cellText, markdown } from './table.ts'

const SECONDS_DEFAULT = 10
/** Between the seeds of two runs: more than one for each cell. */
const SEEDS_PER_RUN = 100

interface Options {
  readonly brokers: readonly BrokerKind[]
  readonly faults: readonly Fault[]
  readonly seconds: number
  readonly seed: number
  readonly runs: number
  readonly json: boolean
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      broker: { type: 'string', multiple: true },
      fault: { type: 'string', multiple: true },
      seconds: { type: 'string' },
      seed: { type: 'string' },
      runs: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  })
  return {
    brokers: pick('broker', BROKERS, values.broker),
    faults: pick('fault', FAULTS, values.fault),
    seconds: positive('seconds', values.seconds, SECONDS_DEFAULT),
    seed: positive('seed', values.seed, (Date.now() % 1_000_000) + 1),
    runs: positive('runs', values.runs, 1),
    json: values.json,
  }
}

function pick<T extends { readonly key: string }>(name: string, all: readonly T[], keys: readonly string[] = []): T[] {
  const unknown = keys.find((key) => !all.some((one) => one.key === key))
  if (unknown !== undefined) {
    throw new Error(`--${name} ${unknown} is unknown: ${all.map(({ key }) => key).join(', ')}`)
  }
  return all.filter(({ key }) => keys.length === 0 || keys.includes(key))
}

function positive(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise
  const number = Number(text)
  if (!Number.isInteger(number) || number < 1) throw new Error(`--${name} ${text} is not a whole number of at least 1`)
  return number
}

/** Every cell once. */
async function play({ brokers, faults, seconds }: Options, seed: number): Promise<Map<string, CellResult>> {
  const results = new Map<string, CellResult>()
  for (const broker of brokers) {
    const cloud = await broker.start()
    for (const fault of faults) {
      const place = BROKERS.indexOf(broker) * FAULTS.length + FAULTS.indexOf(fault)
      const result = await runCell({ cloud, fault, seconds, seed: seed + place, name: `cell-${fault.key}` })
      results.set(`${broker.key} ${fault.key}`, result)
      process.stderr.write(`${broker.title}, ${fault.title}: ${cellText(fault, result)}\n`)
    }
    await stopStarted()
  }
  return results
}

async function main(options: Options): Promise<number> {
  const { brokers, faults, seconds, runs, json } = options
  const absent = brokers.filter((broker) => !isInstalled(broker)).map(({ title }) => title)
  if (absent.length > 0) throw new Error(`not installed: ${absent.join(', ')} (npm run pretest installs them)`)
  const reports = []
  for (let run = 1; run <= runs; run++) {
    const seed = options.seed + (run - 1) * SEEDS_PER_RUN
    const beginning = performance.now()
    const results = await play(options, seed)
    const minutes = (performance.now() - beginning) / 60_000
    const cells = [...results].map(([key, result]) => ({ cell: key, clean: isClean(result), ...result }))
    reports.push({ seed, seconds, minutes, cells })
    if (json) continue
    process.stdout.write(markdown(brokers, faults, (b, f) => results.get(`${b.key} ${f.key}`)!))
    process.stdout.write(`\n${seconds} s of load per cell, seed ${seed}, ${minutes.toFixed(1)} minutes.\n`)
  }
  if (json) process.stdout.write(`${JSON.stringify(reports, undefined, 2)}\n`)
  const unclean = reports.flatMap(({ seed, cells }) =>
    cells.filter(({ clean }) => !clean).map(({ cell }) => ({ seed, cell })),
  )
  if (runs > 1) process.stderr.write(`${runs} runs, ${unclean.length} cells not clean\n`)
  for (const { seed, cell } of unclean) process.stderr.write(`not clean: ${cell} (--seed ${seed})\n`)
  return unclean.length === 0 ? 0 : 1
}

await runToEnd(() => main(readOptions()))
