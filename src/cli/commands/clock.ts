import { systemClock } from '../../base/clock.ts'
import { MachineElapsedClock } from '../../base/elapsed-time.ts'
import { Exit } from '../../base/errors.ts'
import type { ClockStatus } from '../../store/clock/clock-state.ts'
import { command, shared } from '../command.ts'
import { dataFolder, storeOptions } from '../data-folder.ts'
import { withReader } from '../reader.ts'

const NOTES = [
  'Readings are removed by age according to a clock that cannot jump: it counts the time that the machine runs, and follows the system clock only if that is synchronised or if the receiver has the same time. When the system clock is set by more than a minute, nothing is removed by age until this is settled.',
]
const ORDER_NOTES = [
  ...NOTES,
  'The command stores an order in the database. A running edge carries it out within a second, a stopped one when it starts.',
]

export const clock = command({
  name: 'clock',
  summary: 'Show the clock by which readings age',
  notes: [...NOTES, 'The edge saves this clock every ten minutes; `tidegate status` asks a running edge.'],
  options: { ...storeOptions, json: shared.json },
  examples: ['clock -s examples/edge.yaml'],
  async run({ values, output, env }) {
    const folder = await dataFolder(values, env)
    const clocks = { system: systemClock, elapsedClock: new MachineElapsedClock() }
    const status = await withReader(folder, (reader) => reader.clock(clocks))
    if (values.json) output.json(status)
    else output.print(describe(status))
    return Exit.OK
  },
})

export const clockAccept = command({
  name: 'clock accept',
  summary: 'The system clock is right: readings age by it from now on',
  notes: ORDER_NOTES,
  options: storeOptions,
  examples: ['clock accept -s examples/edge.yaml'],
  run: ({ values, output, env }) => order('clock-accept', { values, env, print: (text) => output.print(text) }),
})

export const clockReject = command({
  name: 'clock reject',
  summary: 'The system clock is wrong: readings go on ageing by the clock of the store',
  notes: ORDER_NOTES,
  options: storeOptions,
  examples: ['clock reject -s examples/edge.yaml'],
  run: ({ values, output, env }) => order('clock-reject', { values, env, print: (text) => output.print(text) }),
})

interface Given {
  readonly values: { readonly settings: string | undefined; readonly data: string | undefined }
  readonly env: Readonly<Record<string, string | undefined>>
  print(text: string): void
}

async function order(kind: 'clock-accept' | 'clock-reject', { values, env, print }: Given): Promise<typeof Exit.OK> {
  const { placeOrder } = await import('../../store/orders.ts')
  placeOrder(await dataFolder(values, env), { kind }, systemClock.now())
  print('ordered; a running edge does it within a second')
  return Exit.OK
}

function describe({ time, systemAheadMs, step, holdsRemoval, confirmed }: ClockStatus): string {
  const lines = [
    `store clock   ${new Date(time).toISOString()} (${confirmed ? 'confirmed' : 'not confirmed'} since the machine started)`,
    `system clock  ${(systemAheadMs / 1_000).toFixed(1)} s ahead`,
  ]
  if (step !== undefined) {
    const ended = step.endedAt === undefined ? '' : `, until ${new Date(step.endedAt).toISOString()}`
    lines.push(`step          ${(step.byMs / 1_000).toFixed(0)} s at ${new Date(step.at).toISOString()}${ended}`)
  }
  if (holdsRemoval) lines.push('removal       held until the step is accepted or rejected')
  return lines.join('\n')
}
