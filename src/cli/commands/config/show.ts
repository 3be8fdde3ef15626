import { Exit } from '../../../base/errors.ts'
import { formatRev } from '../../../config/revision.ts'
import { command, shared } from '../../command.ts'
import { dataFolder, storeOptions } from '../../data-folder.ts'
import { oneLine, textTable } from '../../table.ts'
import { checkDevice, knownState } from './device.ts'
import { configText, conflictText, plainConfig, plainConflict } from './format.ts'
import { pastText, plainPast } from './log.ts'
import { currentOf, findRevision, revisionBefore } from './revisions.ts'
import { cellOf } from './values.ts'
import { withConfigs } from './with-configs.ts'

const DEVICE_CHARS_MAX = 40
const ALONGSIDE = 'Reads the database beside a running edge, or without one.'
const options = { ...storeOptions, json: shared.json } as const
const oneDevice = { value: 'DEVICE', help: 'Name of the device', min: 1, max: 1 } as const

export const configList = command({
  name: 'config list',
  summary: 'Lists the configs of devices: revision, what the device says, open conflicts, what waits for the cloud',
  notes: [
    'The device: pending (it has not answered), applied, refused, drifted (it runs something else), silent (no answer in time), none (nothing to apply).',
    ALONGSIDE,
  ],
  options: {
    ...options,
    limit: { kind: 'number', value: 'N', help: 'How many', fallback: 1_000, min: 1, max: 100_000 },
    after: { kind: 'text', value: 'DEVICE', help: 'Only devices behind this one in the order of their names' },
  },
  examples: ['config list -s examples/edge.yaml', 'config list --data ./data --json'],
  async run({ values, output, env }) {
    const { limit, after } = values
    const found = await withConfigs(await dataFolder(values, env), (configs) => configs.list(limit + 1, after))
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
    if (found.length > limit) output.note(`there are more: give --after "${list.at(-1)!.device}", or a --limit`)
    return Exit.OK
  },
})

export const configShow = command({
  name: 'config show',
  summary: 'Shows the config of a device, what the device says of it, and what waits',
  notes: [ALONGSIDE],
  options,
  operands: oneDevice,
  examples: ['config show pump-17 -s examples/edge.yaml', 'config show pump-17 --data ./data --json'],
  async run({ values, operands: [device = ''], output, env }) {
    const shown = await withConfigs(await dataFolder(values, env), (configs) => ({
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
  summary: 'Tells what was: the kept revisions of a device, and each change with old and new, who, why, and what lost',
  notes: [
    'Kept are 20 revisions of a device, and 10,000 changes of all devices for 30 days. A value that met another one and lost stands under lost, with its side.',
    ALONGSIDE,
  ],
  options: {
    ...options,
    limit: { kind: 'number', value: 'N', help: 'How many changes', fallback: 50, min: 1, max: 10_000 },
  },
  operands: oneDevice,
  examples: ['config history pump-17 -s examples/edge.yaml'],
  async run({ values, operands: [device = ''], output, env }) {
    const past = await withConfigs(await dataFolder(values, env), (configs) => {
      knownState(configs, checkDevice(device))
      return { revisions: configs.revisions(device), changes: configs.changes(device, values.limit) }
    })
    if (values.json) output.json(plainPast(past))
    else output.print(pastText(past))
    return Exit.OK
  },
})

export const configDiff = command({
  name: 'config diff',
  summary: 'Tells where two revisions of a config differ',
  notes: [
    'With one REV from that revision to what is in force; without any from the revision before. Exit code 0 whether they differ or not.',
    ALONGSIDE,
  ],
  options,
  operands: {
    value: 'DEVICE REV',
    help: 'Name of the device; revisions, from `tidegate config history`',
    min: 1,
    max: 3,
  },
  examples: [
    'config diff pump-17 -s examples/edge.yaml',
    'config diff pump-17 c12.1-e7.k3f9x2ab -s examples/edge.yaml',
  ],
  async run({ values, operands: [device = '', first, second], output, env }) {
    const { from, to } = await withConfigs(await dataFolder(values, env), (configs) => {
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
        path === '' ? '(all of it)' : path,
        cellOf(before),
        cellOf(after),
      ])
      const head = ['path', formatRev(from.rev), formatRev(to.rev)]
      output.print(rows.length === 0 ? `${head[1]} and ${head[2]} are the same` : textTable(head, rows))
    }
    return Exit.OK
  },
})

export const configConflicts = command({
  name: 'config conflicts',
  summary: 'Lists what a person must decide: changes of the edge and of the cloud that do not go together',
  notes: ['Until it is decided with `tidegate config resolve`, the device runs what it ran.', ALONGSIDE],
  options: {
    ...options,
    limit: { kind: 'number', value: 'N', help: 'How many', fallback: 100, min: 1, max: 10_000 },
  },
  examples: ['config conflicts -s examples/edge.yaml', 'config conflicts --data ./data --json'],
  async run({ values, output, env }) {
    const { limit } = values
    const found = await withConfigs(await dataFolder(values, env), (configs) => configs.conflicts(limit + 1))
    const open = found.slice(0, limit)
    if (values.json) output.json(open.map(plainConflict))
    else output.print(open.length === 0 ? 'no conflicts' : open.map(conflictText).join('\n\n'))
    if (found.length > limit) output.note('there are more: give a --limit')
    return Exit.OK
  },
})
