import { randomUUID } from 'node:crypto'
import { Exit, OperatorError } from '../../../base/errors.ts'
import type { ConfigReader } from '../../../store/config/config-reader.ts'
import type { ConfigOrder } from '../../../store/orders.ts'
import { command, shared } from '../../command.ts'
import { dataFolder, storeOptions } from '../../data-folder.ts'
import { checkDevice, knownState } from './device.ts'
import { checkDocument, type Document, readDocument } from './document.ts'
import { editorName, editorOption } from './editor.ts'
import { carryOut, type Outcome } from './order.ts'
import { OUTCOME_NOTES, tellOutcome } from './outcome.ts'
import { withConfigs } from './with-configs.ts'

export const configResolve = command({
  name: 'config resolve',
  summary: 'Decides an open conflict: for the edge, for the cloud, or with a config of its own',
  notes: [
    'edge and cloud decide the places in conflict and leave what went together as it was merged; a FILE (JSON or YAML) is the whole config. With the CID of `tidegate config conflicts` exactly that conflict is decided: when another change has come meanwhile, it is refused (409).',
    ...OUTCOME_NOTES,
  ],
  options: {
    ...storeOptions,
    take: { kind: 'text', value: 'edge|cloud|FILE', help: 'What wins; ./edge is a file of that name', required: true },
    ...editorOption,
    json: shared.json,
  },
  operands: { value: 'DEVICE CID', help: 'Name of the device; the conflict, where not the open one', min: 1, max: 2 },
  examples: [
    'config resolve pump-17 --take cloud -s examples/edge.yaml',
    'config resolve pump-17 0123456789abcdef --take both.yaml -s examples/edge.yaml',
  ],
  async run({ values, operands: [given = '', cid], output, env }) {
    const device = checkDevice(given)
    const folder = await dataFolder(values, env)
    const take = await takeOption(values.take)
    const open = cid ?? (await withConfigs(folder, (configs) => openConflict(configs, device)))
    const order = {
      ...({ kind: 'config-resolve', device, id: randomUUID(), by: editorName(values.by), cid: open } as const),
      take,
    } satisfies ConfigOrder
    const outcome = (await refusalOf(take)) ?? (await carryOut(folder, order))
    return tellOutcome(order, outcome, { folder, json: values.json, output })
  },
})

type Take = 'edge' | 'cloud' | { config: Document }

async function takeOption(text: string): Promise<Take> {
  return text === 'edge' || text === 'cloud' ? text : { config: await readDocument(text) }
}

async function refusalOf(take: Take): Promise<Outcome | undefined> {
  if (typeof take === 'string') return undefined
  const checked = await checkDocument(take.config)
  return checked.ok ? undefined : { kind: 'refused', code: checked.code, message: checked.reason }
}

function openConflict(configs: ConfigReader, device: string): string {
  const { conflict } = knownState(configs, device)
  if (conflict !== null) return conflict.record.cid
  throw new OperatorError(`there is no conflict about the config of device "${device}" to resolve`, {
    remedy: '`tidegate config conflicts` tells all open ones',
  })
}

export const configRetry = command({
  name: 'config retry',
  summary: 'Sends again what of a device the cloud has refused until it waits for a person',
  notes: [
    "First mend what `tidegate config show` gives as the reason: mostly an access rule of the cloud's broker.",
    ...OUTCOME_NOTES,
  ],
  options: { ...storeOptions, json: shared.json },
  operands: { value: 'DEVICE', help: 'Name of the device', min: 1, max: 1 },
  examples: ['config retry pump-17 -s examples/edge.yaml'],
  async run({ values, operands: [given = ''], output, env }) {
    const device = checkDevice(given)
    const folder = await dataFolder(values, env)
    const waiting = await withConfigs(folder, (configs) => {
      knownState(configs, device)
      return configs.waiting(device)
    })
    const order = { kind: 'config-retry', device } as const
    if (waiting.length > 0) {
      return tellOutcome(order, await carryOut(folder, order), { folder, json: values.json, output })
    }
    if (values.json) return tellOutcome(order, { kind: 'done', result: undefined }, { folder, json: true, output })
    output.print(`${device}: nothing waits for the cloud`)
    return Exit.OK
  },
})
