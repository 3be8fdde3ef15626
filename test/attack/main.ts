/**
 * Plays every attack against a real edge or receiver with a small heap, next to a client that does nothing wrong.
 * Prints a Markdown table; exits with 1 when an attack has cost that client something. See README.md.
 */
import { parseArgs } from 'node:util'
import { messageOf } from '../../src/base/errors.ts'
import { peers } from '../../support/peers.ts'
import { runToEnd, stopStarted } from '../../support/started.ts'
import type { Attack } from './attack.ts'
import { ATTACKS } from './attacks/attacks.ts'
import { play, type Result } from './play.ts'
import { lineOf, markdown, problemsOf } from './table.ts'

const SECONDS_DEFAULT = 10

interface Options {
  readonly attacks: readonly Attack[]
  readonly seconds: number
  readonly list: boolean
  readonly json: boolean
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      attack: { type: 'string', multiple: true, default: [] },
      victim: { type: 'string', multiple: true, default: [] },
      seconds: { type: 'string' },
      list: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  })
  const keys = ATTACKS.map(({ key }) => key)
  const unknown = values.attack.find((key) => !keys.includes(key))
  if (unknown !== undefined) throw new Error(`--attack ${unknown} is unknown: ${keys.join(', ')}`)
  const seconds = values.seconds === undefined ? SECONDS_DEFAULT : Number(values.seconds)
  if (!Number.isInteger(seconds) || seconds < 1) {
    throw new Error(`--seconds ${values.seconds} is not a whole number of at least 1`)
  }
  const attacks = ATTACKS.filter(
    ({ key, victim }) =>
      (values.attack.length === 0 || values.attack.includes(key)) &&
      (values.victim.length === 0 || values.victim.includes(victim)),
  )
  if (attacks.length === 0) throw new Error('no attack has this name and this victim (edge, uplink, receiver)')
  return { attacks, seconds, list: values.list, json: values.json }
}

async function main({ attacks, seconds, list, json }: Options): Promise<number> {
  if (list) {
    for (const { key, victim, title } of attacks) process.stdout.write(`${key} (${victim}): ${title}\n`)
    return 0
  }
  if (peers.mosquitto === undefined && attacks.some(({ victim }) => victim !== 'edge')) {
    throw new Error('not installed: mosquitto (npm run pretest installs it); --victim edge needs none')
  }
  const results: Result[] = []
  const beginning = performance.now()
  for (const attack of attacks) {
    const result = await play(attack, seconds)
    results.push(result)
    process.stderr.write(`${lineOf(result)}\n`)
    await stopStarted().catch((failure) => process.stderr.write(`${messageOf(failure)}\n`))
  }
  const minutes = (performance.now() - beginning) / 60_000
  const isHeld = (result: Result): boolean => problemsOf(result).length === 0
  if (json) process.stdout.write(`${JSON.stringify({ seconds, minutes, results }, undefined, 2)}\n`)
  else {
    process.stdout.write(markdown(results))
    const held = results.filter(isHeld).length
    process.stdout.write(
      `\n${held} of ${results.length} held, ${seconds} s per attack, ${minutes.toFixed(1)} minutes.\n`,
    )
  }
  return results.every(isHeld) ? 0 : 1
}

await runToEnd(() => main(readOptions()))
