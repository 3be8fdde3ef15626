import { Exit, OperatorError } from '../../../base/errors.ts'
import { timeText } from '../../../base/reading-text.ts'
import { oneLine } from '../../../base/text/one-line.ts'
import { formatRev } from '../../../config/revision.ts'
import type { CloudConfig } from '../../../receiver/config/cloud-config.ts'
import type { DeviceKey } from '../../../receiver/config/device-key.ts'
import { command } from '../../command.ts'
import { textTable } from '../../table.ts'
import { revOf } from './arguments.ts'
import { plainRevision } from './format.ts'
import { deviceKey, deviceOperands, readOptions, withSource } from './source.ts'

const CELL_CHARS_MAX = 60
const CHANGES_SHOWN_MAX = 1_000

interface Row {
  readonly cells: readonly string[]
  readonly json: Record<string, unknown>
}

export const cloudConfigHistory = command({
  name: 'cloud config history',
  summary: 'List the revisions or changes of a config, or show the changes since a revision',
  options: {
    diff: { kind: 'text', value: 'REV', help: 'Show how the newest revision differs from this one' },
    changes: { kind: 'flag', help: 'Show the change log: every value that was replaced or lost, newest first' },
    ...readOptions,
  },
  operands: deviceOperands,
  examples: [
    'cloud config history plant-7 pump-17 -s examples/receiver.yaml',
    'cloud config history plant-7 pump-17 --diff c11.1-e7.k3f9x2ab -s examples/receiver.yaml',
  ],
  async run({ values, operands, output, env }) {
    const key = deviceKey(operands)
    const from = values.diff === undefined ? undefined : revOf('--diff', values.diff)
    const [head, rows] = await withSource(values, { env, write: false }, async ({ config }) => {
      if (values.changes) return [CHANGES_HEAD, await changesOf(config, key)] as const
      if (from === undefined) return [REVISIONS_HEAD, await revisionsOf(config, key)] as const
      const [newest] = await config.history(key)
      const found = newest && (await config.diff(key, from, newest.revision.rev))
      if (found === undefined) throw notKept(key, formatRev(from))
      const rows = found.map(({ path, ...sides }): Row => {
        return { cells: [place(path), cell(sides.before), cell(sides.after)], json: { path, ...sides } }
      })
      return [['path', 'before', 'after'], rows] as const
    })
    if (values.json) output.json(rows.map(({ json }) => json))
    else if (rows.length === 0) output.print(values.diff === undefined ? 'no entries' : 'no differences')
    else {
      output.print(
        textTable(
          head,
          rows.map(({ cells }) => cells),
        ),
      )
    }
    return Exit.OK
  },
})

const REVISIONS_HEAD = ['revision', 'in force (UTC)', 'by', 'config']

async function revisionsOf(config: CloudConfig, key: DeviceKey): Promise<Row[]> {
  return (await config.history(key)).map(({ at, revision }) => {
    const { rev, by, config } = revision
    const text = config === null ? 'deleted' : cell(config)
    return {
      cells: [formatRev(rev), timeText(at), oneLine(by, CELL_CHARS_MAX), text],
      json: { at: timeText(at), ...plainRevision(revision) },
    }
  })
}

const CHANGES_HEAD = ['at (UTC)', 'revision', 'path', 'why', 'by', 'old', 'new', 'lost']

async function changesOf(config: CloudConfig, key: DeviceKey): Promise<Row[]> {
  const found = await config.changes(key, CHANGES_SHOWN_MAX)
  return found.map(({ edge: _edge, device: _device, at, rev, ...change }) => {
    const { path, why, by, old, new: next, lost } = change
    const values = [old, next, lost].map(cell)
    return {
      cells: [timeText(at), formatRev(rev), place(path), why, oneLine(by, CELL_CHARS_MAX), ...values],
      json: { at: timeText(at), rev: formatRev(rev), ...change },
    }
  })
}

function cell(value: unknown): string {
  return value === undefined ? '' : oneLine(JSON.stringify(value), CELL_CHARS_MAX)
}

function place(path: string): string {
  return path === '' ? '(whole config)' : oneLine(path, CELL_CHARS_MAX)
}

function notKept({ edge, device }: DeviceKey, rev: string): OperatorError {
  return new OperatorError(`revision ${rev} of ${edge}/${device} is not kept`, {
    remedy: 'use a revision that `tidegate cloud config history` lists',
  })
}
