import { randomUUID } from 'node:crypto'
import { Exit, type ExitCode, OperatorError } from '../../../base/errors.ts'
import type { ConfigOrder } from '../../../store/orders.ts'
import { command, shared } from '../../command.ts'
import { dataFolder, storeOptions } from '../../data-folder.ts'
import type { Output } from '../../output.ts'
import { checkDevice, checkKnown, knownState } from './device.ts'
import { type ConfigDocument, checkDocument, parseJsonText, readDocument } from './document.ts'
import { editorName, editorOption, ifRevOption } from './editor.ts'
import { carryOut, type OrderOutcome } from './order.ts'
import { OUTCOME_NOTES, reportOutcome } from './outcome.ts'
import { findRevision } from './revisions.ts'
import { withConfigReader } from './with-config-reader.ts'

const options = {
  ...storeOptions,
  'if-rev': {
    kind: 'text',
    value: 'REV',
    help: 'Edit only if this revision is in force; otherwise the edge refuses the edit (409)',
  },
  ...editorOption,
  json: shared.json,
} as const
const file = { kind: 'text', value: 'FILE', help: 'JSON file (*.json), or YAML file (any other name)' } as const
const oneDevice = { value: 'DEVICE', help: 'Name of the device', min: 1, max: 1 } as const

export const configSet = command({
  name: 'config set',
  summary: 'Replace the whole config of a device',
  notes: OUTCOME_NOTES,
  options: { ...options, file: { ...file, required: true } },
  operands: oneDevice,
  examples: ['config set pump-17 --file pump.yaml -s examples/edge.yaml'],
  run: async (call) => {
    const config = await readDocument(call.values.file)
    return edit(call, (common) => ({ kind: 'config-set', ...common, config }), config)
  },
})

export const configPatch = command({
  name: 'config patch',
  summary: 'Change parts of a config with a JSON Merge Patch (RFC 7396)',
  notes: OUTCOME_NOTES,
  options: { ...options, file },
  operands: {
    value: 'DEVICE [JSON]',
    help: 'Name of the device, and the patch unless --file is given; null removes a setting',
    min: 1,
    max: 2,
  },
  examples: [`config patch pump-17 '{"sampling":{"interval_s":60}}' -s examples/edge.yaml`],
  run: async (call) => {
    const patch = await patchOf(call.operands[1], call.values.file)
    return edit(call, (common) => ({ kind: 'config-patch', ...common, patch }), patch)
  },
})

export const configDelete = command({
  name: 'config delete',
  summary: 'Delete the config of a device, at the edge and in the cloud',
  notes: OUTCOME_NOTES,
  options,
  operands: oneDevice,
  examples: ['config delete pump-17 -s examples/edge.yaml'],
  run: async (call) => {
    const { values, operands, env } = call
    await withConfigReader(await dataFolder(values, env), (configs) => checkKnown(configs, checkDevice(operands[0]!)))
    return edit(call, (common) => ({ kind: 'config-delete', ...common }))
  },
})

export const configRollback = command({
  name: 'config rollback',
  summary: 'Restore the config of an earlier revision, as a new revision',
  notes: OUTCOME_NOTES,
  options,
  operands: {
    value: 'DEVICE REV',
    help: 'Name of the device; revision from `tidegate config history`',
    min: 2,
    max: 2,
  },
  examples: ['config rollback pump-17 c12.1-e7.k3f9x2ab -s examples/edge.yaml'],
  run: async (call) => {
    const { values, operands, env } = call
    const [device = '', rev = ''] = operands
    const { config } = await withConfigReader(await dataFolder(values, env), (configs) => {
      return findRevision({ state: knownState(configs, checkDevice(device)), kept: configs.revisions(device) }, rev)
    })
    if (config === null) return edit(call, (common) => ({ kind: 'config-delete', ...common }))
    return edit(call, (common) => ({ kind: 'config-set', ...common, config: config as ConfigDocument }))
  },
})

interface EditCall {
  readonly values: {
    readonly settings: string | undefined
    readonly data: string | undefined
    readonly 'if-rev': string | undefined
    readonly by: string | undefined
    readonly json: boolean
  }
  readonly operands: readonly string[]
  readonly output: Output
  readonly env: Readonly<Record<string, string | undefined>>
}

/** @param document is checked before an order is placed, with the checks that every edge makes */
async function edit(
  { values, operands, output, env }: EditCall,
  make: (common: { device: string; id: string; by: string; ifRev?: string }) => ConfigOrder,
  document?: ConfigDocument,
): Promise<ExitCode> {
  const device = checkDevice(operands[0]!)
  const folder = await dataFolder(values, env)
  const order = make({ device, id: randomUUID(), by: editorName(values.by), ...ifRevOption(values['if-rev']) })
  const outcome = (await refusalOf(document)) ?? (await carryOut(folder, order))
  return reportOutcome(order, outcome, { folder, json: values.json, output })
}

async function refusalOf(document: ConfigDocument | undefined): Promise<OrderOutcome | undefined> {
  if (document === undefined) return undefined
  const checked = await checkDocument(document)
  return checked.ok ? undefined : { kind: 'refused', code: checked.code, message: checked.reason }
}

async function patchOf(text: string | undefined, named: string | undefined): Promise<ConfigDocument> {
  if (text !== undefined && named === undefined) return parseJsonText(text, 'the patch')
  if (text === undefined && named !== undefined) return readDocument(named)
  throw new OperatorError('config patch: give exactly one patch', {
    remedy: 'write the patch as JSON after the name of the device, or use --file FILE, not both',
    exitCode: Exit.USAGE,
  })
}
