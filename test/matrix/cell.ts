import { pause } from '../../src/base/clock.ts'
import { messageOf } from '../../src/base/errors.ts'
import { mulberry32 } from '../../src/demo/signals.ts'
import { type Account, accountFor } from './account.ts'
import type { CloudBroker } from './brokers.ts'
import type { Fault, Strike } from './faults.ts'
import { type Scene, startScene, stopScene } from './scene.ts'

/** Between two strikes. */
const CALM_MS_MIN = 300
const CALM_MS_MAX = 1_200
const STRIKES_MIN = 3
/** From the last strike to the last confirmation. */
const DRAIN_MS = 120_000

export interface CellOptions {
  readonly cloud: CloudBroker
  readonly fault: Fault
  /** Of load; strikes that have begun are carried through. */
  readonly seconds: number
  readonly seed: number
  /** Different from those of other cells on the same broker. */
  readonly name: string
}

export interface CellResult extends Account {
  readonly strikes: number
  /** What the strikes do not tell, for people. */
  readonly link: string
  /** From the last strike until everything was confirmed; undefined: it never was. */
  readonly drainedMs: number | undefined
}

/** Whether everything has arrived once and the accounts balance. */
export function isClean({ readings, lost, waiting, twice, problems }: CellResult): boolean {
  return readings > 0 && lost === 0 && waiting === 0 && twice === 0 && problems.length === 0
}

/** One fault, several times, under load; then calm, and the reckoning. */
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

/** Where one comes at a time they take turns; else any of them, different ones, come together. */
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
  return `${edge.waiting()} wait, ${receiver.count()} received, uplink ${uplink}`
}
