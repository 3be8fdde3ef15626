/**
 * The fault matrix of the uplink: every cloud broker × every fault, with real processes. Prints a Markdown table;
 * exits with 1 when a cell is not clean. See README.md.
 */
import { parseArgs } from 'node:util'
import { stopStarted } from '../../support/started.ts'
import { BROKERS, type BrokerKind, isInstalled } from './brokers.ts'
import { type CellResult, isClean, runCell } from './cell.ts'
import { FAULTS, type Fault } from './faults.ts'
import { cellText, markdown } from './table.ts'

const SECONDS_DEFAULT = 10

interface Options {
  readonly brokers: readonly BrokerKind[]
  readonly faults: readonly Fault[]
  readonly seconds: number
  readonly seed: number
  readonly json: boolean
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      broker: { type: 'string', multiple: true },
      fault: { type: 'string', multiple: true },
      seconds: { type: 'string' },
      seed: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  })
  return {
    brokers: pick('broker', BROKERS, values.broker),
    faults: pick('fault', FAULTS, values.fault),
    seconds: positive('seconds', values.seconds, SECONDS_DEFAULT),
    seed: positive('seed', values.seed, (Date.now() % 1_000_000) + 1),
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

async function main({ brokers, faults, seconds, seed, json }: Options): Promise<number> {
  const absent = brokers.filter((broker) => !isInstalled(broker)).map(({ title }) => title)
  if (absent.length > 0) throw new Error(`not installed: ${absent.join(', ')} (npm run pretest installs them)`)
  const results = new Map<string, CellResult>()
  const beginning = performance.now()
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
  const minutes = (performance.now() - beginning) / 60_000
  const rows = [...results].map(([key, result]) => ({ cell: key, clean: isClean(result), ...result }))
  if (json) process.stdout.write(`${JSON.stringify({ seed, seconds, minutes, cells: rows }, undefined, 2)}\n`)
  else {
    process.stdout.write(markdown(brokers, faults, (b, f) => results.get(`${b.key} ${f.key}`)!))
    process.stdout.write(`\n${seconds} s of load per cell, seed ${seed}, ${minutes.toFixed(1)} minutes.\n`)
  }
  return rows.every(({ clean }) => clean) ? 0 : 1
}

const end = (code: number): Promise<never> => stopStarted().finally(() => process.exit(code)) as Promise<never>
process.once('SIGINT', () => void end(130))
try {
  await end(await main(readOptions()))
} catch (failure) {
  process.stderr.write(`${failure instanceof Error ? failure.message : failure}\n`)
  await end(2)
}
