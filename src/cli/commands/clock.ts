import { systemClock } from '../../base/clock.ts'
import { MachineElapsedClock } from '../../base/elapsed-time.ts'
import { Exit } from '../../base/errors.ts'
import type { ClockStatus } from '../../store/clock/clock-state.ts'
import type { Order } from '../../store/orders.ts'
import { command, shared } from '../command.ts'
import { dataFolder, storeOptions } from '../data-folder.ts'
import { withReader } from '../reader.ts'

const NOTES = [
  'The age of readings is measured by the store clock, which cannot jump: it counts the time that the machine runs, and follows the system clock only if that is synchronised or if the receiver has the same time. When the system clock is changed by more than a minute, nothing is removed by age until an operator accepts or rejects the change, or the clocks agree again.',
]
const ORDER_NOTES = [
  ...NOTES,
  'The command stores an order in the database. A running edge carries it out within a second, a stopped one when it starts.',
]

export const clock = command({
  name: 'clock',
  summary: 'Show the clock that measures the age of readings',
  notes: [
    ...NOTES,
    'The command reads what the edge saves every ten minutes; `tidegate status` shows the current state of a running edge.',
  ],
  options: { ...storeOptions, json: shared.json },
  examples: ['clock -s examples/edge.yaml'],
  async run({ values, output, env }) {
    const folder = await dataFolder(values, env)
    const status = await statusOf(folder)
    if (values.json) output.json(status)
    else output.print(describe(status))
    return Exit.OK
  },
})

export const clockAccept = command({
  name: 'clock accept',
  summary: 'Confirm that the system clock is right: the store clock is set to it',
  notes: ORDER_NOTES,
  options: storeOptions,
  examples: ['clock accept -s examples/edge.yaml'],
  run: ({ values, output, env }) => order('clock-accept', { values, env, print: (text) => output.print(text) }),
})

export const clockReject = command({
  name: 'clock reject',
  summary: 'Declare the system clock wrong: the age of readings is still measured by the store clock',
  notes: ORDER_NOTES,
  options: storeOptions,
  examples: ['clock reject -s examples/edge.yaml'],
  async run({ values, output, env }) {
    const { step } = await statusOf(await dataFolder(values, env))
    if (step === undefined || step.rejected) {
      const why = step === undefined ? 'the system clock has made no step' : 'the step is rejected already'
      output.print(`nothing to reject: ${why}`)
      return Exit.OK
    }
    return order('clock-reject', { values, env, print: (text) => output.print(text) })
  },
})

function statusOf(folder: string): Promise<ClockStatus> {
  const clocks = { system: systemClock, elapsedClock: new MachineElapsedClock() }
  return withReader(folder, (reader) => reader.clock(clocks))
}

interface Given {
  readonly values: { readonly settings: string | undefined; readonly data: string | undefined }
  readonly env: Readonly<Record<string, string | undefined>>
  print(text: string): void
}

async function order(kind: 'clock-accept' | 'clock-reject', { values, env, print }: Given): Promise<typeof Exit.OK> {
  const { placeOrder } = await import('../../store/orders.ts')
  placeOrder(await dataFolder(values, env), orderOf(kind), systemClock.now())
  print('ordered; a running edge carries it out within a second')
  return Exit.OK
}

function orderOf(kind: 'clock-accept' | 'clock-reject'): Order {
  if (kind === 'clock-reject') return { kind }
  const clock = new MachineElapsedClock()
  const seen = { system: systemClock.now(), elapsed: clock.now() }
  return clock.boot === undefined ? { kind, ...seen } : { kind, ...seen, boot: clock.boot }
}

function describe({ time, systemAheadMs, step, holdsRemoval, confirmed }: ClockStatus): string {
  const lines = [
    `store clock   ${new Date(time).toISOString()} (${confirmed ? 'confirmed' : 'not confirmed'} since the machine started)`,
    `system clock  ${Math.abs(systemAheadMs / 1_000).toFixed(1)} s ${systemAheadMs < 0 ? 'behind' : 'ahead of'} the store clock`,
  ]
  if (step !== undefined) {
    const ended = step.endedAt === undefined ? '' : `, until ${new Date(step.endedAt).toISOString()}`
    const rejected = step.rejected ? ', rejected by an operator' : ''
    lines.push(
      `step          ${(step.byMs / 1_000).toFixed(0)} s at ${new Date(step.at).toISOString()}${ended}${rejected}`,
    )
  }
  if (holdsRemoval) lines.push('removal       nothing is removed by age until the step is accepted or rejected')
  return lines.join('\n')
}
