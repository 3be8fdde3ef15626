import { randomUUID } from 'node:crypto'
import { Exit, OperatorError } from '../../../base/errors.ts'
import type { ConfigReader } from '../../../store/config/config-reader.ts'
import type { ConfigOrder } from '../../../store/orders.ts'
import { command, shared } from '../../command.ts'
import { dataFolder, storeOptions } from '../../data-folder.ts'
import { checkDevice, knownState } from './device.ts'
import { type ConfigDocument, checkDocument, readDocument } from './document.ts'
import { editorName, editorOption } from './editor.ts'
import { carryOut, type OrderOutcome } from './order.ts'
import { OUTCOME_NOTES, reportOutcome } from './outcome.ts'
import { withConfigReader } from './with-config-reader.ts'

export const configResolve = command({
  name: 'config resolve',
  summary: 'Resolve an open conflict: take the edge, the cloud, or another config',
  notes: [
    '--take edge or cloud decides the paths in conflict; the merged rest stays. --take FILE (JSON or YAML) sets the whole config. CID is the conflict id from `tidegate config conflicts`: if the conflict has changed since, the edge refuses the order (409). Without CID, the open conflict of the device is resolved.',
    ...OUTCOME_NOTES,
  ],
  options: {
    ...storeOptions,
    take: {
      kind: 'text',
      value: 'edge|cloud|FILE',
      help: 'Which side wins, or a file (write ./edge for a file named edge)',
      required: true,
    },
    ...editorOption,
    json: shared.json,
  },
  operands: { value: 'DEVICE [CID]', help: 'Name of the device; id of the conflict', min: 1, max: 2 },
  examples: [
    'config resolve pump-17 --take cloud -s examples/edge.yaml',
    'config resolve pump-17 3f0c9a2b7d11e845 --take pump.yaml -s examples/edge.yaml',
  ],
  async run({ values, operands: [given = '', cid], output, env }) {
    const device = checkDevice(given)
    const folder = await dataFolder(values, env)
    const take = await takeOption(values.take)
    const open = cid ?? (await withConfigReader(folder, (configs) => openConflict(configs, device)))
    const order = {
      ...({ kind: 'config-resolve', device, id: randomUUID(), by: editorName(values.by), cid: open } as const),
      take,
    } satisfies ConfigOrder
    const outcome = (await refusalOf(take)) ?? (await carryOut(folder, order))
    return reportOutcome(order, outcome, { folder, json: values.json, output })
  },
})

type Take = 'edge' | 'cloud' | { config: ConfigDocument }

async function takeOption(text: string): Promise<Take> {
  return text === 'edge' || text === 'cloud' ? text : { config: await readDocument(text) }
}

async function refusalOf(take: Take): Promise<OrderOutcome | undefined> {
  if (typeof take === 'string') return undefined
  const checked = await checkDocument(take.config)
  return checked.ok ? undefined : { kind: 'refused', code: checked.code, message: checked.reason }
}

function openConflict(configs: ConfigReader, device: string): string {
  const { conflict } = knownState(configs, device)
  if (conflict !== null) return conflict.record.cid
  throw new OperatorError(`the config of device "${device}" has no open conflict`, {
    remedy: '`tidegate config conflicts` lists all open conflicts',
  })
}

export const configRetry = command({
  name: 'config retry',
  summary: 'Send config messages of a device again that the cloud broker has refused',
  notes: [
    'After ten refusals the edge stops sending a config message until this command is given. First fix the reason that `tidegate config show` gives: usually it is an access rule of the cloud broker.',
    ...OUTCOME_NOTES,
  ],
  options: { ...storeOptions, json: shared.json },
  operands: { value: 'DEVICE', help: 'Name of the device', min: 1, max: 1 },
  examples: ['config retry pump-17 -s examples/edge.yaml'],
  async run({ values, operands: [given = ''], output, env }) {
    const device = checkDevice(given)
    const folder = await dataFolder(values, env)
    const waiting = await withConfigReader(folder, (configs) => {
      knownState(configs, device)
      return configs.waiting(device)
    })
    const order = { kind: 'config-retry', device } as const
    if (waiting.length > 0) {
      return reportOutcome(order, await carryOut(folder, order), { folder, json: values.json, output })
    }
    if (values.json) return reportOutcome(order, { kind: 'done', result: undefined }, { folder, json: true, output })
    output.print(`${device}: no messages are waiting for the cloud`)
    return Exit.OK
  },
})
