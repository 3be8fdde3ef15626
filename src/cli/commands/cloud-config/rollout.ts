import { systemClock } from '../../../base/clock.ts'
import { Exit, type ExitCode, OperatorError } from '../../../base/errors.ts'
import { timeText } from '../../../base/reading-text.ts'
import { oneLine } from '../../../base/text/one-line.ts'
import type { Rollout, RolloutDevice } from '../../../receiver/config/rollout/rollout.ts'
import { command } from '../../command.ts'
import type { Output } from '../../output.ts'
import { stopSignals } from '../../stop-signals.ts'
import { type Cell, textTable } from '../../table.ts'
import { durationOption } from '../../time.ts'
import { jsonFile } from './arguments.ts'
import { matching } from './show.ts'
import { byOf, type ConfigSource, readOptions, withSource, writeOptions } from './source.ts'

const DEVICES_SHOWN_MAX = 10_000

export const cloudConfigRollout = command({
  name: 'cloud config rollout',
  summary: 'Roll out a config or patch to many devices in stages; revert on failure',
  notes: [
    'The rollout writes the configs of a stage, and then waits until every device of the stage has reported that it runs exactly this content. If a device refuses it, has a conflict, or does not report in time, the rollout reverts its change on every device that it has changed. Later edits by others are kept.',
    'Ctrl-C stops the command and leaves the rollout where it is: `tidegate cloud config rollout resume ID` continues it, `tidegate cloud config rollout abort ID` reverts it. A receiver must be running. Exit code 0: every device runs the new config; 1: the rollout was reverted or stopped.',
  ],
  options: {
    match: {
      kind: 'text',
      value: 'EDGE/DEVICE',
      help: 'Devices with a config that match; * stands for any characters',
      required: true,
    },
    patch: { kind: 'flag', help: 'FILE is a JSON Merge Patch (RFC 7396), not a whole config' },
    percent: {
      kind: 'text',
      value: 'LIST',
      help: 'Percentage of the devices after each stage, ascending to 100',
      fallback: '5,25,100',
    },
    wait: {
      kind: 'text',
      value: 'DURATION',
      help: 'How long the devices of a stage may take to apply it',
      fallback: '60s',
    },
    ...writeOptions,
  },
  operands: { value: 'FILE', help: 'JSON file with the config or the patch', min: 1, max: 1 },
  examples: ['cloud config rollout fast.json --patch --match "*/pump-*" --percent 5,100 -s examples/receiver.yaml'],
  async run({ values, operands: [file = ''], output, env }) {
    const edit = values.patch ? { patch: jsonFile(file) } : { config: jsonFile(file) }
    const plan = {
      edit,
      match: values.match,
      percents: percentsOf(values.percent),
      waitMs: durationOption('wait', values.wait),
    }
    const { ROLLOUT_DEVICES_MAX } = await import('../../../receiver/config/rollout/rollout.ts')
    const { beginRollout } = await import('../../../receiver/config/rollout/run.ts')
    return withSource(values, { env, write: true }, async (source) => {
      const found = await matching(source.config, values.match, ROLLOUT_DEVICES_MAX + 1)
      const devices = found.filter(({ state }) => state.cur?.config)
      const keys = devices.map(({ edge, device }) => ({ edge, device }))
      const id = await beginRollout(source.store, { ...plan, ...byOf(values.by), devices: keys }, systemClock.now())
      return carry(id, source, { output, json: values.json })
    })
  },
})

export const cloudConfigRolloutResume = command({
  name: 'cloud config rollout resume',
  summary: 'Continue a rollout that was stopped or killed',
  options: writeOptions,
  operands: { value: 'ID', help: 'Number of the rollout, from `tidegate cloud config rollout status`', min: 1, max: 1 },
  examples: ['cloud config rollout resume 3 -s examples/receiver.yaml'],
  run: ({ values, operands, output, env }) =>
    withSource(values, { env, write: true }, (source) => carry(idOf(operands), source, { output, json: values.json })),
})

export const cloudConfigRolloutAbort = command({
  name: 'cloud config rollout abort',
  summary: 'Abort a rollout and revert what it has changed',
  options: writeOptions,
  operands: { value: 'ID', help: 'Number of the rollout, from `tidegate cloud config rollout status`', min: 1, max: 1 },
  examples: ['cloud config rollout abort 3 -s examples/receiver.yaml'],
  run: ({ values, operands, output, env }) =>
    withSource(values, { env, write: true }, async (source) => {
      const { giveUp } = await import('../../../receiver/config/rollout/run.ts')
      const id = idOf(operands)
      await giveUp(id, { store: source.store, now: () => systemClock.now() }, `aborted by ${byOf(values.by).by}`)
      await carry(id, source, { output, json: values.json })
      const rollout = await source.store.rollouts.one(id)
      return rollout?.status === 'reverted' ? Exit.OK : Exit.FAILED
    }),
})

export const cloudConfigRolloutStatus = command({
  name: 'cloud config rollout status',
  summary: 'List rollouts, or show one with its devices',
  options: readOptions,
  operands: { value: 'ID', help: 'Number of the rollout; default: list all', min: 0, max: 1 },
  examples: [
    'cloud config rollout status -s examples/receiver.yaml',
    'cloud config rollout status 3 --json -s examples/receiver.yaml',
  ],
  run: ({ values, operands, output, env }) =>
    withSource(values, { env, write: false }, async ({ store }) => {
      if (operands.length > 0) return showOne(idOf(operands), store.rollouts, { output, json: values.json })
      const all = await store.rollouts.list()
      if (values.json) output.json(all.map(plainRollout))
      else if (all.length === 0) output.print('no rollouts')
      else output.print(textTable(HEAD, all.map(cells)))
      return Exit.OK
    }),
})

async function showOne(
  id: number,
  rollouts: ConfigSource['store']['rollouts'],
  { output, json }: ReportOptions,
): Promise<typeof Exit.OK> {
  const rollout = await rollouts.one(id)
  if (rollout === undefined)
    throw new OperatorError(`there is no rollout ${id}`, {
      remedy: '`tidegate cloud config rollout status` lists all rollouts',
    })
  const devices = await rollouts.devices(id, 0, DEVICES_SHOWN_MAX)
  if (json) output.json({ ...plainRollout(rollout), places: devices.map(({ before: _, ...device }) => device) })
  else {
    output.print(textTable(HEAD, [cells(rollout)]))
    if (rollout.reason !== null) output.print(`stopped: ${oneLine(rollout.reason, 400)}`)
    const row = ({ edge, device, status, reason }: RolloutDevice): Cell[] => [
      edge,
      device,
      status,
      oneLine(reason ?? '', 100),
    ]
    output.print(textTable(['edge', 'device', 'status', 'reason'], devices.map(row)))
  }
  return Exit.OK
}

interface ReportOptions {
  readonly output: Output
  readonly json: boolean
}

/** Executes the rollout and prints how it ends. @throws OperatorError if a signal stops it */
async function carry(id: number, { config, store }: ConfigSource, { output, json }: ReportOptions): Promise<ExitCode> {
  const { carryOn } = await import('../../../receiver/config/rollout/run.ts')
  const remedy = `continue with \`tidegate cloud config rollout resume ${id}\`, or revert with \`tidegate cloud config rollout abort ${id}\``
  const signals = stopSignals(`rollout ${id}`, remedy)
  let printed = ''
  const onProgress = (rollout: Rollout): void => {
    const text = `rollout ${id}: ${progressText(rollout)}`
    if (text !== printed) output.note(text)
    printed = text
  }
  try {
    const rollout = await carryOn(id, {
      config,
      store,
      now: () => systemClock.now(),
      signal: signals.signal,
      onProgress,
    })
    if (rollout.status === 'running' || rollout.status === 'reverting') signals.signal.throwIfAborted()
    if (json) output.json({ ...plainRollout(rollout), tally: await store.rollouts.tally(id) })
    else
      output.print(
        `rollout ${id}: ${rollout.status}${rollout.reason === null ? '' : ` (${oneLine(rollout.reason, 400)})`}`,
      )
    return rollout.status === 'done' ? Exit.OK : Exit.FAILED
  } finally {
    signals.forget()
  }
}

function progressText({ status, stage, percents, devices, writtenAt, reason }: Rollout): string {
  if (status === 'reverting') return `reverting all changes: ${oneLine(reason ?? '', 400)}`
  if (status !== 'running') return `${devices} devices, ${status}`
  const doing = writtenAt === null ? 'writing' : 'waiting for the devices'
  return `stage ${stage + 1} of ${percents.length} (${percents[stage]} % of ${devices}), ${doing}`
}

const HEAD = ['id', 'started (UTC)', 'by', 'match', 'status', 'stage', 'devices']

function cells({ id, at, by, match, status, stage, percents, devices }: Rollout): Cell[] {
  return [id, timeText(at), oneLine(by, 32), oneLine(match, 48), status, `${stage + 1} of ${percents.length}`, devices]
}

function plainRollout({ at, writtenAt, ...rollout }: Rollout): Record<string, unknown> {
  return { ...rollout, at: timeText(at), writtenAt: writtenAt === null ? null : timeText(writtenAt) }
}

function idOf([text = '']: readonly string[]): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text)
  throw new OperatorError(`"${text}" is not the number of a rollout`, {
    remedy: '`tidegate cloud config rollout status` lists all rollouts',
    exitCode: Exit.USAGE,
  })
}

/** Parses the stages: ascending percentages that end with 100. */
function percentsOf(text: string): number[] {
  const percents = text.split(',').map(Number)
  const ascending = percents.every((percent, i) => percent > (percents[i - 1] ?? 0) && percent <= 100)
  if (ascending && percents.at(-1) === 100) return percents
  throw new OperatorError(`--percent "${text}" is not a list of stages`, {
    remedy: 'use ascending percentages that end with 100, such as 5,25,100',
    exitCode: Exit.USAGE,
  })
}
