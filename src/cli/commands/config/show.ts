import { Exit } from '../../../base/errors.ts'
import { oneLine } from '../../../base/text/one-line.ts'
import { formatRev } from '../../../config/revision.ts'
import { command, shared } from '../../command.ts'
import { dataFolder, storeOptions } from '../../data-folder.ts'
import { textTable } from '../../table.ts'
import { checkDevice, knownState } from './device.ts'
import { configText, conflictText, plainConfig, plainConflict } from './format.ts'
import { configHistoryText, plainConfigHistory } from './log.ts'
import { currentOf, findRevision, revisionBefore } from './revisions.ts'
import { cellOf } from './values.ts'
import { withConfigReader } from './with-config-reader.ts'

const DEVICE_CHARS_MAX = 40
const READS_DATABASE = 'Reads the database; the edge may be running or not.'
const options = { ...storeOptions, json: shared.json } as const
const oneDevice = { value: 'DEVICE', help: 'Name of the device', min: 1, max: 1 } as const

export const configList = command({
  name: 'config list',
  summary: 'List the devices with a config: revision, status, conflict, waiting messages',
  notes: [
    'Device status: pending (not answered yet), applied, refused, drifted (it runs something other than the revision in force), silent (no answer to three attempts), none (nothing to apply). "attention": the cloud broker refuses the messages of this device; see `tidegate config retry --help`.',
    READS_DATABASE,
  ],
  options: {
    ...options,
    limit: { kind: 'number', value: 'N', help: 'Maximum number of devices', fallback: 1_000, min: 1, max: 100_000 },
    after: { kind: 'text', value: 'DEVICE', help: 'Only devices whose names sort after this one' },
  },
  examples: ['config list -s examples/edge.yaml', 'config list --data examples/data/plant-7 --json'],
  async run({ values, output, env }) {
    const { limit, after } = values
    const found = await withConfigReader(await dataFolder(values, env), (configs) => configs.list(limit + 1, after))
    const list = found.slice(0, limit)
    if (values.json) output.json(list.map((row) => ({ ...row, rev: row.rev && formatRev(row.rev) })))
    else if (list.length === 0) output.print('no configs')
    else {
      const rows = list.map(({ device, rev, deleted, status, cid, waiting, attention }) => [
        oneLine(device, DEVICE_CHARS_MAX),
        `${rev === null ? '-' : formatRev(rev)}${deleted ? ' (deleted)' : ''}`,
        ...[status, cid ?? '', waiting, attention ? 'attention' : ''],
      ])
      output.print(textTable(['device', 'revision', 'device is', 'conflict', 'for the cloud', ''], rows))
    }
    if (found.length > limit)
      output.note(`there are more: continue with --after "${list.at(-1)!.device}", or raise --limit`)
    return Exit.OK
  },
})

export const configShow = command({
  name: 'config show',
  summary: 'Show the config of a device, the answer of the device, and what is waiting',
  notes: [READS_DATABASE],
  options,
  operands: oneDevice,
  examples: ['config show pump-17 -s examples/edge.yaml', 'config show pump-17 --data examples/data/plant-7 --json'],
  async run({ values, operands: [device = ''], output, env }) {
    const shown = await withConfigReader(await dataFolder(values, env), (configs) => ({
      state: knownState(configs, checkDevice(device)),
      waiting: configs.waiting(device),
      ordered: configs.ordered(device),
    }))
    if (values.json) output.json(plainConfig(shown))
    else output.print(configText(shown))
    return Exit.OK
  },
})

export const configHistory = command({
  name: 'config history',
  summary: 'List the kept revisions and the change log of a config',
  notes: [
    'The edge keeps at most 20 revisions per device, and at most 10,000 changes of all devices together, for 30 days. The column lost has the value that lost a merge, with the side it came from.',
    READS_DATABASE,
  ],
  options: {
    ...options,
    limit: { kind: 'number', value: 'N', help: 'Maximum number of changes', fallback: 50, min: 1, max: 10_000 },
  },
  operands: oneDevice,
  examples: ['config history pump-17 -s examples/edge.yaml'],
  async run({ values, operands: [device = ''], output, env }) {
    const found = await withConfigReader(await dataFolder(values, env), (configs) => {
      knownState(configs, checkDevice(device))
      return { revisions: configs.revisions(device), changes: configs.changes(device, values.limit) }
    })
    if (values.json) output.json(plainConfigHistory(found))
    else output.print(configHistoryText(found))
    return Exit.OK
  },
})

export const configDiff = command({
  name: 'config diff',
  summary: 'Show the differences between two revisions of a config',
  notes: [
    'With two REVs, compares them. With one REV, compares it with the revision in force. Without REV, compares the previous revision with the one in force. The exit code is 0 whether they differ or not.',
    READS_DATABASE,
  ],
  options,
  operands: {
    value: 'DEVICE [REV [REV]]',
    help: 'Name of the device; revisions from `tidegate config history`',
    min: 1,
    max: 3,
  },
  examples: [
    'config diff pump-17 -s examples/edge.yaml',
    'config diff pump-17 c12.1-e7.k3f9x2ab -s examples/edge.yaml',
  ],
  async run({ values, operands: [device = '', first, second], output, env }) {
    const { from, to } = await withConfigReader(await dataFolder(values, env), (configs) => {
      const known = { state: knownState(configs, checkDevice(device)), kept: configs.revisions(device) }
      return {
        to: second === undefined ? currentOf(known.state) : findRevision(known, second),
        from: first === undefined ? revisionBefore(known) : findRevision(known, first),
      }
    })
    const { differences } = await import('../../../config/changes.ts')
    const found = differences('', from.config ?? undefined, to.config ?? undefined)
    if (values.json) {
      const changes = found.map(({ path, before, after }) => ({ path, old: before, new: after }))
      output.json({ from: formatRev(from.rev), to: formatRev(to.rev), changes })
    } else {
      const rows = found.map(({ path, before, after }) => [
        path === '' ? '(whole config)' : path,
        cellOf(before),
        cellOf(after),
      ])
      const head = ['path', formatRev(from.rev), formatRev(to.rev)]
      output.print(rows.length === 0 ? `${head[1]} and ${head[2]} have the same content` : textTable(head, rows))
    }
    return Exit.OK
  },
})

export const configConflicts = command({
  name: 'config conflicts',
  summary: 'List open conflicts between edge and cloud that a person must resolve',
  notes: [
    'Until a conflict is resolved with `tidegate config resolve`, the device keeps running its config.',
    READS_DATABASE,
  ],
  options: {
    ...options,
    limit: { kind: 'number', value: 'N', help: 'Maximum number of conflicts', fallback: 100, min: 1, max: 10_000 },
  },
  examples: ['config conflicts -s examples/edge.yaml', 'config conflicts --data examples/data/plant-7 --json'],
  async run({ values, output, env }) {
    const { limit } = values
    const found = await withConfigReader(await dataFolder(values, env), (configs) => configs.conflicts(limit + 1))
    const open = found.slice(0, limit)
    if (values.json) output.json(open.map(plainConflict))
    else output.print(open.length === 0 ? 'no open conflicts' : open.map(conflictText).join('\n\n'))
    if (found.length > limit) output.note(`there are more than ${limit}: raise --limit to list more`)
    return Exit.OK
  },
})
