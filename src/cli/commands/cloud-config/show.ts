import { Exit, OperatorError } from '../../../base/errors.ts'
import { pattern } from '../../../base/pattern.ts'
import { formatRev } from '../../../config/revision.ts'
import type { CloudConfig } from '../../../receiver/config/cloud-config.ts'
import type { DeviceRecord } from '../../../receiver/config/config-store.ts'
import type { DeviceKey } from '../../../receiver/config/device-key.ts'
import { standingOf } from '../../../receiver/config/standing.ts'
import { command } from '../../command.ts'
import { type Cell, oneLine, textTable } from '../../table.ts'
import { conflictLines, editedText, format, plain } from './format.ts'
import { deviceKey, deviceOperands, readOptions, withSource } from './source.ts'

/** Devices that are read at once. */
const PAGE = 500
const NAME_CHARS_MAX = 32

const limitOption = {
  kind: 'number',
  value: 'N',
  help: 'How many at most',
  fallback: 1_000,
  min: 1,
  max: 100_000,
} as const

export const cloudConfigShow = command({
  name: 'cloud config show',
  summary: 'Shows the config of a device, how far it has come, and what the edge and the device say of it',
  options: readOptions,
  operands: deviceOperands,
  examples: [
    'cloud config show plant-7 pump-17 -s examples/receiver.yaml',
    'cloud config show plant-7 pump-17 --data ./received --json',
  ],
  async run({ values, operands, output, env }) {
    const key = deviceKey(operands)
    const record = await withSource(values, { env, write: false }, ({ config }) => config.show(key))
    if (record === undefined) throw unknown(key)
    if (values.json) output.json(plain(record))
    else output.print(format(record))
    return Exit.OK
  },
})

export const cloudConfigList = command({
  name: 'cloud config list',
  summary: 'Lists devices with a config, and how far each has come',
  notes: [
    'Standing: underway until the edge has spoken of it, pending until the device has answered, then applied or refused; drifted: the device says that it runs something else; silent: it did not answer; conflict: see `cloud config conflicts`.',
  ],
  options: {
    match: {
      kind: 'text',
      value: 'EDGE/DEVICE',
      help: 'Only devices that fit; `*` stands for any run of characters',
      fallback: '*/*',
    },
    limit: limitOption,
    ...readOptions,
  },
  examples: [
    'cloud config list --match plant-*/pump-* -s examples/receiver.yaml',
    'cloud config list --data ./received',
  ],
  async run({ values, output, env }) {
    const { match, limit } = values
    const found = await withSource(values, { env, write: false }, ({ config }) => matching(config, match, limit + 1))
    const shown = found.slice(0, limit)
    if (values.json) output.json(shown.map(plain))
    else if (shown.length === 0) output.print('no configs')
    else output.print(textTable(HEAD, shown.map(cells)))
    if (found.length > limit) output.note(`there are more than ${limit}: --limit lists more`)
    return Exit.OK
  },
})

const HEAD = ['edge', 'device', 'revision', 'standing', 'by', 'edited (UTC)']

function cells(record: DeviceRecord): Cell[] {
  const { edge, device, state } = record
  const { cur } = state
  const told = cur === null ? ['', ''] : [oneLine(cur.by, NAME_CHARS_MAX), editedText(cur)]
  return [edge, oneLine(device, 64), cur === null ? '' : formatRev(cur.rev), standingOf(record), ...told]
}

/** The first devices that fit the pattern over `edge/device`, at most `limit`. */
export async function matching(config: CloudConfig, match: string, limit: number): Promise<DeviceRecord[]> {
  const fits = pattern(match)
  const found: DeviceRecord[] = []
  let after: DeviceKey | undefined
  while (found.length < limit) {
    const page = await config.list({ after, limit: PAGE })
    found.push(...page.filter(({ edge, device }) => fits(`${edge}/${device}`)))
    if (page.length < PAGE) break
    after = page.at(-1)
  }
  return found.slice(0, limit)
}

export const cloudConfigConflicts = command({
  name: 'cloud config conflicts',
  summary: 'Lists open conflicts: what edge and cloud have changed differently, and nobody has decided',
  options: { limit: limitOption, ...readOptions },
  examples: ['cloud config conflicts -s examples/receiver.yaml'],
  async run({ values, output, env }) {
    const { limit } = values
    const found = await withSource(values, { env, write: false }, ({ config }) => {
      return config.conflicts({ limit: limit + 1 })
    })
    const shown = found.slice(0, limit)
    const text = ({ edge, device, conflict }: DeviceRecord) =>
      [`${edge}/${device}`, ...conflictLines(conflict!)].join('\n')
    if (values.json) output.json(shown.map(({ edge, device, conflict }) => ({ ...conflict, at: { edge, device } })))
    else output.print(shown.length === 0 ? 'no open conflicts' : shown.map(text).join('\n\n'))
    if (found.length > limit) output.note(`there are more than ${limit}: --limit lists more`)
    return Exit.OK
  },
})

function unknown({ edge, device }: DeviceKey): OperatorError {
  return new OperatorError(`nothing is known of a config of ${edge}/${device}`, {
    remedy: 'look at `tidegate cloud config list`, or write one with `tidegate cloud config set`',
  })
}
