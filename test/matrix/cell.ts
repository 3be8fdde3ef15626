import { pause } from '../../src/base/clock.ts'
import { messageOf } from '../../src/base/errors.ts'
import { mulberry32 } from '../../src/demo/signals.ts'
import { type Account, accountFor } from './account.ts'
import type { CloudBroker } from './brokers.ts'
import type { Fault, Strike } from './faults.ts'
import { type Scene, startScene, stopScene } from './scene.ts'

/** Pause between two strikes. */
const CALM_MS_MIN = 300
const CALM_MS_MAX = 1_200
const STRIKES_MIN = 3
/** Limit from the last strike to the last confirmation. */
const DRAIN_MS = 120_000

export interface CellOptions {
  readonly cloud: CloudBroker
  readonly fault: Fault
  /** Seconds of load; a strike that has begun is completed. */
  readonly seconds: number
  readonly seed: number
  /** Unique among the cells on the same broker. */
  readonly name: string
}

export interface CellResult extends Account {
  readonly strikes: number
  /** A description of the bad link, for people. */
  readonly link: string
  /** From the last strike until everything was confirmed; undefined: it was not within the limit. */
  readonly drainedMs: number | undefined
}

/** Whether every reading has arrived once and the ledger balances. */
export function isClean({ readings, lost, waiting, twice, problems }: CellResult): boolean {
  return readings > 0 && lost === 0 && waiting === 0 && twice === 0 && problems.length === 0
}

/** Injects one fault several times under load, then drains the uplink and compares the readings. */
export async function runCell({ cloud, fault, seconds, seed, name }: CellOptions): Promise<CellResult> {
  const random = mulberry32(seed)
  const scene = await startScene({ cloud, name, badLink: fault.badLink === true, seed, random })
  const problems: string[] = []
  let strikes = 0
  let drainedMs: number | undefined
  try {
    strikes = await strikeFor(scene, fault, seconds * 1_000)
    const since = performance.now()
    await scene.load.finish()
    await scene.edge.untilDrained(DRAIN_MS)
    drainedMs = performance.now() - since
  } catch (failure) {
    problems.push(`${messageOf(failure)}; ${await stateOf(scene)}`)
  }
  const account = accountFor(scene.load, scene.edge, scene.receiver)
  const link = await stopScene(scene)
  return { ...account, problems: [...problems, ...account.problems], strikes, link, drainedMs }
}

async function strikeFor(scene: Scene, fault: Fault, ms: number): Promise<number> {
  const end = performance.now() + ms
  let strikes = 0
  while (performance.now() < end || (fault.strikes.length > 0 && strikes < STRIKES_MIN)) {
    await pause(CALM_MS_MIN + scene.random() * (CALM_MS_MAX - CALM_MS_MIN))
    const chosen = choose(fault, strikes, scene.random)
    await Promise.all(chosen.map((strike) => strike(scene)))
    strikes += chosen.length
  }
  return strikes
}

/** With one strike at a time they take turns; otherwise a random number of different ones at once. */
function choose({ strikes, atOnceMax = 1 }: Fault, done: number, random: () => number): Strike[] {
  if (strikes.length === 0) return []
  if (atOnceMax === 1) return [strikes[done % strikes.length]!]
  const pool = [...strikes]
  const count = 1 + Math.floor(random() * atOnceMax)
  return Array.from({ length: count }, () => pool.splice(Math.floor(random() * pool.length), 1)[0]!)
}

async function stateOf({ edge, receiver }: Scene): Promise<string> {
  const uplink = await edge.status().then(
    ({ uplinks }) => JSON.stringify(uplinks[0]),
    (failure: unknown) => `no status (${messageOf(failure)})`,
  )
  return `${edge.waiting()} waiting, ${receiver.count()} received, uplink ${uplink}`
}
