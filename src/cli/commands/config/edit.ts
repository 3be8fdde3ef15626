import { randomUUID } from 'node:crypto'
import { Exit, type ExitCode, OperatorError } from '../../../base/errors.ts'
import type { ConfigOrder } from '../../../store/orders.ts'
import { command, shared } from '../../command.ts'
import { dataFolder, storeOptions } from '../../data-folder.ts'
import type { Output } from '../../output.ts'
import { checkDevice, checkKnown, knownState } from './device.ts'
import { checkDocument, type Document, parseText, readDocument } from './document.ts'
import { editorName, editorOption, ifRevOption } from './editor.ts'
import { carryOut, type Outcome } from './order.ts'
import { OUTCOME_NOTES, tellOutcome } from './outcome.ts'
import { findRevision } from './revisions.ts'
import { withConfigs } from './with-configs.ts'

const options = {
  ...storeOptions,
  'if-rev': { kind: 'text', value: 'REV', help: 'Only if this revision is in force, else refuse it (409)' },
  ...editorOption,
  json: shared.json,
} as const
const file = { kind: 'text', value: 'FILE', help: 'JSON or YAML, which is all but *.json' } as const
const oneDevice = { value: 'DEVICE', help: 'Name of the device', min: 1, max: 1 } as const

export const configSet = command({
  name: 'config set',
  summary: 'Gives a device a whole new config',
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
  summary: 'Changes parts of a config: a JSON Merge Patch (RFC 7396), in which null removes a setting',
  notes: OUTCOME_NOTES,
  options: { ...options, file },
  operands: { value: 'DEVICE JSON', help: 'Name of the device, and the patch where no --file has it', min: 1, max: 2 },
  examples: [`config patch pump-17 '{"sampling":{"interval_s":60}}' -s examples/edge.yaml`],
  run: async (call) => {
    const patch = await patchOf(call.operands[1], call.values.file)
    return edit(call, (common) => ({ kind: 'config-patch', ...common, patch }), patch)
  },
})

export const configDelete = command({
  name: 'config delete',
  summary: 'Deletes the config of a device, here and in the cloud',
  notes: OUTCOME_NOTES,
  options,
  operands: oneDevice,
  examples: ['config delete pump-17 -s examples/edge.yaml'],
  run: async (call) => {
    const { values, operands, env } = call
    await withConfigs(await dataFolder(values, env), (configs) => checkKnown(configs, checkDevice(operands[0]!)))
    return edit(call, (common) => ({ kind: 'config-delete', ...common }))
  },
})

export const configRollback = command({
  name: 'config rollback',
  summary: 'Gives a device the config again that an earlier revision had, as a new revision',
  notes: OUTCOME_NOTES,
  options,
  operands: {
    value: 'DEVICE REV',
    help: 'Name of the device; revision, from `tidegate config history`',
    min: 2,
    max: 2,
  },
  examples: ['config rollback pump-17 c12.1-e7.k3f9x2ab -s examples/edge.yaml'],
  run: async (call) => {
    const { values, operands, env } = call
    const [device = '', rev = ''] = operands
    const { config } = await withConfigs(await dataFolder(values, env), (configs) => {
      return findRevision({ state: knownState(configs, checkDevice(device)), kept: configs.revisions(device) }, rev)
    })
    if (config === null) return edit(call, (common) => ({ kind: 'config-delete', ...common }))
    return edit(call, (common) => ({ kind: 'config-set', ...common, config: config as Document }))
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

/** @param document what every edge refuses in it, is refused without an order */
async function edit(
  { values, operands, output, env }: EditCall,
  make: (common: { device: string; id: string; by: string; ifRev?: string }) => ConfigOrder,
  document?: Document,
): Promise<ExitCode> {
  const device = checkDevice(operands[0]!)
  const folder = await dataFolder(values, env)
  const order = make({ device, id: randomUUID(), by: editorName(values.by), ...ifRevOption(values['if-rev']) })
  const outcome = (await refusalOf(document)) ?? (await carryOut(folder, order))
  return tellOutcome(order, outcome, { folder, json: values.json, output })
}

async function refusalOf(document: Document | undefined): Promise<Outcome | undefined> {
  if (document === undefined) return undefined
  const checked = await checkDocument(document)
  return checked.ok ? undefined : { kind: 'refused', code: checked.code, message: checked.reason }
}

async function patchOf(text: string | undefined, named: string | undefined): Promise<Document> {
  if (text !== undefined && named === undefined) return parseText(text, 'the patch')
  if (text === undefined && named !== undefined) return readDocument(named)
  throw new OperatorError('config patch: which patch is meant is not clear', {
    remedy: 'give it either as JSON behind the name of the device, or with --file',
    exitCode: Exit.USAGE,
  })
}
