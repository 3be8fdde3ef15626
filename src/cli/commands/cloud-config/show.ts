import { Exit, OperatorError } from '../../../base/errors.ts'
import { pattern } from '../../../base/pattern.ts'
import { oneLine } from '../../../base/text/one-line.ts'
import { formatRev } from '../../../config/revision.ts'
import type { CloudConfig } from '../../../receiver/config/cloud-config.ts'
import type { DeviceRecord } from '../../../receiver/config/config-store.ts'
import type { DeviceKey } from '../../../receiver/config/device-key.ts'
import { standingOf } from '../../../receiver/config/standing.ts'
import { command } from '../../command.ts'
import { type Cell, textTable } from '../../table.ts'
import { conflictLines, deviceRecordText, editedText, plainDeviceRecord } from './format.ts'
import { deviceKey, deviceOperands, readOptions, withSource } from './source.ts'

/** Devices read in one query. */
const PAGE = 500
const NAME_CHARS_MAX = 32

const limitOption = {
  kind: 'number',
  value: 'N',
  help: 'Maximum number of devices',
  fallback: 1_000,
  min: 1,
  max: 100_000,
} as const

export const cloudConfigShow = command({
  name: 'cloud config show',
  summary: 'Show the config of a device, its standing, and the reports of edge and device',
  options: readOptions,
  operands: deviceOperands,
  examples: [
    'cloud config show plant-7 pump-17 -s examples/receiver.yaml',
    'cloud config show plant-7 pump-17 --data examples/data/received --json',
  ],
  async run({ values, operands, output, env }) {
    const key = deviceKey(operands)
    const record = await withSource(values, { env, write: false }, ({ config }) => config.show(key))
    if (record === undefined) throw unknownDevice(key)
    if (values.json) output.json(plainDeviceRecord(record))
    else output.print(deviceRecordText(record))
    return Exit.OK
  },
})

export const cloudConfigList = command({
  name: 'cloud config list',
  summary: 'List the devices with a config, and the standing of each',
  notes: [
    'Standing: underway (the edge has not reported on this config yet), pending (the device has not answered yet), applied, refused, drifted (the device runs something else), silent (the device did not answer), conflict (see `tidegate cloud config conflicts`), none (no config).',
  ],
  options: {
    match: {
      kind: 'text',
      value: 'EDGE/DEVICE',
      help: 'Only devices that match; * stands for any characters',
      fallback: '*/*',
    },
    limit: limitOption,
    ...readOptions,
  },
  examples: [
    'cloud config list --match "plant-*/pump-*" -s examples/receiver.yaml',
    'cloud config list --data examples/data/received',
  ],
  async run({ values, output, env }) {
    const { match, limit } = values
    const found = await withSource(values, { env, write: false }, ({ config }) => matching(config, match, limit + 1))
    const shown = found.slice(0, limit)
    if (values.json) output.json(shown.map(plainDeviceRecord))
    else if (shown.length === 0) output.print('no configs')
    else output.print(textTable(HEAD, shown.map(cells)))
    if (found.length > limit) output.note(`there are more than ${limit}: raise --limit to list more`)
    return Exit.OK
  },
})

const HEAD = ['edge', 'device', 'revision', 'standing', 'by', 'edited (UTC)']

function cells(record: DeviceRecord): Cell[] {
  const { edge, device, state } = record
  const { cur } = state
  const edit = cur === null ? ['', ''] : [oneLine(cur.by, NAME_CHARS_MAX), editedText(cur)]
  return [edge, oneLine(device, 64), cur === null ? '' : formatRev(cur.rev), standingOf(record), ...edit]
}

/** The first devices whose `edge/device` matches the pattern, at most `limit`. */
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
  summary: 'List open conflicts between edge and cloud that a person must resolve',
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
    if (found.length > limit) output.note(`there are more than ${limit}: raise --limit to list more`)
    return Exit.OK
  },
})

function unknownDevice({ edge, device }: DeviceKey): OperatorError {
  return new OperatorError(`there is no config of ${edge}/${device}`, {
    remedy: 'see `tidegate cloud config list`, or write one with `tidegate cloud config set`',
  })
}
