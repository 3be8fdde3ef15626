import { Exit, OperatorError } from '../../../base/errors.ts'
import { formatRev } from '../../../config/revision.ts'
import type { CloudConfig, Take } from '../../../receiver/config/cloud-config.ts'
import type { WriteResult } from '../../../receiver/config/device.ts'
import type { DeviceKey } from '../../../receiver/config/device-key.ts'
import { command } from '../../command.ts'
import type { Output } from '../../output.ts'
import { editOf, jsonFile, revOf } from './arguments.ts'
import { byOf, deviceKey, deviceOperands, withSource, writeOptions } from './source.ts'

const NOTE =
  'The command writes into the database of the receiver. A running receiver publishes the change within half a second, a stopped one when it starts.'

export const cloudConfigSet = command({
  name: 'cloud config set',
  summary: 'Write, patch or delete the config of a device',
  notes: [
    NOTE,
    'With --if-rev, the edit is refused if another revision is in force, so you cannot overwrite a change that you have not seen.',
  ],
  options: {
    file: { kind: 'text', value: 'FILE', help: 'The new config: a JSON file' },
    patch: { kind: 'text', value: 'JSON', help: 'A JSON Merge Patch (RFC 7396): null removes a member' },
    delete: { kind: 'flag', help: 'Delete the config' },
    'if-rev': { kind: 'text', value: 'REV', help: 'Edit only if this revision is in force, such as c12.1-e7.k3f9x2ab' },
    ...writeOptions,
  },
  operands: deviceOperands,
  examples: [
    'cloud config set plant-7 pump-17 --file pump.json -s examples/receiver.yaml',
    `cloud config set plant-7 pump-17 --patch '{"gain":2}' --if-rev c12.1-e7.k3f9x2ab -s examples/receiver.yaml`,
    'cloud config set plant-7 pump-17 --delete -s examples/receiver.yaml',
  ],
  run({ values, operands, output, env }) {
    const edit = editOf(values)
    const ifRev = values['if-rev']
    const rev = ifRev === undefined ? {} : { ifRev: revOf('--if-rev', ifRev) }
    return write({ values, operands, output, env }, (config, key, by) => config.write(key, edit, { ...by, ...rev }))
  },
})

export const cloudConfigRollback = command({
  name: 'cloud config rollback',
  summary: 'Restore the config of an earlier revision, as a new revision',
  notes: [NOTE],
  options: {
    rev: {
      kind: 'text',
      value: 'REV',
      help: 'Revision from `tidegate cloud config history`; default: the one before the present one',
    },
    ...writeOptions,
  },
  operands: deviceOperands,
  examples: ['cloud config rollback plant-7 pump-17 --rev c11.1-e7.k3f9x2ab -s examples/receiver.yaml'],
  run({ values, operands, output, env }) {
    const rev = values.rev === undefined ? undefined : revOf('--rev', values.rev)
    return write({ values, operands, output, env }, (config, key, by) => config.rollback(key, rev, by))
  },
})

export const cloudConfigResolve = command({
  name: 'cloud config resolve',
  summary: 'Resolve an open conflict: take the cloud, the edge, or another config',
  notes: [
    '--take edge takes the values of the edge for the paths in conflict, and keeps what only the cloud has changed.',
    'If the edge resolves the same conflict at the same time, the cloud wins.',
  ],
  options: {
    take: {
      kind: 'text',
      value: 'cloud|edge|FILE',
      help: 'Which side wins, or a JSON file with the whole config',
      required: true,
    },
    ...writeOptions,
  },
  operands: {
    value: 'EDGE DEVICE CID',
    help: 'Names of edge and device; id of the conflict, from `tidegate cloud config conflicts`',
    min: 3,
    max: 3,
  },
  examples: ['cloud config resolve plant-7 pump-17 3f0c9a2b7d11e845 --take edge -s examples/receiver.yaml'],
  run({ values, operands, output, env }) {
    const side = values.take
    const take: Take = side === 'cloud' || side === 'edge' ? side : { config: jsonFile(side) }
    const cid = operands[2]!
    return write({ values, operands, output, env }, (config, key, by) => config.resolve(key, cid, take, by))
  },
})

interface Writing {
  readonly values: { readonly settings: string; readonly by: string | undefined; readonly json: boolean }
  readonly operands: readonly string[]
  readonly output: Output
  readonly env: Readonly<Record<string, string | undefined>>
}

async function write(
  { values, operands, output, env }: Writing,
  work: (config: CloudConfig, key: DeviceKey, by: { readonly by: string }) => Promise<WriteResult>,
): Promise<typeof Exit.OK | typeof Exit.FAILED> {
  const key = deviceKey(operands)
  const { code, rev, message } = await withSource(values, { env, write: true }, ({ config }) =>
    work(config, key, byOf(values.by)),
  )
  const name = rev && formatRev(rev)
  if (values.json) {
    output.json({ ...key, code, rev: name, ...(message !== '' && { message }) })
    return code === 200 ? Exit.OK : Exit.FAILED
  }
  if (code !== 200) {
    const cut = message.lastIndexOf(': ')
    const [what, remedy] =
      cut < 0 ? [message, 'change the edit and try again'] : [message.slice(0, cut), message.slice(cut + 2)]
    throw new OperatorError(`the config of ${key.edge}/${key.device} was not changed (${code}): ${what}`, { remedy })
  }
  output.print(
    `${key.edge}/${key.device}: ${name ?? 'no config'} is in force; a running receiver publishes it within half a second`,
  )
  return Exit.OK
}
